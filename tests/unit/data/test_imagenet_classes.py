"""ImageNet's class names, complete and in the order of the class numbers."""

import os
from pathlib import Path

import pytest

from minialex.data import imagenet_classes


def test_there_are_a_thousand_classes_in_the_order_of_their_ids():
    ids = [wordnet_id for wordnet_id, _ in imagenet_classes.read()]
    assert len(ids) == len(set(ids)) == 1000
    assert ids == sorted(ids)
    assert all(
        wordnet_id[0] == "n" and len(wordnet_id) == 9 and wordnet_id[1:].isdecimal()
        for wordnet_id in ids
    )


def test_names_are_unique_and_at_their_class_numbers():
    names = imagenet_classes.names()
    assert len(set(names)) == 1000
    known = {
        0: "tench",
        1: "goldfish",
        207: "golden retriever",
        281: "tabby",
        340: "zebra",
        999: "toilet tissue",
    }
    assert {number: names[number] for number in known} == known
    assert all(name == name.strip() and name for name in names)


def test_names_match_the_folders_of_real_photographs():
    root = Path(os.environ.get("MINIALEX_DATA", "")) / "imagenet" / "train"
    if "MINIALEX_DATA" not in os.environ or not root.is_dir():
        pytest.skip("needs photographs in MINIALEX_DATA/imagenet/train/n01440764_tench and so on")
    names = dict(imagenet_classes.read())
    for folder in root.iterdir():
        wordnet_id, _, name = folder.name.partition("_")
        assert names[wordnet_id].replace(" ", "_") == name


def test_names_are_those_of_torchvision():
    pytest.importorskip("torchvision", reason="needs torchvision for its list")
    from torchvision.models import AlexNet_Weights

    assert AlexNet_Weights.IMAGENET1K_V1.meta["categories"] == imagenet_classes.names()
