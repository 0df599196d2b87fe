"""The grader is graded: right solutions pass, learners' classic mistakes are named."""

import ast
import doctest
import re
import subprocess

import pytest
import solutions
from command_runs import call, start
from solutions import EXERCISES, NAMES, QUICK, mistakes, solved

from minialex.gradcheck.__main__ import main as gradcheck
from minialex.grader import grading
from minialex.grader.learner import LearnersFile


def named(out):
    """The mistakes that the grader names, in order."""
    return re.findall(
        r"(?:Likely mistake|Likely one of these mistakes|Or)(?: in [^:]*?)?: (.*?)\. ", out
    )


@pytest.mark.parametrize("solution", solutions.SOLUTIONS)
def test_a_right_solution_passes(solution, graded):
    code, out = graded(solved(solution))
    steps, all_right, _ = out.partition("Everything is right.")
    verdicts = set(re.findall(r"\b(ok|wrong|next)\b", steps))
    assert (code, bool(all_right), verdicts) == (0, True, {"ok"}), out
    assert "wrong" not in out or "wrong" in solved(solution), out  # one has a variable of that name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_right_solution_passes_on_other_random_numbers(name, seed, graded):
    code, out = graded(solved(QUICK[name]), "layer.py", "--seed", seed)
    assert code == 0, out


@pytest.mark.parametrize(
    "solution, name, changes",
    [
        pytest.param(*entry, id=f"{entry[0]}: {entry[1]}")
        for exercise in NAMES
        for entry in mistakes(exercise)
    ],
)
def test_a_classic_mistake_is_named_and_no_other(solution, name, changes, graded):
    code, out = graded(solved(solution, *changes))
    assert (code, named(out)) == (1, [name]), out


@pytest.mark.parametrize("name", NAMES)
def test_every_mistake_that_the_grader_knows_is_made_in_these_tests(name):
    stages = grading.BY_FILE[name].stages.values()
    assert {entry[1] for entry in mistakes(name)} == {
        mistake.name for stage in stages for mistake in stage.mistakes
    }


@pytest.mark.parametrize("name", [*NAMES, "free"])
def test_the_untouched_exercise_names_its_first_gap_with_the_line(name, graded):
    text = (EXERCISES / f"{name}.py").read_text(encoding="utf-8")
    code, out = graded(text)
    first = next(i for i, line in enumerate(text.splitlines(), 1) if "# Your code here" in line)
    gap = next(
        i
        for i, line in enumerate(text.splitlines(), 1)
        if i >= first and "NotImplementedError" in line
    )
    assert code == 1
    steps = "output_shape|forward|step|error|mean|kernel|fans|principal"
    assert re.search(rf"({steps}) next line {gap} of .*layer\.py Fill the gap", out), out


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
        ("parallel_loops", ["mean"], "part"),
        ("winograd_tiles", ["kernel", "pixels"], "answers"),
        ("init_product", ["fans", "xavier"], "he"),
        ("lighting_loops", ["principal"], "shifts"),
        ("gpu_short", ["mean", "sums"], "scaled"),
    ],
)
def test_filled_gaps_are_graded_and_the_next_gap_is_named(solution, filled, following, graded):
    code, out = graded(solved(solution, only=filled))
    assert code == 1
    assert [re.search(rf"\b{step} ok", out) is not None for step in filled] == [True] * len(
        filled
    ), out
    assert re.search(rf"\b{following} next line \d+", out), out


@pytest.mark.parametrize("solution", solutions.SOLUTIONS)
def test_the_examples_in_the_exercises_are_true(solution, tmp_path):
    path = tmp_path / "layer.py"
    path.write_text(solved(solution), encoding="utf-8")
    module = LearnersFile(path).module
    results = doctest.testmod(module)
    assert results.failed == 0
    assert results.attempted > 0 or solution.startswith("free")


