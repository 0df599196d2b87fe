"""What own pictures are trained with where nobody says it."""

import numpy
import pytest
from data_helpers import refusal
from PIL import Image

from minialex import models, own_pictures
from minialex.data.own import folder
from minialex.own_pictures import Pictures


def pictures(root, sizes, mode="RGB"):
    """A folder of one class, with pictures of these widths and heights."""
    (root / "cat").mkdir(parents=True)
    for i, size in enumerate(sizes):
        Image.new(mode, size).save(root / "cat" / f"{i}.png")
    return root


def measured(root):
    return own_pictures.measured(folder.find(root))


def test_the_median_of_the_shorter_sides_is_measured(tmp_path):
    root = pictures(tmp_path / "a", [(20, 30), (50, 40), (300, 200), (60, 45), (1, 2)])
    (root / "cat" / "damaged.png").write_bytes(b"")
    assert measured(root) == Pictures(count=6, side=40, grey=False)


@pytest.mark.parametrize(("mode", "grey"), [("L", True), ("1", True), ("LA", True), ("P", False)])
def test_grey_pictures_are_known_by_their_mode(mode, grey, tmp_path):
    assert measured(pictures(tmp_path / "a", [(9, 9)] * 2, mode)).grey is grey


def test_pictures_that_cannot_be_read_are_named(tmp_path):
    root = pictures(tmp_path / "a", [(9, 9)])
    (root / "cat" / "0.png").write_bytes(b"no picture")
    assert "0.png: not a readable picture" in refusal(measured, root)


@pytest.mark.parametrize(
    ("count", "side", "expected"),
    [
        (150, 32, dict(model="alexnet-mini", image_size=32, epochs=30, batch_size=16, lr=0.02)),
        (150, 400, dict(model="alexnet-mini", image_size=64, epochs=30, batch_size=16)),
        (1500, 28, dict(model="alexnet-mini", image_size=28, epochs=30, batch_size=64, lr=0.04)),
        (8_000, 500, dict(model="alexnet-midi", image_size=96, epochs=20, batch_size=128)),
        (50_000, 32, dict(model="alexnet-midi", image_size=32, epochs=12, batch_size=128)),
        (50_000, 500, dict(model="alexnet-midi", image_size=128, epochs=12)),
        (1_281_167, 32, dict(model="alexnet-midi", image_size=32, epochs=12)),
        (1_281_167, 375, dict(model="alexnet", epochs=90, optimizer="sgd", schedule="plateau")),
    ],
)
def test_few_or_small_pictures_get_small_networks(count, side, expected):
    chosen = own_pictures.preset(Pictures(count, side, grey=False))
    assert {name: chosen[name] for name in expected} == expected
    assert chosen["augment"] == "crop,mirror"
    if chosen["model"] != "alexnet":
        models.build(chosen["model"], image_size=chosen["image_size"])


def test_grey_pictures_are_not_mirrored():
    assert own_pictures.preset(Pictures(150, 28, grey=True))["augment"] == "crop"


def test_a_model_that_is_chosen_gets_the_rate_that_suits_it():
    chosen = own_pictures.preset(Pictures(150, 28, grey=False), "lenet")
    assert (chosen["model"], chosen["optimizer"], chosen["lr"]) == ("lenet", "adam", 1e-3)
    chosen = own_pictures.preset(Pictures(150, 28, grey=False), "alexnet-midi")
    assert (chosen["model"], chosen["optimizer"]) == ("alexnet-midi", "muon")


def test_weights_that_have_learned_are_changed_slowly():
    chosen = own_pictures.preset(Pictures(150, 400, grey=False), fine_tuning=True)
    assert (chosen["optimizer"], chosen["lr"], chosen["epochs"]) == ("sgd", 0.01, 10)
    assert not {"model", "image_size"} & chosen.keys()  # the weights bring them


@pytest.mark.parametrize(
    ("count", "side", "grey", "advised"),
    [
        (150, 400, False, True),
        (150, 32, False, False),
        (150, 400, True, False),
        (1_281_167, 400, False, False),
    ],
)
def test_fine_tuning_is_advised_for_few_photographs(count, side, grey, advised):
    assert (own_pictures.advice(Pictures(count, side, grey)) is not None) == advised


def test_numpy_s_medians_are_whole_pixels(tmp_path):
    side = measured(pictures(tmp_path / "a", [(20, 20), (25, 25)])).side
    assert isinstance(side, int) and not isinstance(side, numpy.integer)
