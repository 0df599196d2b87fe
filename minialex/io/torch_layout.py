"""torch's names and layout for a network's parameters, which torchvision's published weights have too.

The layers before the Flatten are called features.0, features.1, …, those behind it classifier.0, classifier.1, …, as in
torchvision's AlexNet: whoever builds the same layers in the same order as torch.nn.Sequentials of these names can load them.
Pictures are (N, C, H, W) there and (N, H, W, C) here. A convolution's weight is therefore (O, C / groups, KH, KW) there and
(O, KH, KW, C / groups) here, and the first linear layer, which sees maps laid end to end, has its columns in another order.
"""

from typing import NamedTuple

import numpy

from minialex import backend
from minialex.errors import InputError
from minialex.layers import Conv2d, Flatten, Linear, LocalResponseNorm
from minialex.network import Network

#: What torch puts before every name when a net was trained on several GPUs, or compiled.
PREFIXES = ("module.", "_orig_mod.")


class Place(NamedTuple):
    """Where torch keeps a parameter: its name in the state dict, its shape there, and how it is laid out here.

    maps: (O, H, W, C) of a weight over maps, which torch has in the order (O, C, H, W); None if both have the same order.
    """

    name: str
    shape: tuple[int, ...]
    maps: tuple[int, int, int, int] | None

    def to_torch(self, array: numpy.ndarray) -> numpy.ndarray:
        """A copy of a parameter of ours, on the host, as torch has it: contiguous."""
        if self.maps:
            array = array.reshape(self.maps).transpose(0, 3, 1, 2)
        return numpy.array(array, order="C").reshape(self.shape)

    def from_torch(self, tensor: numpy.ndarray) -> numpy.ndarray:
        """A tensor of torch's in the order that we have; over maps in the shape `maps`, and not copied."""
        if self.maps:
            out, height, width, channels = self.maps
            tensor = tensor.reshape(out, channels, height, width).transpose(0, 2, 3, 1)
        return tensor


def positions(network: Network) -> dict[str, str]:
    """What torchvision would call each layer but the Flatten: {"conv1": "features.0", …, "fc8": "classifier.6"}."""
    found, part, number = {}, "features", 0
    for name, layer in network.layers.items():
        if isinstance(layer, Flatten):
            part, number = "classifier", 0
        else:
            found[name] = f"{part}.{number}"
            number += 1
    return found


def places(network: Network) -> dict[str, Place]:
    """The place of each parameter, in the network's order."""
    found, called, shape, flattened = {}, positions(network), network.input_shape, None
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
            found[f"{name}.{key}"] = Place(f"{called[name]}.{key}", theirs, maps)
        shape = layer.output_shape(shape)
    return found


def modules(network: Network) -> dict[str, str]:
    """The torch.nn module that does what each layer does, as one writes it: {"features.0": "Conv2d(3, 64, 11, …)", …}.

    Its LocalResponseNorm divides α by the window's size, so its α is that many times ours.
    """
    found = {}
    for name, called in positions(network).items():
        layer = network.layers[name]
        if isinstance(layer, LocalResponseNorm):
            layer = LocalResponseNorm(layer.size, layer.alpha * layer.size, layer.beta, layer.k)
        found[called] = repr(layer)
    return found


def to_torch(network: Network) -> dict[str, numpy.ndarray]:
    """The network's parameters as a state dict of torch's: copies, contiguous, on the host."""
    params = network.params
    return {
        place.name: place.to_torch(backend.to_host(params[name]))
        for name, place in places(network).items()
    }


def without_prefix(tensors: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """The same tensors; what torch puts before every name is taken off."""
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def misfit(wanted: list[Place], tensors: dict[str, numpy.ndarray]) -> str | None:
    """Why the tensors are not those `wanted`, in a few words that name one; None if they are.

    Where not all have torchvision's names, the order counts: a state dict has the order in which its layers were made.
    """
    if len(tensors) != len(wanted):
        names = [place.name for place in wanted]
        missing = [name for name in names if name not in tensors]
        extra = [name for name in tensors if name not in names]
        if len(extra) == len(tensors):
            return f"it has {len(tensors)} tensors, expected {len(wanted)}"
        return f"it has no {missing[0]}" if missing else f"it has {extra[0]}, which belongs nowhere"
    for place, (name, tensor) in zip(wanted, in_order(wanted, tensors), strict=True):
        if tensor.shape != place.shape:
            return f"{name} is {tensor.shape}, expected {place.shape}"
        if tensor.dtype.kind != "f":
            return f"{name} holds {tensor.dtype} numbers, expected floating-point ones"
        if not numpy.isfinite(tensor).all():
            return f"{name} holds numbers that are infinite or none"
    return None


def in_order(
    wanted: list[Place], tensors: dict[str, numpy.ndarray]
) -> list[tuple[str, numpy.ndarray]]:
    """(name, tensor) for each place: the tensor of that name, or where not all names are there that at its position."""
    if all(place.name in tensors for place in wanted):
        return [(place.name, tensors[place.name]) for place in wanted]
    return list(tensors.items())


def load_into(network: Network, tensors: dict[str, numpy.ndarray], origin: str) -> None:
    """Copies a state dict of torch's into the network.

    InputError naming `origin` and the first tensor that does not fit, before anything is changed.
    """
    found, params = places(network), network.params
    wanted = list(found.values())
    problem = misfit(wanted, tensors)
    if problem:
        raise InputError(f"{origin} does not fit this network: {problem}")
    for (name, array), (_, tensor) in zip(params.items(), in_order(wanted, tensors), strict=True):
        ours = (
            found[name]
            .from_torch(tensor)
            .astype(array.dtype, order="C", copy=False)
            .reshape(array.shape)
        )
        array[...] = backend.to_device(ours, backend.of(array))
