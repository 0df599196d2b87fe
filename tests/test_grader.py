"""The grader is graded: right solutions pass, and each classic mistake, written as learners write it, is named."""

import ast
import doctest
import re
import subprocess
from types import SimpleNamespace

import naive
import numpy
import pytest
import solutions
from commands import call, start
from naive import BOUNDS
from solutions import EXERCISES, mistakes, solved

from minialex import gradcheck, optim
from minialex.gradcheck import check_layer, check_loss, check_network
from minialex.grader import conv, dropout, grading, lrn, momentum, pool, softmax
from minialex.grader.compare import same
from minialex.grader.exercise import Mistake
from minialex.grader.learner import LearnersFile
from minialex.grader.likely import results_with
from minialex.layers import Flatten, Linear, SoftmaxCrossEntropy
from minialex.network import Network

NAMES = ("conv", "pool", "lrn", "dropout", "softmax", "momentum")
#: For each exercise the quickest solution.
QUICK = {
    "conv": "conv_windows",
    "pool": "pool_taps",
    "lrn": "lrn_shifts",
    "dropout": "dropout_mask",
    "softmax": "softmax_logs",
    "momentum": "momentum_in_place",
}


@pytest.fixture
def graded(tmp_path, capsys):
    """Grades a text as the command does: (exit code, what it prints, in a single line)."""

    def grade(text, name="layer.py", *arguments):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        code, out, error = call(gradcheck.main, path, *arguments, capsys=capsys)
        assert not error or code == 2, error
        theirs = r"^ {6}|^  \w+(Error|Exit): |" + re.escape(str(tmp_path))  # lines of code and Python's messages
        assert all(len(line) <= 80 or re.search(theirs, line) for line in out.splitlines())
        return code, " ".join(out.split()) + error

    return grade


def named(out):
    """The mistakes that the grader names, in order."""
    return re.findall(r"(?:Likely mistake|Likely one of these mistakes|Or)(?: in [^:]*?)?: (.*?)\. ", out)


@pytest.mark.parametrize("solution", solutions.NAMES)
def test_a_right_solution_passes(solution, graded):
    code, out = graded(solved(solution))
    assert (code, "All of it is right." in out, "wrong" in out) == (0, True, False), out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_right_solution_passes_on_other_random_numbers(name, seed, graded):
    code, out = graded(solved(QUICK[name]), "layer.py", "--seed", seed)
    assert code == 0, out


@pytest.mark.parametrize(
    "solution, name, changes",
    [pytest.param(*entry, id=f"{entry[0]}: {entry[1]}") for exercise in NAMES for entry in mistakes(exercise)],
)
def test_a_classic_mistake_is_named_and_no_other(solution, name, changes, graded):
    code, out = graded(solved(solution, *changes))
    assert (code, named(out)) == (1, [name]), out


@pytest.mark.parametrize("name", NAMES)
def test_every_mistake_that_the_grader_knows_is_made_in_these_tests(name):
    stages = grading.BY_FILE[name].stages.values()
    assert {entry[1] for entry in mistakes(name)} == {mistake.name for stage in stages for mistake in stage.mistakes}


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_shows_in_its_own_stage_and_not_before(name, rng):
    """Else it would be named for what it cannot have caused."""
    exercise = grading.BY_FILE[name]
    stages, cases = list(exercise.stages), exercise.cases(rng)
    right = {stage: list(results_with(Mistake("none", ""), exercise, cases, stage)) for stage in stages}
    for stage in stages:
        for mistake in exercise.stages[stage].mistakes:
            before = [earlier for earlier in stages[: stages.index(stage)] if earlier != "output_shape"]
            for each in [*before, *([stage] if stage != "output_shape" else [])]:
                results = zip(results_with(mistake, exercise, cases, each), right[each], strict=True)
                agree = [same(its.get(n), ours[n], exercise.tolerance) for its, ours in results for n in ours]
                assert all(agree) == (each != stage), (mistake.name, each)


