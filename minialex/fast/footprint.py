"""How much memory a training step takes on a CPU, array by array, before it is taken."""

import bisect
import math
from collections import Counter
from collections.abc import Callable

import numpy

from minialex.backend import Array
from minialex.fast.conv import FastConv2d
from minialex.fast.engine import Engine
from minialex.fast.layer import FastLayer
from minialex.fast.linear import ROWS_BYTES
from minialex.fast.lrn import FastLocalResponseNorm
from minialex.fast.memory import CACHE_BYTES
from minialex.fast.pool import FastMaxPool2d
from minialex.fast.relu import InPlaceReLU
from minialex.fast.winograd import Winograd
from minialex.layers import Dropout, Flatten, Layer, Linear, MaxPool2d
from minialex.optim import Optimizer

NUMBER = 4  #: bytes of a float32

#: Batches that exist as bytes: the present one, two that wait and one in the making
#: (data/prefetch.py).
BATCHES = 4

#: Python, NumPy and minialex, before there is any array.
PROCESS = 55_000_000


def training_bytes(
    engine: Engine, batch_size: int, optimizer: type[Optimizer], joined: int | None = None
) -> dict[str, int]:
    """The bytes that a training step with the optimiser takes on a CPU, by what they are for, in
    float32.

    joined: for one of several ranks, how many pictures those layers see that take the whole batch.

    Of layers that have no fast twin only what they allocate counts, not the gaps that NumPy's
    freed arrays leave: a net of such layers may take a tenth more.
    """
    network, at_work = engine.network, min(engine.workers.count, batch_size)
    weights = NUMBER * network.parameter_count()
    share = -(-batch_size // at_work)
    of_worker = convolutional(engine, share)
    by_rows = optimizer.elementwise and joined is None
    of_batch = of_whole_batch(engine, joined or batch_size, by_rows)
    of_pictures = batch_size * math.prod(network.input_shape)
    whole_input = 0 if engine.waits else NUMBER * of_pictures
    return {
        "Python and its libraries": PROCESS,
        "weights": weights,
        "the optimiser's state": len(optimizer.state_names) * weights,
        "pictures": BATCHES * of_pictures + whole_input,
        "kept for backward": at_work * of_worker["kept"] + of_batch["kept"],
        "gradients": at_work * (of_worker["gradients"] + of_batch["rows"]) + of_batch["gradients"],
        "room to work in": at_work * of_worker["room"] + of_batch["room"],
        "updates": 0 if optimizer.elementwise else of_whole_updates(engine),
    }


def batch_size_for(needed: Callable[[int], int], available: int, most: int) -> int:
    """About the largest batch, of up to `most` pictures, for which needed(batch size) bytes are
    `available`; 0 if they are not for a single picture."""
    return bisect.bisect_right(range(1, most + 1), available, key=needed)


def step_bytes(
    engine: Engine, batch_size: int, optimizer: type[Optimizer], joined: int | None = None
) -> int:
    """What a training step takes beside what is there before it: Python, the weights and the
    optimiser's state. joined: as for training_bytes."""
    amounts = training_bytes(engine, batch_size, optimizer, joined)
    return sum(amounts.values()) - amounts["weights"] - amounts["the optimiser's state"] - PROCESS


def of_whole_updates(engine: Engine) -> int:
    """What Muon's updates take, where each thread is at one of the largest parameters."""
    bytes_of = []
    for weight in engine.params.values():
        rows, columns = (
            sorted((len(weight), weight[0].size)) if weight.ndim > 1 else (1, len(weight))
        )
        # the descent, x, two terms of the next x; the square, its square, their sum
        bytes_of.append(NUMBER * (4 * rows * columns + 3 * rows * rows))
    return sum(sorted(bytes_of)[-engine.workers.count :])


def convolutional(engine: Engine, pictures: int) -> Counter:
    """What one worker takes for its share of the pictures: "kept", "gradients" and "room"."""
    bytes_of: Counter[str] = Counter()
    rooms: Counter[str] = Counter()
    shape, stages = engine.network.input_shape, engine.stages[0]
    sizes = stages.sizes(pictures, shape)
    a_round = max(sizes, default=0)  # as large as the largest part
    if engine.waits:
        rooms["input"] = NUMBER * sizes[0] * math.prod(shape)
    for steps, stage, part in zip(engine.in_stages, stages.stages, sizes, strict=True):
        if getattr(stage.layers[0], "needs_dx", True):
            bytes_of["gradients"] += NUMBER * a_round * math.prod(shape)
        forward, backward = [], []  # the arrays that are passed on within the stage
        for i, (step, layer) in enumerate(zip(steps, stage.layers, strict=True)):
            if isinstance(layer, InPlaceReLU):
                continue
            before, shape = shape, step.plain.output_shape(shape)
            y = math.prod(shape)
            if i > 0:
                backward.insert(0, math.prod(before))
            if i == stage.end or step.y_needed or not step.fast:
                bytes_of["kept"] += NUMBER * pictures * y
            else:
                forward.append(y)
            if isinstance(layer, MaxPool2d):
                bytes_of["kept"] += pictures * y  # a byte that says which pixel won
            if isinstance(layer, FastConv2d):
                bytes_of["gradients"] += NUMBER * sum(a.size for a in layer.params.values())
            rooms |= temporaries(layer, (part, *before), (part, *shape))
        for passed in (forward, backward):
            for block in range(2):
                rooms |= {f"block {block}": NUMBER * part * max(passed[block::2], default=0)}
    bytes_of["room"] = sum(rooms.values())
    return bytes_of


def temporaries(layer: Layer, x: tuple[int, ...], y: tuple[int, ...]) -> Counter:
    """What a layer needs for as long as it works on a part x of the pictures."""
    if isinstance(layer, FastConv2d):
        return of_convolution(layer, x, y)
    if not isinstance(layer, FastLayer):  # its dx, and what it computes on the way
        return Counter(plain=2 * NUMBER * math.prod(y))
    arrays = {FastLocalResponseNorm: 8, FastMaxPool2d: 3}.get(type(layer), 0)
    return Counter(slices=arrays * min(CACHE_BYTES, NUMBER * math.prod(x)))


def of_whole_batch(engine: Engine, batch_size: int, by_rows: bool) -> Counter:
    """What the layers that take the whole batch need: "kept", "gradients", "room" and, for each
    worker, "rows".

    by_rows: weights are updated row by row, so that no linear layer's gradient exists as a whole.
    """
    bytes_of: Counter[str] = Counter()
    rooms: Counter[str] = Counter()
    before = features(engine)
    if engine.in_stages and engine.workers.count > 1:
        bytes_of["kept"] += NUMBER * batch_size * math.prod(before)  # joined from the shares
    largest = 0  #: of the gradients that are passed on
    for step, layer in zip(engine.whole_steps, engine.whole, strict=True):
        x, before = before, step.plain.output_shape(before)
        y = math.prod(before)
        if isinstance(layer, Linear):
            weight, bias = layer.params["weight"], layer.params["bias"]
            bytes_of["kept"] += NUMBER * batch_size * y
            bytes_of["room"] += NUMBER * batch_size * y
            bytes_of["gradients"] += NUMBER * (batch_size * layer.in_features + bias.size)
            of_share = NUMBER * weight.size // min(engine.workers.count, batch_size)
            if by_rows:
                bytes_of["rows"] = max(bytes_of["rows"], min(ROWS_BYTES, of_share))
            else:
                bytes_of["gradients"] += NUMBER * weight.size
        elif isinstance(layer, Dropout):
            bytes_of["kept"] += (NUMBER + 1) * batch_size * y
        elif not isinstance(layer, InPlaceReLU | Flatten):  # behind a layer of somebody's own
            bytes_of["kept"] += NUMBER * batch_size * y
            rooms |= temporaries(layer, (batch_size, *x), (batch_size, *before))
            largest = max(largest, math.prod(x))
    bytes_of["room"] += sum(rooms.values())
    bytes_of["gradients"] += 2 * NUMBER * batch_size * largest
    return bytes_of


def features(engine: Engine) -> tuple[int, ...]:
    """The shape of what the workers make of a picture, for the layers that take the whole batch."""
    shape = engine.network.input_shape
    for stage in engine.stages[0].stages:
        _, shape = stage.largest(shape)
    return shape


def of_convolution(layer: FastConv2d, x: tuple[int, ...], y: tuple[int, ...]) -> Counter:
    """The temporaries of a convolution forward and backward, for a part of the pictures."""
    rooms: Counter[str] = Counter()
    inputs, outputs = (numpy.broadcast_to(numpy.float32(), shape) for shape in (x, y))
    if layer.chosen(outputs) == "im2col":
        numbers = layer.kernel_size**2 * layer.in_channels
        a_time = layer.chunks(inputs)[0].stop
        rooms["columns"] = NUMBER * a_time * y[1] * y[2] * numbers
    else:
        forward = Winograd(layer, layer.memory, y[:3])
        rooms |= of_winograd(forward, inputs, outputs, layer.stride)
    if layer.needs_dx and layer.chosen(outputs, overlapping=True) == "winograd":
        back = Winograd(layer, layer.memory, x[:3])
        rooms |= of_winograd(back, outputs, inputs, 1)
    return rooms


def of_winograd(winograd: Winograd, x: Array, y: Array, stride: int) -> Counter:
    """The temporaries of a Winograd convolution of x that gives y."""
    rows, columns, a, m, r = (
        getattr(winograd, name) for name in ("rows", "columns", "a", "m", "r")
    )
    channels, filters, groups = stride**2 * x.shape[-1], y.shape[-1], winograd.conv.groups
    pictures = winograd.chunks(x, y, stride)[0].stop
    values, weights = a * (pictures * rows * columns | 1), channels * filters // groups
    numbers = {
        "x rows": a * pictures * rows * ((columns - 1) * m + a) * channels,
        "y rows": a * pictures * rows * columns * m * filters,
        "v": values * channels,
        "m": values * filters,
        "u": a**2 * weights,
        "part": a * weights,
        "half": a * r * weights,
        "dweight": r**2 * weights,
        "picture and its blocks": 2 * pictures * math.prod(x.shape[1:]) if stride > 1 else 0,
    }
    return Counter({name: NUMBER * count for name, count in numbers.items()})
