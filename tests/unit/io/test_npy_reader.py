"""Caffe's AlexNet as a dict in a .npy file; ONNX Runtime computes the same of the same net."""

import pickle

import foreign_nets
import numpy
import pytest
from caffe_npy_files import layers
from data_helpers import refusal
from foreign_nets import assert_agrees
from pickle_attacks import attacks

from minialex.io.weights import build_network, open_weights

#: Of the pictures that these weights are for: one pixel is left before fc6.
SIDE = 67

POOL = ("MaxPool", [], dict(kernel_shape=[3, 3], strides=[2, 2]))
NORM = ("LRN", [], dict(size=5, alpha=1e-4, beta=0.75, bias=1.0))


def nodes():
    """The operators of Caffe's deploy.prototxt."""

    def convolution(number, kernel, stride=1, pad=0, groups=1):
        window = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        constants = [f"conv{number}_w", f"conv{number}_b"]
        return [("Conv", constants, dict(window, group=groups)), ("Relu", [], {})]

    def linear(number):
        return ("Gemm", [f"fc{number}_w", f"fc{number}_b"], dict(transB=1))

    return [
        *(*convolution(1, 11, 4), NORM, POOL),
        *(*convolution(2, 5, pad=2, groups=2), NORM, POOL),
        *(*convolution(3, 3, pad=1), *convolution(4, 3, pad=1, groups=2)),
        *(*convolution(5, 3, pad=1, groups=2), POOL, ("Reshape", ["shape"], {})),
        *(linear(6), ("Relu", [], {}), linear(7), ("Relu", [], {}), linear(8)),
    ]


def onnx_of(path, weights):
    """The same net as ONNX."""
    constants = {}
    for name, (weight, bias) in weights.items():
        axes = (3, 2, 0, 1) if name.startswith("conv") else (1, 0)
        constants |= {f"{name}_w": weight.transpose(axes), f"{name}_b": bias}
    return foreign_nets.onnx_file(path, constants, nodes(), SIDE)


def saved(path, weights):
    numpy.save(path, weights, allow_pickle=True)
    return path


def saved_by_python_2(path, weights):
    """As Python 2's NumPy saves it: protocol 2, where text and bytes are the same."""
    array = numpy.empty((), object)
    array[()] = weights
    content = pickle.dumps(array, protocol=2)
    with open(path, "wb") as file:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        numpy.lib.format.write_array_header_1_0(file, header)
        file.write(content)
    return path


@pytest.mark.parametrize("save", [saved, saved_by_python_2])
@pytest.mark.parametrize("named", [False, True])
def test_what_onnx_runtime_computes(save, named, rng, tmp_path):
    weights = layers(rng)
    given = weights
    if named:
        given = {name: dict(weights=w, biases=b) for name, (w, b) in weights.items()}
    opened = open_weights(save(tmp_path / "bvlc_alexnet.npy", given))
    x = rng.standard_normal((2, SIDE, SIDE, 3), numpy.float32)
    same = onnx_of(tmp_path / "net.onnx", weights)
    expected = foreign_nets.onnxruntimes(same, x, bgr=True)
    assert_agrees(build_network(opened), expected, x)
    assert opened.progress["pictures"] == [SIDE, SIDE, 3]
    assert "blue, green, red, minus ImageNet's mean" in opened.assumed


def test_rows_of_fc6_go_through_the_maps_pixel_by_pixel(rng, tmp_path):
    """Of AlexNet's size before fc6, 6×6 pixels, and 227 before conv1."""
    weights = layers(rng)
    weights["fc6"][0] = rng.standard_normal((36 * 8, 10), numpy.float32)
    opened = open_weights(saved(tmp_path / "a.npy", weights))
    assert opened.progress["pictures"] == [227, 227, 3]
    assert opened.progress["resize"] == [256, 256]
    fc6 = build_network(opened).layers["fc6"]
    numpy.testing.assert_array_equal(fc6.params["weight"], weights["fc6"][0].T)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("fc8"), "it has conv1, conv2, conv3, conv4, conv5, fc6, fc7,"),
        (lambda weights: weights.update(conv2=[numpy.ones((5, 5, 4, 8)), 1]), "expected Record"),
        (lambda weights: weights.update(fc7=[numpy.ones(3), numpy.ones(3)]), "fc7"),
        (
            lambda weights: weights.update(conv2=[numpy.ones((5, 5, 4, 8)), numpy.ones(8)]),
            "conv2 has kernels of shape (5, 5, 4, 8)",
        ),
    ],
)
def test_other_weights_are_refused(change, said, rng, tmp_path):
    weights = layers(rng)
    change(weights)
    path = saved(tmp_path / "a.npy", weights)
    message = refusal(open_weights, path)
    assert message.startswith(str(path)) and said in message


@pytest.mark.parametrize(
    ("number", "said"),
    [(numpy.nan, "NaN or infinity"), (-numpy.inf, "NaN or infinity"), (1e300, "1e+300, too large")],
)
def test_numbers_that_no_weight_can_be_are_refused_with_their_layer(number, said, rng, tmp_path):
    weights = layers(rng)
    weights["fc7"][1] = numpy.array([number] * 9)
    message = refusal(open_weights, saved(tmp_path / "a.npy", weights))
    assert f"a.npy: its layer fc7 holds {said}" in message


def test_an_array_of_numbers_is_named(tmp_path):
    numpy.save(tmp_path / "a.npy", numpy.ones((2, 3)))
    assert "it is an array of float64 of shape (2, 3)" in refusal(open_weights, tmp_path / "a.npy")


def test_a_damaged_file_is_refused_in_one_line(rng, tmp_path):
    content = saved(tmp_path / "a.npy", layers(rng)).read_bytes()
    path = tmp_path / "damaged.npy"
    for length in (8, 100, 300, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        assert "\n" not in refusal(open_weights, path)


def test_nothing_in_the_pickle_is_run(tmp_path):
    path = tmp_path / "a.npy"
    for attack in attacks(tmp_path / "ran"):
        with open(path, "wb") as file:
            header = {"descr": "|O", "fortran_order": False, "shape": ()}
            numpy.lib.format.write_array_header_1_0(file, header)
            file.write(attack)
        refusal(open_weights, path)
        assert [each.name for each in tmp_path.iterdir()] == ["a.npy"]
