"""Tensors of which their file says nothing."""

import numpy
from data_helpers import refusal

from minialex.io import safetensors_file
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
