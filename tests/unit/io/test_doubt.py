"""Weights that do not look trained."""

import numpy
import pytest

from minialex import models
from minialex.io import torch_layout
from minialex.io.doubt import doubt


def trained(rng):
    """Nearly normal weights and small biases, as a trained net has."""
    network = models.build("lenet", rng=rng)
    for name, array in network.params.items():
        array += rng.normal(0, 0.01, array.shape) if name.endswith("bias") else 0
    return torch_layout.to_torch(network)


def test_trained_weights_raise_no_doubt(rng):
    assert doubt(trained(rng)) is None
    assert doubt({"a": numpy.ones(3, numpy.float32)}) is None


def test_a_layer_of_equal_numbers_is_named(rng):
    tensors = trained(rng)
    tensors["classifier.0.weight"][...] = 0.25
    assert doubt(tensors) == "all numbers of classifier.0.weight are 0.25"


def test_biases_that_are_all_0_are_as_before_training(rng):
    assert doubt(torch_layout.to_torch(models.build("lenet", rng=rng))) == "all biases are 0"


def test_torch_s_own_initial_numbers_are_recognised(rng):
    tensors = {
        name: rng.uniform(-1, 1, tensor.shape) / numpy.sqrt(numpy.prod(tensor.shape[1:]) or 1)
        for name, tensor in trained(rng).items()
    }
    assert doubt(tensors) == "all layers have the numbers that torch begins with"
    tensors["features.0.weight"] *= 1.5
    tensors["features.3.weight"] *= 1.5
    assert doubt(tensors) is None


def test_a_net_of_torch_s_is_recognised():
    torch = pytest.importorskip("torch", reason="needs torch to initialise a net")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 5), torch.nn.Linear(64, 100))
    state = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    assert doubt(state) == "all layers have the numbers that torch begins with"
