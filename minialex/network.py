"""A network: named layers in order, walked forward for the answer and backward for the gradients."""

from types import ModuleType

from minialex import backend
from minialex.layers import Layer


class Network:
    """An ordered list of (name, layer) pairs. `params` and `grads` map "conv1.weight", … in layer order.

    `input_shape` is the shape of one input without N, (H, W, C); from it follow every layer's shape and work.
    ValueError if two layers share a name or the shapes do not fit together.
    """

    def __init__(self, layers: list[tuple[str, Layer]], input_shape: tuple[int, ...]):
        self.layers, self.input_shape = dict(layers), tuple(input_shape)
        if len(self.layers) < len(layers):
            raise ValueError(
                f"each layer needs a name of its own, got {[name for name, _ in layers]}"
            )
        self.shapes()

    def forward(self, x, train: bool = False):
        """The logits (N, classes) for pictures x (N, H, W, C); with train=True a backward may follow."""
        for layer in self.layers.values():
            x = layer.forward(x, train)
        return x

    def backward(self, dy, input_gradient: bool = False):
        """Fills `grads` from dy, the loss's gradient with respect to forward's result.

        Returns the gradient with respect to the pictures if `input_gradient`, else None: the first layer then
        skips it, which for AlexNet's conv1 is a third of its work.
        """
        layers = list(self.layers.values())
        for first in layers[:1]:
            first.needs_input_gradient = input_gradient
        for layer in reversed(layers):
            dy = layer.backward(dy)
        return dy if input_gradient else None

    @property
    def params(self) -> dict:
        """Every parameter array under its full name; update them in place."""
        return {
            f"{name}.{key}": a
            for name, layer in self.layers.items()
            for key, a in layer.params.items()
        }

    @property
    def grads(self) -> dict:
        """The gradient of each parameter under the same names, from the last backward."""
        return {
            f"{name}.{key}": layer.grads[key]
            for name, layer in self.layers.items()
            for key in layer.params
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The output shape of each layer, without N."""
        shapes, shape = {}, self.input_shape
        for name, layer in self.layers.items():
            try:
                shape = shapes[name] = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(
                    f"{name} does not fit its input of shape {shape}: {error}"
                ) from None
        return shapes

    def macs(self) -> dict[str, int]:
        """The multiply-adds that each layer takes to go forward over one picture."""
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
            layer.params.update(
                {key: backend.to_device(array, xp) for key, array in layer.params.items()}
            )
        return self

    def replica(self) -> "Network":
        """A network over the same parameter arrays, with gradients, caches and buffers of its own."""
        return Network(
            [(name, layer.replica()) for name, layer in self.layers.items()], self.input_shape
        )

    def __repr__(self) -> str:
        return "\n".join(f"{name:<10} {layer}" for name, layer in self.layers.items())
