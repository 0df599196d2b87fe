"""The kernels of conv1: one tile each, in order, with full contrast; the two towers apart."""

import numpy
import pytest
from pngs import assert_nothing_is_cut_off, figure_of, opened

from minialex import models
from minialex.layers import Conv2d, ReLU
from minialex.network import Network
from minialex.visualize.filters import contrasted, filters, first_convolution, tiles


def test_each_map_has_a_tile_in_order(rng):
    maps = rng.standard_normal((7, 3, 5, 2))
    laid = tiles(maps, columns=4, pixels=10)  # each pixel twice, a gap of one
    assert laid.shape == (2 * 6 + 1, 4 * 10 + 3, 2)
    for i, one in enumerate(maps):
        top, left = i // 4 * 7, i % 4 * 11
        numpy.testing.assert_array_equal(laid[top : top + 6 : 2, left : left + 10 : 2], one)
        numpy.testing.assert_array_equal(laid[top + 1 : top + 6 : 2, left + 1 : left + 10 : 2], one)
    assert numpy.isfinite(laid).sum() == 4 * maps.size  # the gaps and the eighth place are NaN


def test_every_kernel_has_full_contrast_and_0_stays_0(rng):
    weight = rng.standard_normal((4, 3, 3, 3)) * numpy.array([0.001, 1, 100, 0]).reshape(4, 1, 1, 1)
    weight[:, 1, 1] = 0
    scaled = contrasted(weight)
    numpy.testing.assert_allclose(abs(scaled).max(axis=(1, 2, 3)), [1, 1, 1, 0])
    assert (scaled[:, 1, 1] == 0).all()
    assert (numpy.sign(scaled) == numpy.sign(weight)).all()


def network(groups, channels=3):
    layers = [
        ("conv1", Conv2d(channels, 8, 5)),
        ("relu1", ReLU()),
        ("conv2", Conv2d(8, 4, 3, groups=groups)),
    ]
    return Network(layers, (9, 9, channels))


@pytest.mark.parametrize("groups", [1, 2])
def test_there_are_as_many_towers_as_groups_in_the_next_convolution(groups):
    net = network(groups)
    name, weight, towers = first_convolution(net)
    assert (name, towers) == ("conv1", groups)
    numpy.testing.assert_array_equal(weight, net.params["conv1.weight"])


def test_only_the_paper_s_net_has_two_towers():
    assert first_convolution(models.build("alexnet", num_classes=2, image_size=67))[2] == 2
    assert first_convolution(models.build("alexnet-cifar"))[2] == 1


def test_the_weights_come_from_the_device(xp):
    net = network(2).to(xp)
    assert isinstance(first_convolution(net)[1], numpy.ndarray)


@pytest.mark.parametrize("towers", [1, 2])
def test_colour_kernels_are_grey_where_the_weight_is_0(towers, rng):
    weight = rng.standard_normal((96, 11, 11, 3)).astype("float32")
    weight[40, 5, 5] = 0
    figure = figure_of(filters, weight, towers, "conv1 of alexnet")
    images = [axes.images[0].get_array() for axes in figure.axes]
    assert len(images) == towers
    per_tower = 96 // towers
    block, place = images[40 // per_tower], 40 % per_tower
    scale = 5  # of 11 pixels to at least 48
    top, left = (place // 16) * (55 + 4), (place % 16) * (55 + 4)
    numpy.testing.assert_allclose(
        block[top + 5 * scale + 2, left + 5 * scale + 2], [0.5, 0.5, 0.5, 1]
    )
    tile = block[top : top + 55 : scale, left : left + 55 : scale, :3]
    numpy.testing.assert_allclose(tile, 0.5 + 0.5 * weight[40] / abs(weight[40]).max(), rtol=1e-6)
    if towers == 2:
        first, second = (axes.get_position() for axes in figure.axes)
        assert second.y1 < first.y0
    assert_nothing_is_cut_off(figure)


@pytest.mark.parametrize("count", [6, 64])
def test_grey_kernels_have_a_colour_bar(count, rng):
    weight = rng.standard_normal((count, 5, 5, 1)).astype("float32")
    figure = figure_of(filters, weight, 1, "conv1 of lenet")
    shown, bar = figure.axes
    assert shown.images[0].get_clim() == (-1, 1)
    assert "weight" in bar.get_xlabel()
    assert_nothing_is_cut_off(figure)
    assert opened(filters(weight, 1, "conv1")).size
