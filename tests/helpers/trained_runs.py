"""Small training runs for the tests that use them, and their checkpoints, read without minialex."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from minialex import models, train
from minialex.io import safetensors_file, torch_layout
from minialex.io.npz_file import checksum


def trained(folder: Path, *options: Any) -> Path:
    """Trains as `python -m minialex.train options --out folder` does; returns the folder."""
    assert train.main([*map(str, options), "--out", str(folder)]) == 0
    return folder


def on_folder(pictures: Path) -> list:
    """Options for five steps per epoch on the two classes of data_helpers.picture_folder."""
    options = {
        "--dataset": "folder",
        "--data-dir": pictures,
        "--image-size": 16,
        "--model": "alexnet-cifar",
        "--workers": 2,
        "--batch-size": 8,
        "--epochs": 2,
        "--augment": "none",
        "--optimizer": "adam",
        "--lr": 0.001,
        "--schedule": "plateau",
        "--weight-decay": 0.0005,
    }
    return [word for option in options.items() for word in option]


def weights_without_metadata(path: Path) -> Path:
    """Writes random weights of alexnet-cifar for two classes to a .safetensors file."""
    network = models.build("alexnet-cifar", num_classes=2, rng=numpy.random.default_rng(2))
    safetensors_file.write(path, torch_layout.to_torch(network), {})
    return path


def last_epoch(folder: Path) -> dict:
    """The last line of the run's metrics.jsonl."""
    return json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])


def probabilities(folder: Path, pictures: numpy.ndarray, **sizes: int) -> list[list[float]]:
    """The class probabilities that the run's network gives for `pictures`, uint8 (n, S, S, C).

    Computed the slow way in float64, from the weights, mean and std in the checkpoint and
    e^logit / Σ e^logit. Returns n rows of one probability per class.
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


def change(
    path: Path,
    about: Callable[[dict], Any] = lambda about: None,
    arrays: Callable[[dict], Any] = lambda arrays: None,
) -> None:
    """Rewrites a checkpoint after about(its JSON) and arrays(its arrays) have modified them, with
    the right checksum."""
    with numpy.load(path) as archive:
        content = dict(archive)
    text = json.loads(str(content.pop("about")))
    arrays(content)
    text["checksum"] = checksum(content)
    about(text)
    numpy.savez(path, about=json.dumps(text), **content)


def contents(folder: Path) -> tuple[dict, dict, list[dict]]:
    """Every array of the checkpoint, and its metrics without the times."""
    with numpy.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "about"}
        about = json.loads(str(archive["about"]))
    path = folder / "metrics.jsonl"
    metrics = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for epoch in metrics:
        del epoch["seconds"], epoch["images_per_second"]
    return arrays, about["generators"], metrics


def assert_same(left: tuple, right: tuple) -> None:
    """Two runs' `contents` are equal, the arrays bit for bit."""
    assert left[1:] == right[1:]
    assert left[0].keys() == right[0].keys()
    for name, array in left[0].items():
        assert array.tobytes() == right[0][name].tobytes(), name


def assert_close(folder: Path, other: Path) -> None:
    """The two runs have the same weights, to the rounding of float32, and metrics."""
    (arrays, _, lines), (others, _, other_lines) = contents(folder), contents(other)
    for name, array in arrays.items():
        numpy.testing.assert_allclose(array, others[name], rtol=2e-3, atol=2e-5, err_msg=name)
    for line, other_line in zip(lines, other_lines, strict=True):
        assert math.isclose(line["train_loss"], other_line["train_loss"], rel_tol=1e-4)
        assert line["test_accuracy"] == other_line["test_accuracy"]