@pytest.mark.parametrize("name", [*NAMES, "free"])
def test_exercises_say_how_to_grade_them_and_are_in_the_readme(name):
    text = (EXERCISES / f"{name}.py").read_text(encoding="utf-8")
    assert f"python -m minialex.gradcheck lessons/exercises/{name}.py" in ast.get_docstring(
        ast.parse(text)
    )
    assert f"[`{name}.py`]({name}.py)" in (EXERCISES / "README.md").read_text(encoding="utf-8")


def test_a_solution_without_groups_is_right_and_is_told_of_them(graded):
    assert "What is left, if you like: groups." in graded(solved("conv_windows"))[1]
    assert "What is left" not in graded(solved("conv_taps"))[1]


@pytest.mark.parametrize(
    "solution, old, new",
    [
        ("lighting_loops", "bias=True", "ddof=1"),
        ("lighting_products", "values[::-1], ", "values[::-1], -"),
    ],
)
def test_components_may_have_other_signs_and_one_pixel_less_in_the_divisor(
    solution, old, new, graded
):
    code, out = graded(solved(solution, (old, new)))
    assert code == 0, out


def test_two_mistakes_in_two_results_are_both_named(graded):
    code, out = graded(
        solved(
            "conv_taps",
            ("dpadded[tap] +=", "dpadded[tap] ="),
            ("dy.sum(axis=(0, 1, 2))", "dy.mean(axis=(0, 1, 2))"),
        )
    )
    assert code == 1
    assert "Likely mistake in dx: assignment where windows overlap." in out
    assert "Likely mistake in dbias: the bias's gradient is a mean." in out


def test_a_second_mistake_that_shows_in_later_cases_only_does_not_hide_the_first(graded):
    wrong_with_stride = ("i * S : i * S + K, j * S", "i : i + K, j * S")
    code, out = graded(solved("conv_windows", wrong_with_stride, (".sum() + bias[o]", ".sum()")))
    assert (code, named(out)) == (1, ["the bias is forgotten"]), out


def test_an_error_in_a_hard_case_does_not_hide_a_mistake_in_an_easy_one(graded):
    code, out = graded(
        solved("conv_taps", ("dpadded[tap] +=", "dpadded[:, kh : kh + OH, kw : kw + OW] +="))
    )
    assert (code, named(out)) == (1, ["the stride is lost on the way back"]), out


