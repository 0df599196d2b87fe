"""The pictures in a folder of class folders, cached: listing a million files takes a while."""

import hashlib
import json
import os
import time
from pathlib import Path

from tqdm import tqdm

from minialex.data.download import cache_folder
from minialex.files import atomic_write

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".ppm", ".tif", ".tiff")
FORMAT = "minialex listing 1"
# A folder's times are trusted once they are this many seconds old. Before, another change could
# leave them the same: FAT counts in steps of two seconds.
SETTLED = 2.0


def list_pictures(folder: Path) -> dict[str, list[str]]:
    """{class folder: names of the pictures in it} for `folder`, both in alphabetical order.

    Hidden files and files of other types are left out. The listing is kept in the cache folder and
    reused while the times of the class folder stay the same; every file added or removed changes
    them. A damaged or read-only cache costs only time.
    """
    with os.scandir(folder) as entries:
        found = {e.name: e.stat() for e in entries if e.is_dir() and not e.name.startswith(".")}
    folder = Path(os.path.abspath(folder))
    cache = (
        cache_folder("listings") / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:20]}.json"
    )
    cached = _read_cache(cache, folder)
    now, classes, times = time.time(), {}, {}
    bar = tqdm(
        sorted(found),
        desc=f"listing {folder.name}",
        unit=" folders",
        delay=1,
        leave=False,
        disable=None,
    )
    for name in bar:
        state = [found[name].st_mtime_ns, found[name].st_ctime_ns]
        times[name], classes[name] = cached.get(name, (None, []))
        if times[name] != state:
            classes[name] = sorted(filter(_is_picture, os.listdir(folder / name)))
            times[name] = state if max(state) < (now - SETTLED) * 1e9 else None
    content = {name: (times[name], classes[name]) for name in classes if times[name]}
    if content != cached:
        _write_cache(cache, folder, content)
    return classes


def _is_picture(name):
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def _read_cache(cache, folder):
    """{class: (times, names)}; empty if there is no valid listing of this folder."""
    try:
        listing = json.loads(cache.read_text(encoding="utf-8"))
        if [listing[key] for key in ("format", "folder", "extensions")] == [
            FORMAT,
            str(folder),
            list(EXTENSIONS),
        ]:
            return {
                name: (list(times), list(names))
                for name, (times, names) in listing["classes"].items()
            }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return {}


def _write_cache(cache, folder, classes):
    listing = {
        "format": FORMAT,
        "folder": str(folder),
        "extensions": EXTENSIONS,
        "classes": classes,
    }
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(cache) as file:
            file.write_text(json.dumps(listing), encoding="utf-8")
    except OSError:
        pass
