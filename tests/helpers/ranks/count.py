"""On every rank: counts what it sends in training steps by each scheme, beside what the benchmarks
derive. Rank 0 prints JSON: {"net scheme batch": [[bytes, messages, derived ones] of each rank]}."""

import json

import numpy

from benchmarks.scaling import traffic
from minialex import fast, models, optim
from minialex.distributed import sums
from minialex.distributed.part import Part
from minialex.distributed.scheme import SCHEMES, Scheme
from minialex.distributed.start import connect
from minialex.distributed.step import SharedStep
from minialex.distributed.transport import Direct
from minialex.layers import (
    Conv2d,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from minialex.network import Network

#: The first cannot be dealt evenly to two ranks; with the second most of four have no picture.
BATCH_SIZES = (7, 1)


def uneven():
    """Groups, normalisation within them, an odd number of hidden units, and fewer classes than
    there are ranks."""
    rng = numpy.random.default_rng(0)
    layers = [
        ("conv1", Conv2d(3, 8, 3, stride=2, rng=rng)),
        ("norm1", LocalResponseNorm(groups=2)),
        ("conv2", Conv2d(8, 12, 3, padding=1, groups=2, rng=rng)),
        ("relu2", ReLU()),
        ("pool2", MaxPool2d(3, 2)),
        ("conv3", Conv2d(12, 6, 3, padding=1, rng=rng)),
        ("flatten", Flatten()),
        ("fc4", Linear(54, 17, rng=rng)),
        ("relu4", ReLU()),
        ("fc5", Linear(17, 3, rng=rng)),
    ]
    return Network(layers, (15, 15, 3))


#: alexnet-cifar's gradients are several buckets.
NETS = {"uneven": uneven, "alexnet-cifar": lambda: models.build("alexnet-cifar")}


class Counting:
    """A communicator that counts the bytes and the messages by which this rank's data reaches the
    others. Any other way to send is an AttributeError."""

    sent = messages = 0

    def __init__(self, comm):
        self.comm, self.others = comm, comm.Get_size() - 1
        self.Get_rank, self.Get_size, self.Irecv = comm.Get_rank, comm.Get_size, comm.Irecv

    def count(self, sent, messages):
        Counting.sent += sent
        Counting.messages += messages

    def Isend(self, array, *envelope):
        self.count(array.nbytes, 1)
        return self.comm.Isend(array, *envelope)

    def Allgather(self, own, everyones):
        self.count(self.others * own.nbytes, self.others)
        self.comm.Allgather(own, everyones)

    def Allgatherv(self, own, received):
        self.count(self.others * own.nbytes, self.others)
        self.comm.Allgatherv(own, received)

    def Alltoallv(self, sent, received):
        array, counts = sent
        self.count((sum(counts) - counts[self.Get_rank()]) * array.itemsize, self.others)
        self.comm.Alltoallv(sent, received)


def counting(scheme_name):
    """The scheme, between whose ranks everything is counted from now on."""
    scheme = Scheme.of(scheme_name, connect())
    groups = (scheme.ranks, scheme.pictures, scheme.conv, scheme.linear)
    for group in groups:  # some of them are the same
        if group.comm and not isinstance(group.comm, Counting):
            group.comm = Counting(group.comm)
            group.on_host = Direct(group.comm)
    return scheme


def main():
    sums.PART_BYTES = traffic.PART_BYTES = 1 << 16  # so that buckets have several pieces
    talk, found = connect(), {}
    for scheme_name in SCHEMES:
        scheme = counting(scheme_name)
        for name, build in NETS.items():
            network, loss = build(), SoftmaxCrossEntropy()
            part, rank = Part(network, scheme), scheme.ranks.rank
            optimizer = part.optimizer(optim.SGD(network, 1e-3))
            step = SharedStep(part, fast.prepare(part.network), loss, optimizer)
            predicted = traffic.Traffic(network, scheme_name, scheme.ranks.size, rank)
            for size in BATCH_SIZES:
                share = scheme.pictures.share(size)
                x = numpy.ones((share.stop - share.start, *network.input_shape), numpy.float32)
                Counting.sent = Counting.messages = 0
                step(x, numpy.zeros(len(x), numpy.int64))
                sendings = predicted.sendings(size)
                derived = [sum(each.sent for each in sendings), sum(e.messages for e in sendings)]
                counted = [Counting.sent, Counting.messages]
                found[f"{name} {scheme_name} {size}"] = talk.everyones([*counted, *derived])
    if talk.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
