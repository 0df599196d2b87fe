"""Files are replaced whole, and only those that minialex made."""

import pytest

from minialex.errors import InputError
from minialex.files import HTML_MARK, PNG_MARK, check_replaceable, write_output, written_whole


@pytest.mark.parametrize("mark", [PNG_MARK, HTML_MARK])
def test_what_minialex_made_is_replaced(mark, tmp_path):
    path = tmp_path / "new" / "folder" / "picture"
    write_output(path, b"first " + mark)
    write_output(path, b"second " + mark)
    assert path.read_bytes() == b"second " + mark
    assert [file.name for file in path.parent.iterdir()] == ["picture"]


@pytest.mark.parametrize("content", [b"", b"my notes about minialex", b"x" * 2000 + PNG_MARK])
def test_other_files_are_not(content, tmp_path):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not made by minialex"):
        write_output(path, PNG_MARK)
    assert path.read_bytes() == content


def test_a_folder_is_not(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        check_replaceable(tmp_path)


def test_when_writing_fails_the_old_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]
