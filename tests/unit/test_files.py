"""Files are replaced atomically, and only if minialex made them."""

import errno
import os

import pytest
from data_helpers import needs_pipes

from minialex.errors import InputError
from minialex.files import (
    HTML_MARK,
    PNG_MARK,
    atomic_write,
    check_replaceable,
    remove_leftovers,
    write_output,
)


@pytest.mark.parametrize("mark", [PNG_MARK, HTML_MARK])
def test_files_made_by_minialex_are_replaced(mark, tmp_path):
    path = tmp_path / "new" / "folder" / "picture"
    write_output(path, b"first " + mark)
    write_output(path, b"second " + mark)
    assert path.read_bytes() == b"second " + mark
    assert [file.name for file in path.parent.iterdir()] == ["picture"]


@pytest.mark.parametrize("content", [b"", b"my notes about minialex", b"x" * 2000 + PNG_MARK])
def test_other_files_are_not_replaced(content, tmp_path):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(InputError, match="was not made by minialex, so it is not replaced"):
        write_output(path, PNG_MARK)
    assert path.read_bytes() == content


def test_folders_are_not_replaced(tmp_path):
    with pytest.raises(InputError, match="is a folder, expected the name of a file"):
        check_replaceable(tmp_path)


@needs_pipes
def test_pipes_are_neither_waited_for_nor_replaced(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(InputError, match="it is a folder, a pipe or a device"):
        write_output(tmp_path / "x.png", PNG_MARK)
    assert (tmp_path / "x.png").is_fifo()


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]


def test_two_who_write_a_file_at_once_do_not_mix(tmp_path):
    path = tmp_path / "file"
    with atomic_write(path) as first, atomic_write(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "first")]


def test_what_killed_processes_left_is_removed_once_it_is_surely_theirs(tmp_path):
    """Another process may be writing what is younger than a day."""
    path = tmp_path / "file[1].npz"
    names = ("file[1].npz.0123abcd.part", "file[1].npz.89abcdef.part", "file1.npz.0123abcd.part")
    for name in (*names, "file[1].npz.part", "file[1].npz.my_own.part"):
        (tmp_path / name).touch()
    os.utime(tmp_path / names[0], (0, 0))
    os.utime(tmp_path / names[2], (0, 0))
    with atomic_write(path) as temporary:
        temporary.touch()
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {path.name, *names[1:], "file[1].npz.part", "file[1].npz.my_own.part"}
    remove_leftovers(tmp_path, "file*.npz")
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {path.name, "file[1].npz.part", "file[1].npz.my_own.part"}


def test_an_error_names_the_file_that_was_to_be_written(tmp_path):
    path, other = tmp_path / "file", tmp_path / "other"
    with pytest.raises(OSError, match=rf"No space left on device: '{path}'$"), atomic_write(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError, match=rf": '{other}'$"), atomic_write(path):
        other.read_bytes()
    nowhere = tmp_path / "folder" / "file"
    named = pytest.raises(FileNotFoundError, match=rf": '{nowhere}'$")
    with named, atomic_write(nowhere) as temporary:
        temporary.touch()
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=rf": '{path}'$"), atomic_write(path) as temporary:
        temporary.touch()
    assert list(tmp_path.iterdir()) == [path]
