"""A browser on the explorer's page, for measurements and tests: Chromium, driven by Playwright."""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

#: What Chromium is called: on Debian and Ubuntu, on Fedora and Arch, from Google.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """Where Chromium is; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def serving(weights: Any, *options: Any) -> Iterator[tuple[str, subprocess.Popen]]:
    """Runs `python -m minialex.explore weights options` in a process of its own: the address that
    it prints, and the process, which ends with the `with` block."""
    command = [sys.executable, "-m", "minialex.explore", weights, "--no-browser", *options]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if address := re.search(r"http://\S+", line):
                yield address[0], process
                return
        raise RuntimeError(f"no address, only {said!r}")
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def browser(arguments: Sequence[str] = ()) -> Iterator[Any]:
    """A Chromium without a window, as Playwright's Browser."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    if path is None:
        raise RuntimeError(f"there is no {', '.join(NAMES)}: install Chromium")
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that containers do not give.
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *arguments])
        with contextlib.closing(found):
            yield found
