"""Tensors of which their file says nothing."""

import numpy
import pytest
from data_helpers import refusal
from torch_files import tensors, zipped

from minialex import models
from minialex.io import safetensors_file, torch_layout
from minialex.io.weights import open_weights


def test_the_weights_of_lpips_are_named(tmp_path):
    """Its alex.pth is found where torchvision's AlexNet is looked for."""
    shapes = dict(enumerate((64, 192, 384, 256, 256)))
    tensors = {
        f"lin{i}.model.1.weight": numpy.ones((1, c, 1, 1), numpy.float32) for i, c in shapes.items()
    }
    safetensors_file.write(tmp_path / "alex.safetensors", tensors, {})
    message = refusal(open_weights, tmp_path / "alex.safetensors")
    assert message.endswith("to compare pictures (LPIPS): it does not hold the AlexNet")


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ({"classes": ("cat", "dog")}, ["cat", "dog"]),
        ({"class_to_idx": {"dog": 1, "cat": 0}}, ["cat", "dog"]),
        ({"class_names": ("cat", "dog", "owl")}, ["class 0", "class 1"]),  # of another network
        ({"classes": (1, 2)}, ["class 0", "class 1"]),
        ({}, ["class 0", "class 1"]),
    ],
)
def test_a_training_script_may_name_the_classes(beside, expected, tmp_path):
    network = models.build("alexnet-cifar", num_classes=2, rng=numpy.random.default_rng(0))
    state, storages = tensors(torch_layout.to_torch(network))
    path = zipped(tmp_path / "net.pth", {"epoch": 3, "state_dict": state, **beside}, storages)
    assert open_weights(path).progress["classes"] == expected
