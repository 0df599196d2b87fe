"""The engine: however many threads share the work, the numbers are the plain network's."""

import threading
import time

import numpy
import pytest
from blas_threads import blas_threads
from naive import assert_same
from threadpoolctl import threadpool_limits

from minialex import fast
from minialex.fast import update as updating
from minialex.fast import workers as sharing
from minialex.fast.conv import FastConv2d
from minialex.fast.workers import Workers
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
    SoftmaxCrossEntropy,
)
from minialex.network import Network
from minialex.optim import SGD, Muon

SHAPE = (8, 7, 4)


@pytest.fixture(autouse=True)
def no_product_is_too_small_to_share(monkeypatch):
    monkeypatch.setattr(sharing, "WORTH_SHARING", 1)


def convolutional(dtype="float64"):
    rng = numpy.random.default_rng(0)
    layers = [
        ("conv1", Conv2d(4, 6, 3, padding=1, groups=2, rng=rng)),
        ("relu1", ReLU()),
        ("norm1", LocalResponseNorm(alpha=1.0)),
        ("pool1", MaxPool2d(3, stride=2)),
        ("flatten", Flatten()),
        ("dropout2", Dropout(0.5, numpy.random.default_rng(1))),
        ("fc2", Linear(3 * 3 * 6, 10, rng=rng)),
        ("relu2", ReLU()),
        ("dropout3", Dropout(0.5, numpy.random.default_rng(2))),
        ("fc3", Linear(10, 5, rng=rng)),
    ]
    return Network(layers, SHAPE).astype(dtype)


def dropout_before_flatten(dtype="float64"):
    rng = numpy.random.default_rng(0)
    conv, dropout, fc = (
        Conv2d(4, 3, 3, rng=rng),
        Dropout(0.5, numpy.random.default_rng(1)),
        Linear(6 * 5 * 3, 5, rng=rng),
    )
    layers = [
        ("conv", conv),
        ("dropout", dropout),
        ("relu", ReLU()),
        ("flatten", Flatten()),
        ("fc", fc),
    ]
    return Network(layers, SHAPE).astype(dtype)


def linear_only(dtype="float64"):
    rng = numpy.random.default_rng(0)
    layers = [
        ("flatten", Flatten()),
        ("fc1", Linear(8 * 7 * 4, 6, rng=rng)),
        ("relu", ReLU()),
        ("fc2", Linear(6, 5, rng=rng)),
    ]
    return Network(layers, SHAPE).astype(dtype)


def convolutions_only(dtype="float64"):
    """Nothing after the seam but the flattening: the last convolution gives one number for each
    class."""
    rng = numpy.random.default_rng(0)
    layers = [
        ("conv1", Conv2d(4, 6, 3, stride=2, rng=rng)),
        ("relu", ReLU()),
        ("conv2", Conv2d(6, 5, 3, rng=rng)),
    ]
    return Network([*layers, ("flatten", Flatten())], (7, 7, 4)).astype(dtype)


def deep(dtype="float64"):
    """Gradients on their way back through several layers that write theirs to memory of their
    own."""
    rng = numpy.random.default_rng(0)
    layers = [
        ("relu0", ReLU()),
        ("conv1", Conv2d(4, 6, 3, padding=1, rng=rng)),
        ("conv2", Conv2d(6, 3, 3, rng=rng)),
        ("relu2", ReLU()),
        ("pool2", MaxPool2d(3, stride=1, padding=1)),
        ("conv3", Conv2d(3, 4, 3, rng=rng)),
        ("relu3", ReLU()),
        ("pool3", AvgPool2d(2, stride=1)),
    ]
    return Network(
        [*layers, ("flatten", Flatten()), ("fc", Linear(3 * 2 * 4, 5, rng=rng))], SHAPE
    ).astype(dtype)


NETWORKS = [deep, convolutional, dropout_before_flatten, linear_only, convolutions_only]


def batch(network, pictures=7, seed=3):
    rng = numpy.random.default_rng(seed)
    dtype = next(iter(network.params.values())).dtype
    return rng.standard_normal((pictures, *network.input_shape)).astype(dtype), rng.integers(
        0, 5, pictures
    )


def whole(network, x, labels):
    """Loss and gradients of the network itself, without workers."""
    loss = SoftmaxCrossEntropy()
    value = loss.forward(network.forward(x, train=True), labels)
    network.backward(loss.backward())
    return float(value), network.grads


