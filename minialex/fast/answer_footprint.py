"""How much memory the answers to a batch take on a CPU, before it is taken."""

import math
from collections import Counter

import numpy

from minialex.fast.conv import FastConv2d
from minialex.fast.engine import Engine
from minialex.fast.footprint import BATCHES, NUMBER, features, of_winograd, temporaries
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.relu import InPlaceReLU
from minialex.fast.winograd import Winograd
from minialex.layers import Dropout, Flatten, Linear


def answer_bytes(engine: Engine, batch_size: int) -> int:
    """About how many bytes the logits of a batch take on a CPU, in float32, beside the weights: the
    pictures, what each worker has of a round of them, and what the layers make that take the whole
    batch."""
    at_work = min(engine.workers.count, batch_size)
    of_pictures = batch_size * math.prod(engine.network.input_shape)
    whole_input = 0 if engine.waits else NUMBER * of_pictures
    before = features(engine)
    copies = 1 if at_work == 1 else 2  # the workers' shares, and all of them together
    numbers = copies * math.prod(before) if engine.in_stages else 0
    for step, layer in zip(engine.whole_steps, engine.whole, strict=True):
        before = step.plain.output_shape(before)
        if not isinstance(layer, InPlaceReLU | Flatten | Dropout):
            numbers += (2 if isinstance(layer, Linear) else 1) * math.prod(before)
    rooms, weights = of_a_round(engine, -(-batch_size // at_work))
    of_layers = at_work * sum(rooms.values()) + weights + NUMBER * batch_size * numbers
    return BATCHES * of_pictures + whole_input + of_layers


def of_a_round(engine: Engine, share: int) -> tuple[Counter, int]:
    """What a worker needs for those of its `share` of the pictures that pass the stages together,
    and what all workers keep of the weights."""
    rooms: Counter[str] = Counter()
    shape, stages, weights = engine.network.input_shape, engine.stages[0], 0
    rounds = stages.cut(share, shape, train=False)
    pictures = max((parts[0][-1].stop - parts[0][0].start for parts in rounds), default=0)
    sizes = stages.sizes(pictures, shape)
    if engine.waits:
        rooms["input"] = NUMBER * sizes[0] * math.prod(shape)
    for steps, stage, part in zip(engine.in_stages, stages.stages, sizes, strict=True):
        passed = []
        for i, (step, layer) in enumerate(zip(steps, stage.layers, strict=True)):
            if isinstance(layer, InPlaceReLU):
                continue
            before, shape = shape, step.plain.output_shape(shape)
            if i == stage.end:
                rooms[f"y of {step.name}"] = NUMBER * pictures * math.prod(shape)
            elif step.fast:  # a plain layer's y counts as its temporary
                passed.append(math.prod(shape))
            if isinstance(layer, FastConv2d):
                of_layer, kept = of_convolution(layer, (part, *before), (part, *shape))
                weights += kept
            else:
                of_layer = temporaries(layer, (part, *before), (part, *shape))
            rooms |= of_layer
        for block in range(2):
            rooms |= {f"block {block}": NUMBER * part * max(passed[block::2], default=0)}
    return rooms, weights


def of_convolution(
    layer: FastConv2d, x: tuple[int, ...], y: tuple[int, ...]
) -> tuple[Counter, int]:
    """The temporaries of a convolution forward, for a part of the pictures, and what Winograd's
    keeps of the weight."""
    inputs, outputs = (numpy.broadcast_to(numpy.float32(), shape) for shape in (x, y))
    if layer.chosen(outputs, kept=True) == "im2col":
        numbers = layer.kernel_size**2 * layer.in_channels
        pictures = layer.chunks(inputs)[0].stop
        return Counter(columns=NUMBER * pictures * y[1] * y[2] * numbers), 0
    winograd = Winograd(layer, layer.memory, y[:3], KeptWeight())
    rooms = of_winograd(winograd, inputs, outputs, layer.stride)
    transformed = rooms.pop("u")
    for of_backward in ("part", "half", "dweight"):
        del rooms[of_backward]
    return rooms, transformed + layer.params["weight"].nbytes
