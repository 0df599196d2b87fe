"""What a right solution is told: shorter code that does the same, and nothing else."""

import re

import pytest
from command_runs import call
from solutions import EXERCISES, solved, with_gap_filled

from minialex.gradcheck.__main__ import main as gradcheck
from minialex.grader import expressions, simpler
from minialex.grader.grading import Grading, to_grade
from minialex.grader.learner import LearnersFile

#: Solutions in which a reviewer would change nothing.
GOOD = (
    "adam_in_place",
    "adam_new_arrays",
    "conv_taps",
    "dropout_binomial",
    "dropout_mask",
    "free_elu",
    "init_by_cases",
    "init_product",
    "lighting_products",
    "lrn_loops",
    "lrn_shifts",
    "momentum_in_place",
    "momentum_new_arrays",
    "parallel_average",
    "parallel_loops",
    "pool_numbers",
    "pool_taps",
    "softmax_logs",
    "topk_sorted",
    "winograd_matrices",
    "winograd_tiles",
)


@pytest.fixture
def advice(tmp_path, capsys):
    """What is printed for a right file: (the line of the file, what is said, the code) each."""

    def told(text):
        path = tmp_path / "layer.py"
        path.write_text(text, encoding="utf-8")
        code, out, error = call(gradcheck, path, capsys=capsys)
        assert (code, error) == (0, ""), out
        *_, pieces = out.partition("\n  Simpler, if you like:\n\n")
        assert all(len(line) <= 80 for line in pieces.splitlines())
        return [parts(each, text) for each in re.split(r"(?m)^ {4}Line ", pieces)[1:]]

    def parts(piece, text):
        number, says, code = re.fullmatch(
            r"(\d+): (.*(?:\n {4}\S.*)*)\n((?:.|\n)*)", piece
        ).groups()
        code = code.replace("\n" + " " * 12, " ").replace(" " * 8, "").strip()
        return text.splitlines()[int(number) - 1].strip(), re.sub(r"\s+", " ", says), code

    return told


def free(forward, backward, imports="import numpy"):
    """The file of a layer of one's own."""
    text = (EXERCISES / "free.py").read_text(encoding="utf-8").replace("import numpy", imports, 1)
    text = with_gap_filled(text, "forward", "self.cache = x\n" + forward)
    needs_x = re.search(r"\bx\b", backward) is not None
    return with_gap_filled(text, "backward", "x = self.cache\n" * needs_x + backward)


LOOP = "NumPy could do this without a loop over"


@pytest.mark.parametrize("solution", GOOD)
def test_nothing_is_said_of_a_good_solution(solution, advice):
    assert advice(solved(solution)) == []


def test_the_loops_over_the_places_in_a_window(advice):
    window = "padded[n, i * S:i * S + K, j * S:j * S + K]"
    loop = "for kh, kw, c in numpy.ndindex(K, K, {}.shape[3]):"
    assert advice(solved("conv_numbers")) == [
        (loop.format("x"), f"{LOOP} kh, kw, c:", f"total += ({window} * weight[o]).sum()"),
        (
            loop.format("padded"),
            f"{LOOP} kh, kw, c:",
            f"dweight[o] += (dy[n, i, j, o] * {window})\n"
            f"dpadded{window[6:]} += (dy[n, i, j, o] * weight[o])",
        ),
        (
            "dbias[o] += dy[n, i, j, o]",
            "dbias[o] += dy[n, i, j, o] could leave the loops. After them:",
            "dbias += dy.sum(axis=(0, 1, 2))",
        ),
    ]


