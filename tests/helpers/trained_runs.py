"""Small finished runs for the tests of what is done with them, and what their checkpoints say, read without minialex."""

import json
import math
from pathlib import Path

import numpy

from minialex import models, train
from minialex.io import safetensors_file, torch_layout


def trained(folder: Path, *options) -> Path:
    """Trains as `python -m minialex.train options --out folder` does; returns the folder."""
    assert train.main([*map(str, options), "--out", str(folder)]) == 0
    return folder


def on_folder(pictures: Path) -> list:
    """Options of five steps an epoch on the two classes of data_helpers.picture_folder."""
    return [
        *(
            "--dataset",
            "folder",
            "--data-dir",
            pictures,
            "--image-size",
            16,
            "--model",
            "alexnet-cifar",
            "--workers",
            2,
        ),
        *(
            "--batch-size",
            8,
            "--epochs",
            2,
            "--augment",
            "none",
            "--optimizer",
            "adam",
            "--lr",
            0.001,
        ),
    ]


def nobody_s(path: Path) -> Path:
    """Random weights of alexnet-cifar for two classes, in a .safetensors file at `path` that says nothing of itself."""
    network = models.build("alexnet-cifar", num_classes=2, rng=numpy.random.default_rng(2))
    safetensors_file.write(path, torch_layout.to_torch(network), {})
    return path


def last_epoch(folder: Path) -> dict:
    """The last line of the run's metrics.jsonl."""
    return json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])


def probabilities(folder: Path, pictures: numpy.ndarray, **sizes) -> list[list[float]]:
    """What the run's network says to `pictures`, uint8 (n, S, S, C): n rows of a probability for each class.

    Computed the long way, in float64: weights, mean and std as they stand in the checkpoint, e^logit / Σ e^logit.
    """
    with numpy.load(folder / "checkpoint.npz") as archive:
        arrays = dict(archive)
    progress = json.loads(str(arrays["about"]))["progress"]
    network = models.build(
        progress["options"]["model"],
        image_size=pictures.shape[1],
        in_channels=pictures.shape[3],
        **sizes,
    )
    network.astype(numpy.float64)
    for name, array in network.params.items():
        array[...] = arrays[f"weight/{name}"]
    logits = network.forward(
        (pictures - numpy.array(progress["mean"])) / numpy.array(progress["std"])
    ).tolist()
    return [[math.exp(logit) / sum(map(math.exp, row)) for logit in row] for row in logits]


def change(path: Path, about=lambda about: None, arrays=lambda arrays: None) -> None:
    """Rewrites the checkpoint `path` after about(its JSON) and arrays(its arrays) have changed them."""
    with numpy.load(path) as archive:
        content = dict(archive)
    text = json.loads(str(content.pop("about")))
    about(text)
    arrays(content)
    numpy.savez(path, about=json.dumps(text), **content)
