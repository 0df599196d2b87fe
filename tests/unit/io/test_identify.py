"""Which model weights are for: by their shapes alone, numbers do not matter, so nothing here takes memory."""

from pathlib import Path

import numpy
import pytest

from minialex import models
from minialex.errors import InputError
from minialex.io import torch_layout
from minialex.io.identify import Zeros, assume, identify

PATH = Path("some.pth")


def tensors(model, rename=lambda name: name, **options):
    """Zeros with the model's shapes and torchvision's names, all of which are the same number in memory."""
    places = torch_layout.places(models.build(model, rng=Zeros(), **options)).values()
    return {
        rename(place.name): numpy.broadcast_to(numpy.float32(0), place.shape) for place in places
    }


@pytest.mark.parametrize("model", models.MODELS)
@pytest.mark.parametrize(("classes", "channels"), [(1000, 3), (7, 1)])
def test_every_model_is_known_by_its_names_and_shapes(model, classes, channels):
    fit = identify(PATH, tensors(model, num_classes=classes, in_channels=channels))
    assert (fit.model, fit.classes, fit.channels) == (model, classes, channels)


def test_names_of_others_do_not_matter_where_shapes_decide():
    fit = identify(PATH, tensors("alexnet", lambda name: f"net.{name}", num_classes=5))
    assert (fit.model, fit.classes, fit.channels) == ("alexnet", 5, 3)


def test_where_shapes_do_not_decide_it_has_to_be_said():
    """These two differ in padding and in where dropout stands, which only torchvision's way of counting layers shows."""
    unnamed = tensors("alexnet-224", lambda name: f"net.{name}")
    with pytest.raises(
        InputError,
        match=r"^some\.pth fits alexnet-227 and alexnet-224: say with --model which it is$",
    ):
        identify(PATH, unnamed)
    assert identify(PATH, unnamed, "alexnet-224").model == "alexnet-224"
    assert identify(PATH, unnamed, "alexnet-227").model == "alexnet-227"


def test_names_that_tell_of_other_layers_between_are_no_fit_unless_it_is_said():
    """LRN has no weights; with it torchvision would count differently, and without it these weights are worth nothing."""
    with_norm = tensors("alexnet-owt", lrn=True)
    with pytest.raises(
        InputError, match="fits alexnet-owt, but by its names has other layers between"
    ):
        identify(PATH, with_norm)
    assert identify(PATH, with_norm, "alexnet-owt").problem is None


def test_a_model_that_was_said_is_right_whatever_the_names_suggest():
    """An AlexNet for 227 pixels with its dropout where torchvision has it looks like the one for 224."""
    like_224 = tensors("alexnet-224")
    assert identify(PATH, like_224).model == "alexnet-224"
    assert identify(PATH, like_224, "alexnet-227").model == "alexnet-227"


@pytest.mark.parametrize(
    ("model", "change", "said"),
    [
        (
            "alexnet-owt",
            {"features.3.weight": (192, 64, 3, 3)},
            "not fit alexnet-owt, the nearest model: features.3.weight is",
        ),
        (
            "alexnet-owt",
            {"classifier.1.weight": (4096, 256)},
            "classifier.1.weight is (4096, 256), expected (4096, 9216)",
        ),
        (
            "alexnet-cifar",
            {"features.6.weight.extra": (3,)},
            "alexnet-cifar, the nearest model: it has features.6.weight.",
        ),
        (
            "lenet",
            {"classifier.4.weight": (10, 83)},
            "not fit lenet, the nearest model: classifier.4.weight is (10, 83)",
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
def test_what_fits_none_is_compared_with_the_nearest(model, change, said):
    found = tensors(model)
    found |= {name: numpy.broadcast_to(numpy.float32(0), shape) for name, shape in change.items()}
    with pytest.raises(InputError, match=r"^some\.pth ") as caught:
        identify(PATH, found)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_the_model_that_was_said():
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
def test_what_is_assumed_of_pictures(model, options, side, resize, mean, std):
    fit = identify(PATH, tensors(model, **options))
    progress, words = assume(fit)
    assert progress["pictures"] == [side, side, fit.channels]
    assert progress["resize"] == resize
    assert progress["mean"] == pytest.approx(mean)
    assert progress["std"] == pytest.approx(std)
    assert words.startswith(f"{model} without LRN, pictures of {side}×{side} ")


def test_normalisation_is_assumed_where_the_model_has_it():
    assert assume(identify(PATH, tensors("alexnet")))[1].startswith(
        "alexnet with LRN, pictures of 227×227 cut from 256"
    )
    assert assume(identify(PATH, tensors("lenet")))[1].startswith(
        "lenet, pictures of 28×28 seen whole"
    )


def test_a_thousand_classes_are_imagenet_s():
    progress, _ = assume(identify(PATH, tensors("alexnet-owt")))
    assert len(progress["classes"]) == 1000
    assert progress["classes"][:2] == ["tench", "goldfish"]
    progress, _ = assume(identify(PATH, tensors("alexnet-owt", num_classes=2)))
    assert progress["classes"] == ["class 0", "class 1"]
