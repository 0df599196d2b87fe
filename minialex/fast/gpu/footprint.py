"""How much memory training takes on a GPU, and which batch fits into how much."""

import bisect
import math

from minialex.fast.fuse import fuse, stages
from minialex.fast.gpu import cublas
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network

#: Batches beside the one that is read: the recorded step's copy of it, one of test pictures, and
#: three each of training and test pictures as bytes (data/upload.py).
ON_THE_WAY = 1 + 1 + 6 / 4


def training_bytes(network: Network, batch_size: int, states: int, workspace: int) -> int:
    """About how many bytes a training step on a GPU takes at most, in float32.

    Weights, their gradients and `states` arrays of the optimiser for each; for each picture what
    the layers keep from forward for backward, and the two largest gradients on the way back;
    im2col's columns, which `workspace` bytes bound, and the rest of what only a GPU takes. Muon's
    temporaries, some copies of the largest weight, are not counted.
    """
    room = workspace_bytes(network, batch_size, workspace)
    return int(fixed_bytes(network, states) + batch_size * picture_bytes(network) + room)


def batch_size_for(network: Network, available: int, states: int, workspace: int) -> int:
    """The largest batch whose training step should fit into `available` bytes; 0 if not even one
    picture does."""
    return bisect.bisect_right(
        range(1, 1 << 24),
        available,
        key=lambda size: training_bytes(network, size, states, workspace),
    )


def answer_bytes(network: Network, batch_size: int, workspace: int) -> int:
    """About how many bytes the logits of a batch take on a GPU at most, in float32: the weights;
    for each picture what the stages and the last layers hand on, what normalisation and max-pools
    keep, and the largest map twice; and what only a GPU takes."""
    sizes = {name: math.prod(shape) for name, shape in network.shapes().items()}
    split, whole = fuse(list(network.layers.items()))
    numbers = math.prod(network.input_shape) + 2 * max(sizes.values())
    numbers += sum(sizes[stage[-1].name] for stage in stages(split))
    numbers += sum(sizes[step.name] for step in whole if step.plain.params)
    for step in split:
        if isinstance(step.plain, LocalResponseNorm):
            numbers += sizes[step.name]
        if isinstance(step.plain, MaxPool2d):
            numbers += sizes[step.name] / 4  # a byte that says which pixel won
    room = workspace_bytes(network, batch_size, workspace)
    return 4 * network.parameter_count() + int(4 * batch_size * numbers) + room


def fixed_bytes(network: Network, states: int) -> int:
    """What does not depend on the batch."""
    return 4 * (2 + states) * network.parameter_count()


def picture_bytes(network: Network) -> float:
    """What one more picture takes on a GPU, where the pictures pass a stage all at once."""
    sizes = {name: math.prod(shape) for name, shape in network.shapes().items()}
    split, whole = fuse(list(network.layers.items()))
    numbers = math.prod(network.input_shape)
    for step in (*split, *whole):
        layer, y = step.plain, sizes[step.name]
        if isinstance(layer, MaxPool2d):
            numbers += y / 4  # a byte that says which pixel won
        if isinstance(layer, LocalResponseNorm | Dropout | Tanh | Sigmoid):
            numbers += 2 * y  # y, and the scale, the mask or the slope
        elif step.y_needed and not isinstance(layer, ReLU | Flatten):  # they take x's memory
            numbers += y
    ends = [sizes[stage[-1].name] for stage in stages(split)]
    return 4 * (numbers + sum(ends[:-1]) + 2 * max(sizes.values()))


def workspace_bytes(network: Network, batch_size: int, workspace: int) -> int:
    """What only a GPU takes: the largest layer's columns, of all pictures or of as many as fit the
    workspace, at least one; cuBLAS's room; and the batches on their way."""
    inputs = [network.input_shape, *network.shapes().values()]
    columns = [0]
    for layer, shape in zip(network.layers.values(), inputs, strict=False):
        if isinstance(layer, Conv2d):
            height, width, _ = layer.output_shape(shape)
            of_one = 4 * height * width * layer.kernel_size**2 * layer.in_channels
            columns.append(min(batch_size * of_one, max(of_one, workspace)))
    return max(columns) + cublas.WORKSPACE + int(ON_THE_WAY * batch_size * input_bytes(network))


def input_bytes(network: Network) -> int:
    """What one picture takes where the network reads it."""
    return 4 * math.prod(network.input_shape)
