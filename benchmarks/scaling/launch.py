"""Starts a measurement on many ranks, and reads what it prints."""

import importlib.util
import json
import subprocess
import sys
from typing import Any

from minialex.distributed import launch
from minialex.errors import InputError


def mpirun() -> str:
    """The mpirun to start. InputError if there is none, or no mpi4py."""
    found = launch.mpirun()
    missing = "mpirun" if not found else "mpi4py" if not importlib.util.find_spec("mpi4py") else ""
    if missing:
        install = "python -m pip install -e '.[mpi]'"
        raise InputError(
            f"scaling is measured on the ranks of an mpirun, but {missing} is missing: {install}"
        )
    return str(found)


def on_ranks(count: int, module: str, *arguments: Any) -> dict:
    """What `python -m benchmarks.scaling.MODULE` prints on so many ranks, however few cores there
    are. InputError, with the first line of what it says, if it fails."""
    start = [mpirun(), "--oversubscribe", "--bind-to", "none", "-n", count]
    words = [*start, sys.executable, "-m", f"benchmarks.scaling.{module}", *arguments]
    with launch.environment() as variables:
        ended = subprocess.run(
            list(map(str, words)),
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if ended.returncode:
        said = [line for line in ended.stderr.splitlines() if line.strip(" -\0")]
        first = next(iter(said), "it says nothing")
        cause = next((line for line in said if "error:" in line.lower()), first)
        end = f"ended with exit code {ended.returncode}: {cause}"
        raise InputError(f"{module} on {count} ranks {end}")
    return json.loads(ended.stdout)
