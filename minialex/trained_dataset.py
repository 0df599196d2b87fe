"""The data set that belongs to a trained network."""

from pathlib import Path

from minialex import data
from minialex.data import folder
from minialex.data.dataset import ArrayImages, Dataset
from minialex.data.folder_images import FolderImages
from minialex.data.torchvision_images import TorchvisionImages
from minialex.errors import InputError
from minialex.inference import TrainedNetwork

#: The pictures of a data set, in memory or in files.
Images = ArrayImages | FolderImages | TorchvisionImages


def dataset_of(trained: TrainedNetwork, data_dir: Path | None = None) -> Dataset:
    """The data set that the network was trained on, read from `data_dir` if given.

    Weights from elsewhere, or trained on arrays, do not name one. Theirs are the pictures in the
    class folders of data_dir/val, data_dir/test or data_dir itself, and, if there is one,
    data_dir/train.

    InputError if the data set has other classes now, if weights that name none come without
    `data_dir`, or as data.load and folder.labelled_files say.
    """
    if trained.source is None:
        if data_dir is None:
            raise InputError(
                f"{trained.path} does not say what it was trained on: name a folder of pictures "
                "with --data-dir"
            )
        data.check_folder(data_dir)
        train, test = data_dir / "train", folder.evaluation_folder(data_dir) or data_dir
        classified = (
            folder.labelled_files(each, trained.class_names) if each.is_dir() else None
            for each in (train, test)
        )
        splits = (split and trained.images(*split) for split in classified)
        return Dataset("folder", *splits, trained.class_names)
    given = {"data_dir": data_dir} if data_dir else {}
    dataset = data.load(**trained.source | given | {"image_size": trained.image_size})
    if (dataset.class_names, dataset.channels) != (trained.class_names, trained.channels):
        raise InputError(f"{trained.path} was trained on other classes than the data set has now")
    for images in (dataset.train, dataset.test):
        if isinstance(images, FolderImages):
            images.exif = trained.exif
    return dataset


def name_of(images: Images, i: int) -> str:
    """The name of picture i's file, or its number if all pictures are in one file."""
    return Path(images.paths[i]).name if hasattr(images, "paths") else f"picture {i:,}"
