"""This rank's part of a network: a network whose parameters are views of the whole one's."""

import copy
import math

import numpy

from minialex.backend import Array
from minialex.distributed.exchange import Exchange, GatherLogits, JoinPictures
from minialex.distributed.group import ALONE, Group
from minialex.distributed.scheme import Scheme
from minialex.errors import InputError
from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network
from minialex.optim import Optimizer

#: Layers that treat each channel by itself.
CHANNELWISE = (ReLU, Tanh, Sigmoid, MaxPool2d, CeilMaxPool2d, AvgPool2d)


class Part:
    """The part of `network` that this rank of `scheme` computes, with what it exchanges.

    network   layers of the same names, with this rank's share of the filters and units, and
              exchanges between them; the whole network itself if nothing is dealt out
    join      the layer from which on all ranks' pictures are together, if there is one
    joined    the names of the layers behind it: their gradients are of all pictures already
    dropouts  the dropout layers by name, with the units of one picture

    InputError for a network that cannot be divided so.
    """

    def __init__(self, network: Network, scheme: Scheme):
        self.whole, self.scheme = network, scheme
        self.join: JoinPictures | None = None
        self.network = network
        if scheme.linear.size > 1:
            self.network = Network(self.layers(), network.input_shape)
        layers = self.network.layers
        behind = list(layers.values()).index(self.join) if self.join else len(layers)
        self.joined = set(list(layers)[behind:])
        self.dropouts: dict[str, tuple[Dropout, int]] = {
            name: (layers[name], math.prod(shape))
            for name, shape in self.network.shapes().items()
            if isinstance(layers[name], Dropout)
        }

    def layers(self) -> list[tuple[str, Layer]]:
        """This rank's layers and the exchanges between them."""
        found: list[tuple[str, Layer]] = []
        shape = self.whole.input_shape
        dealt: Group | None = None  #: the ranks among which the channels of x are dealt
        items = list(self.whole.layers.items())
        parted = [i for i, (_, layer) in enumerate(items) if self.ranks_of(layer).size > 1]
        last = max(parted, default=-1)
        for i, (name, layer) in enumerate(items):
            ranks = self.ranks_of(layer)
            if dealt and not stays_within(layer, dealt):
                kind = Exchange if i <= last else GatherLogits
                found.append((f"exchange_{name}", kind(dealt, shape[-1])))
                dealt = None
            if i in parted and isinstance(layer, Linear) and self.scheme.joins and not self.join:
                self.join = JoinPictures(ranks)
                found.append((f"join_{name}", self.join))
            if ranks.size > 1:
                found.append((name, dealt_layer(name, layer, ranks, dealt is not None)))
                dealt = ranks
            elif dealt and isinstance(layer, LocalResponseNorm):
                found.append((name, with_sizes(layer, groups=layer.groups // dealt.size)))
            elif layer.params and i < last and (self.join or not self.scheme.joins):
                raise InputError(
                    f"{name}, {layer}, cannot be divided among {self.scheme.linear.size} ranks"
                )
            else:
                found.append((name, layer))
            shape = layer.output_shape(shape)
        if dealt:
            found.append(("logits", GatherLogits(dealt, shape[-1])))
        return found

    def agree(self, optimizer: Optimizer) -> None:
        """Gives all ranks rank 0's weights, optimiser and dropout generators."""
        ranks = self.scheme.ranks
        for array in (*self.whole.params.values(), *optimizer.state.values()):
            ranks.spread(array)
        for dropout, _ in self.dropouts.values():
            state = dropout.rng.bit_generator.state
            dropout.rng.bit_generator.state = ranks.everyones(state)[0]

    def begin(self, pictures: int) -> list[int]:
        """Prepares the layers for a batch of which this rank has so many pictures; returns how many
        each of the ranks has among which it is dealt."""
        ranks = self.scheme.pictures
        counts = ranks.numbers(pictures)[:, 0].astype(int).tolist()
        before = sum(counts[: ranks.rank])
        for name, (dropout, units) in self.dropouts.items():
            dropout.first = 0 if name in self.joined else before * units
        if self.join:
            self.join.counts = counts
        return counts

    def blank(self) -> numpy.ndarray:
        """A picture for a rank that has none in the present batch."""
        return numpy.zeros((1, *self.network.input_shape), numpy.float32)

    def own(self, logits: Array) -> Array:
        """Of the logits that this rank computes, those of its own pictures."""
        return logits[self.join.own] if self.join else logits

    def ranks_of(self, layer: Layer) -> Group:
        """The ranks among which the layer's filters or units are dealt. If they are too few, each
        rank has all of them."""
        ranks = self.scheme.parts(layer)
        divisible = type(layer) in (Conv2d, Linear) and len(layer.params["weight"]) >= ranks.size
        return ranks if divisible else ALONE

    def view(self, name: str, array: Array) -> Array:
        """This rank's part of an array that is dealt as the parameter called `name` is."""
        layer = self.whole.layers[name.rpartition(".")[0]]
        return array[self.ranks_of(layer).share(len(array))]

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """The optimiser of the part: like `optimizer`, over views of its state.

        InputError if it has to see the whole of a parameter that is dealt out.
        """
        if self.network is self.whole:
            return optimizer
        if not optimizer.elementwise:
            kind = type(optimizer).__name__
            raise InputError(
                f"{kind} needs each weight as a whole, which --parallel {self.scheme.name} divides"
            )
        own = copy.copy(optimizer)
        own.network = self.network
        own.state = {
            name: self.view(name.partition(".")[2], array)
            for name, array in optimizer.state.items()
        }
        return own

    def collect(self, optimizer: Optimizer) -> None:
        """Completes the whole network's parameters and the state of its optimiser with what the
        other ranks have of them."""
        if self.network is self.whole:
            return
        params = self.whole.params
        arrays = list(params.items())
        for kind in optimizer.state_names:
            arrays += [(name, optimizer.state[f"{kind}.{name}"]) for name in params]
        for name, array in arrays:
            ranks = self.ranks_of(self.whole.layers[name.rpartition(".")[0]])
            if ranks.size > 1:
                shares = [ranks.share(len(array), rank) for rank in range(ranks.size)]
                shapes = [array[share].shape for share in shares]
                parts = ranks.gathered(array[shares[ranks.rank]], shapes)
                for share, part in zip(shares, parts, strict=True):
                    array[share] = part


def stays_within(layer: Layer, ranks: Group) -> bool:
    """Whether the layer needs none of the channels that other ranks have."""
    if isinstance(layer, Conv2d | LocalResponseNorm):
        return layer.groups % ranks.size == 0
    return type(layer) in CHANNELWISE


def dealt_layer(name: str, layer: Layer, ranks: Group, dealt: bool) -> Layer:
    """This rank's filters of a convolution, or units of a linear layer.

    dealt: whether the channels that it sees are dealt among the ranks.
    """
    share = ranks.share(len(layer.params["weight"]))
    count = share.stop - share.start
    if not isinstance(layer, Conv2d):
        part = with_sizes(layer, out_features=count)
    elif layer.groups == 1:
        part = with_sizes(layer, out_channels=count)
    elif dealt:
        inside = dict(in_channels=layer.in_channels // ranks.size, out_channels=count)
        part = with_sizes(layer, **inside, groups=layer.groups // ranks.size)
    else:
        raise InputError(f"{name}, {layer}, cannot be divided: each rank sees all its channels")
    part.params = {key: array[share] for key, array in layer.params.items()}
    return part


def with_sizes(layer: Layer, **sizes: int) -> Layer:
    """The same layer with other sizes; its parameters are still the old ones."""
    twin = copy.copy(layer)
    twin.grads, twin.cache = {}, None
    vars(twin).update(sizes)
    return twin
