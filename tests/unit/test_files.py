"""Files are replaced atomically, and only if minialex made them."""

import pytest

from minialex.errors import InputError
from minialex.files import HTML_MARK, PNG_MARK, atomic_write, check_replaceable, write_output


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


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]
