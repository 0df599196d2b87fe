"""Bold, faint and coloured text, where the terminal shows it."""

import os
import sys

#: The ANSI codes of the styles.
STYLES = {"bold": 1, "faint": 2, "red": 31, "green": 32}


def styled(text: str, *styles: str) -> str:
    """The text in these styles (names in STYLES) if stdout is a terminal that shows them.

    Otherwise, or if NO_COLOR is set, the text is returned unchanged.
    """
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return "".join(f"\033[{STYLES[style]}m" for style in styles) + text + "\033[0m"
