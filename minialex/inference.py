"""What was learnt, here or elsewhere, ready for use: a network with its weights, and its way of
looking at pictures."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex import backend, fast, weights
from minialex.command import add_common_options, number, usable_cores
from minialex.data.augment import Standardize
from minialex.data.folder_images import ZOOM, FolderImages
from minialex.data.torchvision_images import TorchvisionImages
from minialex.io.checkpoint import Checkpoint


class Trained:
    """The network of what `learnt` means: a run's folder, a checkpoint, .pth or .safetensors file,
    or "torchvision".

    network       with the trained weights, on the CPU or the GPU that the backend `backend_name` means (None: "auto")
    engine        what computes its logits, on `threads` threads (None: one a core)
    standardize   what pictures go through before they reach it
    class_names   what its logits stand for, in order
    image_size, channels   S and C of the pictures (N, S, S, C) it takes
    options       the run's (see options.py), of weights from elsewhere those in weights.OPTIONS
    progress      how far the run had come (see train.py), of weights from elsewhere what is known, the rest None
    assumed       what the file does not say and is assumed, in a sentence; None if it says everything
    path, of_run  the file, and whether a run of minialex.train wrote it

    `model` is which model the file is for, if it leaves that open. InputError if there is no such
    file, it is damaged, it is nothing of these, or its weights do not fit the network.
    """

    def __init__(
        self,
        learnt: Path | str,
        backend_name: str | None = None,
        threads: int | None = None,
        model: str | None = None,
    ):
        xp = backend.get(backend_name or "auto")
        found = weights.find(learnt, model)
        self.path, self.progress, self.of_run = (
            found.path,
            found.progress,
            isinstance(found, Checkpoint),
        )
        self.assumed = None if self.of_run else found.assumed
        self.options, self.class_names = self.progress["options"], self.progress["classes"]
        *_, self.image_size, self.channels = self.progress["pictures"]
        self.network = weights.network(found).to(xp)
        workers = threads or usable_cores() if xp is numpy else 1
        self.engine = fast.prepare(self.network, workers)
        self.standardize = Standardize(self.progress["mean"], self.progress["std"])

    def images(
        self, files: Sequence, labels: Sequence[int] | None = None
    ) -> FolderImages | TorchvisionImages:
        """The pictures in these files (paths, or open files), of class 0 if no labels are given: at
        centre views they are cut and sized as the run's test pictures were, or as torchvision does
        it, where the weights are from elsewhere.

        Of a run's data sets only "folder" cuts off edges; pictures of the others were seen whole,
        and these are, if square.
        """
        labels = [0] * len(files) if labels is None else labels
        if "resize" in self.progress:
            return TorchvisionImages(
                files, labels, self.image_size, self.channels, self.progress["resize"]
            )
        zoom = ZOOM if self.options["dataset"] == "folder" else 1
        return FolderImages(files, labels, self.image_size, self.channels, zoom)


def add_trained_options(group) -> None:
    """Adds to a parser or a group of it the options that mean the same in every command with a
    trained network."""
    group.add_argument(
        "--batch-size",
        type=number(int, 1),
        metavar="N",
        help="pictures at a time (default: as in training)",
    )
    add_common_options(group)


def folder_of(weights: str) -> Path:
    """Where pictures of these weights go: the run's folder; for weights that are no run's, the
    current one."""
    path = Path(weights)
    if path.is_dir():
        return path
    return path.parent if path.suffix == ".npz" else Path()


def trained_of(given: argparse.Namespace) -> Trained:
    """What --weights, --model, --backend and --workers mean; what had to be assumed is said on
    stderr."""
    trained = Trained(given.weights, given.backend, given.workers, given.model)
    if trained.assumed:
        print(f"note: {trained.assumed}", file=sys.stderr)
    return trained
