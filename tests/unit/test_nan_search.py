"""A loss that is not finite names the layer where that begins: planted causes, in both engines."""

import numpy
import pytest

from minialex import Layer, Network, Trainer, nan_search, optim, schedules
from minialex.data import from_arrays
from minialex.errors import NotFinite
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)

SIDE = 8


class Log(Layer):
    """y = log(x), which is −infinity at 0."""

    def forward(self, x, train=False):
        self.cache = x if train else None
        return numpy.log(x)

    def backward(self, dy):
        return dy / self.cached()


class Magnitude(Layer):
    """y = |x|, and a dx that is 0/0 at 0."""

    def forward(self, x, train=False):
        self.cache = x if train else None
        return abs(x)

    def backward(self, dy):
        return dy * self.cached() / abs(self.cached())


class Spoil(Layer):
    """y = x, and a gradient of NaN in one backward: of the picture that is passed `at` a time."""

    def __init__(self, at=1):
        super().__init__()
        self.at = at

    def forward(self, x, train=False):
        return x

    def backward(self, dy):
        Spoil.calls += 1
        return dy * (numpy.float32("nan") if Spoil.calls == self.at else 1)


def network(own=None):
    rng = numpy.random.default_rng(3)
    layers = [
        ("conv1", Conv2d(1, 4, 3, padding=1, rng=rng)),
        ("relu1", ReLU()),
        *([("own", own)] if own else []),
        ("pool1", MaxPool2d(2, stride=2)),
        ("conv2", Conv2d(4, 4, 3, padding=1, rng=rng)),
        ("flatten", Flatten()),
        ("drop", Dropout(0.2, rng)),
        ("fc", Linear(64, 2, rng=rng)),
    ]
    return Network(layers, (SIDE, SIDE, 1))


@pytest.fixture(params=["plain", "fast"])
def trainer(request):
    """Builds a Trainer of 3 steps an epoch with the layer `own` in its network."""

    def build(own=None, lr=0.01):
        rng = numpy.random.default_rng(0)
        x, labels = rng.random((60, SIDE, SIDE, 1)), numpy.arange(60) % 2
        net, data = network(own), from_arrays(x, labels, x[:20], labels[:20])
        optimizer, settings = optim.SGD(net, lr), dict(batch_size=20, workers=1)
        return Trainer(net, data, optimizer, **settings, engine=request.param)

    return build


def said(trainer, epochs=3):
    """What is said when the training fails."""
    with numpy.errstate(all="ignore"), pytest.raises(NotFinite) as caught:
        trainer.fit(epochs)
    return str(caught.value)


def test_a_logarithm_of_0_in_ones_own_layer(trainer):
    assert said(trainer(Log())) == (
        "the loss is nan in epoch 1 by step 1: try a smaller learning rate than 0.01; "
        "it begins in the output of own (forward)"
    )


def test_0_through_0_in_the_backward_of_ones_own_layer(trainer):
    """The loss shows it a step later, and the weights that it has spoilt are gone."""
    text = said(trainer(Magnitude()))
    assert "in epoch 1 by step 2: " in text
    assert text.endswith("it begins in the gradient that own passes on (backward)")


def test_a_gradient_that_is_spoilt_only_once(trainer):
    """It is not found again, but the weights tell where it came from."""
    Spoil.calls = 0
    text = said(trainer(Spoil(at=4)))
    assert "in epoch 2 by step 2: " in text
    assert text.endswith("it begins in conv1.weight, whose gradient comes from conv2")


def test_a_learning_rate_that_explodes(trainer):
    text = said(trainer(lr=1e30))
    assert "in epoch 1 by step 2: try a smaller learning rate than 1e+30; " in text
    assert text.endswith("it begins in the output of conv2 (forward)")


def test_the_rate_that_was_asked_for_is_named_not_the_one_that_its_schedule_has_reached(trainer):
    it = trainer()
    it.schedule = schedules.build("cosine", 1e30, epochs=30)
    text = said(it, epochs=30)
    assert 0 < it.optimizer.lr < 1e30
    assert "try a smaller learning rate than 1e+30; " in text


@pytest.mark.parametrize("name", ["conv1.weight", "fc.bias"])
def test_an_infinite_weight(trainer, name):
    it = trainer()
    it.network.params[name].flat[0] = numpy.inf
    text = said(it)
    assert "by step 1: " in text
    assert text.endswith(f"it begins in {name}")


def test_an_infinite_weight_that_no_gradient_can_have_made(trainer):
    it = trainer()
    it.fit(1)
    it.network.params["conv2.bias"][0] = numpy.nan
    assert said(it).endswith("it begins in conv2.bias")


def test_pictures(trainer, monkeypatch):
    it = trainer()
    step = it.step

    def damaged(x, labels):
        x = x if isinstance(x, numpy.ndarray) else x.standardized()
        x[3, 2, 1] = numpy.nan
        return step(x, labels)

    monkeypatch.setattr(it, "step", damaged)
    assert said(it).endswith(
        "by step 1: try a smaller learning rate than 0.01; it begins in the pictures"
    )


def test_weights_that_the_last_step_has_spoilt_are_not_saved(trainer, tmp_path):
    it = trainer(Magnitude())
    with numpy.errstate(all="ignore"):
        next(it.train_epoch())
        with pytest.raises(NotFinite, match=r"largest weight is nan .* own passes on .backward.$"):
            it.save(tmp_path / "net.npz")


def test_a_loss_of_the_test_pictures(trainer):
    it = trainer()
    for _ in it.train_epoch():
        pass
    it.network.params["conv2.weight"][0] = numpy.inf
    with pytest.raises(NotFinite, match=r"the test loss is nan .* it begins in conv2.weight$"):
        it.finish_epoch(dict(loss=numpy.nan, accuracy=0.5))


def test_the_search_changes_nothing():
    net, loss = network(Log()), SoftmaxCrossEntropy()
    rng = numpy.random.default_rng(0)
    x, labels = rng.standard_normal((9, SIDE, SIDE, 1), "float32"), numpy.arange(9) % 2
    with numpy.errstate(all="ignore"):
        net.step(x, labels, loss)
    before = {name: (layer.cache, dict(layer.grads)) for name, layer in net.layers.items()}
    state, cache = net.layers["drop"].rng.bit_generator.state, loss.cache
    assert nan_search.origin(net, x, labels, loss) == "the output of own (forward)"
    assert net.layers["drop"].rng.bit_generator.state == state
    assert loss.cache is cache
    for name, layer in net.layers.items():
        assert layer.cache is before[name][0]
        assert all(layer.grads[key] is grad for key, grad in before[name][1].items())


def test_nothing_is_found_where_all_is_finite_or_nothing_can_be_repeated():
    x, labels, loss = numpy.ones((9, SIDE, SIDE, 1), "float32"), numpy.zeros(9, int), None

    class Whole(Layer):
        """A layer that refuses a part of the batch."""

        def forward(self, x, train=False):
            raise ValueError(f"expected 9 pictures, got {len(x)}")

    loss = SoftmaxCrossEntropy()
    assert nan_search.origin(network(), x, labels, loss) is None
    assert nan_search.origin(network(Whole()), x, labels, loss) is None
