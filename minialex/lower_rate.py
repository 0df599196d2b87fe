"""Training that goes on at a lower learning rate, after numbers have become infinite or NaN."""

from pathlib import Path
from typing import Any

from minialex.errors import NotFinite

#: What the learning rate is divided by each time, and how many times at most.
FACTOR, MOST = 10, 3

#: What can be done: `--on-nan`.
WAYS = ("stop", "lower-lr")


def go_back(trainer: Any, path: Path, error: NotFinite) -> str:
    """Puts a Trainer back to its checkpoint at `path`, with a lower rate from there on; returns the
    line about it, which is the last of progress["lowered"] from now.

    NotFinite if the rate has been lowered MOST times.
    """
    lowered = trainer.progress["lowered"]
    if len(lowered) == MOST:
        raise NotFinite(f"{error}; the rate was lowered {MOST} times") from error
    trainer.resume(path)
    times = f"{len(lowered) + 1} of at most {MOST} times"
    begin = f"back to step {trainer.steps_in_all()}, with the learning rate divided by {FACTOR}"
    line = f"{begin} ({times}): {error}"
    trainer.progress["lowered"] = [*lowered, line]
    return line
