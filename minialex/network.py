"""A network: named layers in order, walked forward for the answer and backward for the
gradients."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from types import ModuleType

from minialex import backend
from minialex.backend import Array
from minialex.layers import Layer, SoftmaxCrossEntropy


class Network:
    """An ordered list of layers. `params` and `grads` map "conv1.weight", … in layer order.

    layers        (name, layer) pairs, or layers alone, which get names: conv2d_1, relu_1, …
    input_shape   the shape of one input without N, (H, W, C); every layer's shape follows from it

    ValueError if two layers share a name or the shapes do not fit together; TypeError for anything
    but layers.
    """

    def __init__(self, layers: Sequence[tuple[str, Layer] | Layer], input_shape: tuple[int, ...]):
        if not isinstance(input_shape, Sequence):
            raise TypeError(f"input_shape is the shape of one input, (H, W, C), got {input_shape}")
        self.layers, self.input_shape = named(layers), tuple(input_shape)
        self.shapes()

    def forward(self, x: Array, train: bool = False) -> Array:
        """The logits (N, classes) for pictures x (N, H, W, C); with train=True a backward may
        follow."""
        for layer in self.layers.values():
            x = layer.forward(x, train)
            if x is None:
                raise nothing_returned(layer, "forward")
        return x

    def backward(self, dy: Array, finished: Callable[[str], None] | None = None) -> Array:
        """dx, the gradient with respect to the pictures, from dy, the one with respect to the
        logits; fills `grads`. Calls finished(name) as soon as a layer's gradients are there."""
        for name, layer in reversed(self.layers.items()):
            dy = layer.backward(dy)
            if dy is None:
                raise nothing_returned(layer, "backward")
            if finished:
                finished(name)
        return dy

    def step(
        self,
        x: Array,
        labels: Array,
        loss: SoftmaxCrossEntropy,
        finished: Callable[[str], None] | None = None,
    ) -> tuple[Array, Array]:
        """Forward and backward over one batch: returns the mean loss and the logits (N, classes),
        and leaves the mean gradients in `grads`. x: (N, H, W, C); labels: (N,) integers on the
        host. Calls finished(name) as soon as a layer's gradients are there."""
        logits = self.forward(backend.to_device(x, self.module), train=True)
        value = loss.forward(logits, labels)
        self.backward(loss.backward(), finished)
        return value, logits

    @property
    def params(self) -> dict[str, Array]:
        """Every parameter array under its full name; update them in place."""
        return {
            f"{name}.{key}": array
            for name, layer in self.layers.items()
            for key, array in layer.params.items()
        }

    @property
    def grads(self) -> dict[str, Array]:
        """The gradient of each parameter under the same names, from the last backward.

        ValueError for one that is asked for and not there, as backward has not made it.
        """
        return NamedGradients(
            (f"{name}.{key}", layer.grads[key])
            for name, layer in self.layers.items()
            for key in layer.params
            if key in layer.grads
        )

    @property
    def module(self) -> ModuleType:
        """The array module that the parameters belong to."""
        return next((backend.of(array) for array in self.params.values()), backend.get("numpy"))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The output shape of each layer, without N."""
        shapes, shape = {}, self.input_shape
        for name, layer in self.layers.items():
            try:
                shape = shapes[name] = layer.output_shape(shape)
            except ValueError as error:
                wrong = f"{name} does not fit its input of shape {shape}"
                hint = missing_output_shape(self.layers, name)
                raise ValueError(f"{wrong}: {error}{hint}") from None
        return shapes

    def macs(self) -> dict[str, int]:
        """The multiply-adds of each layer in the forward pass over one picture."""
        inputs = [self.input_shape, *self.shapes().values()]
        return {
            name: layer.macs(shape)
            for (name, layer), shape in zip(self.layers.items(), inputs, strict=False)
        }

    def parameter_count(self) -> int:
        """How many numbers there are to learn."""
        return sum(array.size for array in self.params.values())

    def astype(self, dtype) -> "Network":
        """Converts every parameter (gradient checks want float64); returns the network."""
        for layer in self.layers.values():
            layer.astype(dtype)
        return self

    def to(self, xp: ModuleType) -> "Network":
        """Moves every parameter to the array module `xp`; returns the network."""
        for layer in self.layers.values():
            moved = {key: backend.to_device(array, xp) for key, array in layer.params.items()}
            layer.params.update(moved)
        return self

    def __repr__(self) -> str:
        width = max([10, *map(len, self.layers)])
        return "\n".join(f"{name:<{width}} {layer}" for name, layer in self.layers.items())


class NamedGradients(dict[str, Array]):
    """Gradients by the names of their parameters; ValueError for one that is not there."""

    def __missing__(self, name: str) -> Array:
        layer, _, key = name.rpartition(".")
        wanted = "backward puts the gradient of each parameter into it"
        used = "unless a whole training step of minialex.fast has used it up"
        raise ValueError(f"{layer}.grads has no {key!r}: {wanted}, {used}")


def missing_output_shape(layers: dict[str, Layer], name: str) -> str:
    """A hint, where the layer called `name` does not fit: the last layer before it that somebody
    has written without an output_shape. "" if there is none."""
    own = ""
    for each, layer in itertools.takewhile(lambda item: item[0] != name, layers.items()):
        kind = type(layer)
        if kind.output_shape is Layer.output_shape and not kind.__module__.startswith("minialex."):
            own = each
    return own and f" (does {own} change the shape? It needs an output_shape)"


def nothing_returned(layer: Layer, method: str) -> ValueError:
    """The error for a layer whose method returned None."""
    name = f"{type(layer).__name__}.{method}"
    return ValueError(f"{name} returned None, expected an array: does it lack a return?")


def named(layers: Sequence[tuple[str, Layer] | Layer]) -> dict[str, Layer]:
    """The layers by name. A layer without one is called after its class and counted: conv2d_1."""
    result: dict[str, Layer] = {}
    counts: Counter[str] = Counter()
    for item in layers:
        name, layer = (None, item) if isinstance(item, Layer) else pair(item)
        if name is None:
            kind = type(layer).__name__.lower()
            counts[kind] += 1
            name = f"{kind}_{counts[kind]}"
        if name in result:
            raise ValueError(f"each layer needs a name of its own, got two called {name!r}")
        if any(layer is other for other in result.values()):
            raise ValueError(f"{name} is {layer}, which is in the network already: build a new one")
        if not hasattr(layer, "params"):
            kind = type(layer).__name__
            raise ValueError(f"{kind}.__init__ must call super().__init__() before anything else")
        result[name] = layer
    return result


def pair(item) -> tuple[str, Layer]:
    """`item` if it is a (name, layer) pair, else TypeError."""
    is_pair = isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str)
    layer = item[1] if is_pair else item
    if isinstance(layer, type) and issubclass(layer, Layer):
        name = layer.__name__
        raise TypeError(f"expected a layer, got its class {name}: build one, {name}(…)")
    if not is_pair:
        raise TypeError(f"expected layers or (name, layer) pairs, got {item!r}")
    if not isinstance(layer, Layer):
        raise TypeError(f"expected a layer called {item[0]}, got {layer!r}")
    return item[0], layer
