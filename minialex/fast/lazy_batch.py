"""A batch of pictures that become the network's input only where that is needed."""

from typing import Protocol, runtime_checkable

from minialex.backend import Array


@runtime_checkable
class LazyBatch(Protocol):
    """Pictures in less memory than as the network's input, data.picture_batch.PictureBatch say.

    shape: that of the input, (N, H, W, C).
    """

    shape: tuple[int, ...]

    def __len__(self) -> int:
        """The number of pictures, N."""

    def __getitem__(self, part: slice) -> "LazyBatch":
        """Some of the pictures."""

    def standardized(self, out: Array | None = None) -> Array:
        """The input, float32 (N, H, W, C), in `out` if that is given."""
