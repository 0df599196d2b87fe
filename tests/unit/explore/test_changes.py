"""A changed network computes what one computes that was built so, and the one that it was changed
from stays as it is."""

import copy
import math

import numpy
import pytest
from explored import in_float64, small_network, smooth_network
from naive import apart, assert_close, conv, positions

from minialex import models
from minialex.errors import InputError
from minialex.explore.changes import Masked, Through, changed
from minialex.explore.state import NO_CHANGES, Changes
from minialex.gradcheck import check_layer, check_network
from minialex.layers import Conv2d, Dropout, Flatten, Linear, ReLU, SoftmaxCrossEntropy
from minialex.network import Network

#: One of each kind, and two that meet in a layer.
ALL = Changes(
    silenced=frozenset({("conv1", 2), ("conv2", 0), ("fc3", 5), ("fc3", 6), ("fc4", 1)}),
    bypassed=frozenset({"norm1"}),
    unpadded=frozenset({"conv1", "conv2"}),
    dropping=frozenset({"drop3"}),
    seed=4,
)


def inputs(rng, shape, n=2):
    return rng.standard_normal((n, *shape), dtype="float32")


def outputs(layers, x):
    """The output of each layer."""
    found = {}
    for name, layer in layers.items():
        x = found[name] = layer.forward(x)
    return found


def last(network, changes, x):
    return list(outputs(changed(network, changes), x).values())[-1]


def without(network, *kernels, norm=True):
    """A copy in which these kernels have no weights and no bias; norm: whether it normalises."""
    network = copy.deepcopy(network)
    for name, number in kernels:
        for array in network.layers[name].params.values():
            array[number] = 0
    layers = [item for item in network.layers.items() if norm or item[0] != "norm1"]
    return Network(layers, network.input_shape)


@pytest.mark.parametrize("name", ["small", "lenet", "alexnet-cifar"])
def test_without_changes_it_is_the_network_to_the_bit(name, rng):
    network = small_network() if name == "small" else models.build(name, rng=rng)
    x = inputs(rng, network.input_shape)
    found = last(network, NO_CHANGES, x)
    assert found.tobytes() == network.forward(x).tobytes()
    assert last(network, Changes(seed=7), x).tobytes() == found.tobytes()


@pytest.mark.parametrize(
    "kernels",
    [
        [("conv1", 0)],
        [("conv2", 5)],
        [("conv1", 1), ("conv1", 3), ("conv2", 2)],
        [("fc3", 7)],
        [("fc4", 2)],
        [("conv1", 2), ("fc3", 0), ("fc4", 0)],
    ],
    ids=str,
)
def test_a_silenced_kernel_has_no_weights_and_no_bias(kernels, rng):
    network = small_network()
    x = inputs(rng, network.input_shape)
    found = outputs(changed(network, Changes(silenced=frozenset(kernels))), x)
    expected = outputs(without(network, *kernels).layers, x)
    for name in ("conv1", "conv2", "fc3", "fc4"):
        assert_close(found[name], expected[name])
    for name, number in kernels:
        assert not found[name][..., number].any()


def test_a_silenced_kernel_is_silent_even_if_its_weights_are_not_numbers(rng):
    network = small_network()
    network.layers["conv1"].params["weight"][2, 0, 0, 0] = math.nan
    network.layers["fc3"].params["bias"][1] = math.inf
    kernels = [("conv1", 2), ("fc3", 1)]
    x = inputs(rng, network.input_shape)
    expected = without(network, *kernels).forward(x)
    assert_close(last(network, Changes(silenced=frozenset(kernels)), x), expected)


def test_a_normalisation_that_is_left_out_is_not_there(rng):
    network = small_network()
    x = inputs(rng, network.input_shape)
    found = last(network, Changes(bypassed=frozenset({"norm1"})), x)
    assert_close(found, without(network, norm=False).forward(x))
    assert abs(found - network.forward(x)).max() > 1e-3


