"""What the model says of a net on up to 1,024 ranks."""

import functools
import math
from collections.abc import Iterable

from benchmarks.scaling import imagined
from benchmarks.scaling.compute import Compute
from benchmarks.scaling.model import Link, Step, step
from benchmarks.scaling.traffic import Traffic

#: How many ranks there may be: all powers of two, in which towers come in pairs.
RANKS = tuple(2**i for i in range(11))

#: The least share of the ranks' work that must not be lost.
ENOUGH = 0.8

#: Pictures of ImageNet's training set, and how often the paper's net sees them.
IMAGENET, EPOCHS = 1_281_167, 90


class Predictions:
    """Steps of a model, whose layers take as long as `compute` says."""

    def __init__(self, model: str, compute: Compute):
        self.model, self.compute = model, compute
        self.network = functools.cache(functools.partial(imagined.network, model))
        self.traffic = functools.cache(self.make_traffic)

    def make_traffic(self, scheme: str, ranks: int) -> Traffic:
        return Traffic(self.network(scheme), scheme, ranks)

    def step(self, scheme: str, ranks: int, batch_size: int, link: Link) -> Step:
        """A step with a batch of that size on all ranks together."""
        return step(self.traffic(scheme, ranks), self.compute, link, batch_size)

    def speedup(self, scheme: str, ranks: int, batch_size: int, link: Link) -> float:
        """How many times as fast as one rank with the same batch."""
        one = self.step("data", 1, batch_size, link)
        return one.seconds / self.step(scheme, ranks, batch_size, link).seconds

    def efficiency(self, scheme: str, ranks: int, batch_size: int, link: Link) -> float:
        """The share of the ranks' work that is not lost: 1 if K of them are K times as fast."""
        return self.speedup(scheme, ranks, batch_size, link) / ranks

    def fastest(self, scheme: str, batch_size: int, link: Link, most: int) -> int:
        """With how many ranks one batch takes least."""
        return max(
            allowed(scheme, most), key=lambda ranks: self.speedup(scheme, ranks, batch_size, link)
        )

    def efficient(self, scheme: str, batch_size: int, link: Link, most: int) -> int | None:
        """With up to how many ranks enough of the work on one batch is not lost."""
        enough = [
            ranks
            for ranks in allowed(scheme, most)
            if self.efficiency(scheme, ranks, batch_size, link) >= ENOUGH
        ]
        return max(enough, default=None)

    def least_share(self, scheme: str, ranks: int, link: Link, most: int = 1024) -> int | None:
        """How many pictures each rank needs, a power of two, for enough of the work not to be lost;
        None if `most` are too few."""
        for share in (2**i for i in range(int(math.log2(most)) + 1)):
            if self.efficiency(scheme, ranks, ranks * share, link) >= ENOUGH:
                return share
        return None

    def hours(self, scheme: str, ranks: int, batch_size: int, link: Link) -> float:
        """Of 90 epochs of ImageNet."""
        steps = EPOCHS * math.ceil(IMAGENET / batch_size)
        return steps * self.step(scheme, ranks, batch_size, link).seconds / 3600


def allowed(scheme: str, most: int) -> Iterable[int]:
    """How many ranks the scheme can have."""
    return [ranks for ranks in RANKS if (2 if scheme == "towers" else 1) <= ranks <= most]


def tree_pays_below(ranks: int, link: Link) -> float:
    """The bytes below which a sum by a tree is faster than around the ring.

    From 2 (K − 1) (o + α + S/K β) + (K − 1)/K S γ = 2 log₂ K (o + α + S β) + log₂ K S γ.
    """
    levels, share = math.log2(ranks), (ranks - 1) / ranks
    rounds = 2 * (ranks - 1 - levels) * (link.latency + link.own)
    return rounds / ((levels - share) * (2 * link.byte + link.addition))
