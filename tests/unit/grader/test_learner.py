"""Files that cannot be read, run or graded, and errors in the learner's code."""

import pytest
from command_runs import call
from solutions import solved

from minialex.gradcheck.__main__ import main as gradcheck


def line_of(text, part):
    """The number of the one line with `part` in it."""
    (number,) = [i for i, line in enumerate(text.splitlines(), 1) if part in line]
    return number


def test_an_error_is_shown_with_the_learners_line_and_none_of_ours(graded):
    text = solved(
        "conv_windows", ("padded[n, i * S : i * S + K, j * S : j * S + K]", "padded[n, i, j, 99]")
    )
    code, out = graded(text)
    assert code == 1
    assert "forward wrong With Conv2d(1, 1, 2), x (2, 4, 5, 1):" in out
    assert (
        f"layer.py, line {line_of(text, ', 99]')}, in forward "
        "window = padded[n, i, j, 99] IndexError: index 99" in out
    )
    assert "Traceback" not in out
    assert "trials.py" not in out


def test_an_error_in_a_function_called_by_forward_is_shown_where_it_happened(graded):
    helper = "\n\ndef helper(x):\n    return x.there_is_no_such_thing\n"
    text = solved("lrn_loops", ("s = numpy.zeros_like(x)", "s = helper(x)")) + helper
    code, out = graded(text)
    assert code == 1
    assert (
        f"line {line_of(text, 'no_such_thing')}, in helper "
        "return x.there_is_no_such_thing AttributeError" in out
    )


@pytest.mark.parametrize(
    "text, words",
    [
        (
            "class Conv2d:\n    def forward(self, x)\n",
            ["line 2", "def forward(self, x)", "SyntaxError: expected ':'"],
        ),
        (
            "import there_is_no_such_module\n",
            ["line 1", "import there_is_no_such_module", "ModuleNotFoundError"],
        ),
        ("x = 1 / 0\n", ["line 1", "ZeroDivisionError: division by zero"]),
        ("import sys\nsys.exit(3)\n", ["line 2", "SystemExit: 3"]),
    ],
)
def test_a_file_that_cannot_be_run_shows_the_error(text, words, graded):
    code, out = graded(text, "conv.py")
    assert code == 1
    assert "cannot be run yet." in out
    assert all(word in out for word in words), out


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("conv.py", "class Konv2d:\n    pass\n", "expected a class Conv2d in"),
        (
            "mine.py",
            "def forward(x):\n    return x\n",
            "expected a class with forward and backward in",
        ),
        (
            "mine.py",
            "from minialex.layers import ReLU\n",
            "expected a class with forward and backward in",
        ),
        ("notes.txt", "conv", "expected a Python file such as lessons/exercises/conv.py, got"),
    ],
)
def test_a_file_without_a_layer_is_a_one_line_error(name, text, words, graded):
    code, out = graded(text, name)
    assert code == 2
    assert words in out


def test_a_missing_file_and_an_empty_folder_are_errors(tmp_path, capsys):
    for path, wanted in ((tmp_path / "none.py", "a Python file"), (tmp_path, "Python files")):
        code, out, error = call(gradcheck, path, capsys=capsys)
        assert (code, out) == (2, "")
        assert error.startswith(f"error: expected {wanted}")
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("def forward", "def vorward", "forward next forward is missing in"),
        ("def backward", "def bakward", "backward next backward is missing in"),
        (
            "def __init__(self, size: int = 5",
            "def __init__(self, width: int = 5",
            "unexpected keyword argument 'size'",
        ),
        ("x: numpy.ndarray, train: bool = False", "x", "unexpected keyword argument 'train'"),
        (
            "self.size, self.alpha, self.beta",
            "self.size, self.alfa, self.beta",
            "no attribute 'alpha'",
        ),
    ],
)
def test_a_changed_signature_is_explained(old, new, words, graded):
    text = solved("lrn_loops")
    assert text.count(old) == 1
    code, out = graded(text.replace(old, new))
    assert code == 1, out
    assert words in out
    assert "Traceback" not in out


def test_an_edited_file_is_read_again_even_if_size_and_time_are_the_same(graded, tmp_path):
    assert graded(solved("momentum_in_place"))[0] == 0
    assert graded(solved("momentum_in_place", ("w += v", "w -= v")))[0] == 1


def test_a_file_named_like_a_module_does_not_replace_it(graded):
    assert graded(solved("momentum_in_place"), "random.py")[0] == 0
    import random

    assert random.random() < 1
