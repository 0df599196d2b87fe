"""What a trained network takes pictures for: files in, a probability for each class out."""

import glob
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy

from minialex import backend
from minialex.batch_memory import room_for_answers
from minialex.data.augment import centre_views
from minialex.data.folder_images import FolderImages
from minialex.data.own import folder, label_table
from minialex.data.own.listing import EXTENSIONS, files_below, is_picture
from minialex.data.own.stored import StoredPicture
from minialex.data.prefetch import prefetch
from minialex.data.torchvision_images import TorchvisionImages
from minialex.errors import InputError
from minialex.evaluation import check_finite
from minialex.inference import TrainedNetwork


class StandardInput(io.BytesIO):
    """The bytes of a picture from standard input; messages call it "-", as the user does."""

    def __str__(self) -> str:
        return "-"

    __repr__ = __str__

    def read(self, size: int | None = -1) -> bytes:
        """BytesIO's; EOFError if there is nothing to read at all."""
        if not self.getbuffer().nbytes:
            raise EOFError("nothing came through standard input")
        return super().read(size)


#: What pictures are read from.
File: TypeAlias = Path | StandardInput | StoredPicture


#: The extensions of tables of paths and labels; a .txt may be anything.
TABLES = set(label_table.KINDS) - {".txt"}


def files_of(named: str | Path) -> list[File]:
    """The pictures that `named`, a word of the command line, means.

    - "-" means what comes through standard input.
    - A folder means all pictures in it and below it, sorted, without hidden ones; if there are
      none, those in the archives and tables of pictures in it.
    - A pattern (* and ? for parts of a name, ** for folders at any depth) means the pictures that
      match it, and those in the folders that match it.
    - An archive of pictures (.tar) or a table of them (.parquet) means all pictures in it, and a
      table of paths and labels (.csv, .jsonl, …) those that it names.
    - Anything else is a single file. If it is missing, that shows when it is read.

    InputError if a folder or a pattern means no picture.
    """
    path, named = Path(named), str(named)
    if named == "-":
        return [StandardInput(sys.stdin.buffer.read())]
    if path.is_dir():
        files = below(path) or [file for store in stores_in(path) for file in in_store(store)]
    elif path.is_file() and path.suffix.lower() in folder.STORES:
        return in_store(path)
    elif path.is_file() and path.suffix.lower() in TABLES:
        table = label_table.find(path)
        return [Path(file) for split in (table.train, table.test) if split for file in split.files]
    elif path.exists() or not glob.has_magic(named):
        return [path]
    else:
        matches = [Path(match) for match in sorted(glob.glob(named, recursive=True))]
        found = (
            below(match) if match.is_dir() else [match]
            for match in matches
            if match.is_dir() or is_picture(match.name)
        )
        files = list(dict.fromkeys(file for files in found for file in files))
    if not files:
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in {named}")
    return files


def stores_in(root: Path) -> list[Path]:
    """The archives and tables of pictures in the folder and below it, sorted."""
    kinds = tuple(folder.STORES)
    return sorted(root / name for name in files_below(root) if name.lower().endswith(kinds))


def in_store(path: Path) -> list[StoredPicture]:
    """All pictures in an archive or a table of pictures."""
    return folder.STORES[path.suffix.lower()](path)


def below(root: Path) -> list[Path]:
    """All pictures in the folder and below it, sorted.

    Hidden files and folders are left out, linked folders are not.
    """
    names = (name for name in files_below(root) if is_picture(os.path.basename(name)))
    return sorted(root / name for name in names)


def predictions(
    trained: TrainedNetwork, files: Sequence[File], batch_size: int
) -> Iterator[tuple[File, numpy.ndarray | None, str | None]]:
    """For each file: (file, the probability of each class, None), or (file, None, what is wrong).

    They come batch by batch: in each, first the files that cannot be read, then the others, both in
    order. InputError if the memory does not suffice for a batch.
    """
    images = trained.images(files)
    batches = numpy.split(numpy.arange(len(files)), range(batch_size, len(files), batch_size))
    with room_for_answers(trained.engine, min(batch_size, len(files))):
        for indices, pictures, problems in prefetch(read(images, batch) for batch in batches):
            for i, problem in problems:
                yield files[i], None, problem
            if len(indices):
                for i, row in zip(indices, probabilities(trained, pictures), strict=True):
                    yield files[i], row, None


def read(
    images: FolderImages | TorchvisionImages, batch: numpy.ndarray
) -> tuple[Sequence[int], numpy.ndarray, list[tuple[int, str]]]:
    """Reads the pictures number `batch`.

    Returns the numbers of those that can be read, their pixels, uint8 (n, S, S, C), and the numbers
    of the others, each with what is wrong.
    """
    try:
        return batch, images.read(batch, centre_views(len(batch))), []
    except InputError:
        pass  # at least one cannot be read: find out which
    indices, pictures, problems = [], [], []
    for i in batch:
        try:
            pictures.extend(images.read([i], centre_views(1)))
            indices.append(i)
        except InputError as error:
            problems.append((i, " ".join(str(error).split())))
    return indices, numpy.array(pictures), problems


def probabilities(trained: TrainedNetwork, pictures: numpy.ndarray) -> numpy.ndarray:
    """The probability of each class: uint8 pictures (N, S, S, C) -> (N, classes), on the host.
    InputError if logits are not finite."""
    logits = backend.to_host(trained.engine.forward(trained.standardize(pictures)))
    check_finite(logits, trained.origin)
    return softmax(logits)


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """The probability of each class, p = exp(logit) / Σ exp(logit): (N, classes) both."""
    exponentials = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def top_k(probabilities: numpy.ndarray, k: int) -> numpy.ndarray:
    """The numbers of the k most probable classes, the best first; of equal ones the lower first.

    probabilities: (classes,).
    """
    return numpy.argsort(-probabilities, kind="stable")[:k]
