"""What is found in a folder of classes, and that remembering it never hides what has changed since."""

import json
import os
import shutil

import pytest

from minialex.data import listing
from minialex.data.listing import listed


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of the remembered listings."""
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "listings"


@pytest.fixture
def pets(tmp_path, cache, monkeypatch):
    """Three class folders that have not changed for long."""
    monkeypatch.setattr(listing, "SETTLED", 0)
    for name in (
        "dog/b.jpg",
        "dog/a.JPEG",
        "dog/notes.txt",
        "dog/.hidden.jpg",
        "cat/c.png",
        ".git/x.png",
        "empty/readme",
    ):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).touch()
    (tmp_path / "pets" / "list.jpg").touch()
    return tmp_path / "pets"


PETS = {"cat": ["c.png"], "dog": ["a.JPEG", "b.jpg"], "empty": []}


@pytest.fixture
def folders_read(monkeypatch):
    """The names of the class folders whose files were looked up on the disk, so far."""
    names, listdir = [], os.listdir
    monkeypatch.setattr(
        os, "listdir", lambda path: names.append(os.path.basename(path)) or listdir(path)
    )
    return names


def test_classes_and_pictures_in_alphabetical_order(pets):
    found = listed(pets)
    assert found == PETS
    assert list(found) == ["cat", "dog", "empty"]


def test_a_second_listing_reads_no_class_folder(pets, folders_read):
    listed(pets)
    assert sorted(folders_read) == ["cat", "dog", "empty"]
    assert list(listed(pets).items()) == list(PETS.items())
    assert len(folders_read) == 3


def test_the_way_the_folder_is_written_does_not_matter(pets, folders_read, monkeypatch):
    listed(pets)
    monkeypatch.chdir(pets / "dog")
    assert listed(listing.Path("../../pets")) == PETS
    assert len(folders_read) == 3


def test_files_and_folders_that_come_and_go_are_seen(pets, folders_read):
    listed(pets)
    (pets / "dog" / "c.jpg").touch()
    assert listed(pets)["dog"] == ["a.JPEG", "b.jpg", "c.jpg"]
    (pets / "cat" / "c.png").unlink()
    assert listed(pets)["cat"] == []
    (pets / "dog" / "b.jpg").rename(pets / "dog" / "z.jpg")
    assert listed(pets)["dog"] == ["a.JPEG", "c.jpg", "z.jpg"]
    (pets / "fish").mkdir()
    (pets / "fish" / "f.jpg").touch()
    shutil.rmtree(pets / "empty")
    assert listed(pets) == {"cat": [], "dog": ["a.JPEG", "c.jpg", "z.jpg"], "fish": ["f.jpg"]}
    assert folders_read[3:] == ["dog", "cat", "dog", "fish"]  # no other was read again


def test_a_change_that_leaves_the_modification_time_as_it_was_is_seen(pets):
    """As when an archive is unpacked, which sets the times of folders back."""
    before = (pets / "dog").stat()
    listed(pets)
    (pets / "dog" / "c.jpg").touch()
    os.utime(pets / "dog", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert listed(pets)["dog"] == ["a.JPEG", "b.jpg", "c.jpg"]


def test_a_folder_that_has_just_changed_is_not_trusted(pets, folders_read, monkeypatch):
    """Another file could come within the same tick of the disk's clock."""
    monkeypatch.setattr(listing, "SETTLED", 100)
    for _ in range(2):
        listed(pets)
    assert len(folders_read) == 6


def test_one_such_folder_does_not_cost_the_others(pets, folders_read):
    os.utime(pets / "dog", (4e9, 4e9))  # by a clock that is ahead
    for _ in range(2):
        assert listed(pets) == PETS
    assert folders_read[3:] == ["dog"]


def test_class_folders_may_be_links(pets, tmp_path):
    (pets / "dog").rename(tmp_path / "elsewhere")
    (pets / "dog").symlink_to(tmp_path / "elsewhere")
    (pets / "nowhere").symlink_to(tmp_path / "absent")
    assert listed(pets) == listed(pets) == PETS
    (tmp_path / "elsewhere" / "c.jpg").touch()
    assert listed(pets)["dog"] == ["a.JPEG", "b.jpg", "c.jpg"]


def test_names_in_any_encoding(pets):
    strange = os.fsdecode(b"\xff\xfe.jpg")
    (pets / "cat" / strange).touch()
    (pets / "cat" / "a\nb.jpg").touch()
    assert listed(pets)["cat"] == listed(pets)["cat"] == ["a\nb.jpg", "c.png", strange]


def other(change):
    """The listing with one thing changed."""

    def damage(content):
        content = json.loads(content)
        change(content)
        return json.dumps(content).encode()

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"\xff" + content,
        lambda content: b"[]",
        lambda content: b"{}",
        lambda content: b"[" * 100_000,
        lambda content: b'"text"',
        other(lambda listing: listing.update(format="minialex listing 0")),
        other(lambda listing: listing.update(folder="/another")),
        other(lambda listing: listing.update(extensions=[".jpg"])),
        other(lambda listing: listing.update(classes=[])),
        other(lambda listing: listing["classes"].update(dog=3)),
        other(lambda listing: listing["classes"].update(dog=[[1], 2])),
        other(lambda listing: listing["classes"].update(dog=[[0, 0], ["old.jpg"]])),
        other(lambda listing: listing["classes"].update(wolf=[[0, 0], ["old.jpg"]])),
    ],
)
def test_a_damaged_or_strange_cache_only_costs_time(pets, cache, damage):
    listed(pets)
    (file,) = cache.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert listed(pets) == PETS
    assert listed(pets) == PETS


def test_a_cache_that_cannot_be_written_only_costs_time(pets, cache):
    cache.parent.write_text("a file where the folder should be")
    assert listed(pets) == listed(pets) == PETS


def test_nothing_is_left_beside_the_listing(pets, cache):
    listed(pets)
    assert [path.suffix for path in cache.iterdir()] == [".json"]