def step(engine, x, labels):
    """The loss of a step, as a number."""
    loss, _ = engine.step(x, labels, SoftmaxCrossEntropy())
    return float(loss)


def assert_close(actual, expected):
    assert list(actual) == list(expected)
    for name in expected:
        numpy.testing.assert_allclose(actual[name], expected[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "pictures", [1, 2, 7]
)  # fewer than the threads, and not to be divided evenly
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("build", NETWORKS)
def test_a_step_gives_the_loss_and_gradients_of_the_whole_batch(build, n, pictures):
    network = build()
    x, labels = batch(network, pictures)
    loss, grads = whole(build(), x, labels)
    assert step(fast.prepare(network, n), x, labels) == pytest.approx(loss, abs=1e-12)
    assert_close(network.grads, grads)


class FirstDrawIsSlow:
    """A generator whose first caller gets his numbers last."""

    def __init__(self, seed):
        self.generator, self.first = numpy.random.default_rng(seed), True

    def integers(self, *arguments, **options):
        if self.first:
            self.first = False
            time.sleep(0.05)
        return self.generator.integers(*arguments, **options)


@pytest.mark.parametrize("n", [2, 3])
def test_the_dropout_masks_do_not_depend_on_which_thread_is_faster(n):
    network = dropout_before_flatten()
    x, labels = batch(network)
    loss, grads = whole(dropout_before_flatten(), x, labels)
    network.layers["dropout"].rng = FirstDrawIsSlow(1)
    assert step(fast.prepare(network, n), x, labels) == pytest.approx(loss, abs=1e-12)
    assert_close(network.grads, grads)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_batches_of_changing_size_come_out_right_one_after_the_other(n):
    network, reference = convolutional(), convolutional()
    engine = fast.prepare(network, n)
    for pictures in (7, 2, 1, 8, 3):
        x, labels = batch(network, pictures, seed=pictures)
        loss, grads = whole(reference, x, labels)
        assert step(engine, x, labels) == pytest.approx(loss, abs=1e-12)
        assert_close(network.grads, grads)


@pytest.mark.parametrize("kind", [SGD, Muon])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_training_keeps_the_threads_on_the_weights_as_they_are_now(n, kind, monkeypatch):
    """Three steps, SGD's in slices of 10 numbers: each sees what the one before did to the weights,
    in every thread."""
    monkeypatch.setattr(updating, "SLICE", 10)
    network, reference = convolutional(), convolutional()
    engine = fast.prepare(network, n)
    optimizer, alone = kind(network, lr=0.1), kind(reference, lr=0.1)
    for seed in (3, 4, 5):
        x, labels = batch(network, seed=seed)
        step(engine, x, labels)
        engine.update(optimizer)
        whole(reference, x, labels)
        alone.step()
    assert_close(network.params, reference.params)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("build", NETWORKS)
def test_forward_is_the_networks(build, n):
    network = build()
    x, _ = batch(network)
    numpy.testing.assert_allclose(
        fast.prepare(network, n).forward(x),
        build().forward(x),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("worth_sharing", [1, 10**9], ids=["shared", "not worth sharing"])
@pytest.mark.parametrize("shape", [(7, 4, 5), (5, 4, 7), (1, 3, 2), (2, 3, 1)])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_product_is_whole_whoever_has_a_share_of_it(n, shape, worth_sharing, rng, monkeypatch):
    monkeypatch.setattr(sharing, "WORTH_SHARING", worth_sharing)
    (rows, inner, columns), workers = shape, Workers(n)
    a, b, out = (
        rng.standard_normal((rows, inner)),
        rng.standard_normal((inner, columns)),
        numpy.empty((rows, columns)),
    )
    assert workers.matmul(a, b, out) is out
    numpy.testing.assert_allclose(out, a @ b, rtol=1e-12)


@pytest.mark.parametrize("pictures, at_work", [(7, 3), (2, 2), (1, 1)])
def test_a_large_product_is_shared_by_the_threads_at_work(pictures, at_work, monkeypatch):
    """The threads wait for each other: one that took all shares would wait in vain."""
    network = linear_only()
    engine, meeting, places = fast.prepare(network, 3), threading.Barrier(at_work), []
    product = numpy.matmul

    def matmul(*arguments, **options):
        places.append(meeting.wait(timeout=10))
        return product(*arguments, **options)

    monkeypatch.setattr(numpy, "matmul", matmul)
    engine.forward(batch(network, pictures)[0])
    assert sorted(places) == sorted(2 * list(range(at_work)))  # two linear layers


def test_the_logits_of_a_step_are_the_networks():
    network = linear_only()
    x, labels = batch(network)
    _, logits = fast.prepare(network, 2).step(x, labels, SoftmaxCrossEntropy())
    numpy.testing.assert_allclose(logits, network.forward(x), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("build", NETWORKS)
def test_what_forward_and_step_return_is_the_callers(build, n):
    """A second batch leaves the results of the first alone."""
    network = build()
    engine, (x, labels) = fast.prepare(network, n), batch(network)
    y = engine.forward(x)
    _, logits = engine.step(x, labels, SoftmaxCrossEntropy())
    kept = y.copy(), logits.copy()
    engine.forward(3 * x)
    engine.step(3 * x, labels, SoftmaxCrossEntropy())
    assert_same(y, kept[0])
    assert_same(logits, kept[1])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_same_seed_and_threads_give_the_same_bits(n):
    results = []
    for _ in range(2):
        network = convolutional("float32")
        engine, optimizer = fast.prepare(network, n), SGD(network, lr=0.1)
        for seed in (3, 4, 5):
            step(engine, *batch(network, seed=seed))
            engine.update(optimizer)
        results.append(network.params)
    for name in results[0]:
        assert_same(results[0][name], results[1][name])


@pytest.mark.parametrize("n", [1, 2])
def test_single_precision_stays_single(n):
    network = convolutional("float32")
    loss, logits = fast.prepare(network, n).step(*batch(network), SoftmaxCrossEntropy())
    assert {str(a.dtype) for a in (loss, logits, *network.grads.values())} == {"float32"}


@pytest.mark.parametrize("n", [1, 2])
def test_a_step_leaves_its_batch_alone(n):
    network = convolutional()
    x, labels = batch(network)
    before = x.copy(), labels.copy()
    step(fast.prepare(network, n), x, labels)
    assert_same(x, before[0])
    assert_same(labels, before[1])


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    "x, labels, message",
    [
        (
            numpy.ones((3, *SHAPE)),
            numpy.array([0, 1, 5]),
            "labels from 0 to 4 for 5 classes, got labels from 0 to 5",
        ),
        (numpy.ones((3, *SHAPE)), numpy.array([0, 1]), r"got \(3, 5\) and \(2,\)"),
        (
            numpy.ones((3, 8, 7, 3)),
            numpy.array([0, 1, 2]),
            r"Conv2d.*expects .* \(N, H, W, 4\), got .*3\)",
        ),
    ],
    ids=["label out of range", "a label too few", "wrong pictures"],
)
def test_what_is_wrong_with_a_batch_reaches_the_caller(x, labels, message, n):
    engine = fast.prepare(convolutional(), n)
    with pytest.raises(ValueError, match=message):
        step(engine, x, labels)


def test_a_step_after_a_refused_one_is_right():
    network = convolutional()
    x, labels = batch(network)
    engine = fast.prepare(network, 2)
    with pytest.raises(ValueError, match="5 classes"):
        step(engine, x, labels + 5)
    for (
        name,
        layer,
    ) in network.layers.items():  # the refused step drew masks; draw the same ones again
        if isinstance(layer, Dropout):
            layer.rng = convolutional().layers[name].rng
    step(engine, x, labels)
    assert_close(network.grads, whole(convolutional(), x, labels)[1])


class Unchanged(Layer):
    """Returns what it is given, which a layer should not do."""

    def forward(self, x, train=False):
        return x


def test_logits_are_the_callers_own_whatever_the_last_layer_returns():
    engine = fast.prepare(Network([Flatten(), Linear(12, 3), Unchanged()], (2, 2, 3)))
    x = numpy.random.default_rng(0).standard_normal((2, 2, 2, 2, 3))
    first = engine.forward(x[0])
    before = first.copy()
    engine.forward(x[1])
    assert_same(first, before)


@pytest.mark.parametrize("n", [0, -1])
def test_there_is_at_least_one_worker(n):
    with pytest.raises(ValueError, match=f"at least 1, got {n}"):
        fast.prepare(convolutional(), n)


@pytest.mark.parametrize("build", NETWORKS)
def test_more_workers_than_pictures_cost_nothing_and_change_nothing(build):
    """As with --workers 1000000."""
    few, many = (fast.prepare(build(), n) for n in (7, 1_000_000))
    x, labels = batch(few.network, 7)
    before = threading.active_count()
    assert step(many, x, labels) == step(few, x, labels)
    for name, grad in few.grads.items():
        numpy.testing.assert_array_equal(many.grads[name], grad)
    assert len(many.memories) == len(few.memories) <= 8
    assert threading.active_count() <= before + 2 * 7


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("build", NETWORKS)
def test_the_batch_is_not_written_to(build, n):
    network = build()
    x, labels = batch(network)
    before = x.copy()
    step(fast.prepare(network, n), x, labels)
    assert_same(x, before)


@pytest.mark.parametrize("pictures, wanted", [(1, 2), (2, 1)], ids=["one picture", "one each"])
def test_blas_uses_the_cores_that_a_small_batch_leaves_idle(pictures, wanted, monkeypatch):
    """Where BLAS knows of one core only, it uses one."""
    seen = []

    def forward(self, x, train=False, forward=FastConv2d.forward):
        seen.append(blas_threads())
        return forward(self, x, train)

    monkeypatch.setattr(FastConv2d, "forward", forward)
    with threadpool_limits(64, user_api="blas"):
        most = blas_threads()
        network = Network([Conv2d(8, 4, 5, padding=2)], (8, 8, 8))
        fast.prepare(network, 2).forward(numpy.ones((pictures, 8, 8, 8), numpy.float32))
        assert set(seen) == {min(wanted, most)}
        assert blas_threads() == most


class Doubling(Layer):
    """A layer of somebody's own, with a memory that two threads would spoil."""

    def __init__(self):
        super().__init__()
        self.params["weight"] = numpy.ones(1)
        self.batches = []

    def forward(self, x, train=False):
        self.batches.append(len(x))
        self.cache = x if train else None
        return 2 * x * self.params["weight"]

    def backward(self, dy):
        self.grads = {"weight": (2 * dy * self.cached()).sum(keepdims=True).reshape(1)}
        return 2 * dy * self.params["weight"]


class Negated(Conv2d):
    """A convolution that somebody changed."""

    def forward(self, x, train=False):
        return -super().forward(x, train)

    def backward(self, dy):
        return super().backward(-dy)


def with_own_layers():
    rng = numpy.random.default_rng(0)
    layers = [
        ("conv1", Conv2d(4, 6, 3, rng=rng)),
        ("own1", Negated(6, 3, 3, rng=rng)),
        ("relu", ReLU()),
        ("own2", Doubling()),
        ("pool", MaxPool2d(2, stride=2)),
        ("flatten", Flatten()),
        ("fc", Linear(2 * 1 * 3, 5, rng=rng)),
    ]
    return Network(layers, SHAPE).astype("float64")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_layers_of_somebodys_own_stay_as_they_are_and_see_the_whole_batch(n):
    network, reference = with_own_layers(), with_own_layers()
    x, labels = batch(network)
    loss, grads = whole(reference, x, labels)
    engine = fast.prepare(network, n)
    assert step(engine, x, labels) == pytest.approx(loss, abs=1e-12)
    assert_close(engine.grads, grads)
    assert network.layers["own2"].batches == [7]


def test_a_network_without_parameters_runs(rng):
    network = Network([ReLU(), Flatten()], (2, 2, 1))
    x = rng.standard_normal((3, 2, 2, 1))
    assert_same(fast.prepare(network, 2).forward(x), network.forward(x))


def test_gradients_are_the_plain_networks_own_arrays():
    """So an optimiser built on either works with both."""
    network = convolutional()
    engine, (x, labels) = fast.prepare(network, 2), batch(network)
    step(engine, x, labels)
    for name, grad in network.grads.items():
        assert grad is engine.grads[name]


def test_after_a_change_of_precision_the_engine_computes_in_it():
    network = convolutional("float32")
    engine = fast.prepare(network, 2)
    step(engine, *batch(network))
    network.astype("float64")
    x, labels = batch(network)
    loss, grads = whole(convolutional("float32").astype("float64"), x, labels)
    for name in ("dropout2", "dropout3"):
        network.layers[name].rng = convolutional().layers[name].rng
    assert step(engine, x, labels) == pytest.approx(loss, abs=1e-12)
    assert_close(network.grads, grads)
