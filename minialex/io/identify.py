"""Finds the model that a file of bare weights fits, and assumptions about its training pictures."""

import functools
import inspect
from pathlib import Path

import numpy

from minialex import models
from minialex.data import imagenet_classes
from minialex.errors import InputError
from minialex.io import torch_layout
from minialex.io.tensor_names import in_order, input_channels

#: torchvision's preprocessing: the shorter side before the crop, and the mean and standard
#: deviation of pixels in 0..1.
RESIZE, MEAN, STD = 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ZeroGenerator:
    """Stands in for a random generator when a network is built only for its shapes."""

    def standard_normal(self, shape: tuple[int, ...], dtype: type) -> numpy.ndarray:
        return numpy.zeros(shape, dtype)

    def spawn(self, n: int) -> list["ZeroGenerator"]:
        return [self] * n


@functools.cache
def places(model: str, channels: int) -> list[torch_layout.Place]:
    """Where the parameters of the model called so go in torch's layout."""
    network = models.build(model, in_channels=channels, rng=ZeroGenerator())
    return list(torch_layout.places(network).values())


class Fit:
    """How well tensors in torch's layout fit the model called `model`.

    The model is built with the tensors' number of classes and with `channels` input channels.

    tensors    as they were given
    problem    why they do not fit, or None
    matching   how many tensors have the right shape
    named      how many tensors have torchvision's names; if they come from elsewhere, none, or some
               by chance
    """

    def __init__(self, model: str, tensors: dict[str, numpy.ndarray], channels: int):
        wanted = places(model, channels)
        got = [tensor for _, tensor in torch_layout.matched(wanted, tensors)]
        self.model, self.tensors, self.channels = model, tensors, channels
        self.classes = len(got[-1]) if got and got[-1].ndim else 0
        last_layer = (
            place._replace(shape=(self.classes, *place.shape[1:])) for place in wanted[-2:]
        )
        wanted = [*wanted[:-2], *last_layer]
        self.problem = torch_layout.mismatch(wanted, tensors)
        self.matching = sum(
            place.shape == tensor.shape for place, tensor in zip(wanted, got, strict=False)
        )
        self.named = sum(place.name in tensors for place in wanted)
        self.fully_named = self.named == len(wanted)


def identify(path: Path, tensors: dict[str, numpy.ndarray], model: str | None = None) -> Fit:
    """The model that the tensors from the file `path` fit, or `model`, if they fit that.

    The models are tried at their default picture size, and the tensors in their own order, then in
    that of tensor_names.in_order.

    InputError if no model fits (the message is about the one that comes closest), if several do and
    the names do not decide, or if torchvision-like names imply layers without weights, such as LRN,
    in other places.
    """
    fits = []
    for order in (tensors, in_order(tensors)):
        channels = input_channels(order)
        if channels not in (1, 3):
            raise InputError(f"{path} is for pictures of {channels} channels, expected 1 or 3")
        fits += [Fit(name, order, channels) for name in ([model] if model else models.MODELS)]
        right = [fit for fit in fits if fit.problem is None]
        if right:
            break
    if model and right:
        return right[0]
    if not right:
        nearest = max(fits, key=lambda fit: fit.matching)
        raise InputError(
            f"{path} does not fit {nearest.model}{'' if model else ', the closest model'}: "
            f"{nearest.problem}"
        )
    right = [fit for fit in right if fit.fully_named] or right
    models_fitting = " and ".join(fit.model for fit in right)
    if len(right) > 1:
        raise InputError(f"{path} fits {models_fitting}: choose one with --model")
    if right[0].named and not right[0].fully_named:
        others = (
            "but its names suggest other layers in between; "
            f"if that is wrong, pass --model {right[0].model}"
        )
        raise InputError(f"{path} fits {models_fitting}, {others}")
    return right[0]


def class_names(count: int) -> list[str]:
    """ImageNet's, if there are as many; else numbered ones."""
    return imagenet_classes.names() if count == 1000 else [f"class {i}" for i in range(count)]


def assumed_progress(fit: Fit) -> tuple[dict, str, str]:
    """The `progress` (see train.py) to assume for bare weights, and what is assumed of the model
    and of pictures, in words."""
    side, colour = models.image_size(fit.model), fit.channels == 3
    photographs = side >= 200
    mean, std = (MEAN, STD) if colour else ((0,), (1,))
    progress = {
        "options": {"model": fit.model, "lrn": None, "batch_size": 64},
        "source": None,
        "classes": class_names(fit.classes),
        "pictures": [side, side, fit.channels],
        "mean": [255 * value for value in mean],
        "std": [255 * value for value in std],
        "resize": RESIZE if photographs else side,
        "exif": False,
        "epochs": None,
        "steps": None,
    }
    cut = f"cropped from {RESIZE}" if photographs else "uncropped"
    pixels = (
        "with ImageNet's mean and standard deviation" if colour else "with pixel values in 0..1"
    )
    options = inspect.signature(models.MODELS[fit.model]).parameters
    norm = "" if "lrn" not in options else " with LRN" if options["lrn"].default else " without LRN"
    return progress, f"{fit.model}{norm}", f"pictures of {side}×{side} {cut}, {pixels}"
