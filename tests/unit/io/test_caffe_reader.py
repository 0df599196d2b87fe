"""Caffe's files, as its own messages write them; OpenCV has computed what the nets answer."""

import caffe_files
import numpy
import pytest
from caffe_files import FILES, SIDE
from data_helpers import refusal
from foreign_nets import assert_agrees

from minialex.io.foreign import caffe_reader
from minialex.io.foreign.caffe_messages import message_class
from minialex.io.weights import build_network, open_weights
from minialex.layers import CeilMaxPool2d, LocalResponseNorm

KINDS = {"caffe": "layers", "caffe_2014": "old_layers"}


def changed(tmp_path, change, name="caffe"):
    """Caffe's file with its message changed, as net.caffemodel."""
    net = caffe_reader.parse("Net", FILES / f"{name}.caffemodel", "a .caffemodel")
    change(net)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    return path


def layer(net, name):
    return next(each for each in [*net.layers, *net.old_layers] if each.name == name)


@pytest.mark.parametrize("name", KINDS)
def test_what_opencv_computes(name, tmp_path):
    opened = open_weights(changed(tmp_path, lambda net: None, name))
    x = caffe_files.pictures()[:, ::-1].transpose(0, 2, 3, 1).copy()
    assert_agrees(build_network(opened), numpy.load(FILES / f"{name}_logits.npy"), x)
    assert opened.progress["pictures"] == [SIDE, SIDE, 3]


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("caffe", [LocalResponseNorm, CeilMaxPool2d]),
        ("caffe_2014", [CeilMaxPool2d, LocalResponseNorm]),
    ],
)
def test_the_order_of_pool_and_norm_is_the_files(name, order):
    layers = list(caffe_reader.read(FILES / f"{name}.caffemodel").network.layers.values())
    assert list(map(type, layers[2:4])) == order


def test_without_a_mean_it_is_imagenets(tmp_path):
    opened = open_weights(changed(tmp_path, lambda net: None))
    assert opened.progress["mean"] == pytest.approx([122.679, 116.669, 104.007], abs=1e-3)
    assert opened.progress["std"] == [1, 1, 1]
    assert (
        "assumed pictures warped to 35×35, blue, green, red, minus ImageNet's mean"
        in opened.assumed
    )


def test_the_mean_values_of_training_are_blue_green_red(tmp_path):
    def change(net):
        layer(net, "data").transform.mean_value.extend([104, 117, 123])
        layer(net, "data").transform.scale = 0.5

    opened = open_weights(changed(tmp_path, change))
    assert opened.progress["mean"] == [123, 117, 104]
    assert opened.progress["std"] == [2, 2, 2]


def test_a_mean_picture_beside_the_file_is_cropped_and_its_size_is_the_pictures(tmp_path):
    path = changed(tmp_path, lambda net: None)
    (tmp_path / "mean.binaryproto").write_bytes((FILES / "mean.binaryproto").read_bytes())
    opened = open_weights(path)
    whole = numpy.random.default_rng(2).uniform(90, 130, (3, 41, 37))
    expected = whole[::-1, 3:38, 1:36].transpose(1, 2, 0)
    assert numpy.allclose(opened.progress["mean"], expected, rtol=1e-6)
    assert opened.progress["resize"] == [41, 37]
    assert "minus mean.binaryproto" in opened.assumed


@pytest.mark.parametrize("how", ["input_dim", "input_shape", "an Input layer"])
def test_the_size_of_a_net_that_is_not_for_training(how, tmp_path):
    def change(net):
        layers = list(net.layers)[1:-1]
        del net.layers[:]
        if how == "input_dim":
            net.input_dim.extend([10, 3, SIDE, SIDE])
        elif how == "input_shape":
            net.input_shape.add(dim=[10, 3, SIDE, SIDE])
        else:
            net.layers.add(name="data", type="Input", top=["data"]).input.shape.add(
                dim=[1, 3, SIDE, SIDE]
            )
        net.layers.extend(layers)

    network = build_network(open_weights(changed(tmp_path, change)))
    x = caffe_files.pictures()[:, ::-1].transpose(0, 2, 3, 1).copy()
    assert_agrees(network, numpy.load(FILES / "caffe_logits.npy"), x)


def test_copies_and_layers_of_tests_are_passed_by(tmp_path):
    """What Caffe adds where two layers look at one value."""

    def change(net):
        net.layers.add(name="split", type="Split", bottom=["fc4"], top=["fc4_0", "fc4_1"])
        accuracy = net.layers.add(name="accuracy", type="Accuracy", bottom=["fc4_0", "label"])
        accuracy.include.add(phase=1)
        net.layers.add(name="prob", type="Softmax", bottom=["fc4_1"], top=["prob"])
        test_data = net.layers.add(name="data", type="Data", top=["data"])
        test_data.include.add(phase=1)

    assert len(build_network(open_weights(changed(tmp_path, change))).layers) == 12


