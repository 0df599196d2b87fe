"""A network as plain data, so that a saved one can be built again: its layers with their
arguments. And the same for what trains it."""

import inspect
from collections.abc import Iterable
from typing import Any

import numpy

from minialex import layers, optim, schedules
from minialex.errors import InputError
from minialex.layers import Layer
from minialex.network import Network

SHIPPED = {
    name: kind
    for name, kind in vars(layers).items()
    if name in layers.__all__ and issubclass(kind, Layer) and kind is not Layer
}

#: Arguments that only say how weights start: a saved network has its weights.
INITIAL = ("weight_std", "bias", "rng")

#: What trains a network and can be described.
TRAINING = {
    kind.__name__: kind
    for kind in (
        *optim.OPTIMIZERS.values(),
        *(schedules.Constant, schedules.Step, schedules.Plateau),
        *(schedules.Exponential, schedules.Cosine),
        layers.SoftmaxCrossEntropy,
    )
}


def describe(network: Network) -> dict[str, Any]:
    """{"input_shape": …, "layers": [[name, class, arguments], …]}, as JSON can hold it.

    A layer's arguments are those of its __init__ that it keeps under the same name. A class of your
    own stands there by its import path, module:Class. ValueError if a layer of your own does not
    keep an argument, or keeps something that JSON cannot hold.
    """
    return {
        "input_shape": list(network.input_shape),
        "layers": [
            [name, class_name(type(layer)), arguments(layer)]
            for name, layer in network.layers.items()
        ],
    }


def class_name(kind: type[Layer]) -> str:
    """The class's name; module:Class if it is not one of minialex's."""
    return (
        kind.__name__
        if SHIPPED.get(kind.__name__) is kind
        else f"{kind.__module__}:{kind.__qualname__}"
    )


def described(trains: Any) -> list | None:
    """[class, arguments] of an optimiser, a schedule or a loss; None if it is not one of
    minialex's."""
    kind = type(trains)
    if TRAINING.get(kind.__name__) is not kind:
        return None
    return [kind.__name__, arguments(trains, without=("network",))]


def built(description: list, *before: Any) -> Any:
    """A new object like the one that `described` described.

    before: the arguments that come first, such as an optimiser's network. InputError if the
    description is damaged.
    """
    try:
        kind, given = description
        return TRAINING[kind](*before, **given)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the description {description} is damaged: {error}") from None


def arguments(thing: Any, without: Iterable[str] = INITIAL) -> dict[str, Any]:
    """The arguments that build an object like this one, apart from those `without`.

    ValueError if it does not keep one under its own name, or keeps something that JSON cannot hold.
    """
    kind, kept = type(thing), {}
    for name in inspect.signature(kind).parameters:
        if name in without:
            continue
        if not hasattr(thing, name):
            wanted = f"keep it as self.{name}"
            raise ValueError(f"{kind.__name__} cannot be saved without its {name}: {wanted}")
        value = getattr(thing, name)
        kept[name] = value.item() if isinstance(value, numpy.generic) else value
        if not is_plain(kept[name]):
            wanted = f"expected numbers, text or lists of them, got {type(value).__name__}"
            raise ValueError(f"{kind.__name__} cannot be saved with its {name}: {wanted}")
    return kept


def is_plain(value: Any) -> bool:
    """Whether JSON can hold the value."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def rebuild(description: dict[str, Any], own_layers: Iterable[type[Layer]] = ()) -> Network:
    """The network that `describe` described, with fresh weights.

    own_layers: the classes of your own that it may use, found by the class's name, whatever the
    module was called. Nothing is imported because a file names it. InputError if the description
    is damaged or names a class that is not among them.
    """
    own = {kind.__name__: kind for kind in own_layers}
    try:
        built = []
        for name, kind, given in description["layers"]:
            module, _, path = kind.rpartition(":")
            short = path.rpartition(".")[2]
            known = own.get(short) if module else SHIPPED.get(kind)
            if known is None:
                raise InputError(
                    f"layer {name} is of the class {kind}, which is not minialex's: "
                    f"pass it, load(…, layers=[{short}]), or name its file with --own-layers"
                )
            built.append((name, known(**given)))
        return Network(built, tuple(description["input_shape"]))
    except InputError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the description of the network is damaged: {error}") from None
