"""A network as plain data, so that a saved one can be built again: its layers with their
arguments."""

import inspect
from collections.abc import Iterable
from typing import Any

from minialex import layers
from minialex.errors import InputError
from minialex.layers import Layer
from minialex.network import Network

SHIPPED = {name: getattr(layers, name) for name in layers.__all__}


def describe(network: Network) -> dict[str, Any]:
    """{"input_shape": …, "layers": [[name, class, arguments], …]}, as JSON can hold it.

    A layer's arguments are those of its __init__ that it keeps under the same name. A class of your
    own stands there by its import path, module:Class.
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


def arguments(layer: Layer) -> dict[str, Any]:
    """The arguments that build a layer like this one, apart from its weights."""
    parameters = list(inspect.signature(type(layer)).parameters)
    kept = {name: getattr(layer, name) for name in parameters if hasattr(layer, name)}
    return {name: value for name, value in kept.items() if is_plain(value)}


def is_plain(value: Any) -> bool:
    """Whether JSON can hold the value."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def rebuild(description: dict[str, Any], own_layers: Iterable[type[Layer]] = ()) -> Network:
    """The network that `describe` described, with fresh weights.

    own_layers: the classes of your own that it may use. Nothing is imported because a file names
    it. InputError if the description is damaged or names a class that is not among them.
    """
    known = SHIPPED | {class_name(kind): kind for kind in own_layers}
    try:
        built = []
        for name, kind, given in description["layers"]:
            if kind not in known:
                short = str(kind).rpartition(":")[2]
                raise InputError(
                    f"layer {name} is of the class {kind}, which is not minialex's: "
                    f"pass it, load(…, layers=[{short}]), or name its file with --own-layers"
                )
            built.append((name, known[kind](**given)))
        return Network(built, tuple(description["input_shape"]))
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the description of the network is damaged: {error}") from None
