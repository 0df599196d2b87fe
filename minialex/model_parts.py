"""What the models of the zoo have in common: convolutions and pools, and the last layers."""

import numpy

from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
)
from minialex.network import Network

Layers = list[tuple[str, Layer]]
Rng = numpy.random.Generator


def norm_and_pool(
    number: int, lrn: bool, pool_first: bool, padding: int = 0, groups: int = 1
) -> Layers:
    """The overlapping pool after convolution `number`, with LRN before it, after it or not at
    all."""
    norm = [(f"norm{number}", LocalResponseNorm(groups=groups))] if lrn else []
    pool = [(f"pool{number}", MaxPool2d(3, stride=2, padding=padding))]
    return pool + norm if pool_first else norm + pool


def convolutions(
    channels: tuple[int, ...], in_channels: int, rng: Rng, lrn: bool, pool_first: bool, padding=0
) -> Layers:
    """The five convolutions without groups, He's initial weights; `padding` is conv1's."""
    c1, c2, c3, c4, c5 = channels
    return [
        ("conv1", Conv2d(in_channels, c1, 11, stride=4, padding=padding, rng=rng)),
        ("relu1", ReLU()),
        *norm_and_pool(1, lrn, pool_first),
        ("conv2", Conv2d(c1, c2, 5, padding=2, rng=rng)),
        ("relu2", ReLU()),
        *norm_and_pool(2, lrn, pool_first),
        ("conv3", Conv2d(c2, c3, 3, padding=1, rng=rng)),
        ("relu3", ReLU()),
        ("conv4", Conv2d(c3, c4, 3, padding=1, rng=rng)),
        ("relu4", ReLU()),
        ("conv5", Conv2d(c4, c5, 3, padding=1, rng=rng)),
        ("relu5", ReLU()),
        ("pool5", MaxPool2d(3, stride=2)),
    ]


def with_classifier(
    features: Layers,
    input_shape: tuple,
    num_classes: int,
    rng: Rng,
    hidden: int = 4096,
    dropout_first: bool = False,
) -> Network:
    """The features, then three linear layers; dropout after the hidden ones' ReLU or
    (`dropout_first`) before them."""
    hidden_layers: Layers = []
    width = flat_size(features, input_shape)
    for number in (6, 7):
        dropout = (f"dropout{number}", Dropout(0.5, rng.spawn(1)[0]))
        linear = [(f"fc{number}", Linear(width, hidden, rng=rng)), (f"relu{number}", ReLU())]
        hidden_layers += [dropout, *linear] if dropout_first else [*linear, dropout]
        width = hidden
    fc8 = (
        "fc8",
        Linear(hidden, num_classes, weight_std=0.01, rng=rng),
    )  # small logits: training starts undecided
    return Network([*features, ("flatten", Flatten()), *hidden_layers, fc8], input_shape)


def without_hidden_layers(
    first: dict,
    stages: list[tuple[int, ...]],
    num_classes: int,
    in_channels: int,
    image_size: int,
    rng: Rng | None,
) -> Network:
    """Convolutions with 3×3 kernels, a max-pool at the end of the first stage, mean pools at the
    end of the others, and one linear layer.

    first: the window of the first convolution, where it is another one.
    stages: for each stage, the channels after each of its convolutions.
    """
    rng = rng or numpy.random.default_rng()
    features, number, before = [], 0, in_channels
    for stage in stages:
        for after in stage:
            number += 1
            window = dict(kernel_size=3, padding=1) | ({} if features else first)
            features += [
                (f"conv{number}", Conv2d(before, after, **window, rng=rng)),
                (f"relu{number}", ReLU()),
            ]
            before = after
        pool = MaxPool2d(3, stride=2, padding=1) if stage is stages[0] else AvgPool2d(2, stride=2)
        features.append((f"pool{number}", pool))
    input_shape = (image_size, image_size, in_channels)
    linear = Linear(flat_size(features, input_shape), num_classes, weight_std=0.01, rng=rng)
    return Network([*features, ("flatten", Flatten()), (f"fc{number + 1}", linear)], input_shape)


def flat_size(features: Layers, input_shape: tuple[int, ...]) -> int:
    """How many numbers the features of one picture are, laid end to end."""
    return Network([*features, ("flatten", Flatten())], input_shape).shapes()["flatten"][0]
