"""Where NaN or infinity comes from, once a loss is not finite: the step again, layer by layer."""

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy

from minialex.backend import Array
from minialex.fast.lazy_batch import LazyBatch
from minialex.fast.stage import in_even_parts
from minialex.layers import Layer, SoftmaxCrossEntropy
from minialex.network import Network

#: Pictures at a time: the plain layers take much memory for each.
AT_A_TIME = 8

Layers = dict[str, Layer]
Kind = TypeVar("Kind", bound=Layer)


class WatchedLoss:
    """`loss`, which calls met() as soon as its value is not finite: the weights that made it so are
    still there."""

    def __init__(self, loss: SoftmaxCrossEntropy, met: Callable[[], None]):
        self.loss, self.met = loss, met

    def forward(self, logits: Array, labels: Array) -> Array:
        """The mean loss."""
        value = self.loss.forward(logits, labels)
        if not math.isfinite(value):
            self.met()
        return value

    def backward(self) -> Array:
        """Its gradient with respect to the logits."""
        return self.loss.backward()


def origin(
    network: Network,
    x: Array | LazyBatch,
    labels: Array,
    loss: SoftmaxCrossEntropy,
    trained: bool = True,
) -> str | None:
    """Where the first number appears that is not finite, in a training step of a network on the CPU
    on the batch x (N, H, W, C) and labels (N,), in words; None if all are finite, or the step
    cannot be repeated.

    The network stays as it is. Weights that are not finite got so in backward, if the network is
    `trained`: then the step is repeated with others in their place.
    """
    loss = twin(loss)
    layers = {name: twin(layer) for name, layer in network.layers.items()}
    with contextlib.suppress(Exception), numpy.errstate(all="ignore"):
        # somebody's layer may refuse a part of a batch, and memory may be short
        found = first(layers, x, labels, loss)
        if found in network.params and trained:
            return of_weights(layers, found, x, labels, loss)
        return found
    return None


def of_weights(
    layers: Layers, found: str, x: Array | LazyBatch, labels: Array, loss: SoftmaxCrossEntropy
) -> str:
    """What made weights infinite or NaN, of which `found` are the first.

    A gradient that is not finite spoils all layers before the one that made it.
    """
    with_weights = {name: layer for name, layer in layers.items() if layer.params}
    spoilt = [not all(map(is_finite, layer.params.values())) for layer in with_weights.values()]
    count = spoilt.count(True)
    if not all(spoilt[:count]):  # no gradient does that
        return found
    rng = numpy.random.default_rng(0)
    again = first({name: repaired(layer, rng) for name, layer in layers.items()}, x, labels, loss)
    if again and again.endswith("(backward)"):
        return again
    behind = ["the loss", *reversed(with_weights)][len(spoilt) - count]
    return f"{found}, whose gradient comes from {behind}"


def first(
    layers: Layers, x: Array | LazyBatch, labels: Array, loss: SoftmaxCrossEntropy
) -> str | None:
    """The first array with a number that is not finite, in words; None if there is none."""
    found: list[tuple[int, str]] = []
    for part in in_even_parts(slice(0, len(x)), AT_A_TIME):
        pictures = x[part].standardized() if isinstance(x, LazyBatch) else x[part]
        made = enumerate(step(layers, pictures, labels[part], loss))
        found += next(([(i, what)] for i, (what, array) in made if not is_finite(array)), [])
    return min(found)[1] if found else None


def step(
    layers: Layers, x: Array, labels: Array, loss: SoftmaxCrossEntropy
) -> Iterator[tuple[str, Array]]:
    """All arrays of a training step, as they are made, each with what it is."""
    yield "the pictures", x
    for name, layer in layers.items():
        yield from ((f"{name}.{key}", array) for key, array in layer.params.items())
        x = layer.forward(x, True)
        yield f"the output of {name} (forward)", x
    yield "the loss", loss.forward(x, labels)
    dy = loss.backward()
    yield "the gradient of the loss (backward)", dy
    for name, layer in reversed(layers.items()):
        dy = layer.backward(dy)
        for key in layer.params:
            yield f"the gradient of {name}.{key} (backward)", layer.grads[key]
        yield f"the gradient that {name} passes on (backward)", dy


def is_finite(array: Array) -> bool:
    """Whether no number in it is infinite or NaN."""
    return bool(numpy.isfinite(array).all())


def twin(layer: Kind) -> Kind:
    """A layer over the same parameters, with gradients, cache and random generators of its own."""
    other = copy.copy(layer)
    other.params, other.grads, other.cache = dict(layer.params), {}, None
    for name, value in vars(layer).items():
        if isinstance(value, numpy.random.Generator):
            setattr(other, name, copy.deepcopy(value))
    return other


def repaired(layer: Layer, rng: numpy.random.Generator) -> Layer:
    """The layer with random weights in the place of arrays that are not finite."""
    other = twin(layer)
    for key, array in layer.params.items():
        if not is_finite(array):
            deviation = math.sqrt(2 / array[0].size) if array.ndim > 1 else 0
            other.params[key] = deviation * rng.standard_normal(array.shape, array.dtype)
    return other
