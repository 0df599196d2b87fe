"""The checker is checked: it must pass correct layers and catch classic mistakes, planted here."""

import os
import re
import subprocess
import sys

import numpy
import pytest
from naive import apart, max_pool

from minialex import gradcheck, layers
from minialex.gradcheck import check_layer, check_loss, check_network
from minialex.gradcheck.__main__ import main
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
from minialex.network import Network

MAPS = (2, 7, 6, 8)


def windows(x, dy, size, stride):
    """For each number of dy: its index, and the index of its window in x."""
    for n, i, j, c in numpy.ndindex(dy.shape):
        rows, columns = (slice(stride * k, stride * k + size) for k in (i, j))
        yield (n, i, j, c), (n, rows, columns, c)


def to_winners(x, dy, size, stride):
    """dx of max-pooling x: the first maximum of each window gets the gradient."""
    dx = numpy.zeros_like(x)
    for number, window in windows(x, dy, size, stride):
        winner = numpy.unravel_index(x[window].argmax(), x[window].shape)
        dx[window][winner] += dy[number]
    return dx


def window_sum(a, before, after):
    """Σ of a over the channels from i − before to i + after."""
    padded = numpy.pad(a, [(0, 0)] * (a.ndim - 1) + [(before, after)])
    return sum(padded[..., k : k + a.shape[-1]] for k in range(before + after + 1))


class KeepsInput:
    """Beside a layer: keeps x for a wrong backward, whatever the layer itself keeps."""

    def forward(self, x, train=False):
        self.x = x.copy()
        return super().forward(x, train)


class PoolAssigns(KeepsInput, MaxPool2d):
    """Where windows overlap, the last one's gradient replaces those before it."""

    def backward(self, dy):
        dx = numpy.zeros_like(self.x)
        for number, window in windows(self.x, dy, self.kernel_size, self.stride):
            winner = numpy.unravel_index(self.x[window].argmax(), self.x[window].shape)
            dx[window][winner] = dy[number]
        return dx


class PoolGivesToEveryTie(KeepsInput, MaxPool2d):
    """Each pixel that equals the maximum gets the whole gradient."""

    def backward(self, dy):
        dx = numpy.zeros_like(self.x)
        for number, window in windows(self.x, dy, self.kernel_size, self.stride):
            dx[window] += dy[number] * (self.x[window] == self.x[window].max())
        return dx


def padded_with_zero(layer, x):
    around = (layer.padding, layer.padding)
    return numpy.pad(x, [(0, 0), around, around, (0, 0)])


class PoolPadsWithZero(MaxPool2d):
    """At the edge of a map of negative numbers 0 wins, a pixel that does not exist."""

    def forward(self, x, train=False):
        super().forward(x, train)
        return MaxPool2d(self.kernel_size, self.stride).forward(padded_with_zero(self, x))


class NormWithoutCrossTerm(KeepsInput, LocalResponseNorm):
    """As if a unit damped nobody, not even itself."""

    def backward(self, dy):
        half = self.size // 2
        s = self.k + self.alpha * window_sum(self.x**2, half, half)
        return dy * s**-self.beta


class NormOffByOne(KeepsInput, LocalResponseNorm):
    """backward's window ends one channel too early."""

    def backward(self, dy):
        x, half = self.x, self.size // 2
        s = self.k + self.alpha * window_sum(x**2, half, half)
        cross = window_sum(dy * x * s ** (-self.beta - 1), half, half - 1)
        return dy * s**-self.beta - 2 * self.alpha * self.beta * x * cross


class ConvLosesStride(KeepsInput, Conv2d):
    """backward lays the windows side by side as if the stride were 1."""

    def backward(self, dy):
        super().backward(dy)
        dx, size = numpy.zeros_like(self.x), self.kernel_size
        for i, j in numpy.ndindex(dy.shape[1:3]):
            window = numpy.tensordot(dy[:, i, j], self.params["weight"], 1)
            dx[:, i : i + size, j : j + size] += window
        return dx


class DropoutWithoutDivisor(Dropout):
    """forward divides by 1 − p, backward does not."""

    def forward(self, x, train=False):
        y = super().forward(x, train)
        self.kept = y != 0
        return y

    def backward(self, dy):
        return dy * self.kept


class ReLUOverwritesGradient(KeepsInput, ReLU):
    def backward(self, dy):
        dy *= self.x > 0
        return dy


class ReLUOverwritesInput(ReLU):
    def forward(self, x, train=False):
        x *= x > 0
        return super().forward(x, train)


class LinearMeanBias(Linear):
    """The loss has already taken the mean over the batch."""

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
    """Scales pixels from 0 to 255 to the range 0 to 1, in integers: all 0."""

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


