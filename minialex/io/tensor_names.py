"""What programs call tensors: names without what wrappers add, in the order of the layers."""

import re

import numpy

#: What training on several GPUs and compiling put into torch's names, anywhere, …
WRAPPERS = {"module", "_orig_mod"}

#: … and what training scripts call the network that they keep in another one, in front.
HOLDERS = {"model", "net", "network", "backbone"}

Tensors = dict[str, numpy.ndarray]


def unwrapped(tensors: Tensors) -> Tensors:
    """The tensors, in their order, without what wrappers add to their names; as they are if two
    would have the same name then."""
    found = {plain(name): tensor for name, tensor in tensors.items()}
    return found if len(found) == len(tensors) else tensors


def plain(name: str) -> str:
    """The name without wrappers: features.0.weight for model.features.module.0.weight."""
    parts = [part for part in name.split(".") if part not in WRAPPERS]
    while len(parts) > 2 and parts[0] in HOLDERS:
        del parts[0]
    return ".".join(parts)


def in_order(tensors: Tensors) -> Tensors:
    """The tensors sorted, for files that keep no order: convolutions first, then by name, with
    numbers compared by value ("conv2" before "conv10") and "weight" before "bias"."""
    convolutions = {layer_of(name) for name, tensor in tensors.items() if tensor.ndim == 4}

    def key(name: str) -> tuple:
        layer = layer_of(name)
        kind = name.removeprefix(layer)
        numbered = [
            (int(part), "") if part.isdecimal() else (-1, part)
            for part in re.split(r"(\d+)", layer)
        ]
        return layer not in convolutions, numbered, not kind.endswith("weight"), kind

    return {name: tensors[name] for name in sorted(tensors, key=key)}


def layer_of(name: str) -> str:
    """The part of a parameter's name that is the layer's."""
    return name.rpartition(".")[0]


def input_channels(tensors: Tensors) -> int:
    """How many channels the pictures have for which the first convolution is; 3 if there is
    none."""
    first = tensors.get("features.0.weight")
    if first is None:
        first = next((tensor for tensor in tensors.values() if tensor.ndim == 4), None)
    return 3 if first is None or first.ndim != 4 else first.shape[1]
