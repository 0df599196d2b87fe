"""Checks minialex's own layers, each on a small input that exposes mistakes."""

import numpy

from minialex.gradcheck import check_layer, check_loss
from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from minialex.terminal import styled


def check_shipped(seed: int = 0) -> bool:
    """Whether the gradients of every layer are right; prints one line per layer."""
    rng = numpy.random.default_rng(seed)
    reports = {str(layer): check_layer(layer, x, rng) for layer, x in shipped_layers(rng)}
    loss, logits = SoftmaxCrossEntropy(), rng.standard_normal((4, 6))
    reports[str(loss)] = check_loss(loss, logits, rng.integers(0, 6, 4))
    print(styled(f"{'layer':<56} {'numbers':>7} {'error':>8}", "bold"))
    for name, report in reports.items():
        checked = sum(worst.checked for worst in report.worst)
        verdict = styled("ok", "green") if report.passed else styled("WRONG", "red")
        print(f"{name:<56} {checked:>7,} {report.error:>8.1e}  {verdict}")
        if not report.passed:
            print(report)
    return all(report.passed for report in reports.values())


def shipped_layers(rng: numpy.random.Generator) -> list[tuple[Layer, numpy.ndarray]]:
    """Every layer with a small input that exposes mistakes.

    N ≥ 2, H ≠ W, stride ≠ kernel size, and more channels than LRN's window.
    """
    maps = rng.standard_normal((2, 7, 6, 8))
    # Values 0.01 apart in random order: no window has a tie, and none is near ReLU's kink.
    apart = (rng.permutation(maps.size).reshape(maps.shape) - maps.size / 2 + 0.5) / 100
    return [
        (Conv2d(8, 6, 3, stride=2, padding=1, rng=rng), maps),
        (Conv2d(8, 6, 3, padding=1, groups=2, rng=rng), maps),
        (Conv2d(8, 6, 5, padding=2, rng=rng), maps),
        (Conv2d(8, 6, 5, stride=2, padding=2, rng=rng), maps),
        (MaxPool2d(3, stride=2), apart),
        (MaxPool2d(3, stride=2, padding=1), apart),
        (CeilMaxPool2d(3, stride=2), apart),
        (AvgPool2d(3, stride=2), maps),
        (LocalResponseNorm(alpha=1.0), maps),
        (LocalResponseNorm(size=3, alpha=0.5, beta=0.6, k=1.0), maps),
        (ReLU(), apart),
        (Tanh(), maps),
        (Sigmoid(), maps),
        (Dropout(0.5, rng), maps),
        (Flatten(), maps),
        (Linear(8, 5, rng=rng), rng.standard_normal((3, 8))),
    ]
