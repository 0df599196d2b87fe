"""The folder of a training run.

It holds config.json, metrics.jsonl (a line for each epoch), losses.jsonl (a line for each second of
training), curves.png, checkpoint.npz, and weights/step-00000312.npz and so on if weights are kept,
each called after the steps that had been taken in all. If pictures could not be read, it also holds
bad_pictures.txt; if training went back to go on at a lower rate (`--on-nan`), lowered.txt; while it
writes there, training.lock.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

from minialex import charts
from minialex.errors import DAMAGED, InputError, refusing
from minialex.files import (
    atomic_write,
    check_link,
    check_readable,
    check_replaceable,
    naming,
    remove_leftovers,
)
from minialex.io.claim import Claim, claimed


class RunFolder:
    """Reads and writes the files of the run at `path`.

    Each file is replaced atomically: a killed run leaves no half-written file. Only losses.jsonl is
    appended to, and may end with half a line. While the folder is claimed, InputError if it is no
    longer there when something is written: it was moved or removed, and may be another run's now.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config, self.metrics = path / "config.json", path / "metrics.jsonl"
        self.losses, self.weights = path / "losses.jsonl", path / "weights"
        self.curves, self.checkpoint = path / "curves.png", path / "checkpoint.npz"
        self.bad_pictures, self.lowered = path / "bad_pictures.txt", path / "lowered.txt"
        self.claim: Claim | None = None

    @classmethod
    def create(cls, path: Path | None, name: str) -> "RunFolder":
        """Creates a folder at `path`; None means the first free one of runs/name, runs/name-2, …"""
        if path:
            if path.exists() and not path.is_dir():
                raise InputError(f"--out {path} is a file, expected a folder")
            check_link(path)
            path.mkdir(parents=True, exist_ok=True)
            return cls(path)
        number = 1
        while True:
            path = Path("runs") / (f"{name}-{number}" if number > 1 else name)
            try:
                path.mkdir(parents=True)
                return cls(path)
            except FileExistsError:
                number += 1

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Within it no other training writes here; InputError if one does. What a killed one has
        written half is removed."""
        with claimed(self.path) as self.claim:
            whole = (self.config, self.metrics, self.losses, self.curves, self.checkpoint)
            for file in (*whole, self.bad_pictures, self.lowered):
                remove_leftovers(self.path, file.name)
            remove_leftovers(self.weights, "step-*.npz")
            try:
                yield
            finally:
                self.claim = None

    def check_new(self) -> None:
        """InputError if there is already a run here: no run is ever overwritten."""
        for file in (
            self.config,
            self.metrics,
            self.losses,
            self.curves,
            self.checkpoint,
            self.bad_pictures,
            self.lowered,
            *self.kept_weights().values(),
        ):
            if file.exists() or file.is_symlink():
                or_resume = f", or --resume {self.path}" if self.checkpoint.exists() else ""
                raise InputError(
                    f"{self.path} already holds a run ({file.name}): choose another --out"
                    + or_resume
                )

    def check_there(self) -> None:
        """InputError if the claimed folder is gone: what is written now would be a run without its
        past, or go into another one."""
        if self.claim and not self.claim.holds():
            gone = "it was moved or removed, or another one has claimed it"
            raise InputError(f"{self.path} is not this training's any more: {gone}")

    def take_over(self) -> None:
        """Makes the folder, in which a script has saved a checkpoint, that of a run.

        InputError if it holds files that a run would overwrite.
        """
        kept = self.kept_weights().values()
        texts = (self.config, self.metrics, self.losses, self.bad_pictures, self.lowered)
        for file in (*texts, *kept):
            if file.exists():
                own = f"{self.path} holds a file {file.name}, which the run would overwrite"
                raise InputError(f"{own}: move the checkpoint to a folder of its own")
        check_replaceable(self.curves)

    def write_config(self, options: dict) -> None:
        """Writes the run's options to config.json."""
        self.check_there()
        with atomic_write(self.config) as file:
            file.write_text(json.dumps(options, indent=2) + "\n", encoding="utf-8")

    def write_metrics(self, epochs: list[dict]) -> None:
        """Writes one line per epoch to metrics.jsonl, and draws curves.png."""
        self.check_there()
        with atomic_write(self.metrics) as file:
            file.write_text(
                "".join(json.dumps(epoch, allow_nan=False) + "\n" for epoch in epochs),
                encoding="utf-8",
            )
        with atomic_write(self.curves) as file:
            file.write_bytes(charts.curves({self.path.name: epochs}))

    def write_loss(self, line: dict) -> None:
        """Appends a line to losses.jsonl."""
        self.check_there()
        with naming(self.losses), open(self.losses, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def cut_losses(self, steps: int) -> None:
        """Leaves only the lines of the first `steps` steps in losses.jsonl: those that follow are
        taken again."""
        self.check_there()
        lines = (line for line in read_losses(self.losses) if line["step"] <= steps)
        with atomic_write(self.losses) as file:
            file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def kept_file(self, steps: int) -> Path:
        """Where the weights are kept as they are after so many steps in all."""
        return self.weights / f"step-{steps:08}.npz"

    def kept_weights(self) -> dict[int, Path]:
        """The files of kept weights, by the steps that had been taken in all, in order."""
        files = self.weights.iterdir() if self.weights.is_dir() else ()
        found = ((re.fullmatch(r"step-(\d{8,})\.npz", file.name), file) for file in files)
        return dict(sorted((int(match[1]), file) for match, file in found if match))

    def write_bad_pictures(self, problems: dict[str, str]) -> None:
        """Writes one line for each picture in {file: reason}; no file if there is none."""
        self.check_there()
        write_lines(self.bad_pictures, [problems[name] for name in sorted(problems)])

    def write_lowered(self, lines: list[str]) -> None:
        """Writes when and why the learning rate was lowered; no file if it was not."""
        self.check_there()
        write_lines(self.lowered, lines)


def write_lines(path: Path, lines: list[str]) -> None:
    """Writes the lines, if there are any."""
    if lines:
        with atomic_write(path) as file:
            text = "".join(line + "\n" for line in lines)
            file.write_text(text, encoding="utf-8", errors="replace")


def run_that_kept(path: Path) -> Path | None:
    """The folder of the run that has kept weights in the file `path`; None for other files."""
    folder = RunFolder(path.absolute().parent.parent)
    return folder.path if path.absolute() in folder.kept_weights().values() else None


#: What each line of losses.jsonl says, in numbers.
LOSS_KEYS = ("step", "epoch", "loss", "accuracy", "learning_rate", "images_per_second")


def read_losses(path: Path) -> list[dict]:
    """The lines of a losses.jsonl, which may be written to at the same time.

    What is not such a line, the last one's half say, is left out; where there is no file, there are
    no lines.
    """
    check_readable(path)
    try:
        texts = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [line for line in map(loss_line, texts) if line is not None]


def loss_line(text: bytes) -> dict | None:
    """A line of losses.jsonl, without what else it may say; None if it is damaged."""
    try:
        return numbers_of(json.loads(text), LOSS_KEYS)
    except DAMAGED:
        return None


#: What each line of metrics.jsonl says, in numbers.
EPOCH_KEYS = (
    *("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "test_top5"),
    *("learning_rate", "images_per_second", "seconds"),
)


def read_metrics(path: Path) -> list[dict]:
    """The lines of a metrics.jsonl, one for each epoch from 1. InputError, which names the line, if
    one is damaged: the file is written as a whole."""
    check_readable(path)
    epochs: list[dict] = []
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        with refusing(f"{path}, line {number}:", "it is damaged"):
            epochs.append(numbers_of(json.loads(text), EPOCH_KEYS))
            if epochs[-1]["epoch"] != number:
                raise ValueError(f"expected epoch {number}, got {epochs[-1]['epoch']}")
    return epochs


def numbers_of(line: dict, names: tuple[str, ...]) -> dict:
    """The entries of these names, which are finite numbers; accuracies are shares of 1, and steps
    whole numbers. One of DAMAGED if they are not."""
    found = {name: line[name] for name in names}
    for name, value in found.items():
        whole = isinstance(value, int | float) and not isinstance(value, bool)
        if not (whole and math.isfinite(value) and value >= 0):
            raise ValueError(f"its {name} is {value}")
        if "accuracy" in name and value > 1:
            raise ValueError(f"its {name} is {value}")
    if not isinstance(found.get("step", 1), int):
        raise ValueError(f"its step is {found['step']}")
    return found