LOOPS = [
    (
        solved("conv_windows"),
        "for o in range(O):",
        "o",
        "y[n, i, j] = (window * weight).sum(axis=(1, 2, 3)) + bias",
    ),
    (
        solved("pool_windows"),
        "for n in range(y.shape[0]):",
        "n",
        "window = padded[:, i * S:i * S + K, j * S:j * S + K]\n"
        "y[:, i, j] = window.max(axis=(1, 2))",
    ),
    (
        solved("softmax_loops"),
        "for n, row in enumerate(logits):",
        "n",
        "row = logits\n"
        "row = row - row.max(axis=1, keepdims=True)\n"
        "total = numpy.exp(row).sum(axis=1, keepdims=True)\n"
        "p = numpy.exp(row) / total\n"
        "loss += (numpy.log(total) - row[numpy.arange(len(logits)), labels, None]).sum()",
    ),
    (
        solved("topk_counts"),
        "for n in range(len(logits)):",
        "n",
        "larger = (logits > logits[numpy.arange(len(logits)), labels, None]).sum(axis=1)\n"
        "wrong += (larger >= k).sum()",
    ),
    (
        solved(
            "pool_windows",
            (
                "y[n, i, j] = window.max(axis=(0, 1))",
                "for c in range(y.shape[3]):\n"
                "                    best = -numpy.inf\n"
                "                    for a in range(K):\n"
                "                        for b in range(K):\n"
                "                            if window[a, b, c] > best:\n"
                "                                best = window[a, b, c]\n"
                "                    y[n, i, j, c] = best",
            ),
        ),
        "for c in range(y.shape[3]):",
        "c, a, b",
        "best = window.max(axis=(0, 1))\ny[n, i, j] = best",
    ),
    (
        free(
            "y = numpy.zeros_like(x)\n"
            "for place in numpy.ndindex(x.shape):\n"
            "    if x[place] > 0:\n"
            "        y[place] = x[place]\n"
            "    else:\n"
            "        y[place] = 2 * x[place]\n"
            "return y",
            "return numpy.where(x > 0, dy, 2 * dy)",
        ),
        "for place in numpy.ndindex(x.shape):",
        "place",
        "y = numpy.where(x > 0, x, 2 * x)",
    ),
    (
        free(
            "y = x.copy()\nfor n in range(1, len(x)):\n    y[n] = 2 * x[n]\nreturn y",
            "dx = dy.copy()\ndx[1:] *= 2\nreturn dx",
        ),
        "for n in range(1, len(x)):",
        "n",
        "y[1:len(x)] = 2 * x[1:len(x)]",
    ),
    (
        free(
            "y = numpy.zeros_like(x)\nfor n in range(len(x)):\n    y[n] = x[n]\nreturn y",
            "return dy.copy()",
        ),
        "for n in range(len(x)):",
        "n",
        "y = x.copy()",
    ),
    (
        free(
            "y = numpy.zeros_like(x)\n"
            "for n in range(len(x)):\n"
            "    y[n] = x[n] * max(*x.shape[2:])\n"
            "return y",
            "return dy * max(*dy.shape[2:])",
        ),
        "for n in range(len(x)):",
        "n",
        "y = x * max(*x.shape[2:])",
    ),
]


@pytest.mark.parametrize(("text", "line", "names", "code"), LOOPS)
def test_loops_that_arrays_can_do(text, line, names, code, advice):
    assert (line, f"{LOOP} {names}:", code) in advice(text)


def relu(forward):
    return free(forward, "return dy * (x > 0)")


SUM = "dy.sum(axis=(0, 1, 2))"
NESTED = (
    "numpy.sum(numpy.sum(numpy.sum(dy, axis=0), axis=0), axis=0)",
    "numpy.sum(numpy.sum(numpy.sum(dy, 2), 1), 0)",
    "dy.sum(axis=2).sum(axis=1).sum(axis=0)",
    "dy.sum(0).sum(0).sum(0)",
    "dy.sum(axis=(0, 1)).sum(0)",
)
SHORTER = [
    (relu("return numpy.where(x > 0, x, 0)"), "numpy.where(x > 0, x, 0)", "numpy.maximum(x, 0)"),
    (relu("return x * (x > 0)"), "x * (x > 0)", "numpy.maximum(x, 0)"),
    (relu("return (x >= 0) * x"), "(x >= 0) * x", "numpy.maximum(x, 0)"),
    *((solved("conv_taps", (SUM, nested)), nested, SUM) for nested in NESTED),
    (solved("winograd_tiles", ("w[0] + w[1] + w[2]", "sum(w)")), "sum(w)", "w.sum()"),
    (solved("winograd_matrices", ("y.T", "y.swapaxes(0, 1)")), "y.swapaxes(0, 1)", "y.T"),
    (
        solved("winograd_matrices", ("y.T.r", "y.T.reshape(1, -1).r")),
        "y.T.reshape(1, -1).reshape(-1)",
        "y.T.reshape(-1)",
    ),
    (solved("dropout_binomial", ("if train", "if train == True")), "train == True", "train"),
    (solved("dropout_mask", ("not train", "train == False")), "train == False", "not train"),
]


@pytest.mark.parametrize(("text", "seen", "new"), SHORTER)
def test_shorter_expressions(text, seen, new, advice):
    ((line, says, code),) = advice(text)
    assert seen in line
    assert (says, code) == (f"{seen} could be:", new)


def test_what_is_computed_twice(advice):
    text = solved("softmax_logs", ("exponentials.sum", "numpy.exp(shifted).sum"))
    second = next(i for i, line in enumerate(text.splitlines(), 1) if "shifted).sum" in line)
    says = f"numpy.exp(shifted) is computed again in line {second}. It could be kept in a variable."
    assert advice(text) == [("exponentials = numpy.exp(shifted)", says, "")]
    line = "return numpy.exp(x) / (1 + numpy.exp(x))"
    says = "numpy.exp(x) is computed twice. It could be kept in a variable."
    text = free(line, "y = 1 / (1 + numpy.exp(-x))\nreturn dy * y * (1 - y)")
    assert advice(text) == [(line, says, "")]


