"""Network: what its layers do one after the other, their names and shapes, and that it can learn."""

import numpy
import pytest
from naive import assert_same

from minialex import models
from minialex.gradcheck import check_network
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
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
    """All that the paper's net is made of, in its order, with few channels: stride, LRN with α = 1, groups, dropout."""
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


def test_the_input_gradient_is_given_only_when_asked_for_and_changes_no_other(network, x):
    dy = network.forward(x, train=True)
    dx = network.backward(dy, input_gradient=True)
    assert dx.shape == x.shape
    with_dx = {name: grad.copy() for name, grad in network.grads.items()}
    assert network.backward(dy) is None
    for name, grad in network.grads.items():
        assert_same(grad, with_dx[name])
    assert_same(network.backward(dy, input_gradient=True), dx)


def test_an_input_gradient_not_asked_for_is_not_given_by_a_first_layer_that_has_one_anyway(x, rng):
    network = Network([("flatten", Flatten()), ("fc", Linear(48, 4, rng=rng))], (6, 4, 2))
    dy = network.forward(x, train=True)
    assert network.backward(dy) is None
    assert network.backward(dy, input_gradient=True).shape == x.shape


def test_shapes_work_and_size_equal_the_count_by_hand(network):
    assert network.shapes() == {"conv": (4, 2, 3), "tanh": (4, 2, 3), "flatten": (24,), "fc": (4,)}
    assert network.macs() == {"conv": 4 * 2 * 3 * 3 * 3 * 2, "tanh": 0, "flatten": 0, "fc": 24 * 4}
    assert network.parameter_count() == (3 * 3 * 3 * 2 + 3) + (24 * 4 + 4)


def test_layers_that_do_not_fit_are_refused_by_name_with_both_numbers():
    with pytest.raises(ValueError, match=r"fc does not fit its input of shape \(24,\): .*25.*24"):
        Network([("flatten", Flatten()), ("fc", Linear(25, 4))], (4, 3, 2))


def test_two_layers_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"name of its own, got \['relu', 'relu'\]"):
        Network([("relu", ReLU()), ("relu", ReLU())], (4, 3, 2))


def test_a_replica_shares_parameters_and_nothing_else(network, x):
    dy = network.forward(x, train=True).copy()
    network.backward(dy)
    grads = {name: grad.copy() for name, grad in network.grads.items()}
    twin = network.replica()
    with pytest.raises(RuntimeError):
        twin.backward(dy)
    twin.backward(twin.forward(2 * x, train=True))
    for name, grad in network.grads.items():
        assert_same(grad, grads[name])
    network.params["fc.bias"][...] = 7
    assert_same(twin.params["fc.bias"], numpy.full(4, 7))


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
