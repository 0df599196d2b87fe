"""MatConvNet's files, written by SciPy; ONNX Runtime computes the same of the same net."""

import foreign_nets
import numpy
import pytest
from data_helpers import refusal
from foreign_nets import SIDE, assert_agrees
from matconvnet_files import cell, saved

from minialex.data import imagenet_classes
from minialex.io.weights import build_network, open_weights

scipy_io = pytest.importorskip("scipy.io", reason="needs SciPy to write .mat files")


@pytest.mark.parametrize("old", [False, True])
def test_what_onnx_runtime_computes(old, rng, tmp_path):
    path, arrays = saved(tmp_path / "net.mat", rng, old)
    opened = open_weights(path)
    network = build_network(opened)
    same = foreign_nets.onnx_file(tmp_path / "net.onnx", arrays, foreign_nets.nodes()[:-1])
    x = rng.standard_normal((2, SIDE, SIDE, 3), numpy.float32)
    assert_agrees(network, foreign_nets.onnxruntimes(same, x), x)
    assert list(network.layers)[-2:] == ["flatten", "fc3"]


def test_pictures_are_prepared_as_the_file_says(rng, tmp_path):
    path, _ = saved(tmp_path / "net.mat", rng)
    opened = open_weights(path)
    written = scipy_io.loadmat(path)["meta"]["normalization"][0, 0]["averageImage"][0, 0]
    assert numpy.array_equal(opened.progress["mean"], written)
    assert opened.progress["resize"] == [SIDE + 4, SIDE + 6]
    assert opened.progress["std"] == [1, 1, 1]
    assert opened.assumed is None


def test_a_mean_colour_and_an_aspect_that_is_kept(rng, tmp_path):
    def change(layers, normalization):
        normalization |= dict(averageImage=numpy.array([[[1.5, 2, 3]]]), keepAspect=1.0)

    opened = open_weights(saved(tmp_path / "net.mat", rng, change=change)[0])
    assert opened.progress["mean"] == [1.5, 2, 3]
    assert opened.progress["resize"] == SIDE + 4


def test_without_a_mean_it_is_imagenets_and_said(rng, tmp_path):
    def change(layers, normalization):
        del normalization["averageImage"], normalization["border"]

    opened = open_weights(saved(tmp_path / "net.mat", rng, change=change)[0])
    assert opened.progress["mean"] == pytest.approx([122.679, 116.669, 104.007], abs=1e-3)
    assert "assumed with ImageNet's mean subtracted" in opened.assumed
    assert opened.progress["resize"] == SIDE


def test_classes_are_named_as_in_the_file(rng, tmp_path):
    names = ["tench", "goldfish, Carassius auratus", "shark", "ray"]
    classes = dict(name=cell(["n1", "n2", "n3", "n4"]), description=cell(names))
    opened = open_weights(saved(tmp_path / "net.mat", rng, classes=classes)[0])
    assert opened.progress["classes"] == names


def test_imagenets_ids_mean_minialexs_names(rng, tmp_path):
    ids = [wordnet_id for wordnet_id, _ in imagenet_classes.read()]

    def change(layers, _):
        layers[-2]["weights"] = cell(
            [rng.standard_normal((3, 3, 8, 1000), numpy.float32), numpy.zeros((1, 1000))]
        )

    classes = dict(name=cell(ids), description=cell(["?"] * 1000))
    opened = open_weights(saved(tmp_path / "net.mat", rng, change=change, classes=classes)[0])
    assert opened.progress["classes"] == imagenet_classes.names()


def replaced(place, **about):
    def change(layers, normalization):
        layers[place] |= about

    return change


WRONG = [numpy.ones((3, 3, 5, 8)), numpy.ones((1, 8))]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replaced(1, type="bnorm"), "layer relu1 (bnorm) is none of minialex's"),
        (replaced(1, leak=0.1), "layer relu1 has a slope below 0"),
        (replaced(0, stride=[[1.0, 2.0]]), "layer conv1 has stride [1, 2]"),
        (replaced(4, dilate=2.0), "layer conv2 has dilations"),
        (replaced(3, method="sum"), "layer pool1 pools in a way that minialex does not"),
        (replaced(3, pad=[[0.0, 0.0, 1.0, 0.0]]), "layer pool1 pools in a way that minialex"),
        (replaced(3, pool=[[0.0, 0.0]]), "layer pool1 pools in windows of 0 pixels"),
        (replaced(2, param=[[4.0, 1.0, 0.1, 0.75]]), "layer norm1 normalises over 4 channels"),
        (replaced(4, weights=cell(WRONG)), "layer conv2 has kernels for 5 channels, not 6"),
        (
            replaced(4, weights=cell([numpy.full((3, 3, 3, 8), -1e300), numpy.ones((1, 8))])),
            "its layer conv2 holds -1e+300, too large for float32",
        ),
        (lambda layers, _: layers.__delitem__(slice(6, None)), "holds no net that ends in classes"),
        (lambda layers, _: layers.insert(7, layers[-1]), "layer fc3 comes behind prob, which only"),
        (replaced(0, stride=[[numpy.inf, 2.0]]), "is no network of MatConvNet's"),
        (replaced(0, weights=cell([numpy.ones((5, 5, 0, 6)), numpy.ones(6)])), "kernels for 0"),
        (lambda _, about: about.update(border=[[-32.0, -33.0]]), "prepares pictures in a way"),
        (lambda _, about: about.update(averageImage=numpy.full(3, numpy.nan)), "prepares pictures"),
    ],
)
def test_what_is_no_such_chain_is_refused_and_named(change, said, rng, tmp_path):
    path, _ = saved(tmp_path / "net.mat", rng, change=change)
    message = refusal(open_weights, path)
    assert message.startswith(str(path)) and said in message


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (dict(X=numpy.ones(3)), "has no layers of MatConvNet's"),
        (dict(params=numpy.ones(3), layers=numpy.ones(3)), "in MatConvNet's format DagNN"),
        (dict(layers=numpy.ones(3)), "is no network of MatConvNet's"),
    ],
)
def test_other_variables_are_refused(variables, said, tmp_path):
    path = tmp_path / "other.mat"
    scipy_io.savemat(path, variables)
    assert said in refusal(open_weights, path)


def test_a_damaged_file_is_refused_in_one_line(rng, tmp_path):
    path, _ = saved(tmp_path / "net.mat", rng)
    content = path.read_bytes()
    for length in (20, 130, 500, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        assert "\n" not in refusal(open_weights, path)


def test_a_file_of_version_7_3_is_named(tmp_path):
    path = tmp_path / "net.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    assert "version 7.3: save it in MATLAB with -v7" in refusal(open_weights, path)
