"""Finding the model that weights fit. Only names and shapes count, so these tensors are views."""

from pathlib import Path

import numpy
import pytest

from minialex import models
from minialex.errors import InputError
from minialex.io import torch_layout
from minialex.io.identify import ZeroGenerator, assumed_progress, identify

PATH = Path("some.pth")


def tensors(model, rename=lambda name: name, **options):
    """Tensors with the model's shapes and torchvision's names: views of a single zero."""
    places = torch_layout.places(models.build(model, rng=ZeroGenerator(), **options)).values()
    return {
        rename(place.name): numpy.broadcast_to(numpy.float32(0), place.shape) for place in places
    }


@pytest.mark.parametrize("model", models.MODELS)
@pytest.mark.parametrize(("classes", "channels"), [(1000, 3), (7, 1)])
def test_every_model_is_identified_by_names_and_shapes(model, classes, channels):
    fit = identify(PATH, tensors(model, num_classes=classes, in_channels=channels))
    assert (fit.model, fit.classes, fit.channels) == (model, classes, channels)


def test_neither_names_nor_order_matter_if_shapes_and_sorted_names_decide():
    """A dict that was sorted by name has the linear layers first, then conv1, conv10, …"""
    for channels in (1, 3):
        named = tensors("alexnet-owt", in_channels=channels, lrn=True)
        assert list(named) != sorted(named)
        fit = identify(PATH, {name: named[name] for name in sorted(named)}, "alexnet-owt")
        assert (fit.model, fit.channels, fit.problem) == ("alexnet-owt", channels, None)
        assert list(fit.tensors) == list(named)


def test_names_do_not_matter_if_the_shapes_decide():
    fit = identify(PATH, tensors("alexnet", lambda name: f"net.{name}", num_classes=5))
    assert (fit.model, fit.classes, fit.channels) == ("alexnet", 5, 3)


def test_if_shapes_and_names_do_not_decide_the_user_must_choose():
    """These two differ in padding and in where dropout is, which only torchvision's names show."""
    unnamed = tensors("alexnet-224", lambda name: f"net.{name}")
    with pytest.raises(
        InputError,
        match=r"^some\.pth fits alexnet-227 and alexnet-224: choose one with --model$",
    ):
        identify(PATH, unnamed)
    assert identify(PATH, unnamed, "alexnet-224").model == "alexnet-224"
    assert identify(PATH, unnamed, "alexnet-227").model == "alexnet-227"


def test_names_that_suggest_other_layers_are_refused_unless_the_model_is_chosen():
    """LRN has no weights, but changes torchvision's names. Without it these weights are useless."""
    with_norm = tensors("alexnet-owt", lrn=True)
    with pytest.raises(
        InputError,
        match=r"fits alexnet-owt, but its names suggest other layers in between; "
        "if that is wrong, pass --model alexnet-owt$",
    ):
        identify(PATH, with_norm)
    assert identify(PATH, with_norm, "alexnet-owt").problem is None


def test_the_chosen_model_counts_whatever_the_names_suggest():
    """An AlexNet for 227 pixels with dropout in torchvision's place looks like the one for 224."""
    like_224 = tensors("alexnet-224")
    assert identify(PATH, like_224).model == "alexnet-224"
    assert identify(PATH, like_224, "alexnet-227").model == "alexnet-227"


@pytest.mark.parametrize(
    ("model", "change", "said"),
    [
        (
            "alexnet-owt",
            {"features.3.weight": (192, 64, 3, 3)},
            "not fit alexnet-owt, the closest model: features.3.weight is",
        ),
        (
            "alexnet-owt",
            {"classifier.1.weight": (4096, 256)},
            "classifier.1.weight is (4096, 256), expected (4096, 9216)",
        ),
        (
            "alexnet-cifar",
            {"features.6.weight.extra": (3,)},
            "alexnet-cifar, the closest model: it has features.6.weight.",
        ),
        (
            "lenet",
            {"classifier.4.weight": (10, 83)},
            "not fit lenet, the closest model: classifier.4.weight is (10, 83)",
        ),
        (
            "lenet",
            {"classifier.4.weight": (9, 84)},
            "classifier.4.weight is (9, 84), expected (10, 84)",
        ),
        ("lenet", {"classifier.4.bias": ()}, "classifier.4.weight is (10, 84), expected (0, 84)"),
        (
            "lenet",
            {"features.0.weight": (6, 4, 5, 5)},
            "is for pictures of 4 channels, expected 1 or 3",
        ),
        ("lenet", {"features.0.weight": (6,)}, "features.0.weight is (6,), expected (6, 3, 5, 5)"),
    ],
)
def test_tensors_that_fit_no_model_are_compared_with_the_closest(model, change, said):
    found = tensors(model)
    found |= {name: numpy.broadcast_to(numpy.float32(0), shape) for name, shape in change.items()}
    with pytest.raises(InputError, match=r"^some\.pth ") as caught:
        identify(PATH, found)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tensors_that_do_not_fit_the_chosen_model_are_refused():
    with pytest.raises(
        InputError, match=r"^some\.pth does not fit lenet: it has 16 tensors, expected 10$"
    ):
        identify(PATH, tensors("alexnet", lambda name: f"net.{name}"), "lenet")


@pytest.mark.parametrize(
    ("model", "options", "side", "resize", "mean", "std"),
    [
        ("alexnet-owt", {}, 224, 256, [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
        ("alexnet-cifar", {}, 32, 32, [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
        ("alexnet-d2l", {}, 224, 256, [0], [255]),
    ],
)
def test_what_is_assumed_about_pictures(model, options, side, resize, mean, std):
    fit = identify(PATH, tensors(model, **options))
    progress, about_model, about_pictures = assumed_progress(fit)
    assert progress["pictures"] == [side, side, fit.channels]
    assert progress["resize"] == resize
    assert progress["mean"] == pytest.approx(mean)
    assert progress["std"] == pytest.approx(std)
    assert about_model == f"{model} without LRN"
    assert about_pictures.startswith(f"pictures of {side}×{side} ")


def test_lrn_is_assumed_if_the_model_has_it_by_default():
    _, model, pictures = assumed_progress(identify(PATH, tensors("alexnet")))
    assert model == "alexnet with LRN"
    assert pictures.startswith("pictures of 227×227 cropped from 256")
    _, model, pictures = assumed_progress(identify(PATH, tensors("lenet")))
    assert (model, pictures.partition(",")[0]) == ("lenet", "pictures of 28×28 uncropped")


def test_a_thousand_classes_are_assumed_to_be_those_of_imagenet():
    progress, *_ = assumed_progress(identify(PATH, tensors("alexnet-owt")))
    assert len(progress["classes"]) == 1000
    assert progress["classes"][:2] == ["tench", "goldfish"]
    progress, *_ = assumed_progress(identify(PATH, tensors("alexnet-owt", num_classes=2)))
    assert progress["classes"] == ["class 0", "class 1"]
