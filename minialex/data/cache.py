"""What is kept from one run to the next in the cache folder: JSON behind a line with its checksum.

It saves time and nothing else: what is damaged, or about something else, is made anew, and a folder
that is full or read-only is no error.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from minialex.data.download import cache_folder
from minialex.errors import DAMAGED
from minialex.files import atomic_write

Kept = TypeVar("Kept")


def read(path: Path, about: Any, made: Callable[[Any], Kept]) -> Kept | None:
    """What `made` makes of the content in the file, if that is about the same; else None.

    about: what `keep` was given, as JSON holds it: lists, no tuples. made: raises any of DAMAGED
    for content that it cannot use.
    """
    try:
        if not path.is_file():
            return None
        checksum, _, text = path.read_bytes().partition(b"\n")
        if checksum != digest(text):
            return None
        kept = json.loads(text)
        return made(kept["content"]) if kept["about"] == about else None
    except (OSError, *DAMAGED):
        return None


def keep(path: Path, about: Any, content: Any) -> None:
    """Keeps the content in the file, if it can be written."""
    text = json.dumps({"about": about, "content": content}).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write_bytes(digest(text) + b"\n" + text)
    except OSError:
        pass  # the next run makes it anew


def listing_of(path: Path, suffix: str) -> Path:
    """Where the listing of a folder or an archive is kept."""
    key = hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:20]
    return cache_folder("listings") / f"{key}{suffix}"


def digest(text: bytes) -> bytes:
    """The checksum of a text, in hexadecimal digits."""
    return hashlib.sha256(text).hexdigest().encode()
