"""Runs scripts and commands on many ranks, as a user does with mpirun."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

#: The mpirun beside this Python, or another one.
MPIRUN = shutil.which(
    "mpirun", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
)

SCRIPTS = Path(__file__).with_name("ranks")

#: Each mpirun keeps what it makes in a folder of its own in here, as those of --ranks do.
FOLDERS = tempfile.TemporaryDirectory()


def missing() -> str | None:
    """Why nothing runs on many ranks here; None if it does."""
    try:
        import mpi4py  # noqa: F401
    except ImportError:
        return "mpi4py is not installed: pip install -e '.[mpi]'"
    return None if MPIRUN else "there is no mpirun: pip install -e '.[mpi]'"


def on_ranks(count: int, *arguments: Any) -> list[str]:
    """The command line that runs `python arguments` on so many ranks, however few cores there
    are."""
    root = ["--allow-run-as-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    own = f"TMPDIR={tempfile.mkdtemp(dir=FOLDERS.name)}"
    words = [*root, "--oversubscribe", "-n", count, sys.executable, *arguments]
    return ["env", own, str(MPIRUN), *map(str, words)]


def run(count: int, *arguments: Any, timeout: float = 120, **options: Any):
    """The finished process; `options` are those of subprocess.run."""
    streams = dict(capture_output=True, text=True)
    return subprocess.run(on_ranks(count, *arguments), timeout=timeout, **streams, **options)
