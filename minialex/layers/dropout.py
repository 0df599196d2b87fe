"""Dropout: half of the hidden units sit out each training step, so that none can rely on
another."""

from minialex import backend
from minialex.backend import Array
from minialex.layers.init import Rng, fresh_rng
from minialex.layers.layer import Layer
from minialex.layers.splitmix64 import GAMMA, random_bits


class Dropout(Layer):
    """Training: y = x · m / (1 − p), each m 0 with probability p, else 1;  dx = dy · m / (1 − p).
    Testing: y = x.

    Krizhevsky et al. 2012, section 4.2, multiplies by 0.5 at test time instead; dividing while
    training ("inverted" dropout) gives the same net and leaves testing alone. x, y: (N, ...) any
    shape; ValueError unless 0 ≤ p < 1. Each forward draws a key from `rng`, a generator on the
    host; the key and a unit's place decide whether it drops out, on a CPU as on a GPU.
    """

    def __init__(self, p: float = 0.5, rng: Rng | None = None):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"Dropout needs a probability p with 0 <= p < 1, got {p}")
        self.p = p
        self.first = 0  #: the number of x's first unit, where x is a part of a larger batch
        self.rng = rng or fresh_rng()

    def forward(self, x: Array, train: bool = False) -> Array:
        if not train:
            self.cache = None
            return x.copy()
        self.check(x)
        places = backend.of(x).arange(x.size, dtype="uint64").reshape(x.shape)
        kept = random_bits(self.new_key(), places) >= places.dtype.type(self.threshold)
        self.cache = kept / x.dtype.type(1 - self.p)
        return x * self.cache

    def backward(self, dy: Array) -> Array:
        return dy * self.cached()

    def new_key(self) -> int:
        """64 random bits, for one forward; moved on by GAMMA for each unit before x's first."""
        key = int(self.rng.integers(2**64, dtype="uint64"))
        return (key + self.first * GAMMA) % 2**64

    @property
    def threshold(self) -> int:
        """A unit stays in if its random bits are at least this number: p · 2⁶⁴."""
        return int(self.p * 2**64)

    def check(self, x: Array) -> None:
        """ValueError unless x are floating-point numbers."""
        if x.dtype.kind != "f":
            raise ValueError(f"{self} expects floating-point numbers, got {x.dtype}")

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
