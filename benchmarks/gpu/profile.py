"""Where a training step's time goes on this GPU: by layer, and by kernel."""

import argparse
import collections
import re
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy

from benchmarks.floors import floors
from benchmarks.gpu.measurements import (
    ROUNDS,
    SECONDS,
    cleaned,
    fresh,
    products_in_tf32,
    warmed_up,
)
from benchmarks.measure import (
    LEARNING_RATE,
    DeviceClock,
    Minialex,
    random_batch,
    seconds_a_call,
)
from minialex import backend
from minialex.fast.gpu.cublas import Cublas
from minialex.fast.gpu.kernel import Kernel

#: The batch and the models whose layers and kernels are listed.
BATCH, PROFILED = 128, ("alexnet", "alexnet-cifar")

#: What all kernels of NVIDIA's libraries for matrix products are called here, and how to know them.
PRODUCTS, PRODUCT = "matrix products", re.compile("gemm|gemv|xmma|cutlass|splitk", re.IGNORECASE)


def layers(given: argparse.Namespace) -> dict:
    """The time of each layer's forward and backward in a training step, and which share of it the
    memory traffic or the multiplications would take that it cannot do without."""
    rates = rates_of(given)
    result: dict = {"TB/s": rates["bytes"] / 1e12, "TFLOP/s": rates["flops"] / 1e12}
    for model in PROFILED:
        cleaned(given)
        network = fresh(model)
        contender = Minialex(network, *random_batch(network, BATCH), 1, LEARNING_RATE, given.xp)
        passes = [layer_seconds(contender, DeviceClock(given.xp)) for _ in range(2 + ROUNDS)][2:]
        result[model] = layer_table(contender, passes, rates)
        given.keep(result)
    return result


def layer_seconds(contender: Minialex, clock: DeviceClock) -> dict[str, list[float]]:
    """For each layer, the GPU's seconds of forward and of backward in one training step."""
    engine, x, marks = contender.engine, contender.x, {}
    engine.draw(x)
    names = [step.name for step in engine.steps]
    built = dict(zip(names, [*engine.split[0], *engine.whole], strict=True))
    for name, layer in built.items():
        start = clock.now()
        x = layer.forward(x, True)
        marks[name] = [(start, clock.now())]
    contender.loss.forward(x, contender.labels)
    dy = contender.loss.backward()
    for name, layer in reversed(built.items()):
        start = clock.now()
        dy = layer.backward(dy)
        marks[name].append((start, clock.now()))
    return {name: [clock.seconds(*pair) for pair in pairs] for name, pairs in marks.items()}


def layer_table(contender: Minialex, passes: list[dict], rates: dict[str, float]) -> list[dict]:
    """A row for each layer's forward and backward, the costliest first: milliseconds, and the floor
    as a share of them."""
    rows, shape, macs = [], contender.network.input_shape, contender.network.macs()
    for step in contender.engine.steps:
        before, shape = shape, step.plain.output_shape(shape)
        first = step is contender.engine.steps[0]
        moved = floors(step.plain, len(contender.x), before, shape, first)
        work = 2 * len(contender.x) * macs[step.name]
        for k, direction in enumerate(("forward", "backward")):
            seconds = statistics.median(each[step.name][k] for each in passes)
            operations = work * (1, 1 if first else 2)[k]
            floor = max(moved[k] / rates["bytes"], operations / rates["flops"])
            rows.append(
                {
                    "layer": f"{step.name} {direction}",
                    "ms": 1e3 * seconds,
                    "floor": floor / seconds if seconds else 0.0,
                }
            )
    return sorted(rows, key=lambda row: -row["ms"])


def rates_of(given: argparse.Namespace) -> dict[str, float]:
    """How many "bytes" the GPU copies, and how many "flops" it computes, in a second."""
    return {"bytes": bandwidth(given), "flops": product_rate(given)}


def bandwidth(given: argparse.Namespace, megabytes: int = 512) -> float:
    """Bytes per second of copying an array on the GPU: read and written."""
    x = given.xp.zeros(megabytes << 18, numpy.float32)
    y = given.xp.empty_like(x)

    def copy():
        y[...] = x

    return 2 * x.nbytes / seconds_a_call(copy, SECONDS, DeviceClock(given.xp))


def product_rate(given: argparse.Namespace, size: int = 4096) -> float:
    """FLOP per second of a float32 product of two size×size matrices, without TF32."""
    a = given.xp.ones((size, size), numpy.float32)
    out = given.xp.empty_like(a)
    multiply = lambda: given.xp.matmul(a, a, out=out)  # noqa: E731
    with products_in_tf32(given, False):
        return 2 * size**3 / seconds_a_call(multiply, SECONDS, DeviceClock(given.xp))