@pytest.mark.parametrize("name", [*NAMES, "free"])
def test_the_untouched_exercise_names_its_first_gap_with_the_line(name, graded):
    text = (EXERCISES / f"{name}.py").read_text(encoding="utf-8")
    code, out = graded(text)
    first = next(i for i, line in enumerate(text.splitlines(), 1) if "# Your code here" in line)
    gap = next(i for i, line in enumerate(text.splitlines(), 1) if i >= first and "NotImplementedError" in line)
    assert code == 1
    assert re.search(rf"(output_shape|forward|step) next line {gap} of .*layer\.py Fill the gap", out), out


@pytest.mark.parametrize(
    "solution, filled, following",
    [
        ("conv_windows", ["output_shape"], "forward"),
        ("conv_windows", ["output_shape", "forward"], "backward"),
        ("pool_taps", ["output_shape"], "forward"),
        ("lrn_loops", ["forward"], "backward"),
        ("dropout_mask", ["forward"], "backward"),
        ("softmax_logs", ["forward"], "backward"),
        ("free_elu", ["forward"], "backward"),
    ],
)
def test_what_is_filled_is_graded_and_the_next_gap_named(solution, filled, following, graded):
    code, out = graded(solved(solution, only=filled))
    assert code == 1
    assert [re.search(rf"\b{step} ok", out) is not None for step in filled] == [True] * len(filled), out
    assert re.search(rf"\b{following} next line \d+", out), out


@pytest.mark.parametrize("solution", solutions.NAMES)
def test_the_examples_in_the_exercises_are_true(solution, tmp_path):
    path = tmp_path / "layer.py"
    path.write_text(solved(solution), encoding="utf-8")
    module = LearnersFile(path).module
    results = doctest.testmod(module)
    assert results.failed == 0
    assert results.attempted > 0 or solution.startswith("free")


@pytest.mark.parametrize("name", [*NAMES, "free"])
def test_exercises_say_how_to_grade_them_and_are_in_the_list(name):
    text = (EXERCISES / f"{name}.py").read_text(encoding="utf-8")
    assert f"python -m minialex.gradcheck lessons/exercises/{name}.py" in ast.get_docstring(ast.parse(text))
    assert f"[`{name}.py`]({name}.py)" in (EXERCISES / "README.md").read_text(encoding="utf-8")


class TestThePlainLayers:
    """What learners are compared with is right itself."""

    def layer(self, exercise, case):
        trial = exercise.trial(exercise.plain, case)
        trial.forward()
        return trial

    @pytest.mark.parametrize("exercise", [conv.EXERCISE, pool.EXERCISE, lrn.EXERCISE])
    def test_equal_the_loops_and_their_gradients_the_differences(self, exercise, rng):
        for case in exercise.cases(rng):
            trial = self.layer(exercise, case)
            loops = {"conv": self.conv, "pool": self.pool, "lrn": self.lrn}[exercise.name]
            naive.assert_close(trial.y, loops(case))
            if case.differentiable:
                assert check_layer(trial.layer, case.x.copy(), rng).passed

    def conv(self, case):
        return naive.conv(case.x, case.params["weight"], case.params["bias"], **case.options)

    def pool(self, case):
        return naive.max_pool(case.x, *case.arguments, **case.options)

    def lrn(self, case):
        return naive.lrn(case.x, **case.options)

    def test_the_loss_equals_the_loops_and_its_gradient_the_differences(self, rng):
        case, *_, hardest = softmax.cases(rng)
        assert softmax.SoftmaxCrossEntropy().forward(case.logits, case.labels) == pytest.approx(
            naive.softmax_cross_entropy(case.logits, case.labels), rel=BOUNDS["float64"]
        )
        for case in softmax.cases(rng):
            assert check_loss(softmax.SoftmaxCrossEntropy(), case.logits, case.labels).passed
        assert softmax.SoftmaxCrossEntropy().forward(hardest.logits, hardest.labels) > 300  # 1000 / 3

    def test_the_optimiser_takes_the_shipped_ones_steps(self, rng):
        for case in momentum.cases(rng):
            trials = [momentum.SGDTrial(kind, case) for kind in (momentum.SGD, optim.SGD)]
            ours, shipped = (trial.step() for trial in trials)
            for name in ours:
                naive.assert_close(ours[name], shipped[name])

    def test_dropout_drops_a_share_of_p_and_keeps_the_mean(self):
        layer = dropout.Dropout(0.3, numpy.random.default_rng(0))
        y = layer.forward(numpy.ones((100, 100)), train=True)
        assert (y == 0).mean() == pytest.approx(0.3, abs=0.02)
        assert y.mean() == pytest.approx(1, abs=0.03)
        assert numpy.array_equal(layer.backward(numpy.ones((100, 100))), y)