@pytest.mark.parametrize(
    "options",
    [
        dict(kernel_size=3, padding=1),
        dict(kernel_size=5, padding=2, stride=2),
        dict(kernel_size=3, padding=2, groups=2),
        dict(kernel_size=4, padding=1, stride=3),
        dict(kernel_size=3),
    ],
    ids=str,
)
def test_units_that_see_padding_give_0_where_a_convolution_is_unpadded(options, rng):
    layer = Conv2d(2, 4, rng=rng, bias=0.5, **options)
    network = Network([("conv1", layer), ("relu1", ReLU())], (9, 7, 2))
    x = inputs(rng, network.input_shape)
    weight, bias = layer.params.values()
    expected = conv(x, weight, bias, layer.stride, layer.padding, layer.groups)
    for i, j in positions(*expected.shape[1:3]):
        first = i * layer.stride - layer.padding, j * layer.stride - layer.padding
        behind = first[0] + layer.kernel_size, first[1] + layer.kernel_size
        if min(first) < 0 or behind[0] > 9 or behind[1] > 7:
            expected[:, i, j] = 0
    assert expected.any()
    assert_close(
        outputs(changed(network, Changes(unpadded=frozenset({"conv1"}))), x)["conv1"], expected
    )


def dropouts(*ps):
    """A network of dropout layers, each on 4,000 units."""
    layers = [(f"drop{number}", Dropout(p)) for number, p in enumerate(ps)]
    return Network([("flatten", Flatten()), *layers], (20, 20, 10))


def dropped(network, names, seed, x):
    """What each layer makes of x, where these ones drop units out."""
    return outputs(changed(network, Changes(dropping=frozenset(names), seed=seed)), x)


def test_the_seed_decides_which_units_drop_out():
    network, x = dropouts(0.5), numpy.ones((1, 20, 20, 10), "float32")
    layers = changed(network, Changes(dropping=frozenset({"drop0"}), seed=1))
    first = outputs(layers, x)["drop0"]
    again = outputs(layers, x)["drop0"]
    in_training = layers["drop0"].forward(x.reshape(1, -1), train=True)
    assert first.tobytes() == again.tobytes() == in_training.tobytes()
    assert dropped(network, ["drop0"], 1, x)["drop0"].tobytes() == first.tobytes()
    others = [dropped(network, ["drop0"], seed, x)["drop0"] for seed in (0, 2, 2**53 - 1)]
    for other in others:
        assert 0.4 < (other != first).mean() < 0.6
    assert len({other.tobytes() for other in others}) == 3


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_p_drops_out_and_the_others_grow(p):
    x = numpy.ones((1, 20, 20, 10), "float32")
    found = dropped(dropouts(p), ["drop0"], 3, x)["drop0"]
    assert abs((found == 0).mean() - p) < 0.03
    numpy.testing.assert_allclose(found[found != 0], 1 / (1 - p), rtol=1e-6)


def test_two_layers_drop_different_units():
    x = numpy.ones((1, 20, 20, 10), "float32")
    found = dropped(dropouts(0.5, 0.5), ["drop0", "drop1"], 3, x)
    assert abs((found["drop1"] != 0).mean() - 0.25) < 0.03


def test_only_the_layers_that_are_named_drop_units():
    x = numpy.ones((1, 20, 20, 10), "float32")
    found = dropped(dropouts(0.5, 0.5), ["drop1"], 3, x)
    assert (found["drop0"] == 1).all()
    assert not (found["drop1"] == 1).any()


def test_changes_add_up(rng):
    """Against the same layers one after the other, with the changed units set to 0 by hand."""
    network = small_network()
    x = inputs(rng, network.input_shape)
    found = outputs(changed(network, ALL), x)
    layers, expected, y = without(network).layers, {}, x
    for name, layer in layers.items():
        if name == "drop3":
            y = found["drop3"]  # which units those are is random
            assert_close(y[y != 0], 2 * expected["relu3"][y != 0])
        elif name != "norm1":
            y = layer.forward(y)
        if name in ("conv1", "conv2"):
            y[:, [0, -1]] = y[:, :, [0, -1]] = 0
        for of, number in ALL.silenced:
            if of == name:
                y[..., number] = 0
        expected[name] = y
        assert_close(found[name], y)