def test_a_name_that_nobody_needs(advice):
    text = solved("softmax_logs", ("return losses", "most = numpy.max(logits)\n    return losses"))
    says = "most is never used, so the line could go."
    assert advice(text) == [("most = numpy.max(logits)", says, "")]


def test_a_method_that_is_much_longer_than_the_shipped_one(advice):
    end = "return numpy.max(taps, axis=0)"

    def longer(n):
        return solved(
            "pool_taps",
            (end, end.replace("return", "y =") + "\n    y = y + 0" * n + "\n    return y"),
        )

    says = "forward takes 19 statements. minialex's own takes 6, besides what it calls: "
    ((line, said, code),) = advice(longer(8))
    assert (line[:11], said, code) == ("def forward", says + "minialex/layers/pool.py", "")
    assert advice(longer(7)) == []


NOTHING = {
    "each step needs the one before": free(
        "y = x.copy()\nfor c in range(1, 3):\n    y[..., c] = y[..., c - 1] + x[..., c]\nreturn y",
        "return dy[..., ::-1].cumsum(axis=3)[..., ::-1]",
    ),
    "several steps write to the same place": free(
        "self.rows = numpy.array([0, 1, 1, 0])\nreturn x[:, self.rows]",
        "dx = numpy.zeros_like(x)\n"
        "for i in range(len(self.rows)):\n"
        "    dx[:, self.rows[i]] += dy[:, i]\n"
        "return dx",
    ),
    "float32 would become float64": free(
        "y, two = numpy.zeros_like(x), numpy.array([2.0])\n"
        "for n in range(len(x)):\n"
        "    y[n] = two[0] * x[n]\n"
        "return y",
        "return 2 * dy",
    ),
    "the loop ends early": solved(
        "topk_counts",
        (
            "larger = (logits[n] > logits[n, labels[n]]).sum()\n        if larger >= k:\n",
            "best = numpy.argsort(logits[n])\n"
            "        for j in range(1, k + 1):\n"
            "            if best[-j] == labels[n]:\n"
            "                break\n"
            "        else:\n",
        ),
    ),
    "it changes in between": free(
        "y = numpy.exp(x)\nx = x / 2\nreturn y + numpy.exp(x)",
        "return dy * (numpy.exp(x) + numpy.exp(x / 2) / 2)",
    ),
    "it is written into in between": free(
        "x = x.copy()\ny = numpy.exp(x)\nx *= 2\nreturn y + numpy.exp(x)",
        "return dy * (numpy.exp(x) + 2 * numpy.exp(2 * x))",
    ),
    "only one of the two is computed": free(
        "if train:\n    return numpy.exp(x)\nelse:\n    return numpy.exp(x)",
        "return dy * numpy.exp(x)",
    ),
    "no case comes there": free(
        "if not train:\n    return numpy.where(x > 0, x, 0)\nreturn numpy.maximum(x, 0)",
        "return dy * (x > 0)",
    ),
    "it is not a maximum": free(
        "return numpy.where(x > 0, x, 2 * x)", "return dy * numpy.where(x > 0, dy, 2 * dy) / dy"
    ),
    "it is a mask of something else": free(
        "self.y = x * (numpy.abs(x) > 1)\nreturn self.y", "return dy * (numpy.abs(x) > 1)"
    ),
    "it is the larger one of two numbers": free(
        "return x * max(numpy.float32(x.ndim), 0)", "return dy * 4"
    ),
    "functions of NumPy are as good as methods": free(
        "return x * numpy.sum(numpy.array([1, 2], x.dtype))", "return 3 * dy"
    ),
    "numbers are collected in a list": free(
        "means = []\n"
        "for n in range(len(x)):\n"
        "    means.append(x[n].sum())\n"
        "return x * numpy.array(means).mean()",
        "return dy * x.sum() / len(x) + (dy * x).sum() / len(x)",
    ),
    "the sum is over a list": free("halves = [x / 2, x / 2]\nreturn sum(halves)", "return 1 * dy"),
    "axes are swapped between two shapes": free(
        "return x.reshape(2, -1).T.reshape(-1, 2).T.reshape(x.shape) * 1", "return 1 * dy"
    ),
    "the sum is over one axis": free(
        "return x + x.sum(axis=1, keepdims=True)", "return dy + dy.sum(axis=1, keepdims=True)"
    ),
    "the name is not used, but numbers are drawn": solved(
        "dropout_mask", ("    mask = ", "    first = self.rng.random()\n    mask = ")
    ),
    "the name is not used, but something is checked": free(
        "shape = self.checked(x)\nreturn 2 * x", "return 2 * dy"
    ).replace(
        "    def backward", "    def checked(self, x):\n        return x.shape\n\n    def backward"
    ),
}