def test_solutions_make_a_network_and_its_gradients_are_right(tmp_path, rng):
    """The exercises are layers as any other."""
    layers = {}
    for name in ("conv", "lrn", "pool", "dropout"):
        path = tmp_path / f"{name}.py"
        path.write_text(solved(QUICK[name]), encoding="utf-8")
        layers |= LearnersFile(path).classes()
    network = Network(
        [
            ("conv", layers["Conv2d"](2, 6, 3, padding=1, rng=rng)),
            ("lrn", layers["LocalResponseNorm"](alpha=0.5)),
            ("pool", layers["MaxPool2d"](3, 2)),
            ("dropout", layers["Dropout"](0.5, rng)),
            ("flatten", Flatten()),
            ("fc", Linear(2 * 3 * 6, 4, rng=rng)),
        ],
        (5, 7, 2),
    ).astype("float64")
    x, labels = rng.standard_normal((3, 5, 7, 2)), numpy.array([0, 3, 1])
    report = check_network(network, SoftmaxCrossEntropy(), x, labels, rng)
    assert report.passed, report
    assert network.shapes()["pool"] == (2, 3, 6)


def test_a_solution_without_groups_is_right_and_hears_of_them(graded):
    assert "What is left, if you like: groups." in graded(solved("conv_windows"))[1]
    assert "What is left" not in graded(solved("conv_taps"))[1]


def test_two_mistakes_in_two_results_are_both_named(graded):
    code, out = graded(
        solved("conv_taps", ("dpadded[tap] +=", "dpadded[tap] ="), ("dy.sum(axis=(0, 1, 2))", "dy.mean(axis=(0, 1, 2))"))
    )
    assert code == 1
    assert "Likely mistake in dx: assignment where windows overlap." in out
    assert "Likely mistake in dbias: the bias's gradient is a mean." in out


def test_a_second_mistake_that_shows_in_later_cases_only_does_not_hide_the_first(graded):
    wrong_with_stride = ("i * S : i * S + K, j * S", "i : i + K, j * S")
    code, out = graded(solved("conv_windows", wrong_with_stride, (".sum() + bias[o]", ".sum()")))
    assert (code, named(out)) == (1, ["the bias is forgotten"]), out


def test_an_error_in_a_hard_case_does_not_hide_a_mistake_in_an_easy_one(graded):
    code, out = graded(solved("conv_taps", ("dpadded[tap] +=", "dpadded[:, kh : kh + OH, kw : kw + OW] +=")))
    assert (code, named(out)) == (1, ["the stride is lost on the way back"]), out


def line_of(text, part):
    """The number of the one line with `part` in it."""
    (number,) = [i for i, line in enumerate(text.splitlines(), 1) if part in line]
    return number


