"""A trial: what a reader of minialex makes of a damaged file, and what that may be."""

import contextlib
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from minialex.errors import InputError
from tests.fuzz.mutate import Mutator, mutated

#: How long reading a damaged file may take, in seconds, and the memory that it may take, in bytes.
SECONDS, MEMORY = 10, 1 << 30

#: Files by their names, relative to a folder.
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Format:
    """A kind of file that minialex reads."""

    name: str
    #: Right files: one for each variety of the kind.
    samples: Callable[[], list[Files]]
    #: Reads the files in a folder, and asserts what has to be true of all that is read.
    read: Callable[[Path], object]
    #: Damage that knows what the bytes mean, beside the damage that can happen to any file.
    mutators: tuple[Mutator, ...] = ()


class TooSlow(BaseException):
    """Not an Exception: readers make InputErrors of those."""


class Fault(AssertionError):
    """A reader has ended in neither a result nor an InputError, or was too slow."""


def trial(form: Format, seed: int, folder: Path) -> bool:
    """Damages one of the format's files in the empty `folder` and reads it.

    Whether it could be read: False if it was refused. Raises Fault for anything else.
    """
    files = damaged(form, Random(seed))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    start = time.monotonic()
    try:
        with limits():
            form.read(folder)
        outcome = True
    except InputError:
        outcome = False
    except (Exception, TooSlow) as error:
        what = f"{form.name}, seed {seed}: {type(error).__name__}: {error}"
        raise Fault(what) from error
    if time.monotonic() - start > SECONDS:  # a library that does not listen to signals
        raise Fault(f"{form.name}, seed {seed}: {time.monotonic() - start:.0f} seconds")
    return outcome


def damaged(form: Format, rng: Random) -> Files:
    """One of the format's samples, of which one file is damaged."""
    files = dict(rng.choice(form.samples()))
    name = rng.choice(sorted(files))
    if form.mutators and rng.random() < 0.6:
        files[name] = rng.choice(form.mutators)(files[name], rng)
    else:
        files[name] = mutated(files[name], rng)
    return files


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """Within it, memory beyond MEMORY is refused, and after SECONDS TooSlow is raised."""

    def late(*_: object) -> None:
        raise TooSlow(f"more than {SECONDS} seconds")

    now = 1024 * int(field("/proc/self/status", "VmSize:").split()[0])
    before, timer = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, before[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, timer)
        resource.setrlimit(resource.RLIMIT_AS, before)


def field(path: str, name: str) -> str:
    """What stands behind `name` in a file of lines."""
    lines = Path(path).read_text().splitlines()
    return next(line.removeprefix(name) for line in lines if line.startswith(name))
