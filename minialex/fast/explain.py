"""What an engine made of each layer, in words: `python -m minialex.summary MODEL --engine fast`."""

from minialex import backend
from minialex.fast import choose
from minialex.fast.engine import Engine
from minialex.fast.fuse import Step
from minialex.layers import Conv2d, Linear


def explain(engine: Engine, batch_size: int) -> list[tuple[str, str, str]]:
    """For each layer, in the order in which they run: its name, the class that computes it, and how
    it does that when training with batches of `batch_size` pictures."""
    shapes = engine.network.shapes()
    at_work = min(engine.workers.count, batch_size)
    sizes = engine.stages[0].sizes(-(-batch_size // at_work), engine.network.input_shape)
    at_a_time = {}
    for stage, size in zip(engine.in_stages, sizes, strict=True):
        at_a_time |= {step.name: size for step in stage}
    rows = []
    for step in engine.steps:
        notes = list(step.notes)
        if isinstance(step.plain, Conv2d) and step.fast:
            pictures = at_a_time.get(step.name, batch_size)
            notes = [*algorithms(step, (pictures, *shapes[step.name][:2])), *notes]
        if isinstance(step.plain, Linear) and step.fast and at_work > 1:
            notes.append(f"products divided among {at_work} threads")
        kind = step.fast or type(step.plain)
        rows.append(
            (step.name, kind.__name__, ", ".join(notes) or ("" if step.fast else "as it is"))
        )
    return rows


def algorithms(step: Step, size: choose.Size) -> list[str]:
    """How a convolution computes an output of `size`, forward and backward."""
    conv = step.plain
    assert isinstance(conv, Conv2d)
    on_gpu = backend.on_gpu(conv.params["weight"])
    ways = [
        choose.algorithm(conv, size, on_gpu, overlapping) for overlapping in (False, step.needs_dx)
    ]
    described = [winograd(conv, size) if way == "winograd" else way for way in ways]
    if described[0] == described[1]:
        return described[:1]
    return [f"forward {described[0]}", f"backward {described[1]}"]


def winograd(conv: Conv2d, size: choose.Size) -> str:
    """Winograd convolution's tile, and the blocks that a stride needs."""
    tile = choose.winograd_tile(conv, size)
    blocks = f" over blocks of {conv.stride}×{conv.stride} pixels" if conv.stride > 1 else ""
    return f"Winograd, tiles of {tile}×{tile}{blocks}"
