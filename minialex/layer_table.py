"""A network as a table: what each layer is, its output, its parameters, its work."""

from collections.abc import Sequence

from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network

HEADINGS = ("layer", "what it is", "output", "parameters", "multiply-adds")


def described(layer: Layer) -> str:
    """What the layer is, in a few words: "96 kernels 11×11×3, stride 4"."""
    match layer:
        case Conv2d():
            o, height, width, channels = layer.params["weight"].shape
            settings = {"stride": (layer.stride, 1), "pad": (layer.padding, 0)}
            extras = [
                f"{name} {value}" for name, (value, default) in settings.items() if value != default
            ]
            extras += [f"{layer.groups} groups"] if layer.groups > 1 else []
            return ", ".join([f"{o} kernels {height}×{width}×{channels}", *extras])
        case MaxPool2d():
            padding = f", pad {layer.padding}" if layer.padding else ""
            return (
                f"max-pool {layer.kernel_size}×{layer.kernel_size}, stride {layer.stride}{padding}"
            )
        case AvgPool2d():
            return f"mean pool {layer.kernel_size}×{layer.kernel_size}, stride {layer.stride}"
        case LocalResponseNorm():
            groups = f", {layer.groups} groups" if layer.groups > 1 else ""
            return f"normalised over {layer.size} channels{groups}"
        case Linear():
            return "fully connected"
        case Dropout():
            return f"dropout, p = {layer.p}"
        case Flatten():
            return "laid end to end"
        case ReLU() | Tanh() | Sigmoid():
            return type(layer).__name__
        case _:
            return str(layer)


def shape(sizes: Sequence[int]) -> str:
    """As the paper writes it: 55×55×96."""
    return "×".join(map(str, sizes))


def rows(network: Network) -> list[tuple[str, str, str, str, str]]:
    """The table's cells under HEADINGS: the input, every layer, the totals."""
    shapes, macs = network.shapes(), network.macs()
    result = [("input", "", shape(network.input_shape), "", "")]
    for name, layer in network.layers.items():
        parameters = sum(array.size for array in layer.params.values())
        costs = [f"{count:,}" if count else "" for count in (parameters, macs[name])]
        result.append((name, described(layer), shape(shapes[name]), *costs))
    return [*result, ("total", "", "", f"{network.parameter_count():,}", f"{sum(macs.values()):,}")]
