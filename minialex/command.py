"""Shared by all commands: option parsing and exit codes."""

import argparse
import difflib
import errno
import logging
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from minialex import backend
from minialex.data.augment import TEST_VIEWS
from minialex.errors import InputError, explained, is_locales, one_line
from minialex.streams import SIGPIPE, complain, discard, open_closed

#: What names files in options whose type is not Path: they may be "torchvision", "-" or a pattern.
PATHS = ("weights", "pictures", "lighting")


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors and exit code 2.

    examples: shown at the end of --help, with line breaks kept.
    usage: follows the command's name in the first line of --help.
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
        self.exit(2, f"{self.prog}: error: {one_line(message)} (--help lists the options)\n")

    def takes(self, name: str, value: Any) -> bool:
        """Whether the option called `name`, as in the result of parse_args, can have that value."""
        action = next(action for action in self._actions if action.dest == name)
        if isinstance(action, argparse.BooleanOptionalAction):
            return isinstance(value, bool)
        wanted = str if action.type in (None, Path) else action.type
        try:
            same = wanted(str(value)) == value
        except argparse.ArgumentTypeError:
            return False
        return same and (action.choices is None or value in list(action.choices))

    def parse_known_args(self, *arguments, **options):
        """argparse's, but an unknown option is an error, which names the most similar one."""
        given, unknown = super().parse_known_args(*arguments, **options)
        if unknown:
            option = next((text for text in unknown if text.startswith("-")), "")
            suggestion = did_you_mean(option.partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{suggestion}")
        return given, unknown

    def _get_value(self, action: argparse.Action, text: str) -> Any:
        """argparse's, but no path is empty: a shell's unset variable is not the current folder."""
        if not text and (action.type is Path or action.dest in PATHS):
            raise argparse.ArgumentError(action, "expected a path, got ''")
        return super()._get_value(action, text)

    def _check_value(self, action: argparse.Action, value) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices))
            raise


def program() -> str:
    """What precedes a command's name: "minialex " in that script, else "python -m minialex."."""
    return "minialex " if Path(sys.argv[0]).stem == "minialex" else "python -m minialex."


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """ "; did you mean NAME?" with the name most similar to `word`, or "" if none is."""
    found = difflib.get_close_matches(word, list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def number(
    kind: type, minimum: float, below: float = math.inf, exclusive: bool = False
) -> Callable[[str], float]:
    """An argparse type: an int or float of at least `minimum` and less than `below`.

    exclusive: `minimum` itself is not allowed.
    """
    noun = "a whole number" if kind is int else "a number"
    wanted = f"{noun} {'above' if exclusive else 'of at least'} {minimum}"
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


#: Why a stream cannot be written to.
UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EINVAL)

#: The most threads that --workers may ask for: more than a machine has cores.
MOST_WORKERS = 2048

#: The argparse type of --workers.
thread_count = number(int, 1, MOST_WORKERS + 1)


def add_common_options(group: argparse._ActionsContainer) -> None:
    """Adds the options that mean the same in every command to a parser or an argument group."""
    group.add_argument(
        "--backend",
        choices=backend.NAMES,
        help="cupy is an NVIDIA GPU (default: auto, a GPU if it works)",
    )
    about = f"CPU threads, up to {MOST_WORKERS} (default: one per core)"
    group.add_argument("--workers", type=thread_count, metavar="N", help=about)


def add_test_views_option(group: argparse._ActionsContainer, default: str) -> None:
    """Adds --test-views to a parser or a group of it; default: what it is, in words."""
    about = (
        "how test pictures are seen: the centre; it and its mirror image; the corners, too, ten "
    )
    about += f"in all. Probabilities are averaged (default: {default})"
    group.add_argument("--test-views", choices=TEST_VIEWS, help=about)


def run(main: Callable[[Sequence[str]], int | None]) -> None:
    """Calls main(arguments) and exits with the code that it returns.

    Errors that the user can fix (InputError, files, memory) become one line on stderr, with exit
    code 2. Warnings are hidden unless Python was started with -W: Pillow warns about odd files that
    it can read, NumPy about overflows that show in the loss, matplotlib about its own folder.
    """
    open_closed()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows ? for ×
    try:
        code = exit_code(main)
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # the reader of the output, `head` say, has closed it
        discard(sys.stdout)
        sys.exit(128 + SIGPIPE)  # as if killed by it: the work is unfinished
    except (InputError, OSError) as error:
        message = unwritten(error) or explained(error)
    except UnicodeEncodeError as error:
        if not is_locales(error):
            raise
        message = explained(error)
    except MemoryError as error:
        message = f"out of memory: {error} (a smaller --batch-size needs less)"
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        message = f"{error}: no memory is left for it, or no more threads are allowed"
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
    complain(f"error: {message}")
    sys.exit(2)


def exit_code(main: Callable[[Sequence[str]], int | None]) -> int | str | None:
    """The code that main(arguments) returns, or that it exits with, as after --help."""
    try:
        return main(sys.argv[1:])
    except SystemExit as end:
        return end.code


def unwritten(error: Exception) -> str | None:
    """What to say where the error is that stdout cannot be written to, which it does not say
    itself; None where it is another."""
    if not (isinstance(error, OSError) and error.filename is None and error.errno in UNWRITTEN):
        return None
    try:
        print(flush=True)  # fails again, even where nothing has been kept to be written
    except OSError as still:
        discard(sys.stdout)
        return f"standard output cannot be written: {still.strerror}"
    return None
