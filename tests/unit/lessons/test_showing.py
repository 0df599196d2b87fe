"""What lessons show: the code of minialex, in 80 columns."""

import ast
import inspect
import textwrap

import pytest

from minialex.layers import Conv2d, Dropout, LocalResponseNorm, MaxPool2d, ReLU
from minialex.layers.im2col import im2col
from minialex.lessons import shipped
from minialex.lessons.showing import folded


@pytest.mark.parametrize(
    "function",
    [
        im2col,
        *(Conv2d.forward, Conv2d.backward, ReLU.forward, MaxPool2d.forward, MaxPool2d.backward),
        *(LocalResponseNorm.forward, LocalResponseNorm.window_sum, Dropout.forward),
    ],
    ids=lambda function: function.__qualname__,
)
def test_shipped_code_is_shown_in_80_columns_without_its_docstring(capsys, function):
    shipped(function)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80

    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if ast.get_docstring(definition):
        del definition.body[0]
    assert ast.unparse(ast.parse(shown)) == ast.unparse(definition)


def test_a_long_comment_is_folded():
    line = "    # " + "word " * 30
    first, second = folded(line.rstrip())
    assert max(len(first), len(second)) <= 80
    assert first.startswith("    # word") and second.startswith("    # word")
    assert (first + second).count("word") == 30


def test_functions_stand_apart(capsys):
    shipped(ReLU.forward, ReLU.backward)
    assert "\n\ndef backward(self, dy: Array) -> Array:\n" in capsys.readouterr().out
