"""A convolution's transformed weight, kept from batch to batch."""

import threading
from collections.abc import Callable

import numpy

from minialex.backend import Array


class KeptWeight:
    """U of Winograd convolution (winograd.py), for as long as the weight stays the same.

    All threads share it: one computes it, the others wait.
    """

    def __init__(self) -> None:
        self.kept: tuple[int, Array, Array] | None = None  #: m, the weight, and its U
        self.computing = threading.Lock()

    def __deepcopy__(self, memo: dict) -> "KeptWeight":
        return KeptWeight()  # a copy of a layer has a weight of its own

    def of(self, weight: Array, m: int, compute: Callable[[], Array]) -> Array:
        """U of `weight` for tiles of m×m: what compute() returned last, if that was of the same.

        Comparing takes a tenth of the time of computing.
        """
        kept = self.kept
        if not is_of(kept, weight, m):
            with self.computing:
                kept = self.kept
                if not is_of(kept, weight, m):
                    kept = self.kept = m, weight.copy(), compute()
        return kept[2]

    def forget(self) -> None:
        """Frees the memory."""
        self.kept = None


def is_of(kept: tuple[int, Array, Array] | None, weight: Array, m: int) -> bool:
    """Whether what is `kept` was made of this weight, for tiles of m×m."""
    return (
        kept is not None
        and (kept[0], kept[1].dtype) == (m, weight.dtype)
        and numpy.array_equal(kept[1], weight)
    )