def setting(name, about, **fields):
    """Sets fields of what a layer says about itself."""

    def change(net):
        message = getattr(layer(net, name), about)
        for field, value in fields.items():
            if isinstance(value, list):
                del getattr(message, field)[:]
                getattr(message, field).extend(value)
            else:
                setattr(message, field, value)

    return change


def softmax_before(name):
    """Puts a softmax before the layer called `name`."""

    def change(net):
        layers = list(net.layers)
        place = [each.name for each in layers].index(name)
        value = layers[place].bottom[0]
        del net.layers[place:]
        net.layers.add(name="prob", type="Softmax", bottom=[value], top=[value])
        net.layers.extend(layers[place:])

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (setting("conv2", "convolution", dilation=[2]), "conv2 has dilations"),
        (setting("conv1", "convolution", stride=[1, 2]), "conv1 has stride [1, 2]"),
        (setting("conv2", "convolution", group=3), "conv2 is none of minialex's"),
        (setting("norm1", "normalization", norm_region=1), "norm1 normalises within each channel"),
        (setting("norm1", "normalization", local_size=4), "norm1 normalises over 4 channels"),
        (setting("conv2", "convolution", pad=[], pad_h=1), "conv2 has pad [0, 1]"),
        (softmax_before("fc4"), "fc4 comes behind prob, which only ends nets"),
        (setting("data", "transform", scale=-1.0), "prepares pictures in a way"),
        (setting("data", "transform", scale=float("nan")), "prepares pictures in a way"),
        (setting("pool1", "pooling", pool=2), "pool1 pools in a way that minialex does not"),
        (setting("pool1", "pooling", kernel_size=[0]), "pool1 pools in windows of 0 pixels"),
        (setting("relu1", "relu", negative_slope=0.1), "relu1 has a slope below 0"),
        (setting("drop3", "dropout", scale_train=False), "drop3 scales in tests, not in training"),
        (lambda net: setattr(layer(net, "relu2"), "type", "PReLU"), "relu2 (PReLU) is none of"),
        (
            lambda net: layer(net, "fc3").bottom.__setitem__(0, "conv1"),
            "fc3 (InnerProduct) does not follow the one before it",
        ),
        (lambda net: layer(net, "conv2").blobs.clear(), "layer conv2 has no weights"),
        (
            lambda net: setattr(layer(net, "fc3").blobs[0], "floats", b"1234"),
            "is damaged: layer fc3 has 1 numbers for the shape [10, 128]",
        ),
        (
            lambda net: setattr(layer(net, "fc3").blobs[1], "floats", b"\0\0\x80\x7f" * 10),
            "its layer fc3 holds NaN or infinity",
        ),
        (lambda net: layer(net, "data").ClearField("transform"), "not say how large its pictures"),
        (lambda net: net.layers.__delitem__(slice(7, None)), "holds no net that ends in classes"),
        (lambda net: net.layers.clear(), "does not say how large its pictures are"),
    ],
)
def test_what_is_no_such_chain_is_refused_and_named(change, said, tmp_path):
    path = changed(tmp_path, change)
    message = refusal(open_weights, path)
    assert message.startswith(str(path)) and said in message


def test_pools_may_stay_within_the_edge(tmp_path):
    """Caffe of 2019 has round_mode."""

    def change(net):
        layer(net, "pool2").pooling.round_mode = 1
        shape = layer(net, "fc3").blobs[0].shape
        shape.dim[1] = 72
        layer(net, "fc3").blobs[0].floats = bytes(4 * 10 * 72)

    network = build_network(open_weights(changed(tmp_path, change)))
    assert network.shapes()["pool2"] == (3, 3, 8)


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    content = (FILES / "caffe.caffemodel").read_bytes()
    path = tmp_path / "damaged.caffemodel"
    for length in (3, 50, 500, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        assert "\n" not in refusal(open_weights, path)


def test_a_mean_of_another_size_is_refused(tmp_path):
    path = changed(tmp_path, lambda net: None)
    blob = message_class("Blob")(num=1, channels=3, height=8, width=8)
    blob.floats = numpy.zeros(192, "<f4").tobytes()
    (tmp_path / "mean.binaryproto").write_bytes(blob.SerializeToString())
    assert "is a mean picture of shape (3, 8, 8), expected 3 channels" in refusal(
        open_weights, path
    )
