"""One picture's way through a network, forward; and backward, the gradients of an answer."""

import math
from collections.abc import Iterable

import numpy

from minialex.errors import InputError
from minialex.evaluation import log_softmax
from minialex.explore.changes import changed
from minialex.explore.pictures import blank
from minialex.explore.state import NO_CHANGES, Changes, Question
from minialex.inference import TrainedNetwork
from minialex.layers import Layer, SoftmaxCrossEntropy
from minialex.twin import is_shipped, twin


class View:
    """What a network makes of one picture.

    picture         uint8 (S, S, C), as the network sees it: the mean where it is covered
    x               what its first layer gets: float32 (1, S, S, C), standardised; 0, the mean
                    colour, where the picture is covered
    layers          by name, changed
    outputs         of each layer, (1, …)
    probabilities   (classes,)
    """

    def __init__(
        self,
        trained: TrainedNetwork,
        picture: numpy.ndarray,
        covered: tuple[int, int, int] | None = None,
        changes: Changes = NO_CHANGES,
    ):
        self.trained, self.changes = trained, changes
        self.picture, self.x = picture.copy(), trained.standardize(picture[None])
        if covered:
            row, column, side = covered
            square = (slice(row, row + side), slice(column, column + side))
            self.picture[square], self.x[0][square] = blank(trained)[square], 0
        self.layers = changed(trained.network, changes)
        self.outputs: dict[str, numpy.ndarray] = {}
        y = self.x
        for name, layer in self.layers.items():
            y = self.outputs[name] = layer.forward(y)
        self.probabilities = numpy.exp(log_softmax(y))[0]

    def input_of(self, name: str) -> numpy.ndarray:
        """What the layer called `name` gets: (1, …)."""
        names = list(self.layers)
        before = names.index(name)
        return self.outputs[names[before - 1]] if before else self.x


class Gradients:
    """The gradients of one number, a class's loss or its logit, by the layers' own backward.

    of           the view and the question
    of_picture   dx of the first layer, (1, S, S, C); per standard deviation of a channel
    of_outputs   dy of each layer, (1, …)
    of_weights   of each layer's parameters: of_weights["conv1"]["weight"]
    otherwise    the first layer, of the reader's own, that computes other numbers in training than
                 in a test; None if there is none. All gradients are of training
    """

    def __init__(self, view: View, question: Question):
        check_class(view, question)
        self.of = view, question
        layers, y = changed(view.trained.network, view.changes), view.x
        self.otherwise: str | None = None
        for name, layer in layers.items():
            y = layer.forward(y, train=True)
            if not (self.otherwise or is_shipped(layer) or alike(y, view.outputs[name])):
                self.otherwise = name
        dy = gradient_of_logits(y, question)
        self.of_outputs: dict[str, numpy.ndarray] = {}
        for name, layer in reversed(layers.items()):
            self.of_outputs[name] = dy
            dy = layer.backward(dy)
        self.of_picture = dy
        self.of_weights = {name: layer.grads for name, layer in layers.items()}


def check_class(view: View, question: Question) -> None:
    """InputError if the question is about a class that the network does not have."""
    classes = len(view.probabilities)
    if question.class_number >= classes:
        raise InputError(f"expected a class from 0 to {classes - 1}, got {question.class_number}")


def gradient_of_logits(logits: numpy.ndarray, question: Question) -> numpy.ndarray:
    """The gradient of what the question is about with respect to the logits (1, classes).

    Of the loss in float64 first: 1 − p is 0 in float32 where p is nearly 1.
    """
    if question.quantity == "loss":
        loss = SoftmaxCrossEntropy()
        loss.forward(logits.astype(numpy.float64), numpy.array([question.class_number]))
        return loss.backward().astype(logits.dtype)
    dlogits = numpy.zeros_like(logits)
    dlogits[0, question.class_number] = 1
    return dlogits


def value_of_logits(logits: numpy.ndarray, question: Question) -> float:
    """What the question is about: the loss of the logits (1, classes), or one of them.

    The loss, −log p, is computed as log(1 + Σ exp(z_k − z)) over the other classes k: that has all
    its digits where p is nearly 1, too.
    """
    own = logits[0, question.class_number]
    if question.quantity == "loss":
        others = numpy.delete(logits[0], question.class_number) - own
        return float(numpy.logaddexp(0, numpy.logaddexp.reduce(others)))
    return float(own)


def forward(layers: Iterable[Layer], x: numpy.ndarray) -> numpy.ndarray:
    """x after all of the layers; of the reader's own, as in training, and they stay as they are."""
    for layer in layers:
        x = layer.forward(x) if is_shipped(layer) else twin(layer).forward(x, train=True)
    return x


def alike(a: numpy.ndarray, b: numpy.ndarray) -> bool:
    """Whether the arrays are the same up to rounding."""
    return numpy.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)


def laid_out(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in which a page shows units: (H, W, C) or (C,); of another one, which only layers
    of the reader's own have, all in a row."""
    return shape if len(shape) in (1, 3) else (math.prod(shape),)


def as_laid_out(y: numpy.ndarray) -> numpy.ndarray:
    """What a layer makes of one picture, y (1, …), in the shape in which a page shows it."""
    return y[0].reshape(laid_out(y.shape[1:]))
