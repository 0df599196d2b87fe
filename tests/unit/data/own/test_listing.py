"""Listing a folder of class folders, and a cache that never hides a change."""

import contextlib
import os
import shutil
import tracemalloc

import pytest
from kept_files import changed

from minialex.data.own import listing
from minialex.data.own.listing import list_pictures as listed


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of the cached listings."""
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "listings"


@pytest.fixture
def pets(tmp_path, cache, monkeypatch):
    """Three class folders that have not changed for a long time."""
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


def list_pictures(folder):
    """The pictures of each class."""
    return listed(folder).classes


PETS = {"cat": ["c.png"], "dog": ["a.JPEG", "b.jpg"], "empty": []}


@pytest.fixture
def folders_read(monkeypatch):
    """The names of the class folders that were read from disk so far."""
    names, scandir = [], os.scandir

    def noted(path):
        if isinstance(path, str) and os.path.basename(path):  # of the class folders only
            names.append(os.path.basename(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    return names


def test_classes_and_pictures_are_in_alphabetical_order(pets):
    found = list_pictures(pets)
    assert found == PETS
    assert list(found) == ["cat", "dog", "empty"]


def test_a_second_listing_reads_no_class_folder(pets, folders_read):
    list_pictures(pets)
    assert sorted(folders_read) == ["cat", "dog", "empty"]
    assert list(list_pictures(pets).items()) == list(PETS.items())
    assert len(folders_read) == 3


def test_a_relative_path_finds_the_same_cache(pets, folders_read, monkeypatch):
    list_pictures(pets)
    monkeypatch.chdir(pets / "dog")
    assert list_pictures(listing.Path("../../pets")) == PETS
    assert len(folders_read) == 3


def test_added_and_removed_files_and_folders_are_noticed(pets, folders_read):
    list_pictures(pets)
    (pets / "dog" / "c.jpg").touch()
    assert list_pictures(pets)["dog"] == ["a.JPEG", "b.jpg", "c.jpg"]
    (pets / "cat" / "c.png").unlink()
    assert list_pictures(pets)["cat"] == []
    (pets / "dog" / "b.jpg").rename(pets / "dog" / "z.jpg")
    assert list_pictures(pets)["dog"] == ["a.JPEG", "c.jpg", "z.jpg"]
    (pets / "fish").mkdir()
    (pets / "fish" / "f.jpg").touch()
    shutil.rmtree(pets / "empty")
    assert list_pictures(pets) == {
        "cat": [],
        "dog": ["a.JPEG", "c.jpg", "z.jpg"],
        "fish": ["f.jpg"],
    }
    assert folders_read[3:] == ["dog", "cat", "dog", "fish"]  # the others were not read again


def test_a_change_that_keeps_the_modification_time_is_noticed(pets):
    """Unpacking an archive, for example, resets the times of folders."""
    before = (pets / "dog").stat()
    list_pictures(pets)
    (pets / "dog" / "c.jpg").touch()
    os.utime(pets / "dog", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert list_pictures(pets)["dog"] == ["a.JPEG", "b.jpg", "c.jpg"]


def test_a_folder_that_has_just_changed_is_not_cached(pets, folders_read, monkeypatch):
    """Another file could be added within the same tick of the file system's clock."""
    monkeypatch.setattr(listing, "SETTLED", 100)
    for _ in range(2):
        list_pictures(pets)
    assert len(folders_read) == 6


def test_one_uncached_folder_does_not_affect_the_others(pets, folders_read):
    os.utime(pets / "dog", (4e9, 4e9))  # in the future
    for _ in range(2):
        assert list_pictures(pets) == PETS
    assert folders_read[3:] == ["dog"]


def test_class_folders_may_be_symbolic_links(pets, tmp_path):
    (pets / "dog").rename(tmp_path / "elsewhere")
    (pets / "dog").symlink_to(tmp_path / "elsewhere")
    (pets / "nowhere").symlink_to(tmp_path / "absent")
    assert list_pictures(pets) == list_pictures(pets) == PETS
    (tmp_path / "elsewhere" / "c.jpg").touch()
    assert list_pictures(pets)["dog"] == ["a.JPEG", "b.jpg", "c.jpg"]
    (tmp_path / "absent").mkdir()
    assert list_pictures(pets)["nowhere"] == []
    shutil.rmtree(tmp_path / "absent")
    assert "nowhere" not in list_pictures(pets)


def test_pictures_in_deeper_folders_are_found(pets, folders_read):
    for name in ("2019/may/b.jpg", "2019/a.png", "2019/.thumbs/x.png", "__MACOSX/y.png"):
        (pets / "dog" / name).parent.mkdir(parents=True, exist_ok=True)
        (pets / "dog" / name).touch()
    dogs = ["2019/a.png", "2019/may/b.jpg", "a.JPEG", "b.jpg"]
    assert list_pictures(pets)["dog"] == list_pictures(pets)["dog"] == dogs
    assert sorted(folders_read) == ["2019", "cat", "dog", "empty", "may"]
    (pets / "dog/2019/may/c.jpg").touch()
    assert list_pictures(pets)["dog"] == [*dogs[:2], "2019/may/c.jpg", *dogs[2:]]
    assert folders_read[5:] == ["may"]