def kernels(given: argparse.Namespace) -> dict:
    """The kernels of a training step as PyTorch's profiler records them: how many, how long the GPU
    idles between them, and the ten costliest, with the share of their time that their memory
    traffic or multiplications would take that they cannot do without."""
    if given.torch is None:
        return {"left out": f"the profiler is PyTorch's. {given.without_torch}"}
    rates = rates_of(given)
    return {model: kernels_of(given, model, rates) for model in PROFILED}


def kernels_of(
    given: argparse.Namespace, model: str, rates: dict[str, float], steps: int = 5
) -> dict:
    """The kernels of a training step of the model, timed under the profiler."""
    cleaned(given)
    network = fresh(model)
    contender = Minialex(network, *random_batch(network, BATCH), 1, LEARNING_RATE, given.xp)
    least = least_seconds(contender, rates)
    warmed_up(contender.train_step)
    backend.synchronize(given.xp)
    profiler = given.torch.profiler
    for _ in range(2):  # the first time the profiler starts up
        with profiler.profile(activities=[profiler.ProfilerActivity.CUDA]) as profile:
            for _ in range(steps):
                contender.train_step()
            backend.synchronize(given.xp)
    on_gpu = given.torch.autograd.DeviceType.CUDA
    found = [
        event
        for event in profile.events()
        if event.device_type == on_gpu and not event.name.startswith(("Memcpy", "Memset"))
    ]
    events = [(e.name, e.time_range.start, e.time_range.end) for e in found]
    return kernel_table(events, steps, least)


def least_seconds(contender: Minialex, rates: dict[str, float]) -> dict[str, float]:
    """For each of minialex's kernels, and for all matrix products, the least time that it can take
    in a training step: for its multiplications, or for reading or writing each array once."""
    step, xp = contender.training_step, backend.of(contender.x)
    moved, computed = collections.Counter[str](), collections.Counter[str]()

    def kernel(self, *arguments, **sizes):
        moved[f"minialex_{self.name}"] += sum(getattr(x, "nbytes", 0) for x in arguments)

    def product(self, a, b, out, *rest):
        moved[PRODUCTS] += a.nbytes + b.nbytes + out.nbytes
        computed[PRODUCTS] += 2 * out.size * a.shape[-1]

    with noted(Kernel, "__call__", kernel), noted(Cublas, "matmul", product):
        step.engine.draw(contender.x)
        step.update.begin()
        step.work(contender.x, xp.asarray(contender.labels))
    return {
        name: max(moved[name] / rates["bytes"], computed[name] / rates["flops"]) for name in moved
    }


@contextmanager
def noted(kind: type, method: str, note: Callable) -> Iterator[None]:
    """Within it each call of the class's method is given to `note` first."""
    function = getattr(kind, method)

    def with_note(self, *arguments, **options):
        note(self, *arguments, **options)
        return function(self, *arguments, **options)

    setattr(kind, method, with_note)
    try:
        yield
    finally:
        setattr(kind, method, function)


def kernel_table(
    events: list[tuple[str, float, float]], steps: int, least: dict[str, float]
) -> dict:
    """The kernels, idle time and costliest kernels of a step.

    events: (name, start, end) in microseconds of all kernels in `steps` steps; least: the least
    seconds that those of a name can take in a step, where that is known.
    """
    if not events:
        return {"left out": "the profiler saw no kernels"}
    events = sorted(events, key=lambda event: event[1])
    span = max(end for _, _, end in events) - events[0][1]
    busy = sum(end - start for _, start, end in events)
    totals: dict[str, list[float]] = {}
    for name, start, end in events:
        name = PRODUCTS if PRODUCT.search(name) else name
        totals.setdefault(name, []).append(end - start)
    costliest = sorted(totals.items(), key=lambda item: -sum(item[1]))[:10]
    return {
        "kernels": len(events) / steps,
        "ms": span / steps / 1e3,
        "idle": max(0.0, 1 - busy / span),
        "costliest": [
            {
                "kernel": name[:80],
                "calls": len(each) / steps,
                "ms": sum(each) / steps / 1e3,
                "share": sum(each) / busy,
                "floor": least[name] / (sum(each) / steps / 1e6) if name in least else None,
            }
            for name, each in costliest
        ],
    }
