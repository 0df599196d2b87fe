"""What runs write about themselves, and what is kept from one run to the next."""

import json
import math
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy
from kept_files import changed

from minialex.data import cache as caches
from minialex.data import statistics
from minialex.data.own import listing, tar_shards
from minialex.errors import InputError
from minialex.explore.losses import Losses
from minialex.io.run_folder import EPOCH_KEYS, LOSS_KEYS, RunFolder, read_losses, read_metrics
from tests.fuzz.trials import Files, Format

#: What somebody may write where a number or a name was.
VALUES = (
    *(None, True, 0, -1, 1.5, 1e308, 10**400, math.nan, math.inf, "", "0", "é\0\ud800", [], {}),
    *([1], {"a": 1}, [[]] * 3, "x" * 100_000, 1 << 63),
)

#: What the kept files are about.
ABOUT = ["pictures", 3]

#: What is kept of a folder, of an archive and of pixels, and what makes something of it.
KEPT: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "listing": (
        {"": [[1, 2], [["a.png"], ["cat"], {".txt": 2}]], "cat": [[3, 4], [["b.png"], [], {}]]},
        listing._kept,
    ),
    "index": (
        [[["a.png", 512, 100, "cat"], ["b.png", 1536, 7, None]], {".txt": 1}],
        lambda content: tar_shards._kept(content, 2048),
    ),
    "statistics": (
        {"mean": [1.5, 2, 3], "covariance": [[1, 0, 0.5], [0, 1, 0], [0.5, 0, 1]]},
        lambda content: statistics._kept(content, 3),
    ),
}


@cache
def metrics_files() -> list[Files]:
    """Three epochs."""
    lines = [dict.fromkeys(EPOCH_KEYS, 0.5) | {"epoch": epoch} for epoch in (1, 2, 3)]
    return [{"metrics.jsonl": "".join(json.dumps(line) + "\n" for line in lines).encode()}]


@cache
def losses_files() -> list[Files]:
    """Three seconds, and half a line."""
    lines = [dict.fromkeys(LOSS_KEYS, 0.5) | {"step": 10 * i, "epoch": i / 2} for i in range(4)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return [{"losses.jsonl": content.encode()} for content in (text, text[:-20])]


@cache
def cache_files() -> list[Files]:
    """What is kept of a folder, of an archive and of pixels."""
    files = []
    for name, (content, _) in KEPT.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            caches.keep(path, ABOUT, content)
            files.append({name: path.read_bytes()})
    return files


def with_another_value(value: Any, rng: Random) -> Any:
    """The lists and dictionaries with one of VALUES somewhere, or without an entry."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    if not keys:
        return rng.choice(VALUES)
    key = rng.choice(keys)
    if isinstance(value[key], list | dict) and rng.random() < 0.7:
        value[key] = with_another_value(value[key], rng)
    elif rng.random() < 0.2:
        del value[key]
    else:
        value[key] = rng.choice(VALUES)
    return value


def line_changed(content: bytes, rng: Random) -> bytes:
    """With another value in a line of JSON, and perhaps with lines in another order."""
    lines = content.splitlines()
    number = rng.randrange(len(lines))
    try:
        line = json.loads(lines[number])
    except ValueError:  # the half of one
        return content
    lines[number] = json.dumps(with_another_value(line, rng)).encode()
    if rng.random() < 0.2:
        rng.shuffle(lines)
    return b"\n".join(lines) + b"\n"


def kept_changed(content: bytes, rng: Random) -> bytes:
    """With another value, and a right checksum."""

    def change(kept: dict[str, Any]) -> None:
        kept["content"] = with_another_value(kept["content"], rng)

    return changed(change)(content)


def read_epochs(folder: Path) -> None:
    """Reads metrics.jsonl as the tables and figures of runs do."""
    epochs = read_metrics(folder / "metrics.jsonl")
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, len(epochs) + 1))
    assert_finite(epochs, EPOCH_KEYS)


def read_seconds(folder: Path) -> None:
    """Reads losses.jsonl as the explorer does while it is written, and as a resumed run does."""
    run = RunFolder(folder)
    watched, lines = Losses(run.losses).read(), read_losses(run.losses)
    assert_finite(lines, LOSS_KEYS)
    assert watched in (lines, lines[:-1])
    run.cut_losses(20)
    assert read_losses(run.losses) == [line for line in lines if line["step"] <= 20]
    if len(lines) < 3:
        raise InputError("lines are left out")


def assert_finite(lines: list[dict], names: tuple[str, ...]) -> None:
    """All lines say all of it, in finite numbers."""
    assert all(math.isfinite(line[name]) for line in lines for name in names)


def read_kept(folder: Path) -> None:
    """What was kept is read, if its checksum is right and its values are possible."""
    (path,) = folder.iterdir()
    found = caches.read(path, ABOUT, KEPT[path.name][1])
    if found is None:
        raise InputError("made anew")
    checksum, _, text = path.read_bytes().partition(b"\n")
    assert checksum == caches.digest(text)
    if isinstance(found, statistics.Statistics):
        assert numpy.isfinite(found.mean).all() and numpy.isfinite(found.covariance).all()


FORMATS = [
    Format("metrics", metrics_files, read_epochs, (line_changed,)),
    Format("losses", losses_files, read_seconds, (line_changed,)),
    Format("caches", cache_files, read_kept, (kept_changed,)),
]
