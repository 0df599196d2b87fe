"""A class's files: a row each, whatever is in them."""

import csv
import io

import pytest
from command_runs import call
from solutions import EXERCISES, solved

from minialex.gradcheck.__main__ import main as gradcheck
from minialex.grader import folder as grader_folder


@pytest.fixture
def homework(tmp_path):
    """A folder with the files of a class."""
    files = {
        "ada/pool.py": solved("pool_taps"),
        "bob/dropout.py": (EXERCISES / "dropout.py").read_text(encoding="utf-8"),
        "cy/momentum.py": solved("momentum_in_place", ("self.weight_decay * self.lr * w + ", "")),
        "dee/broken.py": "def f(:\n",
        "eve/empty.py": "x = 1\n",
        "fay/two.py": solved("pool_taps") + "\n\n" + solved("dropout_mask"),
        ".git/hook.py": "x = 1\n",
        "ada/__pycache__/pool.py": "x = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_row_for_each_layer_of_each_file(homework, capsys):
    code, out, err = call(gradcheck, homework, "--csv", capsys=capsys)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err) == (1, "")
    assert [(row["file"], row["layer"], row["right"]) for row in rows] == [
        ("ada/pool.py", "MaxPool2d", "True"),
        ("bob/dropout.py", "Dropout", "False"),
        ("cy/momentum.py", "SGD", "False"),
        ("dee/broken.py", "", "False"),
        ("eve/empty.py", "", "False"),
        ("fay/two.py", "MaxPool2d", "True"),
        ("fay/two.py", "Dropout", "True"),
    ]
    ada, bob, cy, dee, eve, *_ = rows
    assert int(ada["steps_right"]) >= 3 and ada["step"] == ada["message"] == ""
    assert bob["step"] == "forward" and bob["message"].startswith("not written yet: line ")
    assert cy["step"] and cy["message"].startswith("Likely mistake: ")
    assert "SyntaxError" in dee["message"]
    assert eve["message"].startswith("error: expected a class with forward and backward")


def test_a_table_to_read(homework, capsys):
    _, out, _ = call(gradcheck, homework / "cy", capsys=capsys)
    assert out.startswith("momentum.py  SGD  not yet\n  ")
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = call(gradcheck, homework / "ada", capsys=capsys)
    assert (code, out) == (0, "pool.py  MaxPool2d  right\n")


def test_a_loop_that_does_not_end_is_given_up(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grader_folder, "LIMIT", 1)
    (tmp_path / "pool.py").write_text("while True:\n    pass\n")
    code, out, _ = call(gradcheck, tmp_path, "--csv", capsys=capsys)
    assert (code, out.splitlines()[1]) == (1, "pool.py,,False,0,,not done after 1 seconds")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv"], "--csv is for a folder, got none"),
        (["--csv", "conv.py"], "--csv is for a folder, got conv.py"),
        (["."], "expected Python files in ., found none"),
    ],
)
def test_what_is_no_folder_of_files(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(gradcheck, *arguments, capsys=capsys)
    assert code == 2 and message in err
