"""Files from the network, kept in a cache folder and checked against the hash that was published for them."""

import os
import sys
from pathlib import Path

import pooch
import requests

from minialex.errors import InputError

SECONDS = (4, 20)  # to connect to one of the server's addresses, then to wait for more bytes


def cache_folder(name: str) -> Path:
    """Where downloads of the data set `name` are kept: below $MINIALEX_CACHE, or else the user's cache folder."""
    return Path(os.environ.get("MINIALEX_CACHE") or pooch.os_cache("minialex")) / name


def fetch(url: str, file_name: str, known_hash: str, folder: Path, hint: str) -> Path:
    """The path of `file_name` in `folder`, downloaded from `url` unless it is there already.

    known_hash: "md5:..." of the file; one that does not match is not kept. A progress bar goes to a terminal's stderr.
    Raises InputError, which ends with `hint` (what to do by hand), if the network, the hash or the disk fails.
    """
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=SECONDS)
    try:
        return Path(pooch.retrieve(url, known_hash, file_name, folder, downloader=downloader))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot download {url}: {_reason(error)}; {hint}") from error


def _reason(error: Exception) -> str:
    """What went wrong, in a few words: requests and pooch tell it in paragraphs."""
    match error:
        case requests.HTTPError():
            return f"the server answered {error.response.status_code} {error.response.reason}"
        case requests.Timeout():
            return "the server did not answer in time"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return "no connection, or it broke off"
        case requests.RequestException() | OSError():
            return str(error).replace("\n", " ")
        case _:
            return "the file differs from the published one (wrong hash)"
