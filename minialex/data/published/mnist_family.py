"""What is particular to each data set of MNIST's family: its files, classes and oddities.

The hashes of downloads are those that torchvision.datasets.mnist has.
"""

import string
from dataclasses import dataclass
from typing import NamedTuple


class Files(NamedTuple):
    """The names of the four files: pictures and labels to train with, and to test with."""

    train_images: str
    train_labels: str
    test_images: str
    test_labels: str


#: As MNIST's are called, and those of others that want to take its place.
MNIST_FILES = Files(
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class Member:
    """One data set of the family.

    title            as it is written
    class_names      of its classes, in order
    folders          where its files may be, below --data-dir
    files            as they are called, without .gz
    url              where they are downloaded from: each by itself, or this archive of them
    hashes           of the four downloads, in the order of `files`
    archive_hash     of the archive, if it is one
    array_files      what they are called as .npz, if they are published as that, too
    transposed       whether rows and columns of the pictures are stored exchanged
    first_label      the number of the first class
    label_columns    how many numbers there are for each picture, the first being the class; 0 if
                     there is only the class
    """

    title: str
    class_names: tuple[str, ...]
    folders: tuple[str, ...]
    url: str
    files: Files = MNIST_FILES
    hashes: tuple[str, ...] = ()
    archive_hash: str | None = None
    array_files: Files | None = None
    transposed: bool = False
    first_label: int = 0
    label_columns: int = 0

    def spellings(self) -> list[list[str]]:
        """All names that each of the four files may have."""
        spelled = [[name, name.replace("-idx", ".idx")] for name in self.files]
        names = [[each + end for each in both for end in (".gz", "")] for both in spelled]
        if self.array_files:
            names = [[*some, more] for some, more in zip(names, self.array_files, strict=True)]
        return names


def emnist(split: str, class_names: str, first_label: int) -> Member:
    """A split of EMNIST, with classes of one character."""
    kinds = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    return Member(
        f"EMNIST's {split}",
        tuple(class_names),
        (f"emnist-{split}", "EMNIST/raw", "emnist", "gzip"),
        "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
        Files(*(f"emnist-{split}-{kind}-ubyte" for kind in kinds)),
        archive_hash="md5:58c8d27c78d21e728a6bc7b3cc06412e",
        transposed=True,
        first_label=first_label,
    )


#: The letters that look different as capitals and as small letters.
BOTH_CASES = "abdefghnqrt"

FAMILY = {
    "mnist": Member(
        "MNIST",
        tuple(string.digits),
        ("mnist", "MNIST/raw"),
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        hashes=(
            "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "md5:d53e105ee54ea40749a09fcbcd1e9432",
            "md5:9fb629c4189551a2d022fa330f9573f3",
            "md5:ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    "fashion-mnist": Member(
        "Fashion-MNIST",
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        ("fashion-mnist", "FashionMNIST/raw"),
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        hashes=(
            "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "md5:25c81989df183df01b3e8a0aad5dffbe",
            "md5:bef4ecab320f06d8554ea6380940ec79",
            "md5:bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    "kmnist": Member(
        "KMNIST",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        ("kmnist", "KMNIST/raw"),
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        hashes=(
            "md5:bdb82020997e1d708af4cf47b453dcf7",
            "md5:e144d726b3acfaa3e44228e80efcd344",
            "md5:5c965bf0a639b31b8f53240b1b52f4d7",
            "md5:7320c461ea6c1c855c0b718fb2a4b134",
        ),
        array_files=Files(
            "kmnist-train-imgs.npz",
            "kmnist-train-labels.npz",
            "kmnist-test-imgs.npz",
            "kmnist-test-labels.npz",
        ),
    ),
    "emnist-letters": emnist("letters", string.ascii_uppercase, 1),
    "emnist-balanced": emnist("balanced", string.digits + string.ascii_uppercase + BOTH_CASES, 0),
    "qmnist": Member(
        "QMNIST",
        tuple(string.digits),
        ("qmnist", "QMNIST/raw"),
        "https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
        Files(
            "qmnist-train-images-idx3-ubyte",
            "qmnist-train-labels-idx2-int",
            "qmnist-test-images-idx3-ubyte",
            "qmnist-test-labels-idx2-int",
        ),
        hashes=(
            "md5:ed72d4157d28c017586c42bc6afe6370",
            "md5:0058f8dd561b90ffdd0f734c6a30e5e4",
            "md5:1394631089c404de565df7b7aeaf9412",
            "md5:5b5b05890a5e13444e108efe57b788aa",
        ),
        label_columns=8,
    ),
}
