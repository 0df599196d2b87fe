"""Downloads from a local server: good, changed, missing and truncated files, and no answer."""

import hashlib
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from data_helpers import web_server

from minialex.data import download
from minialex.errors import InputError

REPOSITORY = Path(__file__).parents[3]
CONTENT = b"pictures" * 1000
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
HINT = "put it into a folder and use --data-dir"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch(url, folder, known_hash=MD5):
    return download.fetch(url, "file.gz", known_hash, folder, HINT)


def refusal(url, folder, known_hash=MD5):
    """The message of a failing fetch; checks what holds for every failure."""
    with pytest.raises(InputError) as caught:
        fetch(url, folder, known_hash)
    message = str(caught.value)
    assert url in message
    assert message.endswith(HINT)
    assert "\n" not in message
    assert not folder.exists() or list(folder.iterdir()) == []
    return message


def test_a_file_is_downloaded_once(tmp_path):
    with web_server({"a.gz": CONTENT}) as (url, asked):
        path = fetch(f"{url}a.gz", tmp_path / "new/folder")
        assert fetch(f"{url}a.gz", tmp_path / "new/folder") == path
    assert path == tmp_path / "new/folder/file.gz"
    assert path.read_bytes() == CONTENT
    assert asked == ["/a.gz"]


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path):
    (tmp_path / "file.gz").write_bytes(CONTENT[:100])
    with web_server({"a.gz": CONTENT}) as (url, _):
        assert fetch(f"{url}a.gz", tmp_path).read_bytes() == CONTENT


def test_without_pooch_only_what_was_downloaded_before_is_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.delenv("MINIALEX_CACHE")
    assert download.cache_folder("cifar10").parts[-2:] == ("minialex", "cifar10")
    assert "python -m pip install pooch" in refusal("http://127.0.0.1/a.gz", tmp_path / "new")
    path = tmp_path / "file.gz"
    path.write_bytes(CONTENT)
    assert fetch("http://127.0.0.1/a.gz", tmp_path) == path
    path.write_bytes(CONTENT[:100])
    with pytest.raises(InputError, match="python -m pip install pooch"):
        fetch("http://127.0.0.1/a.gz", tmp_path)


def test_nothing_is_printed_without_a_terminal(tmp_path):
    with web_server({"a.gz": CONTENT}) as (url, _):
        call = f"fetch({url + 'a.gz'!r}, 'file.gz', {MD5!r}, Path({str(tmp_path)!r}), '')"
        code = f"from pathlib import Path; from minialex.data.download import fetch; {call}"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True
        )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_a_file_with_another_hash_is_not_kept(tmp_path):
    with web_server({"a.gz": CONTENT + b"!"}) as (url, _):
        assert "wrong hash" in refusal(f"{url}a.gz", tmp_path)


def test_a_file_that_the_server_does_not_have_is_an_error(tmp_path):
    with web_server({}) as (url, _):
        assert "the server answered 404" in refusal(f"{url}a.gz", tmp_path)


def test_an_interrupted_download_is_not_kept(tmp_path):
    with web_server({"a.gz": CONTENT[:5000]}, promised=len(CONTENT)) as (url, _):
        assert "it was interrupted" in refusal(f"{url}a.gz", tmp_path)


def test_no_server_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "no connection" in refusal(f"http://127.0.0.1:{port}/a.gz", tmp_path)


def test_a_server_that_never_answers_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SECONDS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hang_up = threading.Timer(5, silent.close)
        hang_up.start()
        assert "did not answer in time" in refusal(f"http://127.0.0.1:{port}/a.gz", tmp_path)
        hang_up.cancel()


def test_a_cache_folder_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with (
        web_server({"a.gz": CONTENT}) as (url, _),
        pytest.raises(InputError, match=f"cannot download {url}"),
    ):
        fetch(f"{url}a.gz", tmp_path / "file/folder")


def test_the_cache_folder_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path))
    assert download.cache_folder("cifar10") == tmp_path / "cifar10"
    monkeypatch.delenv("MINIALEX_CACHE")
    assert download.cache_folder("cifar10").parent.name == "minialex"