#: The mistake, an input that exposes it, the array whose gradient is wrong.
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
#: The mistake, an input that exposes it, what the report says.
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
def test_other_problems_are_reported_in_words(build, x, message, rng):
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


def test_a_single_wrong_number_is_located(rng):
    layer = LinearOneWrongNumber(8, 5, rng=rng)
    report = check_layer(layer, features(rng), rng)
    worst = max(report.worst, key=lambda worst: worst.error)
    assert (worst.array, worst.index, worst.checked) == ("weight", (2, 6), 40)
    assert worst.analytic == pytest.approx(1.001 * worst.numeric, rel=1e-6)
    assert str(report).startswith("weight[2, 6] ")


def test_at_a_tie_even_the_right_pool_disagrees_with_differences(rng):
    """The maximum of equal numbers has no derivative. So the inputs of checks have no ties, and
    test_pool.py works them out by hand."""
    assert not check_layer(MaxPool2d(3, stride=2), tied(rng), rng).passed


def test_a_wrong_forward_with_a_matching_backward_passes(rng):
    """A check proves that backward matches forward, not that forward is right: the loops of
    naive.py do that."""

    class Consistent(PoolPadsWithZero):
        def forward(self, x, train=False):
            self.padded = padded_with_zero(self, x)
            return super().forward(x, train)

        def backward(self, dy):
            dpadded = to_winners(self.padded, dy, self.kernel_size, self.stride)
            return dpadded[:, self.padding : -self.padding, self.padding : -self.padding]

    layer, x = Consistent(3, stride=2, padding=1), negative(rng)
    assert check_layer(layer, x, rng).passed
    assert not numpy.allclose(layer.forward(x), max_pool(x, 3, 2, 1))


def test_ones_instead_of_random_numbers_upstream_would_hide_it(rng):
    """Probabilities sum to 1 whatever the logits are, so a forgotten softmax does not change the
    gradient of their sum."""
    layer, x = SoftmaxForgotten(), features(rng)
    numeric = gradcheck.differences(lambda: float(layer.forward(x).sum()), x)
    assert abs(numeric - layer.backward(numpy.ones_like(x))).max() < 1e-9
    assert not check_layer(layer, x, rng).passed


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_a_right_layer_passes_whatever_numbers_it_is_given(dtype, rng):
    """Nudged by less than their precision, such numbers would stay as they are."""
    x = numpy.arange(1, 9).reshape(2, 4).astype(dtype)
    assert check_layer(ReLU(), x, rng).passed
    assert x.dtype == dtype and x[1, 3] == 8


class Centred(Layer):
    """x + b less its mean over the pictures: b has no effect, so its gradient is 0."""

    def __init__(self, wrong=0.0):
        super().__init__()
        self.params["bias"], self.wrong = numpy.zeros(4), wrong

    def forward(self, x, train=False):
        y = x + self.params["bias"]
        return 30 * (y - y.mean(axis=0))

    def backward(self, dy):
        self.grads["bias"] = self.wrong * dy.sum(axis=0)
        return 30 * (dy - dy.mean(axis=0))


def test_a_gradient_that_is_zero_passes_and_one_that_should_be_is_caught(rng):
    """As that of a convolution's bias before batch normalisation. Differences show rounding."""
    x = rng.standard_normal((6, 4))
    right, wrong = check_layer(Centred(), x, rng), check_layer(Centred(wrong=1e-6), x, rng)
    assert right.passed, right
    assert not wrong.passed and [w.array for w in wrong.worst if w.error > 1e-6] == ["bias"]


def test_the_check_restores_everything(rng):
    layer, x = Linear(8, 5, rng=rng).astype("float64"), features(rng)
    before = {"x": x.copy(), **{name: array.copy() for name, array in layer.params.items()}}
    check_layer(layer, x, rng)
    for name, array in {"x": x, **layer.params}.items():
        numpy.testing.assert_array_equal(array, before[name])


class LossForgetsMean(SoftmaxCrossEntropy):
    def backward(self):
        dlogits = super().backward()
        return dlogits * len(dlogits)


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


def test_the_command_prints_a_line_for_every_layer_and_succeeds():
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


def test_a_closed_pipe_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed_pipe:
        done = subprocess.run(
            [sys.executable, "-m", "minialex.gradcheck"],
            stdout=closed_pipe,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_command_names_a_wrong_layer_and_fails(monkeypatch, rng, capsys):
    monkeypatch.setattr(
        shipped, "shipped_layers", lambda rng: [(LinearMeanBias(8, 5, rng=rng), features(rng))]
    )
    assert main([]) == 1
    output = capsys.readouterr().out
    assert re.search(r"^Linear\(8, 5\).* WRONG$", output, re.MULTILINE)
    assert re.search(r"^bias\[\d\] +backward", output, re.MULTILINE)
