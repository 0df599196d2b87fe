"""The words by which data sets name their splits, in folders, files and tables."""

import re

WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
SPLITS = {word: split for split, words in WORDS.items() for word in words}


def split_of(word: str) -> str | None:
    """ "train", "val" or "test", for a word that means it, in capitals or not; else None."""
    return SPLITS.get(word.strip().lower())


def split_in(name: str) -> str | None:
    """The split that one of the words in the name of a file means: "val" for "my-val-0001.tar"."""
    words = re.findall(r"[a-z]+", name.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), None)
