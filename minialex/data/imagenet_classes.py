"""ImageNet's 1,000 classes (ILSVRC 2012), numbered in the order of their WordNet ids.

Each line of imagenet_classes.txt holds a class's WordNet id, which the official archives use as its
folder name, and the name that torchvision gives it.
"""

from pathlib import Path


def read() -> list[tuple[str, str]]:
    """[("n01440764", "tench"), …]: the WordNet id and the name of each class."""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" ", 1)) for line in lines]


def names() -> list[str]:
    """The class names: ["tench", "goldfish", …]."""
    return [name for _, name in read()]
