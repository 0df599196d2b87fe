"""Pictures that cannot be read: they are skipped, counted and listed, unless they are most of all."""

from collections.abc import Mapping

from minialex.errors import InputError

SHOWN = 20  #: so many names at most are printed
ENOUGH = 100  #: so many pictures must have been tried before their majority says anything


def check_most_were_good(problems: Mapping[str, str], tried: int) -> None:
    """InputError if more than half of the pictures `tried` are in `problems`, {file: what is wrong}: no accident."""
    if len(problems) > tried / 2:
        first = next(iter(problems.values()))
        raise InputError(
            f"{len(problems):,} of {tried:,} pictures cannot be read, which is more than half: {first}"
        )


def summary(problems: Mapping[str, str], rest: str = "") -> str:
    """The files skipped, their number and at most SHOWN of their names; `rest` says where all are listed."""
    files = sorted(problems)
    lines = [
        f"Skipped {len(files):,} picture{'s' * (len(files) > 1)} that cannot be read:",
        *(f"  {f}" for f in files[:SHOWN]),
    ]
    if len(files) > SHOWN:
        lines.append(f"  and {len(files) - SHOWN:,} more{rest}")
    return "\n".join(lines)
