"""What is particular to CIFAR-10 and to CIFAR-100 with its two kinds of label."""

from dataclasses import dataclass
from typing import NamedTuple

from minialex.data.published import cifar_classes

SITE = "https://www.cs.toronto.edu/~kriz/"
PIXELS = 3 * 32 * 32  #: bytes of a picture: its red, green and blue planes


class Files(NamedTuple):
    """The folder that a version's archive makes, and the files in it: to train with, to test with,
    and with the names of the classes."""

    folder: str
    train: tuple[str, ...]
    test: str
    names: str


@dataclass(frozen=True)
class Kind:
    """One of the two data sets, with one of its kinds of label.

    title         as it is written
    class_names   the published ones
    labels        how many bytes of labels come before each picture in the binary version
    label         which of them is the class
    binary        the files of the binary version
    pickled       the files of the Python version
    label_key, names_key   where the labels and their names are in these
    archive, archive_hash  of the binary version, to download
    """

    title: str
    class_names: tuple[str, ...]
    labels: int
    label: int
    binary: Files
    pickled: Files
    label_key: str
    names_key: str
    archive: str
    archive_hash: str

    @property
    def url(self) -> str:
        """Where the binary version is."""
        return SITE + self.archive

    @property
    def record(self) -> int:
        """The bytes of a picture with its labels, in the binary version."""
        return self.labels + PIXELS


def cifar100(how: str, label: int, class_names: tuple[str, ...]) -> Kind:
    """CIFAR-100 with its "fine" or its "coarse" label, which is label number `label`."""
    return Kind(
        title="CIFAR-100",
        class_names=class_names,
        labels=2,
        label=label,
        binary=Files("cifar-100-binary", ("train.bin",), "test.bin", f"{how}_label_names.txt"),
        pickled=Files("cifar-100-python", ("train",), "test", "meta"),
        label_key=f"{how}_labels",
        names_key=f"{how}_label_names",
        archive="cifar-100-binary.tar.gz",
        # as tensorflow_datasets has it
        archive_hash="sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    )


BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))

#: The data sets by name.
KINDS = {
    "cifar10": Kind(
        title="CIFAR-10",
        class_names=cifar_classes.CIFAR10,
        labels=1,
        label=0,
        binary=Files(
            "cifar-10-batches-bin",
            tuple(f"{name}.bin" for name in BATCHES),
            "test_batch.bin",
            "batches.meta.txt",
        ),
        pickled=Files("cifar-10-batches-py", BATCHES, "test_batch", "batches.meta"),
        label_key="labels",
        names_key="label_names",
        archive="cifar-10-binary.tar.gz",
        archive_hash="md5:c32a1d4ab5d03f1284b67883e8d87530",
    ),
    "cifar100": cifar100("fine", 1, cifar_classes.FINE),
    "cifar100-coarse": cifar100("coarse", 0, cifar_classes.COARSE),
}
