"""The data set that belongs to a trained network."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minialex import data
from minialex.data.dataset import ArrayImages, Dataset
from minialex.data.folder_images import FolderImages
from minialex.data.identity import digest_of
from minialex.data.own import folder
from minialex.data.published import npz
from minialex.data.published.cifar10_c import Blocks
from minialex.data.published.npz import is_npz
from minialex.data.torchvision_images import TorchvisionImages
from minialex.errors import InputError
from minialex.inference import TrainedNetwork

#: The pictures of a data set, in memory or in files.
Images = ArrayImages | FolderImages | TorchvisionImages


def dataset_of(
    trained: TrainedNetwork, data_dir: Path | None = None, name: str | None = None
) -> Dataset:
    """The data set that the network was trained on, read from `data_dir` if given; or the one
    called `name`, if it has the same classes.

    Weights from elsewhere, or trained on arrays, do not name one. Theirs are the labelled pictures
    under `data_dir`: the test pictures, or all if there is only one kind. So are those of a run on
    own pictures, if `data_dir` is another place, with others than those of the training.

    data_dir may be a .npz file of pictures that the network has not seen. If it was trained on one,
    that needs the name "npz", and otherwise what is held out of the file is tested.

    InputError if the data set has other classes or other channels, if what would be held out may
    have been trained on, if weights that name none come without `data_dir` and `name`, or as
    data.load and folder.labelled_files say.
    """
    own = trained.source or {"name": "folder", "data_dir": None}
    if name is None and is_npz(data_dir):
        name = "npz"
        own = own | {"data_dir": str(data_dir)}
    same_place = data_dir is None or is_same(data_dir, own["data_dir"])
    if name and (name != own["name"] or (trained.source and not same_place)):
        return other_dataset(trained, name, data_dir)
    if trained.source is None:
        if data_dir is None:
            raise InputError(
                f"{trained.path} does not say what it was trained on: name a folder of pictures "
                "with --data-dir"
            )
        return labelled(trained, data_dir)
    source = trained.source | {"image_size": trained.image_size}
    if data_dir:
        data.check_data_dir(data_dir, source["name"])
        source["data_dir"] = data_dir
    if source["name"] == "folder" and not same_place:
        dataset = moved(trained, source)
        if dataset is None:
            return labelled(trained, data_dir)
    else:
        dataset = data.load(**source)
    if (dataset.class_names, dataset.channels) != (trained.class_names, trained.channels):
        raise InputError(f"{trained.path} was trained on other classes than the data set has now")
    if dataset.val_share and (changed := difference(trained, dataset)):
        others = "--dataset npz and --data-dir" if dataset.name == "npz" else "--data-dir"
        raise InputError(
            f"{trained.path} {changed}, so those held out may have been trained on: name others "
            f"with {others}"
        )
    for images in (dataset.train, dataset.test):
        if isinstance(images, FolderImages):
            images.exif = trained.exif
    return dataset


def other_dataset(trained: TrainedNetwork, name: str, data_dir: Path | None) -> Dataset:
    """The data set called `name`, to test the network with; InputError if it has other classes."""
    if name == "npz" and data_dir is not None:
        pixels = trained.progress.get("pixel_range")
        dataset = npz.load_to_test(data_dir, trained.class_names, trained.image_size, pixels)
    else:
        known = data.classes_of(name)
        if data_dir is None and known:  # before gigabytes are downloaded
            check_classes(trained, name, known)
        dataset = data.load(name, data_dir, image_size=trained.image_size)
    check_classes(trained, name, dataset.class_names, dataset.channels)
    return dataset


def is_same(data_dir: Path, place: str | None) -> bool:
    """Whether both name the same file or folder, in whatever words."""
    return place is not None and os.path.realpath(data_dir) == os.path.realpath(place)


def labelled(trained: TrainedNetwork, data_dir: Path) -> Dataset:
    """All labelled pictures under `data_dir` that are not for training, as test pictures."""
    data.check_data_dir(data_dir)
    splits = folder.labelled_files(data_dir, trained.class_names)
    pictures = (split and trained.images(*split) for split in splits)
    return Dataset("folder", *pictures, trained.class_names)


def moved(trained: TrainedNetwork, source: dict[str, Any]) -> Dataset | None:
    """The folder's pictures, if they can be those of the training that lie elsewhere now; else
    None. source: the arguments of data.load."""
    found = folder.find(source["data_dir"])
    train, test, *_ = trained.progress["pictures"]
    held_out = source["val_share"]
    used = [found.train] if held_out else [found.train, found.test]
    splits = [len(split.labels) for split in used if split]
    counts = [train + test] if held_out else [train, test]
    names = [found.shown.get(name, name) for name in found.names()]
    if (splits, names) != (counts, trained.class_names):
        return None
    dataset = data.load(**source, found=found)
    return None if difference(trained, dataset) else dataset


def difference(trained: TrainedNetwork, dataset: Dataset) -> str | None:
    """How the network was trained, if it was on other pictures than these; None if they can be the
    same. Of weights of earlier versions only the number of pictures is known."""
    counts, before = [len(dataset.train), len(dataset.test)], trained.progress.get("digest")
    if counts != trained.progress["pictures"][:2]:
        return "was trained on other pictures than there are now"
    if before and before != digest_of(dataset):
        return (
            "was trained on other pictures than there are now, or on the same in another order or "
            "with other names or labels"
        )
    return None


def check_classes(
    trained: TrainedNetwork, name: str, class_names: list[str], channels: int | None = None
) -> None:
    """InputError unless the data set called `name` has the network's classes and, if they are
    known, as many channels."""
    if class_names != trained.class_names:
        theirs, own = listed(class_names), listed(trained.class_names)
        raise InputError(f"data set {name} has other classes, {theirs}: the network has {own}")
    if channels not in (None, trained.channels):
        theirs, own = (
            {1: "grey pictures", 3: "pictures in colour"}[n] for n in (channels, trained.channels)
        )
        raise InputError(f"data set {name} has {theirs}: the network takes {own}")


def listed(names: Sequence[str]) -> str:
    """How many classes there are and what the first are called."""
    return f"{len(names)} ({', '.join(names[:3])}{', …' * (len(names) > 3)})"


def name_of(images: Images, i: int) -> str:
    """The name of picture i's file, or its number or kind if all pictures are in few files."""
    if hasattr(images, "paths"):
        return Path(str(images.paths[i])).name
    pixels = getattr(images, "images", None)
    return pixels.name_of(i) if isinstance(pixels, Blocks) else f"picture {i:,}"
