"""Whether pictures are damaged, or gone with all that is around them."""

import dataclasses
import shutil

import numpy
import pytest
from data_helpers import numbered_images, picture_folder, refusal

from minialex.data.folder_images import FolderImages
from minialex.data.own import folder
from minialex.data.own.stored import Container
from minialex.data.own.tar_shards import TarPicture
from minialex.data.whereabouts import Whereabouts


@pytest.fixture
def pictures(tmp_path):
    return picture_folder(tmp_path / "pictures") / "train"


@pytest.fixture
def place(pictures):
    found = Whereabouts.of(folder.load(pictures, image_size=16).train)
    assert found.folder == pictures
    found.check_there()
    return found


def test_a_folder_is_gone_if_it_is_not_there_or_empty(place, pictures, tmp_path):
    pictures.rename(tmp_path / "elsewhere")
    said = f"{pictures} is gone: the pictures in it were moved or removed"
    assert refusal(place.check_there) == said
    pictures.mkdir()
    assert refusal(place.check_there) == said


def test_a_folder_on_another_disk_is_another_unless_the_pictures_are_there(place, monkeypatch):
    other = dataclasses.replace(place, device=place.device + 1)
    assert other.is_there()
    for end in place.ends:
        end.unlink()
    assert place.is_there()
    assert not other.is_there()


def test_a_folder_that_was_copied_to_its_place_is_there(place, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "copy")
    shutil.rmtree(pictures)
    (tmp_path / "copy").rename(pictures)
    assert place.is_there()


def test_pictures_in_an_archive_are_where_it_is(tmp_path):
    (tmp_path / "other").touch()
    path = tmp_path / "a.tar"
    path.write_bytes(b"here")
    stored = [TarPicture(Container.at(path), name, 0, 4) for name in ("a.png", "b.png")]
    found = Whereabouts.of(FolderImages(stored, [0, 1], 6))
    assert (found.folder, found.ends) == (tmp_path, (path, path))


def test_a_picture_that_is_listed_first_and_last_may_go(pictures):
    """As in a table that repeats some."""
    path = next(pictures.glob("*/*.png"))
    found = Whereabouts.of(FolderImages([path, path], numpy.arange(2), 6))
    path.unlink()
    assert found.is_there()


def test_paths_may_be_an_array(pictures):
    images = FolderImages(sorted(pictures.glob("*/*.png")), numpy.arange(4), 6)
    images.paths = numpy.array(images.paths)
    assert Whereabouts.of(images).folder == pictures


def test_pictures_that_are_in_no_file_are_nowhere(tmp_path):
    assert Whereabouts.of(numbered_images(2)) is None
    missing = [tmp_path / "nowhere" / name for name in ("a.png", "b.png")]
    assert Whereabouts.of(FolderImages(missing, numpy.arange(2), 6)) is None