@pytest.mark.parametrize("why", NOTHING)
def test_what_only_looks_as_if_it_could_be_simpler(why, advice):
    assert advice(NOTHING[why]) == []


def test_three_pieces_at_most_and_loops_first(advice):
    text = solved(
        "conv_windows",
        ("rows, columns = slice", "rest = 1\n                rows, columns = slice"),
        (
            "N, OH, OW, O = dy.shape",
            "N, OH, OW, O = dy.shape\n    rest = numpy.max(dy)\n    most = 2",
        ),
    )
    says = [each[1] for each in advice(text)]
    assert len(says) == 3
    assert says[0] == f"{LOOP} o:"
    assert says[1].startswith("dbias[o] += dy[n, i, j, o] could leave")
    assert says[2].endswith(" is never used, so the line could go.")


def test_numpy_is_called_as_in_the_file(advice):
    text = relu("return x * (x > 0)").replace("numpy", "np")
    ((_, _, code),) = advice(text.replace("import np", "import numpy as np"))
    assert code == "np.maximum(x, 0)"


def test_a_layer_without_an_example_and_one_of_two_in_a_file(graded):
    text = relu("return x * (x > 0)").partition("\n\ndef example")[0]
    assert graded(text)[1].count("could be: numpy.maximum(x, 0)") == 1
    out = graded(text + "\n\n\n" + text.partition("\n\n\n")[2].replace("MyLayer", "Another"))[1]
    assert out.count("could be: numpy.maximum(x, 0)") == 2


@pytest.mark.parametrize(
    ("forward", "old", "new", "pieces"),
    [
        ("return numpy.maximum(x, 0)", "numpy.maximum({x}, 0)", "numpy.maximum({x}, 1)", 0),
        ("return numpy.maximum(x, 0)", "numpy.maximum({x}, 0)", "numpy.maximum({x}, 0.0)", 1),
        ("y = x.copy()\ny *= x > 0\nreturn y", "{x}.copy()", "{x}", 0),
        ("y = x.copy()\nreturn y * (y >= 0.01)", "{x}.copy()", "{x}", 1),
    ],
)
def test_what_does_not_give_the_same_or_writes_into_x_is_not_said(
    forward, old, new, pieces, advice, monkeypatch
):
    monkeypatch.setattr(expressions, "SHORTER", {old: new})
    assert len(advice(relu(forward))) == pieces


def test_it_takes_no_longer_than_its_limit_and_never_fails(advice, monkeypatch):
    monkeypatch.setattr(simpler, "LIMIT", 0)
    assert advice(relu("return x * (x > 0)")) == []
    monkeypatch.setattr(simpler, "LIMIT", 9)
    monkeypatch.setattr(simpler, "IDEAS", [lambda layer: 1 / 0])
    assert advice(relu("return x * (x > 0)")) == []


def test_the_class_is_the_learners_own_afterwards_and_says_nothing_more(tmp_path, capfd):
    path = tmp_path / "layer.py"
    path.write_text(relu("print('forward')\nreturn x * (x > 0)"), encoding="utf-8")
    file = LearnersFile(path)
    ((exercise, kind),) = to_grade(file)
    cases = Grading(file, exercise, kind, 0).cases
    capfd.readouterr()
    assert len(simpler.simpler(file, exercise, kind, cases)) == 1
    assert file.module.MyLayer is kind
    assert capfd.readouterr() == ("", "")


def test_the_command_says_it_after_everything_is_right(graded):
    code, out = graded(solved("softmax_loops"))
    assert code == 0
    assert "Everything is right. Simpler, if you like: Line " in out
    assert "Simpler" not in graded(solved("softmax_logs"))[1]
    assert "Simpler" not in graded(solved("softmax_loops", ("+= numpy.log", "-= numpy.log")))[1]


def test_a_folders_rows_are_the_same(tmp_path, capsys):
    text = solved("topk_counts").replace("wrong", "ok").replace("larger", "next")
    (tmp_path / "topk.py").write_text(text, encoding="utf-8")
    assert call(gradcheck, tmp_path, "--csv", capsys=capsys)[:2] == (
        0,
        "file,layer,right,steps_right,step,message\ntopk.py,TopK,True,1,,\n",
    )
    assert "next = (logits" in call(gradcheck, tmp_path / "topk.py", capsys=capsys)[1]
