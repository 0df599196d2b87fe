"""The output of every layer can be shown, and it is what the network computes."""

import numpy
import pytest
from data_helpers import random_pictures
from pngs import assert_nothing_is_cut_off, figure_of, opened, texts_of

from minialex import backend, models
from minialex.visualize.features import (
    activations,
    activations_and_pools,
    as_strip,
    features,
    strongest,
)


@pytest.mark.parametrize("model", ["alexnet-cifar", "lenet"])
def test_the_output_of_the_last_layer_is_the_network_s(model, xp, rng):
    network = models.build(model, rng=rng).to(xp)
    x = rng.standard_normal((2, *network.input_shape), dtype="float32")
    outputs = activations(network, x)
    assert list(outputs) == list(network.layers)
    assert {name: output.shape[1:] for name, output in outputs.items()} == network.shapes()
    numpy.testing.assert_array_equal(
        list(outputs.values())[-1], backend.to_host(network.forward(xp.asarray(x)))
    )
    # Other pictures do not change the outputs for the first ones.
    again = activations(network, x[::-1].copy())
    for name in outputs:
        numpy.testing.assert_allclose(outputs[name], again[name][::-1], rtol=1e-4, atol=1e-5)


def test_activations_and_pools_are_shown():
    assert activations_and_pools(models.build("lenet")) == [
        "tanh1",
        "pool1",
        "tanh2",
        "pool2",
        "tanh3",
        "tanh4",
    ]
    expected = [
        "relu1",
        "pool1",
        "relu2",
        "pool2",
        "relu3",
        "relu4",
        "relu5",
        "pool5",
        "relu6",
        "relu7",
    ]
    assert activations_and_pools(models.build("alexnet-cifar", lrn=True)) == expected


def test_the_strongest_maps_have_the_largest_mean_absolute_value():
    maps = numpy.zeros((2, 2, 4))
    maps[..., 1] = -3  # strong though negative
    maps[0, 0, 2] = 8  # 2 on average
    maps[..., 3] = 1
    assert list(strongest(maps, 3)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("units", "shape"),
    [(4096, (16, 256)), (512, (4, 128)), (120, (3, 40)), (127, (1, 127)), (1, (1, 1))],
)
def test_units_are_in_reading_order(units, shape):
    strip = as_strip(numpy.arange(units))
    assert strip.shape == shape
    numpy.testing.assert_array_equal(strip.ravel(), numpy.arange(units))


def test_maps_units_and_answers_are_drawn(rng):
    picture, best = (
        random_pictures(1)[0],
        [("a class with a very long name indeed, is it not?", 0.9), ("b", 0.1)],
    )
    outputs = {
        "relu1": abs(rng.standard_normal((5, 5, 20))),
        "tanh2": rng.standard_normal((3, 3, 4)),
        "relu6": numpy.ones(64),
    }
    figure = figure_of(features, picture, [("a.png", None)], outputs, best)
    shown, answers, *rows = figure.axes
    numpy.testing.assert_array_equal(shown.images[0].get_array(), picture)
    assert [round(bar.get_width(), 6) for bar in answers.patches] == [0.9, 0.1]
    relu, relu_bar, tanh, _, units, _ = rows
    assert texts_of(relu) == [str(n) for n in strongest(outputs["relu1"], 12)]
    assert relu.images[0].get_clim() == (0, outputs["relu1"].max())
    assert relu_bar.get_ylim() == relu.images[0].get_clim()
    assert len(tanh.texts) == 4
    assert tanh.images[0].get_clim() == (-abs(outputs["tanh2"]).max(), abs(outputs["tanh2"]).max())
    assert units.images[0].get_array().size == 64
    labels = [text.get_text() for text in figure.texts]
    assert {"relu1\n5×5×20", "tanh2\n3×3×4", "relu6\n64 units"} <= set(labels)
    assert_nothing_is_cut_off(figure)
    assert opened(features(picture, [("a.png", None)], outputs, best)).size


def test_a_layer_of_zeros_is_drawn_too():
    outputs = {"relu1": numpy.zeros((2, 2, 3)), "relu6": numpy.zeros(8)}
    assert opened(features(random_pictures(1)[0], [], outputs, [("a", 1.0)])).size
