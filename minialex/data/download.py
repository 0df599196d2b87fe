"""Downloads, kept in a cache folder and checked against their published hashes."""

import os
import sys
from pathlib import Path

import pooch
import requests

from minialex.errors import InputError

SECONDS = (4, 20)  # timeouts: to connect to one of the server's addresses, to wait for more bytes


def cache_folder(name: str) -> Path:
    """The folder `name` in $MINIALEX_CACHE or, if that is not set, in the user's cache folder."""
    return Path(os.environ.get("MINIALEX_CACHE") or pooch.os_cache("minialex")) / name


def fetch(url: str, file_name: str, known_hash: str, folder: Path, hint: str) -> Path:
    """The path of `file_name` in `folder`, downloaded from `url` unless it is already there.

    known_hash: "md5:…" of the file; a download that does not match is not kept.
    hint: how to do it by hand; the end of the error message.
    Shows a progress bar if stderr is a terminal. Raises InputError if the network, the hash or the
    disk fails.
    """
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=SECONDS)
    try:
        return Path(pooch.retrieve(url, known_hash, file_name, folder, downloader=downloader))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot download {url}: {_reason(error)}; {hint}") from error


def _reason(error: Exception) -> str:
    """The error in a few words; the messages of requests and pooch are paragraphs."""
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