@pytest.mark.parametrize(
    "solution, old, new, hint",
    [
        ("conv_windows", "return y", "return y * 3", "Everywhere the number is 3 times what it should be."),
        ("conv_windows", "return y", "return -y", "The sign is wrong everywhere."),
        ("conv_windows", "return y", "return y + 0.25", "Everywhere the number is 0.25 too large."),
        ("conv_windows", "return y", "return y * 0", "It is 0 everywhere."),
        ("conv_windows", "return y", "return y / 0 * 0", "Some numbers are infinite, or not numbers at all (nan)."),
        ("conv_windows", "= dweight, dbias", "= dweight.swapaxes(1, 2), dbias", "It would be right with axes 1 and 2 swapped."),
        ("conv_windows", "return y", "y[0] += 1\n    return y", "It is wrong only in picture 0."),
        ("conv_windows", "return y", "y[:, [0, -1]] += 1\n    return y", "only in the first and last rows and columns."),
        ("conv_taps", "return y +", "y[..., 1:] *= 2\n    return y +", "It is wrong only in channel 1, 2."),
        (
            "pool_windows",
            "dpadded[n, i * S + kh, j * S + kw, c] += dy[n, i, j, c]",
            "dpadded[n, i * S + kh, j * S + kw, c] += dy[n, i, j, c] / (1 + (dpadded[n, i * S + kh, j * S + kw, c] != 0))",
            "All wrong numbers belong to pixels in several windows.",
        ),
        ("lrn_loops", "return dx", "return 2 * dx", "Everywhere the number is 2 times what it should be."),
        ("softmax_logs", "return dlogits /", "dlogits[2] = 1\n    return dlogits /", "It is wrong only in index 2 of axis 0."),
    ],
)
def test_where_no_mistake_is_known_it_says_what_is_to_be_seen(solution, old, new, hint, graded):
    code, out = graded(solved(solution, (old, new)))
    assert (code, named(out)) == (1, []), out
    assert hint in out
    assert "No classic mistake gives just this." in out


def test_an_agreement_of_shares_by_chance_is_not_taken_for_a_mistake(graded):
    """Two masks that agree in 0.53 of all places say nothing where the share of zeros is wrong as well."""
    code, out = graded(solved("dropout_mask", ("random(x.shape)", "standard_normal(x.shape)")))
    assert (code, named(out)) == (1, []), out


def test_a_mask_that_is_drawn_in_another_way_is_judged_by_most_of_its_shares(graded):
    code, out = graded(solved("dropout_binomial", ("size=x.shape", "size=(len(x), 1, 1, 1)")))
    assert (code, named(out)) == (1, ["whole pictures are dropped"]), out


@pytest.mark.parametrize(
    "solution, old, new, words",
    [
        ("conv_windows", "    return y", "    y", "y is None. Is a `return` missing?"),
        ("conv_windows", "return y", "return y.tolist()", "y is a list, expected a NumPy array."),
        ("conv_windows", "return y", "return y[0]", "y has the shape (3, 4, 1), expected (2, 3, 4, 1)."),
        ("conv_windows", "return y", "return y.astype(int)", "y holds int64, expected floating-point numbers."),
        ("conv_windows", "return OH, OW, self.out_channels", "pass", "output_shape is None, expected (3, 4, 1)."),
        ("conv_windows", "    return dpadded[", "    dpadded[", "dx is None. Is a `return` missing?"),
        ("conv_windows", 'self.grads["bias"] = dweight, dbias', 'dbias = dweight, dbias', "dbias is None."),
        ("conv_windows", "= dweight, dbias", "= dbias, dbias", "dweight has the shape (1,)"),
        ("conv_windows", "return dpadded[", "return [*dpadded][0][", "dx has the shape"),
        ("lrn_loops", "    return x * s", "    x *= 2; x /= 4\n    return 2 * x * s", "forward writes into x"),
        ("lrn_loops", "return dx", "dy *= 2\n    return dx", "backward writes into dy"),
        ("conv_windows", "return y", 'self.params["weight"] *= 0.5\n    return y', "forward writes into weight"),
        ("softmax_logs", "rows = ", "labels[...] = labels[...] + 0; logits -= 1\n    rows = ", "forward writes into logits"),
        ("momentum_in_place", "w += v", "w += v\n        g *= 2", "step writes into "),
        ("conv_windows", "_like(weight)\n", '_like(weight) + self.grads.get("weight", 0)\n', "dweight is another when"),
        ("lrn_loops", "return dx", "s *= 2\n    return dx", "dx is another when the layer runs again."),
        ("pool_taps", "= padded.shape, winner", "= self.cache or (padded.shape, winner)", "a second run wrong With MaxPool2d"),
        ("dropout_mask", "/ (1 - self.p)", "/ (1.01 - self.p)", "every number wrong y["),
        ("dropout_mask", "dy * self.cache", "1.01 * dy * self.cache", "every number wrong dx["),
        ("softmax_logs", "dlogits = p.copy()", "dlogits = p", "backward gives something else when called again"),
        ("conv_windows", ", x.dtype)", ")", "y is float64 though all that went in was float32"),
        ("dropout_mask", "mask.astype(x.dtype)", "mask", "y is float64 though all that went in was float32"),
        ("softmax_loops", "dtype=p.dtype", "dtype=float", "dlogits is float64 though"),
        ("dropout_mask", "return x\n", "return\n", "y when testing is None."),
        ("dropout_mask", "return x * self.cache", "return (x * self.cache)[0]", "y has the shape"),
        ("dropout_mask", "return dy * self.cache", "dy * self.cache", "dx is None."),
        ("pool_taps", "return numpy.max(taps", "return train * numpy.max(taps", "forward(x, train=False) gives another y"),
    ],
)
def test_what_is_no_matter_of_numbers_is_said_in_words(solution, old, new, words, graded):
    code, out = graded(solved(solution, (old, new)))
    assert code == 1, out
    assert words in out


