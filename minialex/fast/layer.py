"""What every fast layer is: the twin of a plain one, over the same parameters."""

from typing import TypeVar

from minialex.backend import Array
from minialex.fast.memory import Memory
from minialex.fast.workers import Workers
from minialex.layers import Layer

Twin = TypeVar("Twin", bound="FastLayer")


class FastLayer(Layer):
    """A layer that computes what the plain layer it derives from computes, only faster.

    It differs from the contract in one point: an array that it returns may be its own, and is valid
    for as long as memory.py says. An engine knows that; nobody else should hold one.
    """

    #: False for the first layer of a network: nobody asks for the gradient of the pictures.
    needs_dx = True

    #: Whether backward needs y, this layer's or that of the layer behind.
    y_needed = True

    #: Whether backward adds to the gradients instead of overwriting them.
    adds = False

    memory: Memory
    workers: Workers

    @classmethod
    def of(cls: type[Twin], plain: Layer, memory: Memory, workers: Workers) -> Twin:
        """The twin of `plain`: the same sizes and the same `params`, with gradients and a cache of
        its own."""
        twin = cls.__new__(cls)
        vars(twin).update(vars(plain))
        twin.grads, twin.cache, twin.memory, twin.workers = {}, None, memory, workers
        return twin

    def room_for_y(self, x: Array, shape: tuple[int, ...], keep: bool) -> Array:
        """Where y of this shape belongs, made from x; keep: whether backward needs it."""
        leads = self.memory.destination is not None
        return (
            self.memory.kept(self, "y", x, shape)
            if keep and not leads
            else self.memory.passed(x, shape)
        )
