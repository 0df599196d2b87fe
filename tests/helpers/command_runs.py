"""Running a command as a user does, in this process (quick) or in one of its own (for signals)."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from minialex.command import run


def call(main: Callable, *arguments, capsys) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `python -m …` with these arguments, without starting a process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["command", *map(str, arguments)])
        run(main)
    captured = capsys.readouterr()
    code = end.value.code
    return 0 if code is None else code, captured.out, captured.err


def start(module: str, *arguments, **options) -> subprocess.Popen:
    """A process of its own running `python -m module arguments`."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)], text=True, **options
    )