def test_the_readme_shows_what_is_printed(tmp_path, monkeypatch, capsys):
    (change,) = [
        entry[2]
        for entry in mistakes("conv")
        if entry[:2] == ("conv_numbers", "the stride is lost on the way back")
    ]
    folder = tmp_path / "lessons" / "exercises"
    folder.mkdir(parents=True)
    (folder / "conv.py").write_text(solved("conv_numbers", *change), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    _, out, _ = call(gradcheck, "lessons/exercises/conv.py", capsys=capsys)
    assert out in (EXERCISES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "solution, old, new, hint",
    [
        (
            "conv_windows",
            "return y",
            "return y * 3",
            "Every number is 3 times what it should be.",
        ),
        ("conv_windows", "return y", "return -y", "The sign is wrong everywhere."),
        ("conv_windows", "return y", "return y + 0.25", "Every number is 0.25 too large."),
        ("conv_windows", "return y", "return y * 0", "It is 0 everywhere."),
        (
            "conv_windows",
            "return y",
            "return y / 0 * 0",
            "Some numbers are infinite or NaN.",
        ),
        (
            "conv_windows",
            "= dweight, dbias",
            "= dweight.swapaxes(1, 2), dbias",
            "It would be right with axes 1 and 2 swapped.",
        ),
        ("conv_windows", "return y", "y[0] += 1\n    return y", "It is wrong only in picture 0."),
        (
            "conv_windows",
            "return y",
            "y[:, [0, -1]] += 1\n    return y",
            "only in the first and last rows and columns.",
        ),
        (
            "conv_taps",
            "return y +",
            "y[..., 1:] *= 2\n    return y +",
            "It is wrong only in channels 1, 2.",
        ),
        (
            "pool_windows",
            "dpadded[n, i * S + kh, j * S + kw, c] += dy[n, i, j, c]",
            "pixel = n, i * S + kh, j * S + kw, c\n"
            "        dpadded[pixel] += dy[n, i, j, c] / (1 + (dpadded[pixel] != 0))",
            "All wrong numbers belong to pixels in several windows.",
        ),
        (
            "lrn_loops",
            "return dx",
            "return 2 * dx",
            "Every number is 2 times what it should be.",
        ),
        (
            "init_product",
            "sqrt(2 / fan_in)",
            "sqrt(3 / fan_in)",
            "It is 1.22 times what it should be.",
        ),
        (
            "softmax_logs",
            "return dlogits /",
            "dlogits[2] = 1\n    return dlogits /",
            "It is wrong only in index 2 of axis 0.",
        ),
    ],
)
def test_without_a_known_mistake_the_pattern_of_the_error_is_described(
    solution, old, new, hint, graded
):
    code, out = graded(solved(solution, (old, new)))
    assert (code, named(out)) == (1, []), out
    assert hint in out
    assert "No classic mistake gives exactly this." in out


def test_shares_that_agree_by_chance_do_not_name_a_mistake(graded):
    """Two masks agreeing in 0.53 of all places says nothing if the share of zeros is also wrong."""
    code, out = graded(solved("dropout_mask", ("random(x.shape)", "standard_normal(x.shape)")))
    assert (code, named(out)) == (1, []), out


def test_a_mask_drawn_in_another_way_is_judged_by_most_of_its_shares(graded):
    code, out = graded(solved("dropout_binomial", ("size=x.shape", "size=(len(x), 1, 1, 1)")))
    assert (code, named(out)) == (1, ["whole pictures are dropped"]), out


@pytest.mark.parametrize(
    "solution, old, new, words",
    [
        ("conv_windows", "    return y", "    y", "y is None. Is a `return` missing?"),
        ("conv_windows", "return y", "return y.tolist()", "y is a list, expected a NumPy array."),
        (
            "conv_windows",
            "return y",
            "return y[0]",
            "y has the shape (3, 4, 1), expected (2, 3, 4, 1).",
        ),
        (
            "conv_windows",
            "return y",
            "return y.astype(int)",
            "y holds int64, expected floating-point numbers.",
        ),
        (
            "conv_windows",
            "return y",
            "return y.astype('float32')",
            "y is float32 although the input was float64.",
        ),
        (
            "conv_windows",
            "return OH, OW,",
            "return OH / 1, OW,",
            "output_shape is (3.0, 4, 1), expected (3, 4, 1).",
        ),
        (
            "conv_windows",
            "return OH, OW, self.out_channels",
            "pass",
            "output_shape is None, expected (3, 4, 1).",
        ),
        (
            "conv_windows",
            "    return dpadded[",
            "    dpadded[",
            "dx is None. Is a `return` missing?",
        ),
        (
            "conv_windows",
            'self.grads["bias"] = dweight, dbias',
            "dbias = dweight, dbias",
            "dbias is None.",
        ),
        ("conv_windows", "= dweight, dbias", "= dbias, dbias", "dweight has the shape (1,)"),
        ("conv_windows", "return dpadded[", "return [*dpadded][0][", "dx has the shape"),
        (
            "lrn_loops",
            "    return x * s",
            "    x *= 2; x /= 4\n    return 2 * x * s",
            "forward writes into x",
        ),
        ("lrn_loops", "return dx", "dy *= 2\n    return dx", "backward writes into dy"),
        ("lrn_loops", "return dx", "x *= 2\n    return dx", "backward writes into x"),
        (
            "conv_windows",
            "return y",
            'self.params["weight"] *= 0.5\n    return y',
            "forward writes into weight",
        ),
        (
            "softmax_logs",
            "rows = ",
            "labels[...] = labels[...] + 0; logits -= 1\n    rows = ",
            "forward writes into logits",
        ),
        ("momentum_in_place", "w += v", "w += v\n        g *= 2", "step writes into "),
        ("init_product", "return fan_in, fan_out", "fan_in, fan_out", "fans is None, expected"),
        (
            "init_product",
            "(0, std, shape)",
            "(0, std, shape[:1])",
            "has the shape (200,), expected",
        ),
        (
            "init_product",
            'rng.normal(0, std, shape).astype("float32")',
            "rng.normal(0, std, shape)",
            "The weights of he are float64.",
        ),
        ("lighting_products", "return values[::-1], ", "return ", "something else than two arrays"),
        (
            "lighting_products",
            "return images + shifts[:, None, None, :]",
            "images += shifts[:, None, None, :]\n    return images",
            "light writes into images",
        ),
        (
            "conv_windows",
            "_like(weight)\n",
            '_like(weight) + self.grads.get("weight", 0)\n',
            "dweight comes out differently",
        ),
        (
            "lrn_loops",
            "return dx",
            "s *= 2\n    return dx",
            "dx comes out differently when the layer runs again.",
        ),
        (
            "pool_taps",
            "= padded.shape, winner",
            "= self.cache or (padded.shape, winner)",
            "a second run wrong With MaxP",
        ),
        ("dropout_mask", "/ (1 - self.p)", "/ (1.01 - self.p)", "every number wrong y["),
        ("dropout_mask", "dy * self.cache", "1.01 * dy * self.cache", "every number wrong dx["),
        (
            "softmax_logs",
            "dlogits = p.copy()",
            "dlogits = p",
            "backward returns something else when called again",
        ),
        ("conv_windows", ", x.dtype)", ")", "y is float64 although the input was float32"),
        (
            "dropout_mask",
            "mask.astype(x.dtype)",
            "mask",
            "y is float64 although the input was float32",
        ),
        ("softmax_loops", "dtype=p.dtype", "dtype=float", "dlogits is float64 although"),
        ("dropout_mask", "return x\n", "return\n", "y when testing is None."),
        ("dropout_mask", "return x * self.cache", "return (x * self.cache)[0]", "y has the shape"),
        ("dropout_mask", "return dy * self.cache", "dy * self.cache", "dx is None."),
        ("gpu_short", "return sums", "return sums.tolist()", "sums is a list, expected"),
        (
            "gpu_short",
            "for x in batches]",
            "for x in batches[1:]]",
            "scaled has the shape (4, 2, 3, 4, 2), expected (5, 2, 3, 4, 2)",
        ),
        (
            "gpu_short",
            "    return float(total",
            "    loss *= 2\n    return float(total",
            "mean writes into losses[4]",
        ),
        (  # no gap, though the stand-in's error is a NotImplementedError
            "gpu_short",
            "    return sums",
            "    xp.multiply.at(sums, labels, 1)\n    return sums",
            "in sums xp.multiply.at(sums, labels, 1) TypeError: `cupy_multiply.at` is not",
        ),
        (
            "pool_taps",
            "return numpy.max(taps",
            "return train * numpy.max(taps",
            "forward(x, train=False) returns a different y",
        ),
    ],
)
def test_other_problems_are_explained_in_words(solution, old, new, words, graded):
    code, out = graded(solved(solution, (old, new)))
    assert code == 1, out
    assert words in out


def test_the_command_grades_a_file_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "momentum.py"
    for changes, code in ([], 0), ([("w += v", "w -= v")], 1):
        path.write_text(solved("momentum_in_place", *changes), encoding="utf-8")
        process = start(
            "minialex.gradcheck",
            path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        out, error = process.communicate()
        assert (process.returncode, error) == (code, ""), out
    assert not list(tmp_path.glob("**/*.pyc"))


def test_help_shows_both_uses(capsys):
    code, out, _ = call(gradcheck, "--help", capsys=capsys)
    assert code == 0
    assert "lessons/exercises/conv.py" in out
    assert "FILE" in out
    assert max(map(len, out.splitlines())) <= 80
