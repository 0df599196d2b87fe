"""Lesson 03's claims: the gradients agree, float32 measures no slope well, a planted = is found."""

import itertools
import re

import numpy
from lesson_runs import both_sizes

from minialex.gradcheck import TOLERANCE


@both_sizes
def test_backward_is_right_and_the_checker_sees_when_it_is_not(run_lesson, quick):
    made, printed = run_lesson("03", quick)
    assert "def backward(self, dy: Array) -> Array:" in printed, "the shipped code"

    assert "L moves by 0.0900, dw[2] is 9.0" in printed
    layer, W = made["layer"], made["W"]
    assert abs(made["folded"] - made["dx"]).max() < 1e-4
    assert abs(made["dY"].T @ made["X"] - made["dw"].reshape(W.shape)).max() < 1e-3
    assert abs(layer.grads["weight"] - made["dw"]).max() < 1e-3
    assert abs(layer.grads["bias"] - made["db"]).max() < 1e-3
    assert float(re.search(r"the layer's dx: ([\d.e-]+)", printed)[1]) < 1e-4

    single, double = made["errors"]["float32"], made["errors"]["float64"]
    assert min(single) > 1000 * min(double), "float32 has no good ε"
    assert all(after < before / 50 for before, after in itertools.pairwise(double[:4])), (
        "the error falls with ε²"
    )
    made["measured_slopes"](made["w"], "float32", 0.01)
    y = made["conv"].forward(made["x"].astype("float32"))
    assert y.dtype == numpy.float32, "a float64 somewhere makes all that follows float64"
    assert max(single[-4:]) > 0.1, "a small ε is worse in float32"
    assert double[4] < TOLERANCE < single[4], "at the checker's ε of 1e-5 only float64 will do"

    checks = re.findall(
        r"(\w+) stride (\d): passed (True|False), dx ([\d.e+-]+), dweight ([\d.e+-]+)", printed
    )
    assert [check[:3] for check in checks] == [
        ("Conv2d", "2", "True"),
        ("Forgetful", "2", "False"),
        ("Forgetful", "3", "True"),
    ]
    assert float(checks[1][3]) > 0.1, "the bug is in dx"
    assert float(checks[1][4]) < TOLERANCE, "and nowhere else"
