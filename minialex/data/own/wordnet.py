"""WordNet ids (n01440764), by which ImageNet's archives and their relatives name their classes."""

import re
from collections.abc import Iterable
from pathlib import Path

from minialex.data import imagenet_classes
from minialex.errors import InputError

ID = re.compile(r"n\d{8}(?!\d)")
#: Tiny ImageNet's list of all ids with their words.
WORDS = "words.txt"


def wordnet_id(name: str) -> str | None:
    """The WordNet id at the start of the name, as in n01440764 or n01440764_tench, or None."""
    match = ID.match(name)
    return match and match.group()


def shown(names: Iterable[str], root: Path) -> dict[str, str]:
    """{name: what it is called in English} for names that all begin with WordNet ids.

    From ImageNet's 1,000 classes, and from root/words.txt if there is one. Empty if other names are
    among them, if one is not known, or if two are called the same.
    """
    ids = {name: wordnet_id(name) for name in names}
    if not all(ids.values()):
        return {}
    known = dict(imagenet_classes.read())
    if not known.keys() >= set(ids.values()):
        known = _words(root / WORDS) | known
    found = {name: known.get(each) for name, each in ids.items()}
    return found if all(found.values()) and len(set(found.values())) == len(found) else {}


def _words(path):
    """{WordNet id: the first of its words}; empty if there is no such file."""
    if not path.is_file():
        return {}
    try:
        rows = [line.partition("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a list of WordNet ids and words ({error})") from error
    return {each: words.partition(",")[0].strip() for each, _, words in rows}
