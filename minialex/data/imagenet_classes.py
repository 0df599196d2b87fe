"""ImageNet's 1,000 classes (ILSVRC 2012) in the order in which nets number them, which is that of their WordNet ids.

imagenet_classes.txt has a line for each: the id, which the official archives use as folder name, and torchvision's name of it.
"""

from pathlib import Path


def read() -> list[tuple[str, str]]:
    """[("n01440764", "tench"), …]: WordNet id and name of each class."""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" ", 1)) for line in lines]


def names() -> list[str]:
    """What the classes are called: ["tench", "goldfish", …]."""
    return [name for _, name in read()]
