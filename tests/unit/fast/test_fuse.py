"""The fusion pass: what becomes of each layer, in what order, and that it says so."""

import pytest

from minialex import fast, models
from minialex.fast.conv import FastConv2d
from minialex.fast.fuse import fuse
from minialex.fast.pool import FastMaxPool2d
from minialex.fast.relu import FastReLU, InPlaceReLU
from minialex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU


def fused(*layers):
    """The names of the steps that are split and of the others, and all steps by name."""
    named = [(f"{type(layer).__name__.lower()}{i}", layer) for i, layer in enumerate(layers)]
    split, whole = fuse(named)
    names = [step.name for step in split], [step.name for step in whole]
    return *names, {step.name: step for step in (*split, *whole)}


def test_a_relu_moves_behind_the_max_pool_and_works_in_its_memory():
    split, _, steps = fused(Conv2d(3, 4, 3), ReLU(), MaxPool2d(2, 2))
    assert split == ["conv2d0", "maxpool2d2", "relu1"]
    assert steps["relu1"].fast is InPlaceReLU
    assert steps["relu1"].notes == ["behind maxpool2d2, where fewer numbers are left", "in place"]


def test_a_relu_before_lrn_stays_where_it_is():
    split, _, steps = fused(Conv2d(3, 4, 3), ReLU(), LocalResponseNorm(), MaxPool2d(2, 2))
    assert split == ["conv2d0", "relu1", "localresponsenorm2", "maxpool2d3"]
    assert steps["relu1"].notes == ["in place"]


def test_a_relu_whose_input_somebody_needs_has_memory_of_its_own():
    """The first layer's input is the caller's batch, and LRN keeps its result for backward."""
    _, _, steps = fused(ReLU(), Conv2d(3, 4, 3), LocalResponseNorm(), ReLU())
    assert steps["relu0"].fast is FastReLU
    assert steps["relu3"].fast is FastReLU


@pytest.mark.parametrize("seam", [Flatten(), Dropout(), Linear(3, 4)], ids=str)
def test_what_follows_the_first_layer_that_needs_the_whole_batch_gets_it(seam):
    split, whole, _ = fused(Conv2d(3, 4, 3), ReLU(), seam, ReLU(), MaxPool2d(2, 2))
    assert split == ["conv2d0", "relu1"]
    assert whole[1:] == ["maxpool2d4", "relu3"]


def test_only_a_first_convolution_does_without_the_gradient_of_its_input():
    _, _, steps = fused(Conv2d(3, 4, 3), Conv2d(4, 4, 3))
    assert not steps["conv2d0"].needs_dx
    assert steps["conv2d0"].notes == ["no gradient of the pictures"]
    assert steps["conv2d1"].needs_dx


def test_the_networks_own_order_stays():
    network = models.build("alexnet-cifar")
    names = list(network.layers)
    engine = fast.prepare(network, 2)
    assert list(network.layers) == names
    first = [step.name for step in engine.steps][:6]
    assert first == ["conv1", "pool1", "relu1", "conv2", "pool2", "relu2"]
    assert [step.fast for step in engine.steps[:2]] == [FastConv2d, FastMaxPool2d]
