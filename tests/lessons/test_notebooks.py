"""Lessons as notebooks: they run in Jupyter's kernel, with their pictures in them."""

import sys

import nbclient
import nbformat
import pytest
from command_runs import call

from minialex.lessons import notebook
from minialex.lessons.__main__ import main
from minialex.lessons.source import find

QUICK = "import minialex.lessons\nminialex.lessons.quick = True"


@pytest.mark.parametrize("number", ["03", "05"])
def test_a_notebook_runs_and_has_its_pictures(number, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path))
    lesson = find(number)
    made = notebook.notebook(lesson)
    made.cells.insert(0, nbformat.v4.new_code_cell(QUICK))
    nbclient.NotebookClient(made, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not (tmp_path / "runs").exists()


def test_the_command_writes_a_notebook_that_jupyter_knows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(main, "--notebook", "3", capsys=capsys)
    assert (code, out, err) == (0, "notebook: runs/lessons/03_backward.ipynb\n", "")
    written = nbformat.read(tmp_path / "runs/lessons/03_backward.ipynb", as_version=4)
    nbformat.validate(written)
    assert [(cell.cell_type, cell.source) for cell in written.cells] == [
        (cell.kind, cell.text) for cell in find("3").cells
    ]


def test_a_notebook_that_the_reader_has_changed_stays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call(main, "--notebook", "3", capsys=capsys)
    path = tmp_path / "runs/lessons/03_backward.ipynb"
    path.write_text("mine")
    code, out, _ = call(main, "--notebook", "3", capsys=capsys)
    assert code == 0 and "as you left it" in out
    assert path.read_text() == "mine"


def test_without_nbformat_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    code, _, err = call(main, "--notebook", "3", capsys=capsys)
    assert (code, err) == (
        2,
        "error: notebooks need Jupyter: python -m pip install -e '.[notebook]'\n",
    )


def test_pages_have_text_formulas_results_and_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path))
    code, out, err = call(main, "3", "--site", "pages", "--quick", capsys=capsys)
    assert (code, err) == (0, "")
    assert out.endswith("pages: pages/index.html\n")
    page = (tmp_path / "pages/03_backward.html").read_text(encoding="utf-8")
    assert r"\mathrm{d}w_k = \mathrm{d}y \cdot x_k" in page
    assert "w[2] nudged by 0.01: L moves by 0.0900, dw[2] is 9.0" in page
    assert "minialex.lessons.quick" not in page
    assert 'href="03_backward_solutions.html"><span' in page
    assert "https://cdn" not in page, "a page needs something from elsewhere"
    assert list((tmp_path / "pages/_images").glob("*.png"))


@pytest.mark.parametrize("place", ["mine", "mine/index.html"])
def test_pages_never_replace_other_files(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine/index.html"
    mine.parent.mkdir()
    mine.write_text("mine")
    code, _, err = call(main, "3", "--site", place, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "expected a new folder or one with pages of lessons, got mine" in err
    assert (mine.read_text(), [*mine.parent.iterdir()]) == ("mine", [mine])


def test_a_lesson_that_fails_makes_no_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minialex.lessons.source.FOLDER", tmp_path)
    (tmp_path / "01_broken.py").write_text("# %% [markdown]\n# # 01. Broken\n\n# %%\n1 / 0\n")
    code, _, err = call(main, "--site", "pages", capsys=capsys)
    assert code == 2
    assert "ZeroDivisionError" in err
    assert err.splitlines()[-1].startswith("error: sphinx ended with exit code")
