"""How long a step takes on K ranks, by the latency–bandwidth model.

A message of S bytes takes α + S β seconds: latency, and the inverse of bandwidth. Every rank sends
and receives at the same time, and no two pairs of ranks are in each other's way.

                 rounds       seconds
ring sum         2 (K − 1) p  2 (K − 1) (p (o + α) + S/K β) + (K − 1)/K S γ
tree sum         2 log₂ K     2 log₂ K (o + α + S β) + log₂ K S γ
gather           log₂ K       log₂ K α + (K − 1)/K S β
scatter          K − 1        (K − 1) (α + S/K β) + (K − 1)/K S γ

S is the number of bytes of the whole; γ is the time to add one byte to another, o what Python takes
in a round of a sum, and p in how many pieces it is summed. minialex's sums go around the ring; the
tree is for comparison. The gather is MPI's, in which each round doubles what a rank has. In the
scatter each rank sends every other one what is to be added up there.

(Thakur, Rabenseifner and Gropp 2005, "Optimization of collective communication operations in
MPICH".)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.scaling.compute import Compute
from benchmarks.scaling.line import Line
from benchmarks.scaling.traffic import Sending, Traffic


@dataclass(frozen=True)
class Link:
    """What connects every rank to every other one.

    latency     α, seconds
    byte        β, seconds
    addition    γ, seconds a byte
    own         o, seconds
    part        the most bytes of a rank's part in a piece
    background  whether sums go on while the rank computes: not if its own core copies what is
                sent, as in shared memory
    pause       seconds that a round takes longer in the background, where nobody looks all the time
                whether it is complete
    """

    latency: float
    byte: float
    addition: float = 0.0
    own: float = 0.0
    part: float = math.inf
    background: bool = True
    pause: float = 0.0

    def message(self, size: float) -> float:
        return self.latency + size * self.byte

    def rounds(self, size: float, ranks: int) -> int:
        """How many a ring sum has."""
        return 2 * (ranks - 1) * max(1, math.ceil(size / (self.part * ranks)))

    def additions(self, size: float, ranks: int) -> float:
        return (ranks - 1) / ranks * size * self.addition

    def ring_sum(self, size: float, ranks: int) -> float:
        waiting = self.rounds(size, ranks) * (self.own + self.latency)
        return waiting + 2 * (ranks - 1) / ranks * size * self.byte + self.additions(size, ranks)

    def tree_sum(self, size: float, ranks: int) -> float:
        levels = math.log2(ranks)
        return levels * (2 * (self.own + self.message(size)) + size * self.addition)

    def gather(self, size: float, ranks: int) -> float:
        return math.log2(ranks) * self.latency + (ranks - 1) / ranks * size * self.byte

    def scatter(self, size: float, ranks: int) -> float:
        return (ranks - 1) * self.message(size / ranks) + self.additions(size, ranks)


@dataclass(frozen=True)
class Step:
    """The seconds of a step: computing, exchanging between layers, waiting for sums that backward
    did not hide, and updating."""

    compute: float
    exchange: float
    wait: float
    update: float

    @property
    def seconds(self) -> float:
        return self.compute + self.exchange + self.wait + self.update


def step(traffic: Traffic, compute: Compute, link: Link, batch_size: int) -> Step:
    """A step of the rank whose traffic it is, with a batch of that size on all ranks together.

    A layer takes as long as the whole one with as many pictures, times the rank's share of its
    outputs.
    """

    def computed(name: str, lines: Mapping[str, Line]) -> float:
        if name not in traffic.shares:
            return 0.0
        return traffic.shares[name] * lines[name](traffic.pictures(batch_size, name))

    layers, sendings = list(traffic.part.network.layers), traffic.sendings(batch_size)
    forward = sum(computed(name, compute.forward) for name in layers)
    backward = [(name, computed(name, compute.backward)) for name in reversed(layers)]
    exchanges = {"gather": link.gather, "scatter": link.scatter}
    between = sum(
        exchanges[each.kind](each.size, each.ranks) for each in sendings if each.kind in exchanges
    )
    sums = {each.layer: each for each in sendings if each.kind == "sum"}
    waiting = unhidden(backward, sums, link)
    update = compute.update * traffic.parameters
    return Step(forward + sum(seconds for _, seconds in backward), between, waiting, update)


def unhidden(
    backward: Sequence[tuple[str, float]], sums: Mapping[str, Sending], link: Link
) -> float:
    """The seconds by which sums of gradients lengthen a step.

    backward: the layers in the order of the walk, with their seconds. sums: those that begin when a
    layer is finished. All share one link: each begins when the one before is complete. What is
    added up is not hidden, as it is the rank that adds.
    """
    if not link.background:
        return sum(link.ring_sum(each.size, each.ranks) for each in sums.values())
    computed = sum(seconds for _, seconds in backward)
    clock = free = 0.0  #: when the rank, and when the link, is done with what it has
    for name, seconds in backward:
        clock += seconds
        if name in sums:
            size, ranks = sums[name].size, sums[name].ranks
            count, takes = link.rounds(size, ranks), link.ring_sum(size, ranks)
            begun = max(free, clock)
            slower = takes + count * link.pause
            hidden = min(1.0, max(0.0, computed - begun) / slower) if slower else 1.0
            free = begun + hidden * slower + (1 - hidden) * takes
    return max(
        free - computed, sum(link.additions(each.size, each.ranks) for each in sums.values())
    )
