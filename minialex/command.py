"""What every command has in common: how it reads options and how it ends when something is wrong."""

import argparse
import difflib
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from minialex import backend
from minialex.errors import InputError

#: The numbers by which terminals know styles.
STYLES = {"bold": 1, "faint": 2, "red": 31, "green": 32}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with exit code 2; the epilog (examples) keeps its line breaks.

    `usage` is what follows the command's name in its first line of help.
    """

    def __init__(self, command: str, description: str, examples: str, usage: str = "[options]"):
        super().__init__(
            prog=program() + command,
            usage=f"%(prog)s {usage}",
            description=description,
            epilog="examples:\n" + examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (--help lists the options)\n")

    def parse_known_args(self, *arguments, **options):
        """argparse's, but an unknown option is an error, which names the most similar one."""
        given, unknown = super().parse_known_args(*arguments, **options)
        if unknown:
            option = next((text for text in unknown if text.startswith("-")), "")
            suggestion = did_you_mean(option.partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{suggestion}")
        return given, unknown

    def _check_value(self, action: argparse.Action, value) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices))
            raise


def program() -> str:
    """What precedes a command's name: "minialex " in the script of that name, else "python -m minialex."."""
    return "minialex " if Path(sys.argv[0]).stem == "minialex" else "python -m minialex."


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """ "; did you mean NAME?" with the name most similar to `word`, or "" if none is."""
    found = difflib.get_close_matches(word, list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def number(
    kind: type, minimum: float, below: float = math.inf, exclusive: bool = False
) -> Callable[[str], float]:
    """An argparse type: an int or float of at least `minimum`, or above it if `exclusive`, and under `below`."""
    wanted = f"{'a whole number' if kind is int else 'a number'} {'above' if exclusive else 'of at least'} {minimum}"
    wanted += f" and under {below}" if below < math.inf else ""

    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not minimum <= value < below or (exclusive and value == minimum):
            raise argparse.ArgumentTypeError(f"expected {wanted}, got {text!r}")
        return value

    return parse


def add_common_options(group) -> None:
    """Adds to a parser or a group of it the options that mean the same in every command."""
    group.add_argument(
        "--backend",
        choices=backend.NAMES,
        help="cupy is an NVIDIA GPU (default: auto, a GPU if it works)",
    )
    group.add_argument(
        "--workers", type=number(int, 1), metavar="N", help="CPU threads (default: one a core)"
    )


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def styled(text: str, *styles: str) -> str:
    """The text in the styles given, names from STYLES, if stdout is a terminal and NO_COLOR is not set; else as it is."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return "".join(f"\033[{STYLES[style]}m" for style in styles) + text + "\033[0m"


def run(main: Callable[[Sequence[str]], int | None]) -> None:
    """Calls main(arguments) and ends the process with what it returns.

    What the user can mend (InputError, files, memory) becomes one line on stderr and exit code 2.
    """
    if not sys.warnoptions:
        warnings.simplefilter(
            "ignore"
        )  # Pillow's of oddities it can read, NumPy's of overflows that the loss tells
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows ? for ×
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # whoever read the output, `head` say, has seen enough; Python must not flush the rest at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # as a command that the signal SIGPIPE ended: the work is not done
    except (InputError, OSError) as error:
        message = " ".join(str(error).split())
    except MemoryError as error:
        message = f"out of memory: {error} (a smaller --batch-size needs less)"
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
