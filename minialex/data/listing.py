"""Which pictures lie in a folder of class folders. A million names are read from the disk once and remembered."""

import hashlib
import json
import os
import time
from pathlib import Path

from tqdm import tqdm

from minialex.data.download import cache_folder
from minialex.files import written_whole

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".ppm", ".tif", ".tiff")
FORMAT = "minialex listing 1"
SETTLED = 2.0  # seconds after which a change of a folder cannot leave its times as they are (FAT counts in twos)


def listed(folder: Path) -> dict[str, list[str]]:
    """For each class folder in `folder` the names of the pictures in it, both in alphabetical order.

    Hidden and other files are left out. What was found is remembered below the cache folder and taken from there as long
    as the class folder's times, which every file that comes or goes changes, are the same. A cache that is damaged, or
    cannot be written, costs only time.
    """
    with os.scandir(folder) as entries:
        found = {e.name: e.stat() for e in entries if e.is_dir() and not e.name.startswith(".")}
    folder = Path(os.path.abspath(folder))
    cache = (
        cache_folder("listings") / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:20]}.json"
    )
    remembered = _remembered(cache, folder)
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
        times[name], classes[name] = remembered.get(name, (None, []))
        if times[name] != state:
            classes[name] = sorted(filter(_is_picture, os.listdir(folder / name)))
            times[name] = state if max(state) < (now - SETTLED) * 1e9 else None
    content = {name: (times[name], classes[name]) for name in classes if times[name]}
    if content != remembered:
        _remember(cache, folder, content)
    return classes


def _is_picture(name):
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def _remembered(cache, folder):
    """{class: (times, names)}; nothing if there is no whole listing of this folder."""
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


def _remember(cache, folder, classes):
    listing = {
        "format": FORMAT,
        "folder": str(folder),
        "extensions": EXTENSIONS,
        "classes": classes,
    }
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(cache) as file:
            file.write_text(json.dumps(listing), encoding="utf-8")
    except OSError:
        pass
