"""Converts a network's parameters to and from torch's names and layout.

The layers before the Flatten are named features.0, features.1, …, those after it classifier.0,
classifier.1, …, as in torchvision's AlexNet and its published weights. Two torch.nn.Sequentials
with these names and the same layers can load the result.

Pictures are (N, C, H, W) in torch and (N, H, W, C) here. A convolution's weight is therefore
(O, C / groups, KH, KW) in torch and (O, KH, KW, C / groups) here. The first linear layer, whose
input is flattened maps, has its columns in another order.
"""

from typing import NamedTuple

import numpy

from minialex import backend
from minialex.errors import InputError
from minialex.io.weight_numbers import wrong_numbers
from minialex.layers import CeilMaxPool2d, Conv2d, Flatten, Linear, LocalResponseNorm, MaxPool2d
from minialex.network import Network


class Place(NamedTuple):
    """A parameter's place in torch's state dict.

    name, shape: its name and shape there.
    maps: the shape (O, H, W, C) of a weight over maps, which torch orders as (O, C, H, W); None if
        the order is the same.
    """

    name: str
    shape: tuple[int, ...]
    maps: tuple[int, int, int, int] | None

    def to_torch(self, array: numpy.ndarray) -> numpy.ndarray:
        """A copy of our parameter, a host array, in torch's layout: contiguous."""
        if self.maps:
            array = array.reshape(self.maps).transpose(0, 3, 1, 2)
        return numpy.array(array, order="C").reshape(self.shape)

    def from_torch(self, tensor: numpy.ndarray) -> numpy.ndarray:
        """torch's tensor in our order; a view of it, with the shape `maps` if that is set."""
        if self.maps:
            out, height, width, channels = self.maps
            tensor = tensor.reshape(out, channels, height, width).transpose(0, 2, 3, 1)
        return tensor


def torch_names(network: Network) -> dict[str, str]:
    """torchvision's names for all layers but the Flatten, such as {"conv1": "features.0", …}."""
    found, part, number = {}, "features", 0
    for name, layer in network.layers.items():
        if isinstance(layer, Flatten):
            part, number = "classifier", 0
        else:
            found[name] = f"{part}.{number}"
            number += 1
    return found


def places(network: Network) -> dict[str, Place]:
    """The Place of each parameter, in the network's order."""
    found, names, shape, flattened = {}, torch_names(network), network.input_shape, None
    for name, layer in network.layers.items():
        if isinstance(layer, Flatten):
            flattened = shape
        for key, array in layer.params.items():
            maps, theirs = None, array.shape
            if key == "weight" and isinstance(layer, Conv2d):
                out, height, width, channels = maps = array.shape
                theirs = (out, channels, height, width)
            elif key == "weight" and isinstance(layer, Linear) and flattened:
                maps, flattened = (layer.out_features, *flattened), None
            found[f"{name}.{key}"] = Place(f"{names[name]}.{key}", theirs, maps)
        shape = layer.output_shape(shape)
    return found


def modules(network: Network) -> dict[str, str]:
    """The equivalent torch.nn module for each layer: {"features.0": "Conv2d(3, 64, 11, …)", …}.

    torch's LocalResponseNorm divides α by the window size, so its α is that many times ours; it has
    no groups. CeilMaxPool2d is its MaxPool2d with ceil_mode.
    """
    found = {}
    for name, torch_name in torch_names(network).items():
        layer = network.layers[name]
        if isinstance(layer, LocalResponseNorm):
            alpha = layer.alpha * layer.size
            layer = LocalResponseNorm(layer.size, alpha, layer.beta, layer.k, layer.groups)
        found[torch_name] = repr(layer)
        if isinstance(layer, CeilMaxPool2d):
            plain = MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
            found[torch_name] = repr(plain).removesuffix(")") + ", ceil_mode=True)"
    return found


def to_torch(network: Network) -> dict[str, numpy.ndarray]:
    """The network's parameters as a torch state dict of contiguous copies on the host."""
    params = network.params
    return {
        place.name: place.to_torch(backend.to_host(params[name]))
        for name, place in places(network).items()
    }


def mismatch(wanted: list[Place], tensors: dict[str, numpy.ndarray]) -> str | None:
    """The first reason why the tensors do not fit the places `wanted`, in a few words; or None.

    If they do not all have torchvision's names, they are compared in order: a state dict keeps the
    order in which its layers were created.
    """
    if len(tensors) != len(wanted):
        names = [place.name for place in wanted]
        missing = [name for name in names if name not in tensors]
        extra = [name for name in tensors if name not in names]
        if len(extra) == len(tensors):
            return f"it has {len(tensors)} tensors, expected {len(wanted)}"
        return f"it has no {missing[0]}" if missing else f"it has {extra[0]}, which belongs nowhere"
    for place, (name, tensor) in zip(wanted, matched(wanted, tensors), strict=True):
        if tensor.shape != place.shape:
            return f"{name} is {tensor.shape}, expected {place.shape}"
        wrong = wrong_numbers(tensor)
        if wrong:
            return f"{name} holds {wrong}"
    return None


def matched(
    wanted: list[Place], tensors: dict[str, numpy.ndarray]
) -> list[tuple[str, numpy.ndarray]]:
    """(name, tensor) for each place: matched by name if all names are there, else by position."""
    if all(place.name in tensors for place in wanted):
        return [(place.name, tensors[place.name]) for place in wanted]
    return list(tensors.items())


def load_into(network: Network, tensors: dict[str, numpy.ndarray], origin: str) -> None:
    """Copies a torch state dict into the network.

    InputError naming `origin` and the first tensor that does not fit, with nothing changed.
    """
    found, params = places(network), network.params
    wanted = list(found.values())
    problem = mismatch(wanted, tensors)
    if problem:
        raise InputError(f"{origin} does not fit this network: {problem}")
    for (name, array), (_, tensor) in zip(params.items(), matched(wanted, tensors), strict=True):
        ours = (
            found[name]
            .from_torch(tensor)
            .astype(array.dtype, order="C", copy=False)
            .reshape(array.shape)
        )
        array[...] = backend.to_device(ours, backend.of(array))