def test_links_in_a_circle_end(pets):
    (pets / "dog" / "again").symlink_to(pets / "dog")
    (pets / "cat" / "up").symlink_to(pets)
    assert list_pictures(pets) == list_pictures(pets) == PETS


def test_all_files_below_are_found_once(pets):
    (pets / "dog" / "again").symlink_to(pets / "dog")
    (pets / "dog" / "up").symlink_to(pets)
    (pets / "cat" / "up").symlink_to("..")
    (pets / "mice").symlink_to(pets / "dog")
    shown = ["a.JPEG", "b.jpg", "notes.txt"]
    dogs = [f"{name}/{file}" for name in ("dog", "mice") for file in shown]
    expected = ["cat/c.png", *dogs, "empty/readme", "list.jpg"]
    assert sorted(listing.files_below(pets)) == sorted(expected)


def test_a_folder_may_be_called_like_a_picture(pets):
    (pets / "cat" / "old.png").mkdir()
    (pets / "cat" / "old.png" / "d.png").touch()
    (pets / "fish.gif").mkdir()
    assert list_pictures(pets) == PETS | {"cat": ["c.png", "old.png/d.png"], "fish.gif": []}


class Entry:
    """What os.scandir says of a file that is not there."""

    def __init__(self, name):
        self.name = name

    def is_dir(self):
        return False

    is_symlink = is_dir

    def is_file(self):
        return True


def test_very_many_files_take_little_memory_and_each_is_looked_at_once(pets, monkeypatch):
    """10,000 of them; 500,000 take 100 MB."""
    looked_at, scandir = [], os.scandir

    @contextlib.contextmanager
    def many(path):
        if str(path).endswith("dog"):
            yield (Entry(f"IMG_{i:08}.jpg") for i in range(10_000))
        else:
            with scandir(path) as entries:
                yield entries

    def noted(name, is_picture=listing.is_picture):
        looked_at.append(name)
        return is_picture(name)

    monkeypatch.setattr(os, "scandir", many)
    monkeypatch.setattr(listing, "is_picture", noted)
    tracemalloc.start()
    try:
        for _ in range(2):  # the second from the cache
            assert len(list_pictures(pets)["dog"]) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 500 * 10_000
    finally:
        tracemalloc.stop()
    assert sum(name.startswith("IMG") for name in looked_at) == 10_000


def test_what_is_left_out_is_counted(pets):
    (pets / "dog/deep").mkdir()
    for name in ("dog/deep/d.HEIC", "dog/deep/e.heic", "cat/notes.txt", "labels.csv"):
        (pets / name).touch()
    for _ in range(2):  # the second from the cache
        found = listed(pets)
        assert found.left_out == {".txt": 2, ".heic": 2, ".csv": 1, "": 1}
        assert found.loose == ["list.jpg"]


def test_names_may_have_any_encoding(pets):
    strange = os.fsdecode(b"\xff\xfe.jpg")
    (pets / "cat" / strange).touch()
    (pets / "cat" / "a\nb.jpg").touch()
    assert (
        list_pictures(pets)["cat"] == list_pictures(pets)["cat"] == ["a\nb.jpg", "c.png", strange]
    )


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
        changed(lambda kept: kept["about"].__setitem__(0, "minialex listing 0")),
        changed(lambda kept: kept["about"].__setitem__(1, "/another")),
        changed(lambda kept: kept["about"].__setitem__(2, [".jpg"])),
        changed(lambda kept: kept.update(content=[])),
        changed(lambda kept: kept["content"].update(dog=3)),
        changed(lambda kept: kept["content"].update(dog=[[1], 2])),
        changed(lambda kept: kept["content"].update(dog=[[0, 0], ["old.jpg"]])),
        changed(lambda kept: kept["content"].update(wolf=[[0, 0], ["old.jpg"]])),
        changed(lambda kept: kept["content"]["dog"][1].__setitem__(0, [1, 2])),
        changed(lambda kept: kept["content"]["dog"][1].__setitem__(1, [None])),
        changed(lambda kept: kept["content"]["dog"][1].__setitem__(2, {".txt": "3"})),
        lambda content: content.replace(b"a.JPEG", b"old.jpg"),
    ],
)
def test_a_damaged_cache_only_costs_time(pets, cache, damage):
    list_pictures(pets)
    (file,) = cache.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert list_pictures(pets) == PETS
    assert list_pictures(pets) == PETS


def test_a_cache_that_cannot_be_written_only_costs_time(pets, cache):
    cache.parent.write_text("a file where the folder should be")
    assert list_pictures(pets) == list_pictures(pets) == PETS


def test_no_other_files_are_left_in_the_cache(pets, cache):
    list_pictures(pets)
    assert [path.suffix for path in cache.iterdir()] == [".json"]
