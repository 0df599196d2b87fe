"""What a run has learnt, ready for use: its network and its way of looking at pictures, from the run's checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex import backend, options
from minialex.checkpoint import Checkpoint
from minialex.command import add_common_options, number, usable_cores
from minialex.data.augment import Standardize
from minialex.data.folder import ZOOM, FolderImages
from minialex.errors import InputError
from minialex.layers import SoftmaxCrossEntropy
from minialex.parallel.workers import Workers

#: What a checkpoint's `progress` must hold for its network to be used, and what the options in it must.
PROGRESS = ("options", "classes", "pictures", "mean", "std", "epochs", "steps")
OPTIONS = ("model", "lrn", "dataset", "data_dir", "seed", "batch_size", "crop_padding")


class Trained:
    """The network of the run whose folder, or checkpoint, `path` is.

    network       with the trained weights, on the CPU or the GPU that the backend `backend_name` means (None: "auto")
    workers       what computes its logits, on `threads` threads (None: one a core)
    standardize   what pictures go through before they reach it
    class_names   what its logits stand for, in order
    image_size, channels   S and C of the pictures (N, S, S, C) it takes
    options       the run's (see options.py)
    progress      how far the run had come (see train.py)

    InputError if there is no whole checkpoint, it is not that of a run, or its weights do not fit the network.
    """

    def __init__(self, path: Path, backend_name: str | None = None, threads: int | None = None):
        xp = backend.get(backend_name or "auto")
        checkpoint = Checkpoint(path / "checkpoint.npz" if path.is_dir() else path)
        checkpoint.require(PROGRESS)
        self.path, self.progress = checkpoint.path, checkpoint.progress
        self.options, self.class_names = self.progress["options"], self.progress["classes"]
        for name in OPTIONS:
            if name not in self.options:
                raise InputError(f"{self.path} has other options than this version of the command: no {name}")
        *_, self.image_size, self.channels = self.progress["pictures"]
        self.network = options.network(self.options, len(self.class_names), self.image_size, self.channels).to(xp)
        checkpoint.restore_weights(self.network)
        self.workers = Workers(self.network, SoftmaxCrossEntropy(), threads or usable_cores() if xp is numpy else 1)
        self.standardize = Standardize(self.progress["mean"], self.progress["std"])

    def images(self, paths: Sequence[Path]) -> FolderImages:
        """The pictures in these files, unlabelled: at centre views they are cut and sized as the run's test pictures were.

        Only the data set "folder" cuts off edges; pictures of the others were seen whole, and these are, if square.
        """
        zoom = ZOOM if self.options["dataset"] == "folder" else 1
        return FolderImages(paths, numpy.zeros(len(paths)), self.image_size, self.channels, zoom)


def add_trained_options(group) -> None:
    """Adds to a parser or a group of it the options that mean the same in every command with a trained network."""
    group.add_argument("--batch-size", type=number(int, 1), metavar="N", help="pictures at a time (default: as in training)")
    add_common_options(group)
