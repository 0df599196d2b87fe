"""Networks in ONNX files by minialex, torch and others; ONNX Runtime computes the same."""

import numpy
import onnx
import pytest
from data_helpers import refusal
from foreign_nets import arrays, assert_agrees, nodes, onnx_file, onnxruntimes

from minialex import models
from minialex.io import onnx_file as exported
from minialex.io.foreign.onnx_reader import OnnxFile
from minialex.io.metadata import FORMAT
from minialex.io.weights import build_network, open_weights
from minialex.layers import CeilMaxPool2d, Conv2d, Flatten, Linear, Sigmoid, Tanh
from minialex.network import Network


def assert_same(network, path, rng, bgr=False):
    x = rng.standard_normal((2, *network.input_shape), numpy.float32)
    assert_agrees(network, onnxruntimes(path, x, bgr), x)


def noisy(network, rng):
    for array in network.params.values():
        array += 0.05 * rng.standard_normal(array.shape, numpy.float32)
    return network


@pytest.mark.parametrize("model", ["lenet", "alexnet-cifar", "alexnet-mini"])
def test_what_minialex_exports_is_read_without_its_metadata(model, rng, tmp_path):
    network = noisy(models.build(model, rng=rng), rng)
    exported.write(tmp_path / "a.onnx", network, {}, "")
    found = OnnxFile(tmp_path / "a.onnx").network()
    assert_same(found, tmp_path / "a.onnx", rng)
    x = rng.standard_normal((2, *network.input_shape), numpy.float32)
    assert abs(found.forward(x) - network.forward(x)).max() < 1e-5


def test_all_kinds_of_layers_and_names(rng, tmp_path):
    layers = [
        *(Conv2d(3, 4, 3, stride=2, padding=1, rng=rng), Tanh()),
        *(Conv2d(4, 6, 3, groups=2, rng=rng), Sigmoid(), Flatten()),
        *(Linear(6 * 4 * 4, 5, rng=rng), Tanh(), Linear(5, 3, rng=rng)),
    ]
    exported.write(tmp_path / "a.onnx", noisy(Network(layers, (11, 11, 3)), rng), {}, "")
    found = OnnxFile(tmp_path / "a.onnx").network()
    names = ["conv1", "tanh1", "conv2", "sigmoid2", "flatten", "fc3", "tanh3", "fc4"]
    assert list(found.layers) == names
    assert_same(found, tmp_path / "a.onnx", rng)


@pytest.mark.parametrize("dynamo", [False, True])
def test_torch_s_exports_are_read(dynamo, rng, tmp_path):
    """A net built as torchvision's AlexNet, at a smaller size."""
    torch = pytest.importorskip("torch", reason="needs torch to export a net")
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch's new exporter needs onnxscript")
    nn = torch.nn
    net = nn.Sequential(
        *(nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        *(nn.AdaptiveAvgPool2d((3, 3)), nn.Flatten(), nn.Dropout(), nn.Linear(108, 20)),
        *(nn.ReLU(inplace=True), nn.Linear(20, 7)),
    ).eval()
    path = tmp_path / "net.onnx"
    torch.onnx.export(net, torch.zeros(1, 3, 31, 31), str(path), dynamo=dynamo)
    opened = open_weights(path)
    assert opened.progress["mean"] == pytest.approx([123.675, 116.28, 103.53])
    assert "assumed with ImageNet's mean" in opened.assumed
    assert_same(build_network(opened), path, rng)


def test_convolutions_over_whole_maps_are_linear_layers(rng, tmp_path):
    layers = [
        *(Conv2d(3, 4, 3, rng=rng), Sigmoid(), Conv2d(4, 6, 5, rng=rng), Tanh()),
        *(Conv2d(6, 5, 1, rng=rng), Flatten()),
    ]
    exported.write(tmp_path / "a.onnx", noisy(Network(layers, (7, 7, 3)), rng), {}, "")
    found = OnnxFile(tmp_path / "a.onnx").network()
    assert list(found.layers) == ["conv1", "sigmoid1", "flatten", "fc2", "tanh2", "fc3"]
    assert_same(found, tmp_path / "a.onnx", rng)


def caffes(path, rng, change=lambda nodes: nodes, **changed):
    """A small net as converted from Caffe, with its nodes changed and other arrays."""
    return onnx_file(path, arrays(rng) | changed.pop("arrays", {}), change(nodes()), **changed)


def test_caffe_s_nets_take_red_green_blue_and_normalise_as_before(rng, tmp_path):
    path = caffes(
        tmp_path / "net.onnx", rng, change=lambda nodes: nodes[:-1]
    )  # without Softmax, to compare logits
    opened = open_weights(path)
    assert opened.progress["mean"] == [122.67891434, 116.66876762, 104.00698793]
    assert opened.progress["std"] == [1, 1, 1]
    network = build_network(opened)
    norm = network.layers["norm1"]
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, pytest.approx(0.1), 0.75, 1.0)
    assert_same(network, path, rng, bgr=True)
    whole = caffes(tmp_path / "whole.onnx", numpy.random.default_rng(0))
    assert len(build_network(open_weights(whole)).layers) == len(network.layers)


