"""A network as plain data, so that a saved one can be built again: its layers with their
arguments. And the same for what trains it."""

import inspect
import json
import math
from collections.abc import Iterable
from typing import Any

import numpy

from minialex import layers, optim, schedules
from minialex.errors import DAMAGED, InputError
from minialex.layers import Layer
from minialex.network import Network

SHIPPED = {
    name: kind
    for name, kind in vars(layers).items()
    if name in layers.__all__ and issubclass(kind, Layer) and kind is not Layer
}

#: Arguments that only say how weights start: a saved network has its weights.
INITIAL = ("weight_std", "bias", "rng")

#: What layers have in and out; and the most weights that a layer is believed to have.
UNITS, MOST = ("channels", "features"), 10**9

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


def spelled(setting: Any) -> str:
    """A setting as it is written in a script: Adam(lr=0.001, …) for what `described` gives."""
    if isinstance(setting, list) and len(setting) == 2 and isinstance(setting[1], dict):
        kind, given = setting
        return f"{kind}({', '.join(f'{name}={value}' for name, value in given.items())})"
    if isinstance(setting, list):
        return ", ".join(map(str, setting)) or "none"
    return str(setting)


def same_network(left: dict | None, right: dict | None) -> bool:
    """Whether two descriptions are of the same layers, whatever the modules of a script's own
    classes are called."""
    found = []
    for network in (left, right):
        layers = [
            (name, short(kind), given) for name, kind, given in (network or {}).get("layers", ())
        ]
        found.append(json.dumps([layers, (network or {}).get("input_shape")]))
    return found[0] == found[1]


def short(kind: str) -> str:
    """The class's name without its module and the classes around it."""
    return kind.rpartition(":")[2].rpartition(".")[2]


def built(description: list, expected: type, *before: Any, origin: object = None) -> Any:
    """A new object like the one that `described` described, of the `expected` class.

    before: the arguments that come first, such as an optimiser's network. origin: the file that
    says it, for messages. InputError if the description is damaged, or of something else.
    """
    of = f"{origin}: " if origin else ""
    try:
        kind, given = description
        if not issubclass(TRAINING[kind], expected):
            raise ValueError(f"expected a kind of {expected.__name__}")
        check_arguments(TRAINING[kind], given)
        return TRAINING[kind](*before, **given)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{of}the description {description} is damaged: {error}") from None


def check_arguments(kind: type, given: dict[str, Any]) -> None:
    """ValueError unless the arguments for one of minialex's classes are of the kinds that it takes:
    sizes are whole numbers, and not for a layer of more than MOST, rates are finite."""
    for name, parameter in inspect.signature(kind).parameters.items():
        value, wanted = given.get(name), parameter.annotation
        number = isinstance(value, int | float) and not isinstance(value, bool)
        right = {
            int: number and isinstance(value, int) and abs(value) <= MOST,
            float: number and abs(value) < math.inf,
            str: isinstance(value, str),
        }
        if name in given and not right.get(wanted, True):
            raise ValueError(f"{kind.__name__} has the {name} {value!r}")
    sizes = [given.get(f"{way}_{units}", 1) for way in ("in", "out") for units in UNITS]
    if math.prod(sizes) * given.get("kernel_size", 1) ** 2 > MOST:
        raise ValueError(f"{kind.__name__} has more than {MOST:,} weights")


def arguments(thing: Any, without: Iterable[str] = INITIAL) -> dict[str, Any]:
    """The arguments that build an object like this one, apart from those `without`.

    ValueError if it does not keep one under its own name, keeps something that JSON cannot hold, or
    takes arguments without names (*args, **kwargs).
    """
    kind, kept = type(thing), {}
    for name, parameter in inspect.signature(kind).parameters.items():
        if name in without:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            wanted = "give each argument of its __init__ a name"
            raise ValueError(f"{kind.__name__} cannot be saved with {parameter}: {wanted}")
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


def for_classes(description: dict[str, Any], count: int) -> dict[str, Any]:
    """The description of the same network with `count` logits. InputError unless it ends in a
    linear layer."""
    try:
        *before, (name, kind, given) = description["layers"]
    except (KeyError, TypeError, ValueError):
        raise InputError("the description of the network is damaged") from None
    if kind != "Linear":
        raise InputError(f"the network ends in {name}, {short(kind)}, expected a linear layer")
    return description | {"layers": [*before, [name, kind, given | {"out_features": count}]]}


def rebuild(
    description: dict[str, Any],
    own_layers: Iterable[type[Layer]] = (),
    rng: Any = None,
    origin: object = None,
) -> Network:
    """The network that `describe` described, with fresh weights.

    own_layers: the classes of your own that it may use, found by the class's name, whatever the
        module was called. Nothing is imported because a file names it.
    rng: the generator that weights and dropout are drawn from.
    origin: the file that says it, for messages.
    InputError if the description is damaged or names a class that is not among them.
    """
    of = f"{origin}: " if origin else ""
    own = {kind.__name__: kind for kind in own_layers}
    try:
        built, missing = [], []
        for name, kind, given in description["layers"]:
            known = own.get(short(kind)) if ":" in kind else SHIPPED.get(kind)
            if known is None:
                missing += [short(kind)] if short(kind) not in missing else []
            else:
                draws = rng and "rng" in inspect.signature(known).parameters
                drawn = {"rng": rng.spawn(1)[0]} if draws else {}
                if ":" not in kind:
                    check_arguments(known, given)
                built.append((name, known(**given, **drawn)))
        if missing:
            names = ", ".join(missing)
            raise InputError(
                f"{of}the network has layers that are not minialex's, {names}: name the file that "
                f"defines them with --own-layers, in a script load(…, layers=[{names}])"
            )
        return Network(built, tuple(description["input_shape"]))
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{of}the description of the network is damaged: {error}") from None
