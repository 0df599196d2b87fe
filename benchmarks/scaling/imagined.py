"""Ranks that nobody has started: enough of them to see what each would compute and send."""

import numpy
from numpy.lib.stride_tricks import as_strided

from minialex import models
from minialex.distributed.group import ALONE, Group
from minialex.distributed.scheme import Scheme
from minialex.network import Network


def group(rank: int, size: int) -> Group:
    """A group that can say who has which share of something, but exchanges nothing."""
    ranks = Group()
    ranks.rank, ranks.size = rank, size
    return ranks


def scheme(name: str, rank: int, size: int) -> Scheme:
    """What Scheme.of gives rank number `rank` of `size`."""
    if size == 1:
        return Scheme.of(name, ALONE)
    everybody = group(rank, size)
    if name != "towers":
        return Scheme.of(name, everybody)
    pair, same_tower = group(rank % 2, 2), group(rank // 2, size // 2)
    return Scheme(name, everybody, same_tower, conv=pair, linear=pair)


class Zeros:
    """Stands in for the generator of weights that are only counted."""

    def standard_normal(self, shape: tuple[int, ...], dtype: type) -> numpy.ndarray:
        """An array of the shape, all of whose places are one and the same number in memory."""
        return as_strided(numpy.zeros(1, dtype), shape, [0] * len(shape))

    def spawn(self, count: int) -> list[numpy.random.Generator]:
        """Generators of dropout's masks, which nobody draws."""
        return numpy.random.default_rng(0).spawn(count)


def network(model: str, name: str, rng: Zeros | numpy.random.Generator | None = None) -> Network:
    """The model as it is trained in the scheme called `name`: each of alexnet's towers normalises
    within its own channels, as on the paper's two GPUs."""
    options = dict(lrn_groups=2) if model == "alexnet" and name == "towers" else {}
    return models.build(model, rng=rng or Zeros(), **options)
