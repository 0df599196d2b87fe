"""Damage that is guided by what it reaches: atheris changes one file of a format, and keeps what
takes a reader to lines where it has not been."""

import contextlib
import inspect
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from minialex.errors import InputError
from tests.fuzz.trials import MEMORY, SECONDS, Format


def campaign(form: Format, minutes: float) -> None:
    """Changes the format's first file, by the names, for so long. Ends the process: with exit code
    0, or, at the first fault, with another one and atheris's report.

    InputError without atheris.
    """
    try:
        import atheris
    except ImportError:
        raise InputError("this needs atheris: python -m pip install atheris") from None
    samples = form.samples()
    name = min(samples[0])

    def one(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as place:
            for file, right in samples[0].items():
                path = Path(place) / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if file == name else right)
            with contextlib.suppress(InputError):
                form.read(Path(place))

    for function in own_functions():
        atheris.instrument_func(function)
    with tempfile.TemporaryDirectory() as corpus:
        for number, files in enumerate(samples):
            if name in files:
                (Path(corpus) / f"sample-{number}").write_bytes(files[name])
        limits = [f"-timeout={SECONDS}", f"-rss_limit_mb={2 * MEMORY >> 20}"]
        longest = f"-max_total_time={max(1, round(60 * minutes))}"
        atheris.Setup([sys.argv[0], corpus, longest, *limits, f"-artifact_prefix={corpus}/"], one)
        atheris.Fuzz()


def own_functions() -> Iterator[Callable]:
    """The functions and methods of the modules of minialex that have been imported."""
    for name, module in list(sys.modules.items()):
        if name.startswith("minialex."):
            for part in list(vars(module).values()):
                members = list(vars(part).values()) if inspect.isclass(part) else [part]
                for each in members:
                    if inspect.isfunction(each) and each.__module__ == name:
                        yield each
