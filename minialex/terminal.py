"""Text for terminals: bold, faint and coloured where they show it, and nothing that they obey."""

import os
import re
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


#: Control characters, ends of lines, and what changes the direction of writing.
OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text, a name in a file say, in one line: characters that a terminal would obey are as
    repr shows them."""
    return OBEYED.sub(lambda found: repr(found[0])[1:-1], text)
