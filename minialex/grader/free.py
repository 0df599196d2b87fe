"""Checks a layer of the learner's own: what must hold for any layer, whatever it computes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minialex.gradcheck import differences
from minialex.grader.compare import CLOSE, same
from minialex.grader.exercise import Exercise, Stage
from minialex.grader.learner import LearnersFile, Wrong
from minialex.grader.trials import REPEATABLE, LayerCase, LayerTrial, must_be
from minialex.layers import Layer

#: What to say if a layer cannot be built or run as it is.
HOW = (
    "If the layer needs arguments, or another input, add a function example(rng) to the file that "
    "returns (layer, x)."
)


@dataclass
class FreeCase(LayerCase):
    """The layer and input of the file's example(rng), or a class without arguments and some maps.

    example: that function, if the file has one.
    """

    example: Callable | None = None

    def build(self, kind: type) -> Layer:
        return self.example(numpy.random.default_rng(0))[0] if self.example else kind()

    def call(self, name: str) -> str:
        return "example(rng)" if self.example else f"{name}()"


class FreeTrial(LayerTrial):
    """A layer whose right results only its author knows."""

    def forward(self) -> dict:
        super().forward()
        must_be("y", self.y)
        if not numpy.isfinite(self.y).all():
            raise Wrong("Some numbers of y are infinite or NaN.")
        if not same(self.run(self.case.x.copy()), self.y, REPEATABLE):
            raise Wrong(
                "y comes out differently when forward is called again with the same x. Draw random "
                "numbers from self.rng."
            )
        return {}

    def checks(self) -> dict[str, Callable[[], str | None]]:
        checks = super().checks()
        del checks["when testing"]
        return checks

    def hints(
        self, name: str, got: numpy.ndarray, right: numpy.ndarray, wrong: numpy.ndarray
    ) -> list[str]:
        x = self.case.x.copy()
        if name == "dx" and same(
            got, differences(lambda: float(self.run(x.copy()).sum()), x), CLOSE
        ):
            return ["It would be right if dy were 1 everywhere: the chain rule multiplies by dy."]
        if name == "dx" and not wrong.all():
            for sign, here in (("negative", x < 0), ("positive", x > 0)):
                if not wrong[~here].any():
                    return [f"It is wrong only where x is {sign}."]
        return super().hints(name, got, right, wrong)


def free(file: LearnersFile) -> list[tuple[Exercise, type]]:
    """Each layer in the file, or the one that its example returns, and how to check it."""
    example = getattr(file.module, "example", None)
    if example is not None:
        with file.running("example(rng)"):
            layer, x = example(numpy.random.default_rng(0))
            must_be("the x of example(rng)", x)
            case = FreeCase((), {}, numpy.array(x, float), example=example)
        return [exercise(type(layer), case)]
    classes = file.classes().values()
    found = [kind for kind in classes if hasattr(kind, "forward") and hasattr(kind, "backward")]
    bases = {base for kind in found for base in kind.__mro__[1:]}
    rng, shape = numpy.random.default_rng(0), (2, 5, 4, 3)
    x = rng.uniform(0.1, 3, shape) * rng.choice([-1, 1], shape)  # many layers have a kink at 0
    return [exercise(kind, FreeCase((), {}, x)) for kind in found if kind not in bases]


def exercise(kind: type, case: FreeCase) -> tuple[Exercise, type]:
    """The exercise of checking a class of the learner's own, and that class."""
    stages = {"forward": Stage("04", []), "backward": Stage("04", [])}
    return Exercise("free", None, FreeTrial, lambda rng: [case], stages), kind
