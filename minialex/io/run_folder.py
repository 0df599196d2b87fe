"""The folder of a training run.

It holds config.json, metrics.jsonl, curves.png, checkpoint.npz and, if pictures could not be read,
bad_pictures.txt.
"""

import itertools
import json
from pathlib import Path

from minialex import charts
from minialex.errors import InputError
from minialex.files import atomic_write, check_replaceable


class RunFolder:
    """Reads and writes the files of the run at `path`.

    Each file is replaced atomically: a killed run leaves no half-written file.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config, self.metrics = path / "config.json", path / "metrics.jsonl"
        self.curves, self.checkpoint = path / "curves.png", path / "checkpoint.npz"
        self.bad_pictures = path / "bad_pictures.txt"

    @classmethod
    def create(cls, path: Path | None, name: str) -> "RunFolder":
        """Creates a folder at `path`; None means the first free one of runs/name, runs/name-2, …

        InputError if there is already a run at `path`: no run is ever overwritten.
        """
        if path is None:
            names = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
            path = next(p for p in (Path("runs") / name for name in names) if not p.exists())
        folder = cls(path)
        if path.exists() and not path.is_dir():
            raise InputError(f"--out {path} is a file, expected a folder")
        for file in (
            folder.config,
            folder.metrics,
            folder.curves,
            folder.checkpoint,
            folder.bad_pictures,
        ):
            if file.exists():
                raise InputError(
                    f"{path} already holds a run ({file.name}): "
                    f"choose another --out, or --resume {path}"
                )
        path.mkdir(parents=True, exist_ok=True)
        return folder

    def take_over(self) -> None:
        """Makes the folder, in which a script has saved a checkpoint, that of a run.

        InputError if it holds files that a run would overwrite.
        """
        for file in (self.config, self.metrics, self.bad_pictures):
            if file.exists():
                own = f"{self.path} holds a file {file.name}, which the run would overwrite"
                raise InputError(f"{own}: move the checkpoint to a folder of its own")
        check_replaceable(self.curves)

    def write_config(self, options: dict) -> None:
        """Writes the run's options to config.json."""
        with atomic_write(self.config) as file:
            file.write_text(json.dumps(options, indent=2) + "\n", encoding="utf-8")

    def write_metrics(self, epochs: list[dict]) -> None:
        """Writes one line per epoch to metrics.jsonl, and draws curves.png."""
        with atomic_write(self.metrics) as file:
            file.write_text(
                "".join(json.dumps(epoch, allow_nan=False) + "\n" for epoch in epochs),
                encoding="utf-8",
            )
        with atomic_write(self.curves) as file:
            file.write_bytes(charts.curves({self.path.name: epochs}))

    def write_bad_pictures(self, problems: dict[str, str]) -> None:
        """Writes one line for each picture in {file: reason}; no file if there is none."""
        if problems:
            with atomic_write(self.bad_pictures) as file:
                lines = (problems[name] + "\n" for name in sorted(problems))
                file.write_text("".join(lines), encoding="utf-8", errors="replace")
