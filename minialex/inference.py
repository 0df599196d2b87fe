"""A trained network ready for use, with its classes and its way of preparing pictures."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
from PIL import Image

from minialex import backend, fast, models
from minialex.batch_memory import check_answers
from minialex.cores import usable_cores
from minialex.data.arrays import as_pictures
from minialex.data.augment import Standardize, centre_views
from minialex.data.batches import Batches
from minialex.data.dataset import Dataset, Images
from minialex.data.folder_images import ZOOM, FolderImages
from minialex.data.torchvision_images import TorchvisionImages
from minialex.evaluation import check_finite, evaluate, log_softmax
from minialex.io.checkpoint import Checkpoint
from minialex.io.weights import build_network, open_weights
from minialex.layers import Layer
from minialex.network import Network

#: Pictures at a time where nobody says how many.
BATCH_SIZE = 64


class TrainedNetwork:
    """A network with trained weights, its classes, and what pictures go through before they reach
    it.

    network       on the CPU or the GPU
    engine        what computes its logits: anything with the network's `forward`
    standardize   what pixels of 0 to 255 go through first
    class_names   what its logits stand for, in order
    exif          whether pictures in files are turned as their EXIF notes say: as they were for
                  training, which torchvision and most others do without
    image_size, channels   S and C of the pictures (N, S, S, C) it takes
    options       the run's; for other weights those in io.metadata.OPTIONS
    source        the arguments of data.load for its data set; None if that is not known
    test_views    over which views of a test picture answers are averaged: as in training
    progress      how far training had come (see training.py); for other weights what is known
    assumed       what the file does not say and is assumed, in a sentence; None if it says all
    path, of_run  the file, if there is one, and whether it is a checkpoint of minialex's
    """

    def __init__(
        self,
        network: Network,
        progress: dict[str, Any],
        *,
        engine: fast.Engine | Network | None = None,
        path: Path | None = None,
        assumed: str | None = None,
        of_run: bool = False,
    ):
        self.network, self.progress = network, progress
        self.engine = engine or fast.prepare(network)
        self.path, self.assumed, self.of_run = path, assumed, of_run
        self.options, self.class_names = progress["options"], progress["classes"]
        self.source: dict[str, Any] | None = progress["source"]
        *_, self.image_size, self.channels = progress["pictures"]
        self.standardize = Standardize(progress["mean"], progress["std"])
        self.exif: bool = progress.get("exif", True)
        self.test_views: str = (progress.get("settings") or {}).get("test_views", "centre")

    @property
    def origin(self) -> str:
        """What messages call the network: its file, if there is one."""
        return str(self.path or "the network")

    @property
    def model(self) -> str:
        """The model's name; OWN for one that is not in the zoo."""
        return self.options["model"] or models.OWN

    def predict(self, pictures) -> numpy.ndarray:
        """The probability of each class for each picture: float (N, classes), on the host.

        pictures: paths, Pillow pictures, a single one or a list; or an array (N, S, S, C), (N, S,
        S) for grey ones, or one picture of it. Files and Pillow pictures of any size are cut and
        resized as the test pictures were; arrays must have the network's size. Arrays that are not
        uint8 are scaled as the training arrays were. ValueError for anything else; InputError if
        the network's answers are not finite.
        """
        pixels, logits = self.prepared(pictures), []
        for start in range(0, len(pixels), BATCH_SIZE):
            x = self.standardize(pixels[start : start + BATCH_SIZE])
            on_device = backend.to_device(x, self.network.module)
            logits.append(backend.to_host(self.engine.forward(on_device)))
            check_finite(logits[-1], self.origin)
        return numpy.exp(log_softmax(numpy.concatenate(logits)))

    def classify(self, pictures) -> list[str]:
        """The name of the most probable class of each picture; for `pictures` see predict."""
        return [self.class_names[i] for i in self.predict(pictures).argmax(axis=1)]

    def evaluate(self, dataset: Dataset, batch_size: int = BATCH_SIZE) -> dict[str, float]:
        """ "loss", "accuracy" and "top5" (shares of 1) on the data set's test pictures.

        ValueError if it has other classes, or pictures of another shape.
        """
        if dataset.class_names != self.class_names:
            raise ValueError(f"the data set has other classes: {', '.join(dataset.class_names)}")
        side, channels = dataset.test.image_size, dataset.channels
        if (side, channels) != (self.image_size, self.channels):
            expected = f"expected pictures of {self.image_size}×{self.image_size}×{self.channels}"
            raise ValueError(f"{expected}, the data set has {side}×{side}×{channels}")
        scores = evaluate(self.engine, self.batches(dataset.test, batch_size), origin=self.origin)
        assert scores is not None
        return scores

    def batches(self, images: Images, batch_size: int, test_views: str | None = None) -> Batches:
        """The pictures for the network to be tested with; test_views: as in training if None.
        InputError if its answers to a batch would not fit into memory."""
        batches = Batches(
            images,
            batch_size,
            self.standardize,
            test_views=test_views or self.test_views,
            xp=self.network.module,
            as_bytes=isinstance(self.engine, fast.Engine),
        )
        check_answers(self.engine, batches.at_a_time)
        return batches

    def prepared(self, pictures) -> numpy.ndarray:
        """The pictures as the network's size wants them, before `standardize`: uint8 (N, S, S,
        C)."""
        if isinstance(pictures, str | Path | Image.Image):
            pictures = [pictures]
        elif isinstance(pictures, Iterable) and not hasattr(pictures, "shape"):
            pictures = list(pictures)  # folder.glob("*.png") can be walked only once
        if isinstance(pictures, list) and all(
            isinstance(picture, str | Path | Image.Image) for picture in pictures
        ):
            files = [as_file(picture) for picture in pictures]
            if not files:
                raise ValueError("expected at least one picture, got none")
            return self.images(files).read(range(len(files)), centre_views(len(files)))
        expected = (self.image_size, self.image_size, self.channels)
        return as_pictures(pictures, self.progress.get("pixel_range"), expected)

    def images(
        self, files: Sequence, labels: Sequence[int] | None = None
    ) -> FolderImages | TorchvisionImages:
        """The pictures in these files (paths or open files), labelled 0 if no labels are given.

        At centre views they are cut and resized as the run's test pictures were, or, for weights
        from elsewhere, as torchvision does it. Of the data sets only "folder" cuts off edges; of
        other networks' pictures the largest centred square is seen whole.
        """
        labels = [0] * len(files) if labels is None else labels
        sizes = (self.image_size, self.channels)
        if "resize" in self.progress:
            return TorchvisionImages(files, labels, *sizes, self.progress["resize"], self.exif)
        zoom = ZOOM if self.source and self.source["name"] == "folder" else 1
        return FolderImages(files, labels, *sizes, zoom, self.exif)


