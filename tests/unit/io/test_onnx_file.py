"""ONNX files: ONNX Runtime computes the same logits for every layer and model."""

import sys

import numpy
import onnx
import onnxruntime
import pytest

from minialex import models
from minialex.errors import InputError
from minialex.io import onnx_file
from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network


def runtime(path):
    """A function that computes logits (N, classes) for pictures (N, H, W, C) with ONNX Runtime."""
    session = onnxruntime.InferenceSession(path)
    return lambda x: session.run(["logits"], {"pictures": x.transpose(0, 3, 1, 2).copy()})[0]


def assert_same(network, path, rng):
    onnx_file.write(path, network, {}, "")
    run = runtime(path)
    for n in (1, 3):
        x = rng.standard_normal((n, *network.input_shape), dtype=numpy.float32)
        logits = network.forward(x)
        assert logits.std() > 0.01
        assert abs(run(x) - logits).max() < 1e-5 * max(1, abs(logits).max())


def randomise(network, rng):
    """Adds noise to all parameters: with biases of 0, for example, a lost bias would not show."""
    for array in network.params.values():
        array += 0.1 * rng.standard_normal(array.shape, dtype=numpy.float32)
    return network


@pytest.mark.parametrize(
    "layer",
    [
        Conv2d(4, 6, 3, stride=2, padding=1),
        Conv2d(4, 6, 3, padding=1, groups=2),
        Conv2d(4, 6, 5),
        MaxPool2d(3, stride=2),
        MaxPool2d(3, stride=2, padding=1),
        CeilMaxPool2d(3, stride=2),
        CeilMaxPool2d(2, stride=2, padding=1),
        CeilMaxPool2d(2, stride=5),
        AvgPool2d(2, stride=2),
        LocalResponseNorm(5, alpha=0.8, beta=0.6, k=1.5),
        LocalResponseNorm(3),
        LocalResponseNorm(3, alpha=0.8, groups=2),
        ReLU(),
        Tanh(),
        Sigmoid(),
        Dropout(0.5),
    ],
    ids=repr,
)
def test_each_layer_gives_the_same_output(layer, tmp_path, rng):
    """On maps of 7×8, where floored sizes drop rows or columns, before a linear layer over maps."""
    shape = layer.output_shape((7, 8, 4))
    layers = [
        ("layer", layer),
        ("flatten", Flatten()),
        ("linear", Linear(int(numpy.prod(shape)), 3, rng=rng)),
    ]
    assert_same(randomise(Network(layers, (7, 8, 4)), rng), tmp_path / "net.onnx", rng)


@pytest.mark.parametrize("lrn", [dict(lrn=True), dict(lrn=True, pool_first=True), {}])
def test_a_small_alexnet_with_and_without_lrn(lrn, tmp_path, rng):
    network = randomise(models.build("alexnet-cifar", rng=rng, **lrn), rng)
    for layer in network.layers.values():
        if isinstance(layer, LocalResponseNorm):
            layer.alpha = 0.5  # with the paper's 0.0001 an error would be within the tolerance
    assert_same(network, tmp_path / "net.onnx", rng)


@pytest.mark.parametrize("model", ["alexnet-mini", "alexnet-maxi", "lenet"])
def test_the_other_small_models(model, tmp_path, rng):
    assert_same(randomise(models.build(model, rng=rng), rng), tmp_path / "net.onnx", rng)


def test_the_full_alexnet(tmp_path, rng):
    """With smaller pictures, whose last maps are 2×2, so that the first linear layer is smaller."""
    assert_same(
        models.build("alexnet", num_classes=10, image_size=99, rng=rng), tmp_path / "net.onnx", rng
    )


def test_the_file_has_metadata_names_and_shapes(tmp_path, rng):
    onnx_file.write(
        tmp_path / "net.onnx",
        models.build("lenet", rng=rng),
        {"classes": '["a"]'},
        "pictures are grey",
    )
    model = onnx.load(tmp_path / "net.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props} == {"classes": '["a"]'}
    assert model.doc_string == "pictures are grey"
    assert [tensor.name for tensor in model.graph.initializer][:2] == [
        "features.0.weight",
        "features.0.bias",
    ]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in shape] == ["N", 1, 28, 28]


def test_without_onnx_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[onnx\]'"):
        onnx_file.write(tmp_path / "net.onnx", models.build("lenet"), {}, "")
    assert list(tmp_path.iterdir()) == []
