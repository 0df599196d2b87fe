"""Trials of classes whose methods are functions: arrays in, one result out."""

from dataclasses import dataclass

import numpy

from minialex.grader.trials import Case, Trial


@dataclass
class CallCase(Case):
    """The arguments of each method, by its name; what they are, in words.

    Arrays among them are lent: whoever writes into them is told.
    """

    arguments: dict[str, dict]
    note: str

    def call(self, name: str) -> str:
        return f"{name}()"

    def describe(self, name: str) -> str:
        return self.note


@dataclass
class Method:
    """A step of grading that calls the method of its name; result: what its result is called."""

    name: str
    result: str


def trial(*methods: Method) -> type[Trial]:
    """A trial that has these methods as its stages."""

    class CallTrial(Trial):
        """An object under way, whose methods are called with the case's arguments."""

        def __init__(self, kind: type, case: CallCase):
            super().__init__()
            self.object, self.case = kind(), case

    for method in methods:
        setattr(CallTrial, method.name, stage(method))
    return CallTrial


def stage(method: Method):
    """The stage that calls a method with the case's arguments."""

    def run(self: Trial) -> dict:
        arguments = self.case.arguments[method.name]
        arrays = {k: v for k, v in arguments.items() if isinstance(v, numpy.ndarray)}
        with self.lent(**arrays) as copies:
            lent = dict(zip(arrays, copies, strict=True))
            got = getattr(self.object, method.name)(**(arguments | lent))
        return {method.result: got}

    return run
