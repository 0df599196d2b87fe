"""Reads Caffe's AlexNet from a .npy file with a dict of its layers' weights, as the University of
Toronto publishes it (bvlc_alexnet.npy) and the converter caffe-tensorflow writes it.

The dict is a pickle, mostly by Python 2, which is read without running it. It has only weights, for
NHWC pictures in blue, green, red; the rest of the net is Caffe's (models/bvlc_alexnet).
"""

from pathlib import Path
from typing import Any

import numpy
from numpy.lib import format as npy

from minialex.errors import InputError, refusing
from minialex.io.foreign.assembly import Assembly
from minialex.io.foreign.preparation import ForeignNetwork, as_caffe
from minialex.io.pickle_machine import expect, unpickle
from minialex.io.pickled_arrays import KNOWN, array_of, state_of
from minialex.layers import Dropout, MaxPool2d, ReLU
from minialex.network import Network

#: The longest pickle, in bytes; AlexNet's takes 244 million.
LONGEST = 1_000_000_000

#: The convolutions' stride and padding, and what follows the ReLU behind each.
CONVOLUTIONS = {
    "conv1": (4, 0, ("norm", "pool")),
    "conv2": (1, 2, ("norm", "pool")),
    "conv3": (1, 1, ()),
    "conv4": (1, 1, ()),
    "conv5": (1, 1, ("pool",)),
}
LINEAR = ("fc6", "fc7", "fc8")

#: Caffe's normalisation (α as Caffe has it), and its pools.
NORM = dict(size=5, alpha=1e-4, beta=0.75, k=1.0)
POOL = dict(size=3, stride=2, padding=0)


def read(path: Path) -> ForeignNetwork:
    """The network in the file, for pictures in red, green, blue.

    InputError if the file is damaged or holds something else.
    """
    with refusing(path, "is no dict of AlexNet's layers"):
        with open(path, "rb") as file:
            layers = layers_in(file, path.stat().st_size)
        network = network_of(path, layers)
    prepared, assumed = as_caffe(network.input_shape[0])
    return ForeignNetwork(network, prepared, assumed=assumed)


def layers_in(file: Any, size: int) -> dict[str, list[numpy.ndarray]]:
    """{layer: [weight, bias]} of the dict in the file."""
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, kind = header(file)
    if not kind.hasobject:
        raise ValueError(f"it is an array of {kind} of shape {shape}")
    *_, content = state_of(unpickle(file, KNOWN, longest=min(LONGEST, size)))
    (found,) = expect(content, list)
    layers = {}
    for name, parts in expect(found, dict).items():
        if isinstance(parts, dict):  # caffe-tensorflow's later form
            parts = [parts["weights"], parts["biases"]]
        layers[str(name)] = [array_of(part) for part in parts]
    wanted = {*CONVOLUTIONS, *LINEAR}
    if layers.keys() != wanted:
        raise ValueError(f"it has {', '.join(sorted(layers))}, not {', '.join(sorted(wanted))}")
    return layers


def network_of(path: Path, layers: dict[str, list[numpy.ndarray]]) -> Network:
    """The net that these weights belong to, with pictures of the size that they imply."""
    kernels, (last, _) = layers["conv1"][0], layers["conv5"]
    empty = any(not part.size for parts in layers.values() for part in parts)
    if empty or kernels.ndim != 4 or last.ndim != 4 or layers["fc6"][0].ndim != 2:
        raise InputError(f"{path} has weights of other shapes than AlexNet's")
    side = round((len(layers["fc6"][0]) / last.shape[-1]) ** 0.5)  # of the maps before fc6
    for _ in range(3):
        side = 2 * side + 1  # before a pool
    side = 4 * (side - 1) + kernels.shape[0]
    assembly = Assembly(path, (kernels.shape[2], side, side))
    for name, (stride, padding, following) in CONVOLUTIONS.items():
        weight, bias = layers[name]
        if weight.ndim != 4 or assembly.shape[-1] % weight.shape[2]:
            assembly.refuse(name, f"has kernels of shape {weight.shape}")
        groups = assembly.shape[-1] // weight.shape[2]
        weight = weight.transpose(3, 2, 0, 1)
        assembly.convolution(name, weight, bias, stride, padding, groups)
        assembly.add(name, ReLU)
        if "norm" in following:
            assembly.normalization(name, **NORM)
        if "pool" in following:
            pooled = (assembly.shape[0] - POOL["size"]) // POOL["stride"] + 1
            assembly.pool(name, MaxPool2d, **POOL, shape=(pooled, pooled))
    for name in LINEAR:
        weight, bias = layers[name]
        if len(assembly.shape) == 3 and len(weight) == numpy.prod(assembly.shape):
            maps = weight.reshape(*assembly.shape, -1)  # rows of pixels, not of channels
            weight = maps.transpose(2, 0, 1, 3).reshape(weight.shape)
        assembly.linear(name, weight.T, bias)
        if name != LINEAR[-1]:
            assembly.add(name, ReLU)
            assembly.add(name, Dropout, 0.5)
    return assembly.network(bgr=True)
