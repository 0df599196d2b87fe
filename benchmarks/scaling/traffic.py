"""What a rank sends in a training step: derived from its part of the network, and not measured.

A rank sends something to all others of a group in three ways, and only in these:

gather    each rank's array to every other one: K − 1 messages
scatter   to every rank what is to be added up there: K − 1 messages
sum       of an array, around a ring (minialex.distributed.ring): 2 (K − 1) messages for each of
          the pieces in which it is summed

What the Trainer says besides, a few numbers a step, is left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.scaling import imagined
from minialex.distributed.exchange import Exchange, GatherLogits, JoinPictures
from minialex.distributed.gradients import Gradients
from minialex.distributed.group import ALONE
from minialex.distributed.part import Part
from minialex.distributed.sums import PART_BYTES
from minialex.network import Network

#: Bytes of a label, and of the number of pictures that each rank says it has.
LABEL = NUMBER = 8


@dataclass(frozen=True)
class Sending:
    """One rank's part in what the ranks of a group do together.

    kind      "gather" (always in forward), "scatter" (in backward) or "sum" (behind backward, which
              does not wait for it)
    layer     in or right after which it begins; "" before the first one
    ranks     how many are in the group
    size      bytes of the whole: of all ranks' arrays together, or of the array that is added up
    sent      bytes that this rank sends
    messages  how many it sends
    """

    kind: str
    layer: str
    ranks: int
    size: int
    sent: int
    messages: int


class Traffic:
    """What rank number `rank` of `size` computes and sends: the last one by default, whose share is
    never the smallest.

    shares      the share of each layer's outputs that it computes, but for the exchanges
    parameters  how many it updates

    InputError if the network cannot be divided so.
    """

    def __init__(self, network: Network, scheme: str, size: int, rank: int | None = None):
        rank = size - 1 if rank is None else rank
        self.part = part = Part(network, imagined.scheme(scheme, rank, size))
        gradients = Gradients(part.network, ALONE, part.joined)
        self.buckets = {name: bucket.size for name, bucket in gradients.buckets.items()}
        self.gradients, self.itemsize = gradients.flat.size, gradients.flat.itemsize
        own, whole = part.network.shapes(), network.shapes()
        inputs = [network.input_shape, *own.values()]
        self.inputs = dict(zip(part.network.layers, inputs, strict=False))
        self.shares = {name: math.prod(own[name]) / math.prod(whole[name]) for name in whole}
        self.parameters = part.network.parameter_count()

    def pictures(self, batch_size: int, layer: str = "") -> int:
        """How many pictures go through a layer on this rank: all of the batch's behind a join, else
        its own share, or a blank one."""
        if layer in self.part.joined:
            return batch_size
        own = self.part.scheme.pictures.share(batch_size)
        return max(1, own.stop - own.start)

    def sendings(self, batch_size: int) -> list[Sending]:
        """All that the rank sends in a step, in the order of the layers."""
        pictures = self.part.scheme.pictures
        found = []
        if pictures.size > 1:
            found.append(gather("", pictures.size, pictures.size * NUMBER, NUMBER))
        for name, layer in self.part.network.layers.items():
            if isinstance(layer, JoinPictures):
                found += self.of_join(name, layer, batch_size)
            elif isinstance(layer, Exchange):
                found += self.of_exchange(name, layer, self.pictures(batch_size, name))
        return [*found, *self.sums()]

    def of_join(self, name: str, layer: JoinPictures, batch_size: int) -> Iterator[Sending]:
        """The labels and the features of the own pictures to all; the gradients of all others'
        features to them."""
        ranks = layer.ranks
        own = ranks.share(batch_size)
        n = own.stop - own.start
        each = self.itemsize * math.prod(self.inputs[name])
        yield gather("", ranks.size, batch_size * LABEL, n * LABEL)
        yield gather(name, ranks.size, batch_size * each, n * each)
        yield scatter(name, ranks.size, batch_size * each, n * each)

    def of_exchange(self, name: str, layer: Exchange, pictures: int) -> Iterator[Sending]:
        """The own channels to all; the gradients of all others' channels to them."""
        ranks = layer.ranks
        pixels = math.prod(self.inputs[name][:-1]) * pictures * self.itemsize
        own = self.inputs[name][-1]
        yield gather(name, ranks.size, pixels * layer.channels, pixels * own)
        if not isinstance(layer, GatherLogits):
            yield scatter(name, ranks.size, pixels * layer.channels, pixels * own)

    def sums(self) -> Iterator[Sending]:
        """The gradients of each bucket of layers, around the ring of those that share them."""
        ranks = self.part.scheme.pictures
        if ranks.size == 1:
            return
        part = min(PART_BYTES // self.itemsize, -(-self.gradients // ranks.size))
        for name, total in self.buckets.items():
            starts = range(0, total, part * ranks.size)
            pieces = [min(part * ranks.size, total - start) for start in starts]
            # Each of the two times around the ring it passes on all parts but one.
            kept = [(ranks.rank + i) % ranks.size for i in (1, 2)]
            passed_on = 2 * total - sum(
                part_size(count, ranks.size, number) for count in pieces for number in kept
            )
            sizes = total * self.itemsize, passed_on * self.itemsize
            yield Sending("sum", name, ranks.size, *sizes, 2 * (ranks.size - 1) * len(pieces))


def gather(layer: str, ranks: int, size: int, own: int) -> Sending:
    """This rank's `own` bytes of `size` to all others."""
    return Sending("gather", layer, ranks, size, (ranks - 1) * own, ranks - 1)


def scatter(layer: str, ranks: int, size: int, own: int) -> Sending:
    """Of `size` bytes all but this rank's `own`, each to the rank to which it belongs."""
    return Sending("scatter", layer, ranks, size, size - own, ranks - 1)


def part_size(count: int, parts: int, i: int) -> int:
    """The size of part number i as numpy.array_split cuts: the first parts have one more."""
    return count // parts + (i < count % parts)
