"""Whether pictures are damaged, or gone with all that is around them."""

import shutil
from pathlib import Path

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
    assert found.path == pictures
    found.check_there()
    return found


def test_a_folder_is_gone_if_it_is_not_there_or_empty(place, pictures, tmp_path):
    pictures.rename(tmp_path / "elsewhere")
    said = f"{pictures} is gone: the pictures in it were moved or removed"
    assert refusal(place.check_there) == said
    pictures.mkdir()
    assert refusal(place.check_there) == said


def test_a_folder_on_another_disk_is_another(place, monkeypatch):
    class Other:
        st_dev = place.device + 1

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", lambda path, **given: Other)
        assert not place.is_there()
    assert place.is_there()


def test_a_folder_that_was_copied_to_its_place_is_there(place, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "copy")
    shutil.rmtree(pictures)
    (tmp_path / "copy").rename(pictures)
    assert place.is_there()


def test_of_an_archive_it_is_the_file(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(b"here")
    stored = [TarPicture(Container.at(path), name, 0, 4) for name in ("a.png", "b.png")]
    found = Whereabouts.of(FolderImages(stored, [0, 1], 6))
    assert found.path == path
    assert found.is_there()
    path.unlink()
    assert not found.is_there()


def test_pictures_that_are_in_no_file_are_nowhere(tmp_path):
    assert Whereabouts.of(numbered_images(2)) is None
    missing = [tmp_path / "nowhere" / name for name in ("a.png", "b.png")]
    assert Whereabouts.of(FolderImages(missing, numpy.arange(2), 6)) is None
