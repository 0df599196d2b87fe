"""Which model weights are for that do not say it, and what can be assumed of the pictures they were trained on."""

import inspect
from pathlib import Path

import numpy

from minialex import models
from minialex.data import imagenet_classes
from minialex.errors import InputError
from minialex.io import torch_layout

#: How torchvision's nets see pictures: the shorter side before the crop, mean and standard deviation of pixels from 0 to 1.
RESIZE, MEAN, STD = 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: The options of weights that do not say of what run they are: of no data set.
UNKNOWN = {"dataset": None, "data_dir": None, "seed": 0, "batch_size": 64, "crop_padding": None}


class Zeros:
    """Takes the place of a generator where a network is built for its shapes alone."""

    def standard_normal(self, shape: tuple[int, ...], dtype) -> numpy.ndarray:
        return numpy.zeros(shape, dtype)

    def spawn(self, n: int) -> list["Zeros"]:
        return [self] * n


class Fit:
    """How tensors in torch's layout fit the model called `model`, with as many classes as they have and such pictures.

    problem    why they do not, or None
    matching   how many have the right shape
    named      how many have the name that torchvision would give them: in a net of others none, or by chance some
    """

    def __init__(self, model: str, tensors: dict[str, numpy.ndarray], channels: int):
        network = models.build(model, in_channels=channels, rng=Zeros())
        wanted = list(torch_layout.places(network).values())
        got = [tensor for _, tensor in torch_layout.in_order(wanted, tensors)]
        self.model, self.channels = model, channels
        self.classes = len(got[-1]) if got and got[-1].ndim else 0
        last_layer = (
            place._replace(shape=(self.classes, *place.shape[1:])) for place in wanted[-2:]
        )
        wanted = [*wanted[:-2], *last_layer]
        self.problem = torch_layout.misfit(wanted, tensors)
        self.matching = sum(
            place.shape == tensor.shape for place, tensor in zip(wanted, got, strict=False)
        )
        self.named = sum(place.name in tensors for place in wanted)
        self.fully_named = self.named == len(wanted)


def identify(path: Path, tensors: dict[str, numpy.ndarray], model: str | None = None) -> Fit:
    """The model that the tensors from the file `path` fit, or `model`, if they do. The models' own picture size is expected.

    InputError if none fits, telling what does not in the one that comes nearest, or if several do and names decide nothing,
    or if names like torchvision's say that layers without weights (local response normalisation, say) stand elsewhere.
    """
    first = next(iter(tensors.values()))
    channels = first.shape[1] if first.ndim == 4 else 3
    if channels not in (1, 3):
        raise InputError(f"{path} is for pictures of {channels} channels, expected 1 or 3")
    fits = [Fit(name, tensors, channels) for name in ([model] if model else models.MODELS)]
    right = [fit for fit in fits if fit.problem is None]
    if model and right:
        return right[0]
    if not right:
        nearest = max(fits, key=lambda fit: fit.matching)
        raise InputError(
            f"{path} does not fit {nearest.model}{'' if model else ', the nearest model'}: {nearest.problem}"
        )
    right = [fit for fit in right if fit.fully_named] or right
    models_fitting = " and ".join(fit.model for fit in right)
    if len(right) > 1:
        raise InputError(f"{path} fits {models_fitting}: say with --model which it is")
    if right[0].named and not right[0].fully_named:
        others = "but by its names has other layers between: if that is wrong, say so with --model"
        raise InputError(f"{path} fits {models_fitting}, {others}")
    return right[0]


def assume(fit: Fit) -> tuple[dict, str]:
    """The `progress` (see train.py) of weights that fit and say nothing of their training, and what is assumed, in words."""
    side, colour = models.image_size(fit.model), fit.channels == 3
    photographs = side >= 200
    mean, std = (MEAN, STD) if colour else ((0,), (1,))
    progress = {
        "options": {"model": fit.model, "lrn": None, **UNKNOWN},
        "classes": imagenet_classes.names()
        if fit.classes == 1000
        else [f"class {i}" for i in range(fit.classes)],
        "pictures": [side, side, fit.channels],
        "mean": [255 * value for value in mean],
        "std": [255 * value for value in std],
        "resize": RESIZE if photographs else side,
        "epochs": None,
        "steps": None,
    }
    cut = f"cut from {RESIZE}" if photographs else "seen whole"
    pixels = "with ImageNet's mean and deviation" if colour else "with values from 0 to 1"
    options = inspect.signature(models.MODELS[fit.model]).parameters
    norm = "" if "lrn" not in options else " with LRN" if options["lrn"].default else " without LRN"
    return progress, f"{fit.model}{norm}, pictures of {side}×{side} {cut}, {pixels}"
