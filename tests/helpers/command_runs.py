"""Runs a command as a user does, in this process (fast) or in a separate one (for signals)."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from minialex.command import run


def call(
    main: Callable, *arguments: Any, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `python -m …` with these arguments, in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["command", *map(str, arguments)])
        run(main)
    captured = capsys.readouterr()
    code = end.value.code
    return 0 if code is None else code, captured.out, captured.err


def start(module: str, *arguments: Any, **options: Any) -> subprocess.Popen:
    """A new process that runs `python -m module arguments`; `options` are those of Popen."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)], text=True, **options
    )
