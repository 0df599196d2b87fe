"""Commands that are killed at a chosen moment, as by a failing machine: nothing cleans up."""

import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

from minialex import train
from minialex.errors import InputError

Command = Callable[[Sequence[str]], int | None]


def killed_at(moment: int, *arguments: Any, command: Command = train.main) -> int | None:
    """Trains, or runs another command, in a process that is killed as it gives a file its name:
    before it does for the first time (moment 0), after (1), before the second (2), and so on.
    Returns the exit code if it has ended earlier."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        replace, passed = os.replace, 0

        def deadly(*names):
            nonlocal passed
            for act in (lambda: None, lambda: replace(*names)):
                act()
                if passed == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                passed += 1

        os.replace = deadly
        code = 70
        try:
            code = command([str(word) for word in arguments]) or 0
        except InputError:
            code = 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
