"""Unreadable pictures: skipped and listed, unless they are more than half of the data set."""

from collections.abc import Mapping

from minialex.errors import InputError
from minialex.terminal import visible

SHOWN = 20  #: how many file names are printed at most
ENOUGH = 100  #: how many pictures must have been tried before a majority of bad ones is an error


def check_most_are_readable(problems: Mapping[str, str], tried: int) -> None:
    """InputError if more than half of the `tried` pictures are in `problems`, {file: reason}."""
    if len(problems) > tried / 2:
        first = next(iter(problems.values()))
        raise InputError(
            f"{len(problems):,} of {tried:,} pictures cannot be read, which is more than half: "
            f"{first}"
        )


def describe_unreadable(problems: Mapping[str, str], where_all_are: str = "") -> str:
    """The number of files in `problems`, {file: reason}, and the names of the first SHOWN.

    where_all_are: added if some are left out; it tells where the full list is.
    """
    files = sorted(problems)
    lines = [
        f"Skipped {len(files):,} picture{'s' * (len(files) > 1)} that cannot be read:",
        *(f"  {visible(f)}" for f in files[:SHOWN]),
    ]
    if len(files) > SHOWN:
        lines.append(f"  and {len(files) - SHOWN:,} more{where_all_are}")
    return "\n".join(lines)
