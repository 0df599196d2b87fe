"""Layers that exchange activations between ranks, and their gradients on the way back."""

from collections.abc import Sequence

from minialex import backend
from minialex.backend import Array
from minialex.distributed.group import Group
from minialex.layers import Layer


class Exchange(Layer):
    """Forward: each rank has a share of the channels, (…, c), and gets all of them, (…, C).
    Backward: each rank has the gradient through its own part of the net, dy (…, C); their sum over
    the ranks is dx, of which each gets its own share.

    This is what the paper's two GPUs do before conv3 and before each linear layer (section 3.2).
    """

    def __init__(self, ranks: Group, channels: int):
        super().__init__()
        self.ranks, self.channels = ranks, channels
        self.shares = [ranks.share(channels, rank) for rank in range(ranks.size)]

    def forward(self, x: Array, train: bool = False) -> Array:
        widths = [share.stop - share.start for share in self.shares]
        parts = self.ranks.gathered(x, [(*x.shape[:-1], width) for width in widths])
        return backend.of(x).concatenate(parts, axis=-1)

    def backward(self, dy: Array) -> Array:
        return self.ranks.added([dy[..., share] for share in self.shares])

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], self.channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels})"


class GatherLogits(Exchange):
    """The last exchange: forward as before. All ranks then compute the same loss, and so the same
    dy: dx is each rank's share of it, with nothing to add up."""

    def backward(self, dy: Array) -> Array:
        return backend.of(dy).ascontiguousarray(dy[..., self.shares[self.ranks.rank]])


class JoinPictures(Layer):
    """Forward: each rank has the features of its own pictures, (n, F), and gets those of all, (N,
    F). Backward: the sum of all ranks' dy (N, F) is dx, of which each gets its own pictures' rows.

    counts: how many pictures each rank has in the present batch, to be set before forward. A rank
    without any brings a blank one, which nobody else sees.
    """

    def __init__(self, ranks: Group):
        super().__init__()
        self.ranks = ranks
        self.counts: Sequence[int] = [1] * ranks.size

    @property
    def own(self) -> slice:
        """This rank's pictures among all of them."""
        start = sum(self.counts[: self.ranks.rank])
        return slice(start, start + self.counts[self.ranks.rank])

    def forward(self, x: Array, train: bool = False) -> Array:
        self.cache = x.shape if train else None
        x = x[: self.counts[self.ranks.rank]]
        parts = self.ranks.gathered(x, [(count, *x.shape[1:]) for count in self.counts])
        return backend.of(x).concatenate(parts)

    def backward(self, dy: Array) -> Array:
        bounds = [sum(self.counts[:rank]) for rank in range(self.ranks.size + 1)]
        parts = [dy[start : start + n] for start, n in zip(bounds, self.counts, strict=False)]
        dx = backend.of(dy).zeros(self.cached(), dy.dtype)
        dx[: self.counts[self.ranks.rank]] = self.ranks.added(parts)
        return dx

    def __repr__(self) -> str:
        return "JoinPictures()"
