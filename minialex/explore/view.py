"""One picture's way through a network, forward; and backward, the gradients of an answer."""

from collections.abc import Iterable

import numpy

from minialex.errors import InputError
from minialex.evaluation import log_softmax
from minialex.explore.changes import changed
from minialex.explore.pictures import blank
from minialex.explore.state import NO_CHANGES, Changes, Question
from minialex.inference import TrainedNetwork
from minialex.layers import Layer, SoftmaxCrossEntropy


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
    """

    def __init__(self, view: View, question: Question):
        check_class(view, question)
        self.of = view, question
        layers, y = changed(view.trained.network, view.changes), view.x
        for layer in layers.values():
            y = layer.forward(y, train=True)
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
    """The gradient of what the question is about with respect to the logits (1, classes)."""
    if question.quantity == "loss":
        loss = SoftmaxCrossEntropy()
        loss.forward(logits, numpy.array([question.class_number]))
        return loss.backward()
    dlogits = numpy.zeros_like(logits)
    dlogits[0, question.class_number] = 1
    return dlogits


def value_of_logits(logits: numpy.ndarray, question: Question) -> float:
    """What the question is about: the loss of the logits (1, classes), or one of them."""
    if question.quantity == "loss":
        return float(SoftmaxCrossEntropy().forward(logits, numpy.array([question.class_number])))
    return float(logits[0, question.class_number])


def forward(layers: Iterable[Layer], x: numpy.ndarray) -> numpy.ndarray:
    """x after all of the layers."""
    for layer in layers:
        x = layer.forward(x)
    return x