def test_an_error_is_shown_with_the_learners_line_and_none_of_ours(graded):
    text = solved("conv_windows", ("padded[n, i * S : i * S + K, j * S : j * S + K]", "padded[n, i, j, 99]"))
    code, out = graded(text)
    assert code == 1
    assert "forward wrong With Conv2d(1, 1, 2), x (2, 4, 5, 1):" in out
    assert f"layer.py, line {line_of(text, ', 99]')}, in forward window = padded[n, i, j, 99] IndexError: index 99" in out
    assert "Traceback" not in out
    assert "trials.py" not in out


def test_an_error_in_a_function_that_forward_calls_is_shown_where_it_happened(graded):
    helper = "\n\ndef helper(x):\n    return x.there_is_no_such_thing\n"
    text = solved("lrn_loops", ("s = numpy.zeros_like(x)", "s = helper(x)")) + helper
    code, out = graded(text)
    assert code == 1
    assert f"line {line_of(text, 'no_such_thing')}, in helper return x.there_is_no_such_thing AttributeError" in out


@pytest.mark.parametrize(
    "text, words",
    [
        ("class Conv2d:\n    def forward(self, x)\n", ["line 2", "def forward(self, x)", "SyntaxError: expected ':'"]),
        ("import there_is_no_such_module\n", ["line 1", "import there_is_no_such_module", "ModuleNotFoundError"]),
        ("x = 1 / 0\n", ["line 1", "ZeroDivisionError: division by zero"]),
        ("import sys\nsys.exit(3)\n", ["line 2", "SystemExit: 3"]),
    ],
)
def test_a_file_that_python_cannot_run_is_not_right_yet(text, words, graded):
    code, out = graded(text, "conv.py")
    assert code == 1
    assert "cannot be run yet." in out
    assert all(word in out for word in words), out


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("conv.py", "class Konv2d:\n    pass\n", "expected a class Conv2d in"),
        ("mine.py", "def forward(x):\n    return x\n", "expected a class with forward and backward in"),
        ("mine.py", "from minialex.layers import ReLU\n", "expected a class with forward and backward in"),
        ("notes.txt", "conv", "expected a Python file such as lessons/exercises/conv.py, got"),
    ],
)
def test_a_file_without_a_layer_is_an_error_of_one_line(name, text, words, graded):
    code, out = graded(text, name)
    assert code == 2
    assert words in out


