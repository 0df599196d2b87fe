"""The contract that every layer keeps."""

from minialex.backend import Array


class Layer:
    """One step of a network: y = forward(x), and dx = backward(dy) by the chain rule.

    - Activations are (N, H, W, C) or (N, features). A layer keeps the dtype it is given.
    - `params` and `grads` are dicts with the same keys ("weight", "bias") and shapes; a parameter
      lives nowhere else.
    - `forward(x, train=True)` keeps in `self.cache` what backward needs; with `train=False` it
      keeps nothing, and dropout is off.
    - `backward(dy)` overwrites `grads` and returns dx.
    - Neither method ever writes into its argument, and what they return is the caller's: it shares
      no memory with the layer or with the argument.
    - `output_shape` and `macs` (multiply-adds of one forward pass) take and give shapes without N.

    A subclass defines forward and backward, and the other two where the defaults are wrong.
    """

    def __init__(self):
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.cache = None

    def forward(self, x: Array, train: bool = False) -> Array:
        """y for x; with `train=True` a backward may follow."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: Array) -> Array:
        """dx, the gradient of the loss with respect to x, from dy, the one with respect to y."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of y for an x of `shape`, both without N."""
        return tuple(shape)

    def macs(self, shape: tuple[int, ...]) -> int:
        """Multiply-adds of forward for one x of `shape` (without N); only convolutional and linear
        layers count."""
        return 0

    def astype(self, dtype) -> "Layer":
        """Converts the parameters (gradient checks want float64) and drops the gradients; returns
        the layer."""
        self.params.update({name: array.astype(dtype) for name, array in self.params.items()})
        self.grads.clear()
        return self

    def cached(self):
        """What forward kept for backward. RuntimeError if there was no forward(x, train=True)."""
        if self.cache is None:
            name = type(self).__name__
            raise RuntimeError(f"{name}.backward needs a forward(x, train=True) before it")
        return self.cache

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
