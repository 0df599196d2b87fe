"""Network: what its layers do one after the other, their names and shapes, and that it can
learn."""

import numpy
import pytest
from naive import assert_same

from minialex import fast, models
from minialex.gradcheck import check_network
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
    Tanh,
)
from minialex.network import Network
from minialex.optim import SGD, Adam


def small(rng):
    layers = [
        ("conv", Conv2d(2, 3, 3, rng=rng)),
        ("tanh", Tanh()),
        ("flatten", Flatten()),
        ("fc", Linear(24, 4, rng=rng)),
    ]
    return Network(layers, (6, 4, 2))


def narrow_alexnet(rng):
    """All that the paper's net is made of, in its order, with few channels: stride, LRN with α = 1,
    groups, dropout."""
    return Network(
        [
            ("conv1", Conv2d(3, 6, 5, stride=2, rng=rng)),
            ("relu1", ReLU()),
            ("norm1", LocalResponseNorm(alpha=1.0)),
            ("pool1", MaxPool2d(3, stride=2)),
            ("conv2", Conv2d(6, 8, 5, padding=2, groups=2, bias=1, rng=rng)),
            ("relu2", ReLU()),
            ("norm2", LocalResponseNorm(alpha=1.0)),
            ("pool2", MaxPool2d(3, stride=2)),
            ("conv3", Conv2d(8, 8, 3, padding=1, rng=rng)),
            ("relu3", ReLU()),
            ("conv4", Conv2d(8, 8, 3, padding=1, groups=2, bias=1, rng=rng)),
            ("relu4", ReLU()),
            ("conv5", Conv2d(8, 6, 3, padding=1, groups=2, bias=1, rng=rng)),
            ("relu5", ReLU()),
            ("pool5", MaxPool2d(3, stride=2)),
            ("flatten", Flatten()),
            ("fc6", Linear(36, 20, bias=1, rng=rng)),
            ("relu6", ReLU()),
            ("dropout6", Dropout(0.5, rng.spawn(1)[0])),
            ("fc7", Linear(20, 20, bias=1, rng=rng)),
            ("relu7", ReLU()),
            ("dropout7", Dropout(0.5, rng.spawn(1)[0])),
            ("fc8", Linear(20, 5, rng=rng)),
        ],
        (71, 55, 3),
    )


@pytest.fixture
def network(rng):
    return small(rng)


@pytest.fixture
def x(rng):
    return rng.standard_normal((5, 6, 4, 2), dtype=numpy.float32)


def test_a_whole_narrow_alexnet_has_the_gradients_of_finite_differences(xp):
    rng = numpy.random.default_rng(
        4
    )  # chosen: no unit comes so near to a kink that the differences step over it
    network = narrow_alexnet(rng).to(xp).astype("float64")
    x, labels = rng.standard_normal((3, *network.input_shape)), numpy.array([1, 4, 0])
    report = check_network(network, SoftmaxCrossEntropy(), xp.asarray(x), labels, rng)
    assert report.passed, report
    assert {worst.array for worst in report.worst} == {"x", *network.params}


def test_forward_is_the_layers_one_after_the_other(network, x):
    y = x
    for layer in small(numpy.random.default_rng(0)).layers.values():
        y = layer.forward(y)
    assert_same(network.forward(x), y)


def test_parameters_and_gradients_are_named_in_layer_order(network, x):
    network.backward(network.forward(x, train=True))
    assert (
        list(network.params)
        == list(network.grads)
        == ["conv.weight", "conv.bias", "fc.weight", "fc.bias"]
    )
    assert [g.shape for g in network.grads.values()] == [p.shape for p in network.params.values()]


def test_params_are_the_layers_own_arrays(network, x):
    network.params["fc.weight"][...] = 0
    assert_same(network.forward(x), numpy.zeros((5, 4)))


def test_backward_returns_the_gradient_of_the_pictures(network, x):
    dx = network.backward(network.forward(x, train=True))
    assert dx.shape == x.shape


