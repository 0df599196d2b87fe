"""Taking a loss through logits and labels: the counterpart of LayerTrial."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minialex.gradcheck import differences
from minialex.grader.compare import same
from minialex.grader.trials import REPEATABLE, Case, Trial, copied_array, not_single


@dataclass
class LossCase(Case):
    """Logits (N, classes), labels (N,), and what is special about them."""

    logits: numpy.ndarray
    labels: numpy.ndarray
    note: str

    def call(self, name: str) -> str:
        return f"{name}()"

    def describe(self, name: str) -> str:
        return f"logits {self.logits.shape}, {self.note}"


class LossTrial(Trial):
    """A loss with forward(logits, labels) and backward()."""

    def __init__(self, kind: type, case: LossCase):
        super().__init__()
        self.layer, self.case = kind(), case

    def forward(self) -> dict:
        with self.lent(logits=self.case.logits, labels=self.case.labels) as (logits, labels):
            self.loss = self.layer.forward(logits, labels)
        return {"loss": self.loss}

    def backward(self) -> dict:
        self.dlogits = copied_array(self.layer.backward())
        return {"dlogits": self.dlogits}

    def differences(self) -> dict:
        logits, labels = self.case.logits.copy(), self.case.labels.copy()
        return {
            "dlogits": differences(lambda: float(self.layer.forward(logits.copy(), labels)), logits)
        }

    def checks(self) -> dict[str, Callable[[], str | None]]:
        return {"a second run": self.second_run, "float32": self.single_precision}

    def second_run(self) -> str | None:
        """Whether results stay the same after a batch of one picture, and for a second backward."""
        self.layer.forward(self.case.logits[:1], self.case.labels[:1])
        self.layer.backward()
        loss = self.layer.forward(self.case.logits, self.case.labels)
        first, second = copied_array(self.layer.backward()), self.layer.backward()
        if not same(loss, self.loss, REPEATABLE) or not same(first, self.dlogits, REPEATABLE):
            return (
                "Results come out differently after a batch of one picture. forward must replace "
                "self.cache."
            )
        if not same(second, self.dlogits, REPEATABLE):
            return (
                "backward returns something else when called again: it writes into what is in "
                "self.cache. Copy that first."
            )
        return None

    def single_precision(self) -> str | None:
        """Whether float32 stays float32."""
        self.layer.forward(self.case.logits.astype("float32"), self.case.labels)
        return not_single({"dlogits": self.layer.backward()})
