"""torch's names and layout: each weight's place there, and the logits that torchvision computes."""

import numpy
import pytest
from torch_files import FILES, torchvision_alexnet, torchvision_pictures

from minialex import models
from minialex.errors import InputError
from minialex.io import torch_layout
from minialex.layers import (
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
)
from minialex.network import Network

SHAPES = {
    "features.0.weight": (4, 3, 3, 3),
    "features.0.bias": (4,),
    "features.3.weight": (6, 2, 3, 3),
    "features.3.bias": (6,),
    "classifier.1.weight": (5, 6 * 2 * 3),
    "classifier.1.bias": (5,),
    "classifier.3.weight": (2, 5),
    "classifier.3.bias": (2,),
}


@pytest.fixture
def network(rng):
    """Two groups, LRN, and maps of 2×3 before the linear layers."""
    layers = [
        ("conv1", Conv2d(3, 4, 3, padding=1, rng=rng)),
        ("norm1", LocalResponseNorm(3, alpha=0.7, k=1.5)),
        ("pool1", MaxPool2d(3, stride=2, padding=1)),
        ("conv2", Conv2d(4, 6, 3, padding=1, groups=2, rng=rng)),
        ("flatten", Flatten()),
        ("dropout1", Dropout(0.5)),
        ("fc1", Linear(36, 5, rng=rng)),
        ("relu1", ReLU()),
        ("fc2", Linear(5, 2, rng=rng)),
    ]
    return Network(layers, (4, 6, 3))


def copies(network):
    return {name: array.copy() for name, array in network.params.items()}


def unchanged(network, before):
    return all(numpy.array_equal(array, before[name]) for name, array in network.params.items())


def test_names_and_shapes_are_those_of_torch_sequentials(network):
    tensors = torch_layout.to_torch(network)
    assert {name: tensor.shape for name, tensor in tensors.items()} == SHAPES
    assert list(tensors) == list(SHAPES)
    assert all(
        tensor.flags.c_contiguous and tensor.dtype == numpy.float32 for tensor in tensors.values()
    )


def test_each_weight_is_where_torch_expects_it(network):
    """torch's convolution weights are indexed (o, c, kh, kw), linear columns c·H·W + h·W + w."""
    tensors, params = torch_layout.to_torch(network), network.params
    for o, kh, kw, c in numpy.ndindex(6, 3, 3, 2):
        assert tensors["features.3.weight"][o, c, kh, kw] == params["conv2.weight"][o, kh, kw, c]
    for o, h, w, c in numpy.ndindex(5, 2, 3, 6):
        assert (
            tensors["classifier.1.weight"][o, c * 2 * 3 + h * 3 + w]
            == params["fc1.weight"][o, h * 3 * 6 + w * 6 + c]
        )
    assert numpy.array_equal(tensors["classifier.3.weight"], params["fc2.weight"])


def test_converting_to_torch_and_back_changes_nothing(network):
    before, tensors = copies(network), torch_layout.to_torch(network)
    for array in network.params.values():
        array[...] = 0
    torch_layout.load_into(network, tensors, "a.pth")
    assert unchanged(network, before)


@pytest.mark.parametrize("dtype", [numpy.float16, numpy.float64])
def test_other_floating_point_types_are_converted(dtype, network):
    before = copies(network)
    tensors = {
        name: tensor.astype(dtype) for name, tensor in torch_layout.to_torch(network).items()
    }
    torch_layout.load_into(network, tensors, "a.pth")
    for name, array in network.params.items():
        assert array.dtype == numpy.float32
        assert numpy.array_equal(array, before[name].astype(dtype).astype(numpy.float32))


def test_weights_are_copied_to_and_from_the_device(network, device, compiler):
    tensors = torch_layout.to_torch(network)
    network.to(device)
    torch_layout.load_into(network, {name: 2 * tensor for name, tensor in tensors.items()}, "a.pth")
    for name, tensor in torch_layout.to_torch(network).items():
        assert numpy.array_equal(tensor, 2 * tensors[name])


def test_tensors_with_other_names_are_matched_in_order(network):
    before = copies(network)
    tensors = {
        f"layer{i}": tensor for i, tensor in enumerate(torch_layout.to_torch(network).values())
    }
    for array in network.params.values():
        array[...] = 0
    torch_layout.load_into(network, tensors, "a.pth")
    assert unchanged(network, before)


