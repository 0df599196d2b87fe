"""The labels of ImageNet's validation pictures, which lie in one folder without classes.

Several files say them. In the devkit the classes have numbers of their own (ILSVRC2012_ID, 1 to
1,000), which are not in the order of the WordNet ids (Russakovsky et al. 2015; the devkit's
readme.txt): only meta.mat or map_clsloc.txt says which number is which class.
"""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from minialex.data import imagenet_classes
from minialex.data.own.found import is_number
from minialex.data.own.wordnet import wordnet_id
from minialex.errors import InputError, refusing
from minialex.io import mat_file

#: Where the devkit's files lie, below a folder in which they are looked for.
PLACES = ("", "data", "ILSVRC2012_devkit_t12/data", "ILSVRC2012_devkit_t12", "devkit/data")
NUMBER = re.compile(r"_val_0*(\d+)\.")

GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def labels_of(folder: Path, names: Sequence[str]) -> tuple[dict[str, str], Path] | None:
    """({picture: WordNet id}, the file that says it) for the pictures `names` in `folder`.

    The file is looked for in the folder and in the four above it. None if there is none. Pictures
    that it does not name are missing in the result. InputError for a damaged file.
    """
    folder = folder.absolute()
    for above in (folder, *folder.parents[:4]):
        for place in PLACES:
            for name, read in READERS.items():
                path = above / place / name
                if path.is_file() and (name != "val.txt" or above in (folder, folder.parent)):
                    with refusing(f"{path}:", "cannot be read"):
                        return read(path, names), path
    return None


def _lines(path):
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _kaggle(path, names):
    """ImageId,PredictionString: a name without .JPEG; a WordNet id and a box, once or more."""
    rows = [row for row in csv.reader(_lines(path)) if row]
    if not rows or rows[0] != ["ImageId", "PredictionString"]:
        raise InputError(f"{path}: expected the columns ImageId,PredictionString")
    if not all(len(row) == 2 and wordnet_id(row[1]) for row in rows[1:]):
        raise InputError(f"{path}: expected a picture and a WordNet id with boxes in each row")
    found = {picture: wordnet_id(boxes) for picture, boxes in rows[1:]}
    return {name: found[Path(name).stem] for name in names if Path(name).stem in found}


def _tensorflow(path, names):
    """A WordNet id in each line, in the order of the pictures' numbers."""
    return _numbered(path, names, [wordnet_id(line) for line in _lines(path)])


def _devkit(path, names):
    """A class in each line, in the order of the pictures' numbers, and the file with their ids."""
    ids = _ids(path.parent)
    return _numbered(path, names, [ids.get(line.strip()) for line in _lines(path)])


def _numbered(path, names, labels):
    numbers = {name: NUMBER.search(name) for name in names}
    found = {name: int(match[1]) for name, match in numbers.items() if match}
    beyond = next((name for name, n in found.items() if not 0 < n <= len(labels)), None)
    if beyond:
        raise InputError(f"{path} has {len(labels):,} labels, none for {beyond}")
    unknown = next((name for name, n in found.items() if labels[n - 1] is None), None)
    if unknown:
        raise InputError(f"{path}: line {found[unknown]} is not one of ImageNet's 1,000 classes")
    return {name: labels[n - 1] for name, n in found.items()}


def _ids(folder):
    """{class number, in digits: WordNet id}, from map_clsloc.txt or meta.mat."""
    places = [folder / "map_clsloc.txt", folder / "meta.mat", folder.parent / "meta.mat"]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InputError(
            f"{folder} has {GROUND_TRUTH} but not meta.mat or map_clsloc.txt, which says which "
            "class each number means; all are in the devkit's folder data"
        )
    if path.suffix == ".mat":
        return _meta(path)
    rows = [line.split() for line in _lines(path)]
    if not all(len(row) >= 2 and wordnet_id(row[0]) for row in rows):
        raise InputError(f"{path}: expected lines such as 'n02119789 1 kit_fox'")
    return {row[1]: row[0] for row in rows}


def _meta(path):
    with refusing(f"{path}:", "not the devkit's meta.mat"):
        synsets = mat_file.read(path)["synsets"].ravel()
        return {str(int(each.ILSVRC2012_ID.item())): each.WNID.item() for each in synsets}


def _caffe(path, names):
    """A picture and the number of its class, from 0, in the order of the WordNet ids."""
    ids = [each for each, _ in imagenet_classes.read()]
    rows = [line.split() for line in _lines(path)]
    if not all(len(row) == 2 and is_number(row[1]) and int(row[1]) < len(ids) for row in rows):
        raise InputError(f"{path}: expected lines such as 'ILSVRC2012_val_00000001.JPEG 65'")
    found = {Path(picture).name: ids[int(number)] for picture, number in rows}
    return {name: found[name] for name in names if name in found}


#: How each of the files is read.
READERS: dict[str, Callable[[Path, Sequence[str]], dict[str, str]]] = {
    "LOC_val_solution.csv": _kaggle,
    GROUND_TRUTH: _devkit,
    "imagenet_2012_validation_synset_labels.txt": _tensorflow,
    "val.txt": _caffe,
}