@pytest.mark.parametrize("how", [dict(ceil_mode=1), dict(pads=[0, 0, 1, 1])])
def test_pools_whose_windows_reach_beyond_the_edge(how, rng, tmp_path):
    """Of 16 pixels Caffe's pool makes 8, not 7; the model zoo writes this as padding at the end."""

    def change(nodes):
        return replaced(3, "MaxPool", **how)(nodes)[:-1]

    arrays = {"fc3_w": rng.standard_normal((4, 8 * 3 * 3)) / 5}
    path = caffes(tmp_path / "net.onnx", rng, change=change, arrays=arrays, side=35)
    network = build_network(open_weights(path))
    assert network.shapes()["pool1"] == (8, 8, 6)
    assert type(network.layers["pool1"]) is CeilMaxPool2d
    assert_same(network, path, rng, bgr=True)


def replaced(place, kind, **about):
    """The nodes with another one at this place."""

    def change(nodes):
        old = nodes[place]
        nodes[place] = (kind, old[1], old[2] | about)
        return nodes

    return change


def added(place, kind, **about):
    """The nodes with one more before the one at this place."""

    def change(nodes):
        nodes.insert(place, (kind, [], about))
        return nodes

    return change


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(change=replaced(1, "Elu")), "layer 1 (Elu) is none of minialex's"),
        (dict(change=replaced(2, "LRN", size=4)), "layer 2 normalises over 4 channels"),
        (dict(change=replaced(0, "Conv", strides=[1, 2])), "layer 0 has strides [1, 2]"),
        (dict(change=replaced(0, "Conv", dilations=[2, 2])), "layer 0 has dilations"),
        (dict(change=replaced(3, "MaxPool", pads=[0, 0, 2, 2])), "layer 3 makes 8×8 of 15×15 by"),
        (dict(change=replaced(3, "MaxPool", pads=[0, 1, 0, 1])), "layer 3 has pads [0, 1, 0, 1]"),
        (dict(change=replaced(9, "Gemm", alpha=2.0)), "layer 9 is scaled or transposed"),
        (dict(change=added(9, "Softmax")), "layer 10 comes behind layer 9, which only ends nets"),
        (dict(change=added(2, "Cast", to=6)), "layer 2 (Cast) is none of minialex's"),
        (dict(change=replaced(3, "MaxPool", kernel_shape=[20, 20])), "layer 3 makes"),
        (dict(change=replaced(3, "MaxPool", strides=[0, 0])), "describes no network"),
        (
            dict(change=added(10, "MaxPool", kernel_shape=[1, 1], strides=[2, 2])),
            "describes no net",
        ),
        (dict(change=replaced(2, "LRN", size=10**6 + 1)), "layer 2 normalises over 1000001"),
        (dict(arrays={"conv2_b": numpy.ones(3)}), "layer 4 has 3 biases, expected 8"),
        (dict(arrays={"fc3_w": numpy.ones((4, 9))}), "layer 9 is none of minialex's"),
        (dict(change=lambda nodes: nodes[:7]), "holds no net that ends in classes"),
    ],
)
def test_what_is_no_such_chain_is_refused_and_named(changes, said, rng, tmp_path):
    path = caffes(tmp_path / "net.onnx", rng, **changes)
    message = refusal(open_weights, path)
    assert message.startswith(str(path)) and said in message


def test_a_branch_is_refused(rng, tmp_path):
    path = caffes(tmp_path / "net.onnx", rng)
    model = onnx.load(path)
    model.graph.node[5].input[0] = "v0"
    path.write_bytes(model.SerializeToString())
    assert "layer 5 (Relu) does not follow the one before it" in refusal(open_weights, path)


def test_an_output_before_the_last_operator_is_refused(rng, tmp_path):
    path = caffes(tmp_path / "net.onnx", rng)
    model = onnx.load(path)
    model.graph.output[0].name = "v8"
    path.write_bytes(model.SerializeToString())
    assert "answers v8, before its last operator" in refusal(open_weights, path)


def test_a_dropout_has_its_ratio_as_attribute_or_as_constant(rng, tmp_path):
    before = caffes(tmp_path / "before.onnx", rng, change=replaced(8, "Dropout"))
    assert OnnxFile(before).network().layers["dropout2"].p == 0.5
    since_12 = caffes(
        tmp_path / "net.onnx",
        rng,
        change=lambda nodes: [*nodes[:8], ("Dropout", ["ratio"], {}), *nodes[9:]],
        arrays={"ratio": numpy.array(0.2)},
    )
    assert OnnxFile(since_12).network().layers["dropout2"].p == pytest.approx(0.2)


def test_weights_that_are_not_finite_are_refused_with_their_layer(rng, tmp_path):
    spoilt = arrays(rng)
    spoilt["conv2_w"][3, 1] = numpy.nan
    path = onnx_file(tmp_path / "net.onnx", spoilt, nodes())
    assert "net.onnx: its layer layer 4 holds NaN or infinity" in refusal(open_weights, path)


@pytest.mark.parametrize("name", [b"classes", b"features.0.weight"])
def test_names_that_are_no_utf_8_are_refused_in_one_line(name, rng, tmp_path):
    path, metadata = tmp_path / "a.onnx", {"format": f'"{FORMAT}"', "classes": "[]"}
    exported.write(path, models.build("lenet", rng=rng), metadata, "")
    path.write_bytes(path.read_bytes().replace(name, name[:-1] + b"\xff"))
    assert "what it says about itself is damaged" in refusal(open_weights, path)


def test_a_damaged_file_is_refused_in_one_line(rng, tmp_path):
    content = caffes(tmp_path / "net.onnx", rng).read_bytes()
    path = tmp_path / "damaged.onnx"
    for length in (3, 50, 500, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        assert "\n" not in refusal(open_weights, path)