def everything(network):
    """All that a layer keeps: parameters, gradients, caches and random states."""
    return [
        (
            {name: array.tobytes() for name, array in layer.params.items()},
            layer.grads,
            layer.cache,
            str(layer.rng.bit_generator.state) if isinstance(layer, Dropout) else None,
        )
        for layer in network.layers.values()
    ]


def test_the_network_itself_is_not_changed(rng):
    network = small_network()
    before = copy.deepcopy(everything(network))
    x, dy = inputs(rng, network.input_shape), inputs(rng, (3,))
    logits = network.forward(x)
    for changes in (NO_CHANGES, ALL):
        layers = changed(network, changes)
        y = x
        for layer in layers.values():
            y = layer.forward(y, train=True)
        for layer in reversed(layers.values()):
            dy = layer.backward(dy)
        dy = dy[:, 0, 0]
    assert everything(network) == before
    assert network.forward(x).tobytes() == logits.tobytes()


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(silenced={("conv9", 0)}), "silenced: there is no layer 'conv9'"),
        (dict(silenced={("relu1", 0)}), "silenced: relu1 is ReLU"),
        (dict(silenced={("norm1", 0)}), "silenced: norm1 is LocalResponseNorm"),
        (dict(silenced={("conv1", 4)}), "conv1 has 4 kernels or units, from 0, got number 4"),
        (dict(silenced={("fc4", 2**53 - 1)}), "fc4 has 3 kernels or units"),
        (dict(bypassed={"conv1"}), "bypassed: conv1 is Conv2d"),
        (dict(bypassed={""}), "bypassed: there is no layer ''"),
        (dict(unpadded={"fc3"}), "unpadded: fc3 is Linear"),
        (dict(unpadded={"norm1", "conv1"}), "unpadded: norm1 is LocalResponseNorm"),
        (dict(dropping={"relu3"}), "dropping: relu3 is ReLU"),
        (dict(dropping={"drop9"}), "dropping: there is no layer 'drop9'"),
    ],
    ids=range(11),
)
def test_changes_that_do_not_fit_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        changed(small_network(), Changes(**changes))


@pytest.mark.parametrize("shape", [(1, 1, 4), (5, 4, 1), (5, 4, 4)], ids=str)
def test_the_gradient_of_a_masked_layer_equals_finite_differences(shape, rng):
    mask = rng.random(shape) < 0.5
    report = check_layer(
        Masked(Conv2d(2, 4, 3, padding=1, rng=rng), mask), rng.standard_normal((2, 5, 4, 2)), rng
    )
    assert report.passed, report
    report = check_layer(
        Masked(Linear(6, 4, rng=rng), mask[0, 0]), rng.standard_normal((2, 6)), rng
    )
    assert report.passed, report


def test_the_gradient_of_a_layer_left_out_equals_finite_differences(rng):
    report = check_layer(Through(), apart(rng, (2, 3, 4, 2)), rng)
    assert report.passed, report


def test_what_is_left_out_gives_an_array_of_its_own(rng):
    """Whoever changes it does not change what the layer before gave."""
    x = inputs(rng, (3, 3, 2))
    layer, before = Through(), x.copy()
    layer.forward(x)[...] = 0
    layer.backward(x)[...] = 0
    numpy.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("changes", [NO_CHANGES, ALL], ids=["no changes", "all changes"])
def test_gradients_through_a_changed_network_equal_finite_differences(changes, rng):
    network = in_float64(smooth_network())
    layers = changed(network, changes)
    x = rng.standard_normal((3, *network.input_shape))
    report = check_network(
        Network(list(layers.items()), network.input_shape),
        SoftmaxCrossEntropy(),
        x,
        numpy.array([0, 2, 1]),
        rng,
    )
    assert report.passed, report
