"""Downloads, kept in a cache folder and checked against their published hashes.

Without pooch nothing can be downloaded; all else works.
"""

import hashlib
import os
import sys
from pathlib import Path

from minialex.errors import InputError

SECONDS = (4, 20)  # timeouts: to connect to one of the server's addresses, to wait for more bytes


def cache_folder(name: str) -> Path:
    """The folder `name` in $MINIALEX_CACHE or, if that is not set, in the user's cache folder."""
    chosen = os.environ.get("MINIALEX_CACHE")
    if chosen:
        return Path(chosen) / name
    try:
        from pooch import os_cache
    except ImportError:
        return Path.home() / ".cache" / "minialex" / name
    return Path(os_cache("minialex")) / name


def fetch(url: str, file_name: str, known_hash: str, folder: Path, hint: str) -> Path:
    """The path of `file_name` in `folder`, downloaded from `url` unless it is already there.

    known_hash: "md5:…" of the file; a download that does not match is not kept.
    hint: how to do it by hand; the end of the error message.
    Shows a progress bar if stderr is a terminal. Raises InputError if the network, the hash or the
    disk fails, or if pooch is missing.
    """
    path = folder / file_name
    try:
        import pooch
    except ImportError:
        if path.exists() and matches(path, known_hash):
            return path
        install = "pooch, which downloads, is not installed: python -m pip install pooch"
        raise InputError(f"cannot download {url}: {install}; {hint}") from None
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=SECONDS)
    try:
        return Path(pooch.retrieve(url, known_hash, file_name, folder, downloader=downloader))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot download {url}: {_reason(error)}; {hint}") from error


def matches(path: Path, known_hash: str) -> bool:
    """Whether the file has this hash, "md5:…" or "sha256:…"."""
    algorithm, _, digest = known_hash.partition(":")
    return hashlib.new(algorithm, path.read_bytes()).hexdigest() == digest


def _reason(error: Exception) -> str:
    """The error in a few words; the messages of requests and pooch are paragraphs."""
    import requests

    match error:
        case requests.HTTPError():
            return f"the server answered {error.response.status_code} {error.response.reason}"
        case requests.Timeout():
            return "the server did not answer in time"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return "no connection, or it was interrupted"
        case requests.RequestException() | OSError():
            return str(error).replace("\n", " ")
        case _:
            return "the file differs from the published one (wrong hash)"