def test_a_step_is_forward_loss_and_backward(network, x, xp):
    labels, loss = numpy.array([0, 3, 1, 1, 2]), SoftmaxCrossEntropy()
    expected = loss.forward(network.forward(x, train=True), labels)
    network.backward(loss.backward())
    grads = {name: grad.copy() for name, grad in network.grads.items()}
    value, logits = network.step(x, labels, SoftmaxCrossEntropy())
    assert float(value) == float(expected)
    assert_same(logits, network.forward(x))
    for name, grad in network.grads.items():
        assert_same(grad, grads[name])


def test_a_step_takes_its_batch_from_the_host_to_where_the_network_is(network, x, xp):
    labels = numpy.array([0, 3, 1, 1, 2])
    expected, _ = network.step(x, labels, SoftmaxCrossEntropy())
    value, logits = network.to(xp).step(x, labels, SoftmaxCrossEntropy())
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    assert isinstance(logits, xp.ndarray)


def test_shapes_work_and_size_equal_the_count_by_hand(network):
    assert network.shapes() == {"conv": (4, 2, 3), "tanh": (4, 2, 3), "flatten": (24,), "fc": (4,)}
    assert network.macs() == {"conv": 4 * 2 * 3 * 3 * 3 * 2, "tanh": 0, "flatten": 0, "fc": 24 * 4}
    assert network.parameter_count() == (3 * 3 * 3 * 2 + 3) + (24 * 4 + 4)


def test_layers_that_do_not_fit_are_refused_by_name_with_both_numbers():
    with pytest.raises(ValueError, match=r"fc does not fit its input of shape \(24,\): .*25.*24"):
        Network([("flatten", Flatten()), ("fc", Linear(25, 4))], (4, 3, 2))


@pytest.mark.parametrize(
    "layers, error, message",
    [
        ([("relu", ReLU()), ("relu", ReLU())], ValueError, "got two called 'relu'"),
        ([ReLU(), ("relu_1", ReLU())], ValueError, "got two called 'relu_1'"),
        ([ReLU], TypeError, r"expected a layer, got its class ReLU: build one, ReLU\(…\)"),
        ([("relu", ReLU)], TypeError, r"got its class ReLU: build one, ReLU\(…\)"),
        (["relu"], TypeError, r"expected layers or \(name, layer\) pairs, got 'relu'"),
        ([("relu", 3)], TypeError, "expected a layer called relu, got 3"),
        ([numpy.tanh], TypeError, r"expected layers or \(name, layer\) pairs, got <ufunc 'tanh'>"),
    ],
)
def test_what_is_no_list_of_layers_is_refused(layers, error, message):
    with pytest.raises(error, match=message):
        Network(layers, (4, 3, 2))


class Own(Layer):
    """Somebody's own layer, with one of a beginner's mistakes."""

    def __init__(self, mistake):
        if mistake != "no super":
            super().__init__()
            self.params["w"] = numpy.ones(1, "float32")
        self.mistake = mistake

    def forward(self, x, train=False):
        return None if self.mistake == "no y" else x * self.params["w"]

    def backward(self, dy):
        if self.mistake != "no grads":
            self.grads["w"] = dy.sum().reshape(1)
        return None if self.mistake == "no dx" else dy


@pytest.mark.parametrize(
    "mistake, said",
    [
        ("no super", r"Own.__init__ must call super\(\).__init__\(\)"),
        ("no y", "Own.forward returned None, expected an array"),
        ("no dx", "Own.backward returned None, expected an array"),
        ("no grads", "own_1.grads has no 'w'"),
    ],
)
@pytest.mark.parametrize("engine", ["plain", "fast"])
@pytest.mark.parametrize("place", ["first", "after a convolution", "last"])
def test_a_mistake_in_a_layer_of_your_own_names_it(mistake, said, engine, place, rng):
    x, labels = rng.standard_normal((2, 4, 4, 1), dtype="float32"), numpy.array([0, 1])
    with pytest.raises(ValueError, match=said):
        layers = [Conv2d(1, 2, 3, rng=rng), Flatten(), Linear(8, 2, rng=rng)]
        layers.insert(["first", "after a convolution", "last"].index(place), Own(mistake))
        network = Network(layers if place != "last" else [*layers, Own(mistake)], (4, 4, 1))
        trained = network if engine == "plain" else fast.prepare(network)
        trained.step(x, labels, SoftmaxCrossEntropy())
        SGD(network).step()


