"""Messages are one line of bounded length, whatever the files have put into them."""

from pathlib import Path

import pytest

from minialex.errors import LONGEST, InputError, explained, refusing


def test_a_message_becomes_one_line():
    assert str(InputError("a\n  b\t c\r\n")) == "a b c"


def test_a_message_shows_what_a_terminal_would_obey():
    assert str(InputError("a\x1b[2J\u202eb")) == r"a\x1b[2J\u202eb"


def test_of_a_long_message_the_beginning_and_the_end_are_said():
    said = str(InputError(f"{'name' * 50_000} has 3 pictures, expected 4"))
    assert said.startswith("namename") and said.endswith("has 3 pictures, expected 4")
    assert len(said) <= LONGEST + 3


def test_the_system_s_words_are_explained(tmp_path, monkeypatch):
    with pytest.raises(OSError) as folder:
        tmp_path.read_bytes()
    assert explained(folder.value) == f"{tmp_path} is a folder, expected a file"
    with pytest.raises(OSError) as absent:
        (tmp_path / "no").read_bytes()
    assert explained(absent.value) == f"[Errno 2] No such file or directory: '{tmp_path}/no'"
    with pytest.raises(UnicodeEncodeError) as locale:
        "ca\xe9".encode("ascii")
    assert explained(locale.value).startswith("'ascii' codec")  # no file's name
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    named = r"the locale's encoding, ascii, cannot name 'ca\xe9': set PYTHONUTF8=1"
    assert explained(locale.value) == named
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(UnicodeEncodeError) as locale:
        "1 \u20ac".encode("latin-1")
    named = r"the locale's encoding, iso8859-1, cannot name '1 \u20ac': set PYTHONUTF8=1"
    assert explained(locale.value) == named


def test_a_current_folder_that_was_removed_is_named(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    with pytest.raises(OSError) as absent:
        Path("no").read_bytes()
    assert explained(absent.value) == "[Errno 2] No such file or directory: 'no'"
    (tmp_path / "gone").rmdir()
    assert explained(absent.value) == "the current folder is gone: it was moved or removed"


@pytest.mark.parametrize("error", [ValueError("x" * 60_000), RecursionError(), KeyError("name")])
def test_what_a_damaged_file_raises_names_the_file(error):
    with (
        pytest.raises(InputError, match=r"^a\.bin cannot be read: ") as caught,
        refusing("a.bin", "cannot be read"),
    ):
        raise error
    assert len(str(caught.value)) < 1100
