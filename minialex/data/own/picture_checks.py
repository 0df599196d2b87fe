"""What is odd about labelled pictures in files: few of a class, the same twice, single colours."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable

import numpy
from tqdm import tqdm

from minialex.data.dataset import Dataset
from minialex.data.decode import decoded, open_picture
from minialex.data.folder_images import FolderImages
from minialex.data.own.found import counted
from minialex.data.own.stored import Source, StoredPicture
from minialex.errors import InputError

FEW = 5  #: training pictures of a class
SIZES = 200_000  #: of how many pictures in each split the sizes are compared at most
CONTENTS = 2_000  #: how many files are read at most to find out whether they are the same
LOOKED_AT = 200  #: how many pictures are looked at
FLAT = 4  #: the range of the pixels of a picture of a single colour, at most
NAMED = 5  #: how many classes a line names


def notes(dataset: Dataset) -> list[str]:
    """A sentence for each thing that is odd about the pictures; none for pictures in memory."""
    train, test = dataset.train, dataset.test
    if not (isinstance(train, FolderImages) and isinstance(test, FolderImages)):
        return []
    counts = numpy.bincount(train.labels, minlength=dataset.num_classes)
    tested = numpy.bincount(test.labels, minlength=dataset.num_classes)
    few = [f"{dataset.class_names[k]} ({counts[k]})" for k in numpy.flatnonzero(counts < FEW)]
    untested = [dataset.class_names[k] for k in numpy.flatnonzero(tested == 0)]
    found = []
    if few:
        found.append(f"fewer than {FEW} training pictures: {_some(few)}")
    if untested:
        found.append(f"no test picture: {_some(untested)}")
    return [*found, *_duplicates(train.paths, test.paths), *_flat(train)]


def _some(names):
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _duplicates(train, test):
    """A sentence if test pictures are also training pictures, byte for byte.

    Sizes are compared first, then the last bytes, which differ more than the first ones, then all.
    """
    train, test = _spread(train, SIZES), _spread(test, SIZES)
    sizes = defaultdict(list)
    for file in train:
        sizes[_size(file)].append(file)
    sizes.pop(None, None)
    alike = {file: twins for file in test if (twins := sizes.get(_size(file)))}
    pairs, read, ends = [], 0, {}
    fewest_first = sorted(alike.items(), key=lambda item: len(item[1]))
    bar = tqdm(fewest_first, "comparing files", unit=" files", delay=1, leave=False, disable=None)
    for file, twins in bar:
        read += 1 + sum(twin not in ends for twin in twins)
        if read > CONTENTS:
            break
        for twin in twins:
            if twin not in ends:
                ends[twin] = _hash(twin, end=True)
        own = _hash(file, end=True)
        same = [twin for twin in twins if own and ends[twin] == own]
        whole = _hash(file) if same else None
        pairs += [(file, twin) for twin in same if _hash(twin) == whole][:1]
    if not pairs:
        return []
    file, twin = pairs[0]
    some = " or more" * (read > CONTENTS)
    is_one = "is a training picture, too" if len(pairs) == 1 else "are training pictures, too"
    return [f"{counted(len(pairs), 'test picture')}{some} {is_one}: {file} is {twin}"]


def _spread(files, most):
    """At most so many of the files, evenly spread."""
    if len(files) <= most:
        return files
    return [files[i] for i in numpy.linspace(0, len(files) - 1, most).round().astype(int)]


def _size(file: Source):
    """The number of bytes; None if it is not known."""
    try:
        return file.size if isinstance(file, StoredPicture) else os.stat(file).st_size
    except OSError:
        return None


def _hash(file: Source, end: bool = False):
    """A hash of the file, or of its last 4,096 bytes; None if it cannot be read."""
    try:
        if isinstance(file, StoredPicture):
            content = file.read()
            return hashlib.sha256(content[-4096:] if end else content).digest()
        with open(file, "rb") as opened:
            if end:
                opened.seek(-min(4096, os.fstat(opened.fileno()).st_size), os.SEEK_END)
            return hashlib.sha256(opened.read()).digest()
    except (OSError, ValueError):
        return None


def _flat(images: FolderImages) -> Iterable[str]:
    """A sentence if pictures of a single colour are among some that are looked at."""
    looked_at = _spread(images.paths, LOOKED_AT)
    flat_ones = images.pool.map(_is_flat, looked_at)
    flat = [file for file, one in zip(looked_at, flat_ones, strict=True) if one]
    if not flat:
        return []
    of = f"of {counted(len(looked_at), 'training picture')} looked at"
    colour = "is of a single colour" if len(flat) == 1 else "are of a single colour each"
    return [f"{len(flat):,} {of} {colour}, such as {flat[0]}"]


def _is_flat(file):
    try:
        with open_picture(file) as picture, decoded(picture, 64, 3) as small:
            extrema = small.getextrema()
    except InputError:
        return False
    return all(high - low <= FLAT for low, high in extrema)