class MeanOverPixels(Layer):
    def forward(self, x, train=False):
        return x.mean(axis=(1, 2))


def test_a_layer_of_your_own_that_changes_the_shape_needs_an_output_shape():
    with pytest.raises(ValueError, match="does meanoverpixels_1 change the shape"):
        Network([Conv2d(1, 2, 3), MeanOverPixels(), Linear(2, 2)], (4, 4, 1))
    with pytest.raises(ValueError) as caught:
        Network([Conv2d(1, 2, 3), MaxPool2d(2, stride=2), Linear(2, 2)], (4, 4, 1))
    assert "output_shape" not in str(caught.value)


def test_what_lacks_a_method_says_so():
    with pytest.raises(NotImplementedError, match="MeanOverPixels has no backward"):
        MeanOverPixels().backward(numpy.ones(3))
    with pytest.raises(NotImplementedError, match="Layer has no forward"):
        Layer().forward(numpy.ones(3))


def test_a_number_is_not_the_shape_of_an_input():
    with pytest.raises(
        TypeError, match=r"input_shape is the shape of one input, \(H, W, C\), got 8"
    ):
        Network([ReLU()], 8)


def test_one_layer_in_two_places_is_refused():
    relu = ReLU()
    with pytest.raises(ValueError, match=r"relu_2 is ReLU\(\), which is in the network already"):
        Network([relu, relu], (4, 3, 2))


def test_layers_without_names_are_called_after_their_class_and_counted():
    layers = [Conv2d(2, 3, 3), ReLU(), Conv2d(3, 3, 3), ReLU(), ("last", Flatten())]
    network = Network(layers, (6, 5, 2))
    assert list(network.layers) == ["conv2d_1", "relu_1", "conv2d_2", "relu_2", "last"]


def test_astype_converts_what_goes_in_and_out(network, x):
    network.astype("float64")
    y = network.forward(x.astype("float64"), train=True)
    network.backward(y)
    assert {str(a.dtype) for a in (y, *network.params.values(), *network.grads.values())} == {
        "float64"
    }


def test_to_moves_the_parameters(network, x, xp):
    expected = network.forward(x).copy()
    moved = network.to(xp)
    assert moved is network
    assert all(isinstance(array, xp.ndarray) for array in network.params.values())
    numpy.testing.assert_allclose(
        network.forward(xp.asarray(x)).tolist(), expected.tolist(), rtol=1e-5, atol=1e-5
    )


def test_printing_shows_a_line_for_each_layer(network):
    assert [line.split()[0] for line in str(network).splitlines()] == [
        "conv",
        "tanh",
        "flatten",
        "fc",
    ]


@pytest.mark.parametrize("optimizer, lr", [(SGD, 0.05), (Adam, 0.005)])
def test_a_network_learns_32_random_pictures_by_heart(optimizer, lr, rng, xp):
    network, loss = models.build("lenet", rng=rng).to(xp), SoftmaxCrossEntropy()
    optimizer = optimizer(network, lr=lr)
    x = xp.asarray(rng.standard_normal((32, *network.input_shape), dtype=numpy.float32))
    labels = rng.integers(0, 10, 32)
    for _ in range(50):
        loss.forward(network.forward(x, train=True), labels)
        network.backward(loss.backward())
        optimizer.step()
    assert network.forward(x).argmax(axis=1).tolist() == labels.tolist()
