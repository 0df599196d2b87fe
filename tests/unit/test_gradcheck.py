"""The checker is checked: it must pass right layers and catch the classic mistakes, each planted here once."""

import os
import re
import subprocess
import sys

import numpy
import pytest
from naive import apart, max_pool

from minialex import gradcheck, layers
from minialex.gradcheck import check_layer, check_loss, check_network
from minialex.grader import shipped
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from minialex.layers.windows import col2im, taps
from minialex.network import Network

MAPS = (2, 7, 6, 8)


class PoolAssigns(MaxPool2d):
    """Where windows overlap, the last one's gradient replaces those before it."""

    def backward(self, dy):
        shape, winner = self.cached()
        dx = numpy.zeros(shape)
        for k, tap in enumerate(taps(dx, self.kernel_size, self.stride, *dy.shape[1:3])):
            tap[winner == k] = dy[winner == k]
        return dx


class PoolGivesToEveryTie(MaxPool2d):
    """Each pixel that equals the maximum gets the whole gradient."""

    def forward(self, x, train=False):
        y = super().forward(x, train)
        self.cache = x, y.copy()
        return y

    def backward(self, dy):
        x, y = self.cached()
        dx = numpy.zeros_like(x)
        shape = (self.kernel_size, self.stride, *dy.shape[1:3])
        for pixel, gradient in zip(taps(x, *shape), taps(dx, *shape), strict=True):
            gradient += dy * (pixel == y)
        return dx


class PoolPadsWithZero(MaxPool2d):
    """At the edge of a map of negative numbers 0 wins, a pixel that is not there."""

    def forward(self, x, train=False):
        super().forward(x, train)
        around = [(0, 0), (self.padding, self.padding), (self.padding, self.padding), (0, 0)]
        return MaxPool2d(self.kernel_size, self.stride).forward(numpy.pad(x, around))


class NormWithoutCrossTerm(LocalResponseNorm):
    """As if a unit damped nobody, not even itself."""

    def backward(self, dy):
        _, s, _ = self.cached()
        return dy * s**-self.beta


class NormOffByOne(LocalResponseNorm):
    """The window ends one channel too early."""

    def window_sum(self, a):
        total = super().window_sum(a)
        last = self.size // 2
        total[..., :-last] -= a[..., last:]
        return total


class ConvLosesStride(Conv2d):
    """backward lays the windows side by side as if the stride were 1."""

    def backward(self, dy):
        super().backward(dy)
        filters = dy.shape[3]
        dcolumns = dy.reshape(-1, filters) @ self.params["weight"].reshape(filters, -1)
        dx = numpy.zeros_like(self.cached())
        reached = [side + self.kernel_size - 1 for side in dy.shape[1:3]]
        col2im(
            dcolumns[None], self.kernel_size, 1, 0, dx[:, : reached[0], : reached[1]], self.scratch
        )
        return dx


class DropoutWithoutDivisor(Dropout):
    """forward divides by 1 − p, backward does not."""

    def backward(self, dy):
        return dy * (self.cached() > 0)


class ReLUOverwritesGradient(ReLU):
    def backward(self, dy):
        dy *= self.cached() > 0
        return dy


class ReLUOverwritesInput(ReLU):
    def forward(self, x, train=False):
        x *= x > 0
        return super().forward(x, train)


