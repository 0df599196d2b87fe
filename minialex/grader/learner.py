"""The learner's file: reading it, running what is in it, and locating errors in it."""

import sys
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from minialex.errors import InputError

#: The name under which the file is imported, whatever it is called: a file called random.py must
#: not replace the real one.
MODULE = "the_learners_file"


class Stopped(Exception):
    """The learner's code cannot be graded further; the message, of several lines, says why."""


class Wrong(Stopped):
    """The learner's code returned something that cannot be compared with anything."""


class Gap(Stopped):
    """The next part is not written yet; `what` is the message of the NotImplementedError there."""

    def __init__(self, place: str, what: str):
        super().__init__(place)
        self.what = what


class LearnersFile:
    """A Python file with a layer. InputError if there is no such file; Stopped if it cannot run."""

    def __init__(self, path: Path):
        self.path = path
        if path.suffix != ".py" or not path.is_file():
            raise InputError(
                f"expected a Python file such as lessons/exercises/conv.py, got {path}"
            )
        source = path.read_bytes()
        self.module = sys.modules[MODULE] = ModuleType(MODULE)
        self.module.__file__ = str(path)
        # Not imported: an import might take an older version from __pycache__.
        with self.running("the file"):
            exec(compile(source, str(path), "exec"), self.module.__dict__)

    def classes(self) -> dict[str, type]:
        """The classes defined in the file, by name, in order."""
        found = {name: kind for name, kind in vars(self.module).items() if isinstance(kind, type)}
        return {name: kind for name, kind in found.items() if kind.__module__ == MODULE}

    @contextmanager
    def running(self, what: str, on: str = "") -> Iterator[None]:
        """A context for running the learner's code: its exceptions become Stopped.

        what: what is called. on: what with.
        """
        try:
            yield
        except Stopped:
            raise
        except NotImplementedError as error:
            frame = self.frame(error)
            place = (
                f"line {frame.lineno} of {self.path}"
                if frame
                else f"{what} is missing in {self.path}"
            )
            raise Gap(place, str(error)) from error
        except (Exception, SystemExit) as error:
            case = textwrap.fill(f"With {on}:", 76) + "\n" if on else ""
            raise Stopped(case + self.describe(error, what)) from error

    def frame(self, error: BaseException) -> traceback.FrameSummary | None:
        """The innermost place in the learner's file that the error passed through."""
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(self.path)
        ]
        return frames[-1] if frames else None

    def describe(self, error: BaseException, what: str) -> str:
        """The error as Python prints it, with the learner's line that led to it, none of ours."""
        message = "".join(traceback.format_exception_only(error)).strip()
        frame = self.frame(error)
        if isinstance(error, SyntaxError):
            return message  # has the file and the line in it
        if frame is None:
            return f"{message}\nwhen {what} was called"
        return f"{self.path}, line {frame.lineno}, in {frame.name}\n    {frame.line}\n{message}"
