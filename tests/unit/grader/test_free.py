"""Checking a layer that is not one of the exercises."""

import pytest
from solutions import solved

LAYER = """
import numpy

class Scale:
    def __init__(self, factor):
        self.params, self.grads = {"factor": numpy.array([factor])}, {}

    def forward(self, x, train=False):
        self.cache = x
        return x * self.params["factor"]

    def backward(self, dy):
        self.grads["factor"] = numpy.array([(dy * self.cache).sum()])
        return dy * self.params["factor"]
"""
EXAMPLE = """
def example(rng):
    return Scale(0.5), rng.standard_normal((3, 4))
"""


CENTRED = """
import numpy

class Centred:
    def __init__(self):
        self.params, self.grads = {"bias": numpy.zeros(4)}, {}

    def forward(self, x, train=False):
        y = x + self.params["bias"]
        return 30 * (y - y.mean(axis=0))

    def backward(self, dy):
        self.grads["bias"] = numpy.zeros_like(self.params["bias"])
        return 30 * (dy - dy.mean(axis=0))

def example(rng):
    return Centred(), rng.standard_normal((6, 4))
"""


class TestAnyonesLayer:
    def test_may_have_a_gradient_of_zero(self, graded):
        code, out = graded(CENTRED)
        assert code == 0, out
        code, out = graded(CENTRED.replace("numpy.zeros_like(self.params", "1e-6 + (self.params"))
        assert code == 1 and "dbias[0] is " in out

    def test_passes_with_an_example(self, graded):
        code, out = graded(LAYER + EXAMPLE)
        assert code == 0
        assert "Scale in" in out
        assert "13 numbers agree with finite differences" in out

    def test_that_needs_arguments_asks_for_an_example(self, graded):
        code, out = graded(LAYER)
        assert code == 1
        assert "missing 1 required positional argument: 'factor' when Scale() was called" in out
        assert "add a function example(rng) to the file that returns (layer, x)" in out

    def test_may_draw_random_numbers_while_training(self, graded):
        noisy = LAYER.replace("{}\n", "{}\n        self.rng = numpy.random.default_rng(0)\n", 1)
        noisy = noisy.replace(
            "return x *", "return train * self.rng.random(x.shape).astype(x.dtype) + x *"
        )
        code, out = graded(noisy + EXAMPLE)
        assert code == 0, out

    def test_has_its_parameters_checked(self, graded):
        code, out = graded(LAYER.replace("(dy * self.cache).sum()", "dy.sum()") + EXAMPLE)
        assert code == 1
        assert "dfactor[0] is " in out
        assert "dx[" not in out

    def test_an_example_that_fails_is_shown(self, graded):
        code, out = graded(LAYER + EXAMPLE.replace("(3, 4)", "three"))
        assert code == 1
        assert "in example return Scale(0.5), rng.standard_normal(three) NameError" in out

    def test_every_class_with_forward_and_backward_is_checked(self, graded):
        text = solved("free_elu").partition("def example")[0]
        code, out = graded(
            text + text[text.index("class") :].replace("MyLayer", "Other").replace("y + 1)", "y)")
        )
        assert code == 1
        assert "MyLayer in" in out
        assert "Everything is right. Other in" in out
        assert "It is wrong only where x is negative." in out

    @pytest.mark.parametrize(
        "old, new, words",
        [
            (
                "return dy * numpy",
                "return numpy",
                "It would be right if dy were 1 everywhere: the chain rule multiplies by",
            ),
            ("return dy * numpy", "return -dy * numpy", "The sign is wrong everywhere."),
            (
                "return y",
                "return y + self.calls()",
                "y comes out differently when forward is called again",
            ),
            ("return y", "return y / 0 * 0", "Some numbers of y are infinite or NaN."),
            ("return y", "return", "y is None. Is a `return` missing?"),
            ("return y", "x += 1\n    return y", "forward writes into x"),
        ],
    )
    def test_mistakes_that_any_layer_can_have(self, old, new, words, graded):
        text = solved("free_elu", (old, new))
        calls = "    count = 0\n\n    def calls(self):\n        self.count += 1\n"
        calls += "        return self.count\n\n    def forward"
        code, out = graded(text.replace("    def forward", calls, 1))
        assert code == 1
        assert words in out
