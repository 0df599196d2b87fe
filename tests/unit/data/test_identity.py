"""Pictures are told from others by their names and labels, or by pixels, wherever they lie."""

import io
import shutil

import numpy
import pytest
from data_helpers import numbered_images, picture_folder

from minialex import data
from minialex.data.dataset import Dataset
from minialex.data.folder_images import FolderImages
from minialex.data.identity import digest_of, names_of
from minialex.data.own import folder
from minialex.train import about_data


@pytest.fixture
def pictures(tmp_path):
    """40 pictures of two classes."""
    return picture_folder(tmp_path / "pictures") / "train"


def digest_in(place):
    return digest_of(folder.load(place, image_size=16))


def test_a_copied_folder_is_the_same(pictures, tmp_path):
    copy = shutil.copytree(pictures, tmp_path / "a" / "b", copy_function=shutil.copyfile)
    assert digest_in(copy) == digest_in(pictures)


def test_a_table_that_is_moved_with_its_pictures_is_the_same(pictures, tmp_path):
    rows = [f"{path.relative_to(pictures)},{path.parent.name}" for path in pictures.rglob("*.png")]
    (pictures / "labels.csv").write_text("path,label\n" + "\n".join(rows))
    copy = shutil.copytree(pictures, tmp_path / "copy")
    before = digest_in(pictures / "labels.csv")
    assert digest_in(copy / "labels.csv") == before
    (copy / "labels.csv").write_text("path,label\n" + "\n".join(rows[::-1]))
    assert digest_in(copy / "labels.csv") != before


def test_another_name_another_label_or_another_share_are_others(pictures):
    before = digest_in(pictures)
    assert digest_of(folder.load(pictures, image_size=16, seed=1)) != before
    (pictures / "odd/1.png").rename(pictures / "odd/z.png")
    renamed = digest_in(pictures)
    (pictures / "odd/z.png").rename(pictures / "even/z.png")
    (pictures / "even/0.png").rename(pictures / "odd/0.png")
    assert len({before, renamed, digest_in(pictures)}) == 3


def test_pictures_in_memory_are_told_by_their_pixels():
    train, test = numbered_images(20), numbered_images(4)
    dataset = Dataset("arrays", train, test, [str(n) for n in range(20)])
    before = digest_of(dataset)
    train.images = train.images.copy()
    assert digest_of(dataset) == before
    train.labels[[2, 3]] = train.labels[[3, 2]]
    assert digest_of(dataset) != before
    train.images[[2, 3]] = train.images[[3, 2]]  # now they stand in another order
    assert digest_of(dataset) != before
    train.labels[[2, 3]] = train.labels[[3, 2]]
    assert digest_of(dataset) != before


def test_a_data_set_that_all_have_needs_none():
    assert digest_of(data.load("shapes")) is None


def test_names_that_are_no_text_and_files_without_a_name_count():
    odd = ["d/\udcff.png", "d/\ud800.png"]
    assert names_of(odd) == "\udcff.png\0\ud800.png".encode("utf-8", "surrogatepass")
    assert names_of([io.BytesIO(), io.BytesIO()]) == names_of([io.BytesIO(), io.BytesIO()])
    assert names_of([]) == b""


def test_ranks_can_tell_each_other_of_names_that_are_no_text():
    images = FolderImages(["d/\udcff.png", "d/1.png"], [0, 1], 16)
    found = about_data(Dataset("folder", images, images, ["a", "b"]))
    assert found["training pictures"] == found["test pictures"]


def test_no_file_is_looked_at():
    files = [f"nowhere/{n}.png" for n in range(4)]
    images = FolderImages(files, numpy.arange(4) % 2, 16)
    assert len(digest_of(Dataset("folder", images, images, ["a", "b"]))) == 32