def test_no_file_and_a_folder_are_errors(tmp_path, capsys):
    for path in (tmp_path / "none.py", tmp_path):
        code, out, error = call(gradcheck.main, path, capsys=capsys)
        assert (code, out) == (2, "")
        assert error.startswith("error: expected a Python file")
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("def forward", "def vorward", "forward next forward is missing in"),
        ("def backward", "def bakward", "backward next backward is missing in"),
        ("def __init__(self, size: int = 5", "def __init__(self, width: int = 5", "unexpected keyword argument 'size'"),
        ("x: numpy.ndarray, train: bool = False", "x", "unexpected keyword argument 'train'"),
        ("self.size, self.alpha, self.beta", "self.size, self.alfa, self.beta", "no attribute 'alpha'"),
    ],
)
def test_a_changed_signature_is_explained(old, new, words, graded):
    text = solved("lrn_loops")
    assert text.count(old) == 1
    code, out = graded(text.replace(old, new))
    assert code == 1, out
    assert words in out
    assert "Traceback" not in out


def test_an_edited_file_is_read_again_though_its_size_and_time_are_the_same(graded, tmp_path):
    assert graded(solved("momentum_in_place"))[0] == 0
    assert graded(solved("momentum_in_place", ("w += v", "w -= v")))[0] == 1


def test_a_file_named_like_a_module_replaces_none(graded):
    assert graded(solved("momentum_in_place"), "random.py")[0] == 0
    import random

    assert random.random() < 1


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


class TestAnyonesLayer:
    def test_passes_with_an_example(self, graded):
        code, out = graded(LAYER + EXAMPLE)
        assert code == 0
        assert "Scale in" in out
        assert "13 numbers as finite differences say" in out

    def test_that_needs_arguments_is_told_of_the_example(self, graded):
        code, out = graded(LAYER)
        assert code == 1
        assert "missing 1 required positional argument: 'factor' when Scale() was called" in out
        assert "needs a function example(rng) in the file that returns (layer, x)" in out

    def test_has_its_parameters_checked_too(self, graded):
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
        code, out = graded(text + text[text.index("class") :].replace("MyLayer", "Other").replace("y + 1)", "y)"))
        assert code == 1
        assert "MyLayer in" in out
        assert "All of it is right. Other in" in out
        assert "It is wrong only where x is negative." in out

    @pytest.mark.parametrize(
        "old, new, words",
        [
            ("return dy * numpy", "return numpy", "It would be right if dy were 1 everywhere: the chain rule multiplies by"),
            ("return dy * numpy", "return -dy * numpy", "The sign is wrong everywhere."),
            ("return y", "return y + self.calls()", "y is another when forward is called again"),
            ("return y", "return y / 0 * 0", "y has numbers in it that are infinite"),
            ("return y", "return", "y is None. Is a `return` missing?"),
            ("return y", "x += 1\n    return y", "forward writes into x"),
        ],
    )
    def test_mistakes_that_any_layer_can_have(self, old, new, words, graded):
        text = solved("free_elu", (old, new))
        calls = "    count = 0\n\n    def calls(self):\n        self.count += 1\n        return self.count\n\n    def forward"
        code, out = graded(text.replace("    def forward", calls, 1))
        assert code == 1
        assert words in out


def test_the_command_grades_a_file_in_a_process_of_its_own(tmp_path):
    """As __main__, gradcheck is there twice: the graders import it again."""
    path = tmp_path / "momentum.py"
    for changes, code in ([], 0), ([("w += v", "w -= v")], 1):
        path.write_text(solved("momentum_in_place", *changes), encoding="utf-8")
        process = start("minialex.gradcheck", path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        out, error = process.communicate()
        assert (process.returncode, error) == (code, ""), out
    assert not list(tmp_path.glob("**/*.pyc"))


def test_help_shows_both_uses(capsys):
    code, out, _ = call(gradcheck.main, "--help", capsys=capsys)
    assert code == 0
    assert "lessons/exercises/conv.py" in out
    assert "FILE" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_momentum_exercise_takes_a_network(rng):
    """What the exercise calls a network is one: the shipped optimiser takes the stand-in of the test, too."""
    network = SimpleNamespace(params={"weight": numpy.ones(2)}, grads={"weight": numpy.ones(2)})
    optim.SGD(network, lr=0.5, momentum=0.5, weight_decay=0.0).step()
    assert network.params["weight"].tolist() == [0.5, 0.5]
