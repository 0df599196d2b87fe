"""The gradient of one weight, and the finite difference that proves it."""

from dataclasses import dataclass

import numpy

from minialex.errors import InputError
from minialex.explore.changes import with_weight
from minialex.explore.state import Question
from minialex.explore.view import Gradients, View, forward, value_of_logits


@dataclass(frozen=True)
class Proof:
    """What a nudge of one weight does.

    weight     the weight
    gradient   from the layer's backward, in float32
    nudge      δ
    above, below   the loss or the logit where the weight is δ larger, and δ smaller, in float64
    difference     (above − below) / 2δ, which must be the gradient
    """

    weight: float
    gradient: float
    nudge: float
    above: float
    below: float
    difference: float


def prove(
    view: View,
    gradients: Gradients,
    question: Question,
    layer: str,
    key: str,
    index: tuple[int, ...],
    nudge: float,
) -> Proof:
    """The gradient of the weight at `index` of the layer's parameter `key`, and its proof: the
    whole network computes its answer twice more, with the weight nudged up and down.

    gradients: those of the question, in the view. nudge: δ > 0. InputError if there is no such
    weight.
    """
    weights = view.layers[layer].params.get(key) if layer in view.layers else None
    if weights is None:
        raise InputError(f"there is no parameter {layer}.{key}")
    if len(index) != weights.ndim or any(i >= n for i, n in zip(index, weights.shape, strict=True)):
        raise InputError(f"{layer}.{key} has the shape {weights.shape}, got the place {index}")
    names = list(view.layers)
    place = names.index(layer)
    layers = list(view.layers.values())
    x = forward(layers[:place], view.x.astype(numpy.float64))
    values = []
    for step in (nudge, -nudge):
        nudged = weights.astype(numpy.float64)
        nudged[index] += step
        logits = forward([with_weight(layers[place], key, nudged), *layers[place + 1 :]], x)
        values.append(value_of_logits(logits, question))
    above, below = values
    return Proof(
        float(weights[index]),
        float(gradients.of_weights[layer][key][index]),
        nudge,
        above,
        below,
        (above - below) / (2 * nudge),
    )