def test_tensors_with_torchvision_names_are_matched_by_name(network):
    before = copies(network)
    tensors = dict(reversed(torch_layout.to_torch(network).items()))
    torch_layout.load_into(network, tensors, "a.pth")
    assert unchanged(network, before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("classifier.1.bias"), "it has no classifier.1.bias"),
        (
            lambda t: t.update({"features.1.weight": t["features.0.bias"]}),
            "it has features.1.weight, which belongs nowhere",
        ),
        (
            lambda t: t.update({"features.0.bias": numpy.zeros(5, "f4")}),
            "features.0.bias is (5,), expected (4,)",
        ),
        (
            lambda t: t.update({"features.3.weight": t["features.3.weight"].transpose(1, 0, 2, 3)}),
            "features.3.weight is (2, 6, 3, 3), expected (6, 2, 3, 3)",
        ),
        (
            lambda t: t.update({"features.0.bias": numpy.zeros(4, "i8")}),
            "features.0.bias holds int64 numbers, expected floating-point numbers",
        ),
        (
            lambda t: t.update({"features.0.bias": numpy.array([1, numpy.nan, 1, 1])}),
            "features.0.bias holds NaN or infinity",
        ),
        (lambda t: t.clear(), "it has 0 tensors, expected 8"),
        (lambda t: (t.clear(), t.update(a=numpy.zeros(1, "f4"))), "it has 1 tensors, expected 8"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_and_nothing_changes(change, said, network):
    before, tensors = copies(network), torch_layout.to_torch(network)
    tensors = {name: tensor + 1 for name, tensor in tensors.items()}
    change(tensors)
    with pytest.raises(InputError, match=r"^a\.pth does not fit this network: ") as caught:
        torch_layout.load_into(network, tensors, "a.pth")
    assert said in str(caught.value)
    assert unchanged(network, before)


def test_modules_are_written_as_in_torch(network):
    found = torch_layout.modules(network)
    assert found["features.0"] == "Conv2d(3, 4, 3, padding=1)"
    assert found["features.1"] == "LocalResponseNorm(3, alpha=2.1, beta=0.75, k=1.5)"
    assert found["features.3"] == "Conv2d(4, 6, 3, padding=1, groups=2)"
    assert list(found)[-4:] == ["classifier.0", "classifier.1", "classifier.2", "classifier.3"]


def test_a_ceil_pool_is_torchs_max_pool_with_ceil_mode(rng):
    layers = [("pool1", CeilMaxPool2d(3, 2, padding=1)), ("flatten", Flatten())]
    network = Network([*layers, ("fc1", Linear(36, 2, rng=rng))], (4, 6, 3))
    found = torch_layout.modules(network)["features.0"]
    assert found == "MaxPool2d(3, stride=2, padding=1, ceil_mode=True)"
    torch = pytest.importorskip("torch", reason="needs torch for its layers")
    x = rng.standard_normal((3, 4, 6, 3), dtype=numpy.float32)
    maps = eval(f"torch.nn.{found}")(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    assert numpy.array_equal(layers[0][1].forward(x), maps.numpy().transpose(0, 2, 3, 1))


def test_torch_modules_with_these_weights_compute_the_same(network, rng):
    torch = pytest.importorskip("torch", reason="needs torch for its layers")
    parts = {"features": torch.nn.Sequential(), "classifier": torch.nn.Sequential()}
    for name, module in torch_layout.modules(network).items():
        parts[name.partition(".")[0]].append(eval(f"torch.nn.{module}"))
    theirs = torch.nn.ModuleDict(parts).eval()
    theirs.load_state_dict(
        {name: torch.from_numpy(tensor) for name, tensor in torch_layout.to_torch(network).items()}
    )
    x = rng.standard_normal((3, 4, 6, 3), dtype=numpy.float32)
    maps = theirs["features"](torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    logits = theirs["classifier"](maps.flatten(1)).detach().numpy()
    assert numpy.allclose(network.forward(x), logits, rtol=0, atol=1e-5)


def test_logits_equal_those_of_torchvision():
    """torchvision 0.28 with torch 2.13 computed them for these weights; see torch_files.make."""
    network = models.build("alexnet-owt")
    tensors = torchvision_alexnet()
    torch_layout.load_into(network, tensors, "torchvision")
    del tensors
    logits = network.forward(torchvision_pictures().transpose(0, 2, 3, 1).copy())
    expected = numpy.load(FILES / "torchvision_logits.npy")
    assert abs(expected).max() > 10
    assert abs(logits - expected).max() < 1e-4
