"""The contract that every layer keeps."""

import copy
import math
import threading

from minialex import backend

_scratch = threading.local()


class Layer:
    """One step of a network: y = forward(x), and dx = backward(dy) by the chain rule.

    - Activations are (N, H, W, C) or (N, features). A layer keeps the dtype it is given.
    - `params` and `grads` are dicts with the same keys ("weight", "bias") and shapes; a parameter lives nowhere else.
    - `forward(x, train=True)` keeps in `self.cache` what backward needs; with `train=False` it keeps nothing of x.
    - `backward(dy)` overwrites `grads` and returns dx. Neither method ever writes into its argument.
    - An array that forward or backward returns may be the layer's own and used again: it is valid until the layer's next
      forward. Copy it to keep it.
    - `output_shape` and `macs` (multiply-adds of one forward pass) take and give shapes without N.

    A subclass defines forward and backward, and the other two where the defaults are wrong.
    """

    #: False on a network's first layer: nobody asks how the loss changes with the pixels, so backward returns None.
    needs_input_gradient = True

    #: Whether dx is valid only until the next layer but one goes backward: enough within a network, and it saves much memory.
    shares_dx = False

    def __init__(self):
        self.params, self.grads, self.cache, self._buffers = {}, {}, None, {}

    def forward(self, x, train: bool = False):
        raise NotImplementedError

    def backward(self, dy):
        raise NotImplementedError

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of y for an x of `shape`, both without N."""
        return tuple(shape)

    def macs(self, shape: tuple[int, ...]) -> int:
        """Multiply-adds that forward takes for one x of `shape` (without N); only convolution and linear layers count."""
        return 0

    def replica(self) -> "Layer":
        """A layer over the same parameter arrays with gradients, cache and buffers of its own: one for each thread."""
        twin = copy.copy(self)
        twin.grads, twin.cache, twin._buffers = {}, None, {}
        return twin

    def astype(self, dtype) -> "Layer":
        """Converts the parameters in place of the old ones (gradient checks want float64); returns the layer."""
        self.params.update({name: array.astype(dtype) for name, array in self.params.items()})
        self.grads = {}
        return self

    def buffer(self, name: str, like, shape: tuple[int, ...], dtype=None):
        """An uninitialised array of `shape` in the module and dtype of `like`, kept and given again at the next call.

        Mapping fresh memory costs up to a fifth of a training step; this way each layer maps its own once.
        """
        return reused(self._buffers, name, like, shape, dtype)

    @staticmethod
    def scratch(name: str, like, shape: tuple[int, ...], dtype=None):
        """An array as from `buffer` for a temporary: all layers that run on this thread share it.

        It is valid until the forward or backward that asked for it returns.
        """
        return reused(_scratch.__dict__, name, like, shape, dtype)

    def room_for_dx(self, dy, shape: tuple[int, ...]):
        """Memory for dx: the layer's own, or with `shares_dx` that one of the thread's two blocks which dy is not in."""
        if not self.shares_dx:
            return self.buffer("dx", dy, shape)
        xp, first = backend.of(dy), _scratch.__dict__.get("dx")
        taken = first is not None and backend.of(first) is xp and xp.may_share_memory(dy, first)
        return self.scratch("other dx" if taken else "dx", dy, shape)

    def cached(self):
        """What forward kept for backward. RuntimeError if there was no forward(x, train=True) before."""
        if self.cache is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward needs a forward(x, train=True) before it"
            )
        return self.cache

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def reused(store: dict, name: str, like, shape: tuple[int, ...], dtype):
    """An uninitialised array of `shape` in the module and dtype of `like`, in memory that `store` keeps for that name."""
    xp, dtype, size = backend.of(like), dtype or like.dtype, math.prod(shape)
    kept = store.get(name)
    if kept is None or kept.size < size or kept.dtype != dtype or backend.of(kept) is not xp:
        kept = store[name] = xp.empty(size, dtype)
    return kept[:size].reshape(shape)


def check_input(layer: Layer, x, *sizes: int | None) -> None:
    """ValueError unless x holds floating-point numbers and has shape (N, *sizes), where None stands for any size; TypeError
    unless it is where the layer's parameters are."""
    for array in layer.params.values():
        if backend.of(array) is not backend.of(x):
            here, there = backend.of(array).__name__, backend.of(x).__name__
            call = f"minialex.backend.to_device(x, {here})"
            raise TypeError(
                f"{layer} has its parameters in {here}, the input is in {there}: move it with {call}"
            )
    if x.dtype.kind != "f":
        raise ValueError(f"{layer} expects floating-point numbers, got {x.dtype}")
    check_shape(layer, x.shape[1:], *sizes, n=len(x))


def check_shape(
    layer: Layer, shape: tuple[int, ...], *sizes: int | None, n: int | str = "N"
) -> None:
    """ValueError unless `shape`, of an input without N, is `sizes`, where None stands for any size."""
    if len(shape) != len(sizes) or any(
        size not in (None, got) for size, got in zip(sizes, shape, strict=True)
    ):
        wanted = ", ".join(
            letter if size is None else str(size)
            for letter, size in zip("HWC", sizes, strict=False)
        )
        got = ", ".join(map(str, shape))
        raise ValueError(f"{layer} expects an input of shape (N, {wanted}), got ({n}, {got})")


def check_positive(**sizes: int) -> None:
    """ValueError naming the first of `sizes` that is not at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