class LinearMeanBias(Linear):
    """The loss has taken the mean over the batch already."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.grads["bias"] = dy.mean(axis=0)
        return dx


class LinearOneWrongNumber(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads["weight"][2, 6] *= 1.001
        return dx


class LinearTransposes(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads["weight"] = self.grads["weight"].T
        return dx


class LinearForgetsBias(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        del self.grads["bias"]
        return dx


class FlattenForgetsShape(Flatten):
    def backward(self, dy):
        return dy


class TanhGivesNothing(layers.Tanh):
    def backward(self, dy):
        super().backward(dy)


class TanhGivesNaN(layers.Tanh):
    def backward(self, dy):
        return super().backward(dy) * numpy.nan


class WholeNumbers(Layer):
    """Pixels of 0 to 255 to the range 0 to 1, in integers: all 0."""

    def forward(self, x, train=False):
        return (x.astype(numpy.uint8) // 255).astype(x.dtype)

    def backward(self, dy):
        return dy / 255


class SoftmaxForgotten(Layer):
    """y = x + softmax(x), with a backward for x alone."""

    def forward(self, x, train=False):
        exponentials = numpy.exp(x)
        return x + exponentials / exponentials.sum(axis=1, keepdims=True)

    def backward(self, dy):
        return dy.copy()


def normal(rng):
    return rng.standard_normal(MAPS)


def distinct(rng):
    return apart(rng, MAPS)


def negative(rng):
    return apart(rng, MAPS) - 10


def tied(rng):
    return numpy.ones(MAPS)


def features(rng):
    return rng.standard_normal((3, 8))


def pixels(rng):
    return rng.integers(1, 250, MAPS) + 0.5


#: The mistake, the input that shows it, the array whose gradient is wrong.
WRONG_NUMBERS = [
    (lambda rng: PoolAssigns(3, stride=2), distinct, "x"),
    (lambda rng: PoolGivesToEveryTie(3, stride=2), tied, "x"),
    (lambda rng: PoolPadsWithZero(3, stride=2, padding=1), negative, "x"),
    (lambda rng: NormWithoutCrossTerm(alpha=1.0), normal, "x"),
    (lambda rng: NormOffByOne(alpha=1.0), normal, "x"),
    (lambda rng: ConvLosesStride(8, 6, 3, stride=2, rng=rng), normal, "x"),
    (lambda rng: DropoutWithoutDivisor(0.5, rng), normal, "x"),
    (lambda rng: ReLUOverwritesInput(), distinct, "x"),
    (lambda rng: LinearMeanBias(8, 5, rng=rng), features, "bias"),
    (lambda rng: LinearOneWrongNumber(8, 5, rng=rng), features, "weight"),
    (lambda rng: WholeNumbers(), pixels, "x"),
    (lambda rng: TanhGivesNaN(), normal, "x"),
    (lambda rng: SoftmaxForgotten(), features, "x"),
]
#: The mistake, its input, what the report says.
WRONG_IN_WORDS = [
    (lambda rng: ReLUOverwritesGradient(), distinct, "backward wrote into dy"),
    (lambda rng: ReLUOverwritesInput(), distinct, "forward or backward wrote into x"),
    (
        lambda rng: LinearTransposes(8, 5, rng=rng),
        features,
        "weight: backward gave shape (8, 5), expected shape (5, 8)",
    ),
    (
        lambda rng: FlattenForgetsShape(),
        normal,
        "x: backward gave shape (2, 336), expected shape (2, 7, 6, 8)",
    ),
    (
        lambda rng: LinearForgetsBias(8, 5, rng=rng),
        features,
        "bias: backward gave nothing, expected shape (5,)",
    ),
    (lambda rng: TanhGivesNothing(), features, "x: backward gave nothing, expected shape (3, 8)"),
]


def named(cases):
    return [
        pytest.param(*case, id=type(case[0](numpy.random.default_rng(0))).__name__)
        for case in cases
    ]


@pytest.mark.parametrize("build, x, array", named(WRONG_NUMBERS))
def test_a_planted_mistake_is_caught_and_the_array_named(build, x, array, rng):
    report = check_layer(build(rng), x(rng), rng)
    assert not report.passed
    assert max(report.worst, key=lambda worst: worst.error).array == array
    assert str(report).startswith(array + "[")


@pytest.mark.parametrize("build, x, message", named(WRONG_IN_WORDS))
def test_what_is_no_matter_of_numbers_is_said_in_words(build, x, message, rng):
    report = check_layer(build(rng), x(rng), rng)
    assert not report.passed
    assert message in report.problems
    assert message in str(report)


@pytest.mark.parametrize(
    "layer, x",
    [
        (MaxPool2d(3, stride=2), distinct),
        (MaxPool2d(3, stride=2, padding=1), negative),
        (LocalResponseNorm(alpha=1.0), normal),
        (Conv2d(8, 6, 3, stride=2), normal),
        (Dropout(0.5), normal),
        (ReLU(), distinct),
        (Linear(8, 5), features),
        (Flatten(), normal),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_the_layers_without_the_mistakes_pass_on_the_same_inputs(layer, x, rng):
    report = check_layer(layer, x(rng), rng)
    assert report.passed, report
    assert {worst.array for worst in report.worst} == {"x", *layer.params}


def test_the_one_wrong_number_is_pointed_at(rng):
    layer = LinearOneWrongNumber(8, 5, rng=rng)
    report = check_layer(layer, features(rng), rng)
    worst = max(report.worst, key=lambda worst: worst.error)
    assert (worst.array, worst.index, worst.checked) == ("weight", (2, 6), 40)
    assert worst.analytic == pytest.approx(1.001 * worst.numeric, rel=1e-6)
    assert str(report).startswith("weight[2, 6] ")


def test_at_a_tie_even_the_right_pool_disagrees_with_differences(rng):
    """A maximum of equals has no derivative. So inputs keep away from ties, and test_layers_pool.py has them by hand."""
    assert not check_layer(MaxPool2d(3, stride=2), tied(rng), rng).passed


def test_a_wrong_forward_with_the_backward_to_match_passes(rng):
    """A check proves that backward fits forward, not that forward is right: for that there are the loops of naive.py."""

    class Consistent(PoolPadsWithZero):
        def forward(self, x, train=False):
            y = super().forward(x, train)
            self.cache = (
                (self.cache[0], numpy.where(y == 0, 255, self.cache[1])) if train else None
            )  # no pixel won
            return y

    layer, x = Consistent(3, stride=2, padding=1), negative(rng)
    assert check_layer(layer, x, rng).passed
    assert not numpy.allclose(layer.forward(x), max_pool(x, 3, 2, 1))


def test_ones_instead_of_random_numbers_upstream_would_hide_it(rng):
    """Probabilities add up to 1 whatever the logits: as far as their sum goes, a softmax may be forgotten."""
    layer, x = SoftmaxForgotten(), features(rng)
    numeric = gradcheck.differences(lambda: float(layer.forward(x).sum()), x)
    assert abs(numeric - layer.backward(numpy.ones_like(x))).max() < 1e-9
    assert not check_layer(layer, x, rng).passed


def test_single_precision_would_hide_it(rng):
    """In float32 the right layer seems further off than the wrong one is: no tolerance could tell them apart. The more
    numbers the loss is the sum of, the more it is rounded: these are a few thousand."""
    x = rng.standard_normal((4, 12, 12, 8))
    right = check_layer(LocalResponseNorm(), x.astype(numpy.float32), rng)
    wrong = check_layer(NormWithoutCrossTerm(), x, rng)
    assert not wrong.passed
    assert right.error > 10 * wrong.error


def test_the_check_puts_everything_back(rng):
    layer, x = Linear(8, 5, rng=rng).astype("float64"), features(rng)
    before = {"x": x.copy(), **{name: array.copy() for name, array in layer.params.items()}}
    check_layer(layer, x, rng)
    for name, array in {"x": x, **layer.params}.items():
        numpy.testing.assert_array_equal(array, before[name])


def test_a_layer_that_skipped_its_input_gradient_in_a_network_is_checked_whole(rng):
    layer = Linear(8, 5, rng=rng)
    layer.needs_input_gradient = False  # what a network's backward does to its first layer
    report = check_layer(layer, features(rng), rng)
    assert report.passed, report


class LossForgetsMean(SoftmaxCrossEntropy):
    def backward(self):
        return super().backward() * len(self.cache[0])


@pytest.mark.parametrize(
    "loss, passed", [(SoftmaxCrossEntropy(), True), (LossForgetsMean(), False)]
)
def test_a_loss_is_checked(loss, passed, rng):
    report = check_loss(loss, rng.standard_normal((4, 6)), numpy.array([3, 0, 5, 3]))
    assert report.passed == passed, report


@pytest.mark.parametrize(
    "conv, linear, wrong",
    [
        (Conv2d, Linear, set()),
        (Conv2d, LinearMeanBias, {"fc.bias"}),
        (ConvLosesStride, Linear, {"x"}),
        (Conv2d, LinearOneWrongNumber, {"fc.weight"}),
    ],
)
def test_a_network_is_checked_and_the_wrong_array_named(conv, linear, wrong, rng):
    conv, fc = conv(3, 2, 3, stride=2, rng=rng), linear(8, 4, rng=rng)
    network = Network(
        [("conv", conv), ("relu", ReLU()), ("flatten", Flatten()), ("fc", fc)], (5, 6, 3)
    ).astype("float64")
    report = check_network(
        network,
        SoftmaxCrossEntropy(),
        rng.standard_normal((3, 5, 6, 3)),
        numpy.array([1, 3, 0]),
        rng,
    )
    assert {worst.array for worst in report.worst if worst.error > gradcheck.TOLERANCE} == wrong
    assert {worst.array for worst in report.worst} == {"x", *network.params}
    assert report.passed == (not wrong)


def test_the_command_prints_a_line_for_every_layer_and_ends_well():
    done = subprocess.run(
        [sys.executable, "-m", "minialex.gradcheck"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if re.match(r"\w+\(", line)]
    assert {line.partition("(")[0] for line in lines} == set(layers.__all__) - {"Layer"}
    assert all(line.endswith(" ok") for line in lines)


def test_a_reader_that_has_seen_enough_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as nobody_reads:
        done = subprocess.run(
            [sys.executable, "-m", "minialex.gradcheck"],
            stdout=nobody_reads,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_command_names_a_wrong_layer_and_fails(monkeypatch, rng, capsys):
    monkeypatch.setattr(
        shipped, "shipped_layers", lambda rng: [(LinearMeanBias(8, 5, rng=rng), features(rng))]
    )
    assert gradcheck.main([]) == 1
    output = capsys.readouterr().out
    assert re.search(r"^Linear\(8, 5\).* WRONG$", output, re.MULTILINE)
    assert re.search(r"^bias\[\d\] +backward", output, re.MULTILINE)
