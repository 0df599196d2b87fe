"""How long a right layer takes, beside the shipped one."""

import time
from collections.abc import Callable

import numpy

from minialex import layers
from minialex.grader.trials import LayerTrial


def speed(trial: LayerTrial) -> str:
    """A sentence with the time of the learner's layer and that of minialex's own, forward and backward over 32 pictures."""
    case = trial.case
    pictures = numpy.resize(case.x, (32, *case.x.shape[1:])).astype("float32")
    shipped = getattr(layers, trial.kind.__name__)
    mine, theirs = (seconds(LayerTrial(kind, case).built("float32"), pictures) for kind in (trial.kind, shipped))
    times = f"{mine * 1e3:.3g} ms, minialex's own {theirs * 1e3:.3g} ms"
    return f"Forward and backward over {len(pictures)} small pictures take it {times}. (Lesson 14 says why.)"


def seconds(layer, x: numpy.ndarray) -> float:
    """The shortest of three runs forward and backward."""
    dy = numpy.ones_like(layer.forward(x, train=True))
    return min(clock(lambda: (layer.forward(x, train=True), layer.backward(dy))) for _ in range(3))


def clock(run: Callable) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