def load(
    weights: Path | str,
    *,
    backend_name: str = "auto",
    workers: int | None = None,
    model: str | None = None,
    layers: Iterable[type[Layer]] | type[Layer] = (),
    exif: bool | None = None,
) -> TrainedNetwork:
    """The trained network in a run's folder, a checkpoint or a file of another program (see
    docs/weights.md), or "torchvision".

    backend_name: "numpy", "cupy" or "auto" (a GPU if one works)
    workers: CPU threads; None means one a core
    model: which model a file is for, if it does not say so
    layers: the classes of your own that the network is made of
    exif: whether pictures in files are turned as their EXIF notes say (default: as for training)
    InputError if the file is missing or damaged, or its weights do not fit; TypeError if `layers`
    are not classes.
    """
    layers = [layers] if isinstance(layers, type) else list(layers)
    for kind in layers:
        if not isinstance(kind, type):
            raise TypeError(f"layers are classes, as in layers=[MyLayer], got {kind!r}")
    xp: ModuleType = backend.get(backend_name)
    opened = open_weights(weights, model)
    network = build_network(opened, layers).to(xp)
    engine = fast.prepare(network, (workers or usable_cores()) if xp is numpy else 1)
    of_run = isinstance(opened, Checkpoint)
    assumed = None if isinstance(opened, Checkpoint) else opened.assumed
    trained = TrainedNetwork(
        network, opened.progress, engine=engine, path=opened.path, assumed=assumed, of_run=of_run
    )
    trained.exif = trained.exif if exif is None else exif
    return trained


def as_file(picture: str | Path | Image.Image) -> Path | io.BytesIO:
    """The path as it is; a Pillow picture as an open file."""
    if not isinstance(picture, Image.Image):
        return Path(picture)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file
