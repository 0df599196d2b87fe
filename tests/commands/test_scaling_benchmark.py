"""python -m benchmarks.scaling: all of it on a tiny net, and its tables from given numbers."""

import json
import re
import shutil
from pathlib import Path

import mpi
import pytest
from command_runs import call
from pngs import opened

from benchmarks.scaling import __main__ as scaling
from benchmarks.scaling import launch, measured_tables, predicted_tables
from benchmarks.scaling.link import MESSAGES, PARTS
from benchmarks.scaling.model import Link
from benchmarks.table import Table, replaced
from minialex import models
from minialex.cores import usable_cores
from minialex.errors import InputError

ROOT = Path(__file__).parents[2]


def results(model="lenet"):
    """A measurement in which a picture takes a layer a millisecond forward and two backward, one
    process of two threads 60, 80 and 90 ms a step, two ranks 40 ms, and messages next to
    nothing."""
    known = Link(1e-6, 1e-10, 1e-11, 9e-6)
    layers = models.build(model).layers
    seconds = {n: {name: [[0.001 * n], [0.002 * n]] for name in layers} for n in (1, 4)}
    compute = {"parameters": 10, "layers": seconds, "update": [0.0]}
    link = {
        "ranks": 2,
        "messages": {size: [known.message(size)] for size in MESSAGES},
        "parts": {size: [known.ring_sum(2 * size, 2)] for size in PARTS},
        "additions": {1000: [1e-8]},
    }
    step = {
        "alone": [0.06, 0.08, 0.09],
        "together": [0.04] * 3,
        "without sums": [0.02] * 3,
        "unbound": [0.05] * 3,
    }
    row = dict(model=model, ranks=2, batch_size=8)
    about = dict(cpu="a CPU", threads=2, numpy="2.4", blas="openblas", python="3.11", date="today")
    shared = {**row, "scheme": "data", "seconds": step}
    halves = {**row, "scheme": "towers", "seconds": dict(list(step.items())[:2])}
    found = {
        "machine": about,
        "options": {"rounds": "3", "quick": "False"},
        "link": link,
        "compute": {model: compute},
        "gpu": {model: compute},
        "steps": [shared, halves],
    }
    return json.loads(json.dumps(found))


def tables(found):
    both = [*measured_tables.tables(found), *predicted_tables.tables(found)]
    return {table.name: table for table in both}


@pytest.fixture(scope="module")
def of_alexnet():
    return tables(results("alexnet"))


def cells(table, *words):
    """The numbers of the row that begins with the words."""
    [row] = [row for row in table.rows if tuple(row[: len(words)]) == words]
    return row[len(words) :]


def test_tables_of_what_was_measured():
    found = tables(results())
    assert cells(found["link"], "a message, one at a time") == ["1.0", "10.0"]
    assert cells(found["link"], "a round of a sum, both ways") == ["10.0", "10.0"]
    assert cells(found["link"], "an addition") == ["–", "100.0"]
    # 12 layers, 3 ms a picture each
    assert cells(found["batches"], "lenet", "measured") == ["27.8", "27.8"]
    assert cells(found["batches"], "lenet", "modelled") == ["27.8", "27.8"]
    # 4 pictures a rank
    expected = ["2", "40 (40–40)", "144", "2.00 (1.75–2.12)"]
    assert cells(found["steps"], "lenet", "data") == expected
    assert cells(found["sums"], "lenet") == ["2", "2.00 (2.00–2.00)", "1.00"]
    assert cells(found["binding"], "lenet") == ["2", "1.25 (1.25–1.25)"]


def test_more_ranks_than_cores_wait_for_each_other():
    found = results()
    for row in found["steps"]:
        row["ranks"] = 4
    assert cells(tables(found)["steps"], "lenet", "data")[2] == "144"


def test_tables_of_what_is_modelled():
    """Where little is lost, K ranks are nearly K times as fast."""
    found = tables(results())
    fast = cells(found["cpu-strong"], "data", "100 Gbit/s")
    assert fast[:4] == ["2.0", "4.0", "16.0", "63.7"]
    assert cells(found["cpu-weak"], "data", "100 Gbit/s")[:3] == ["100%"] * 3
    assert cells(found["cpu-strong"], "data", "shared memory")[4:] == ["–", "–"]
    assert cells(found["gpu-strong"], "data", "NVLink 4")[2:] == ["–"] * 4
    assert cells(found["cpu-limits"], "data", "100 Gbit/s") == ["1,024", "256", *"1112"]
    messages = cells(found["messages"], "data")
    assert messages[:2] == ["3", "9"]  # 2 (K − 1) of one sum and K − 1 of the pictures' numbers
    assert "hours" not in found  # only nets for ImageNet


def test_hours_of_imagenet(of_alexnet):
    """90 epochs of 1,252 steps of 1,024 pictures, which take each layer 3 ms."""
    count = len(models.build("alexnet").layers)
    expected = 90 * 1252 * 1024 * count * 0.003 / 3600
    assert cells(of_alexnet["hours"], "CPU", "10 Gbit/s")[0] == f"{expected:,.0f}"
    assert re.fullmatch(r"[\d.,]+[dto]", cells(of_alexnet["hours"], "CPU", "10 Gbit/s")[4])


def test_a_measurement_can_be_shown_again(tmp_path, capsys):
    path, page = tmp_path / "results.json", tmp_path / "page.md"
    path.write_text(json.dumps(results()))
    page.write_text("Before.\n\n<!-- table: steps -->\nold\n<!-- end of table -->\n\nAfter.\n")
    code, out, err = call(scaling.main, "--from", path, capsys=capsys)
    assert (code, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines() if str(tmp_path) not in line)
    assert opened((tmp_path / "scaling.png").read_bytes()).shape[1] > 1000

    code, out, err = call(scaling.main, "--from", path, "--page", page, capsys=capsys)
    assert (code, err) == (0, "")
    text = page.read_text()
    assert text.startswith("Before.\n\n<!-- table: steps -->\n| net | scheme |")
    assert text.endswith("|\n<!-- end of table -->\n\nAfter.\n")
    assert "| lenet | data | 2 | 40 (40–40) | 144 | 2.00 (1.75–2.12) |" in text
    assert page.with_suffix(".png").exists()


def test_the_page_in_the_documentation_has_a_place_for_tables_that_exist(of_alexnet):
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    text = re.sub(r"(<!-- table: \S+ -->\n).*?(<!-- end)", r"\1\2", text, flags=re.DOTALL)
    shown = replaced(text, of_alexnet.values())
    assert shown.count("| --- |") >= 8


@pytest.mark.parametrize("page", ["No table.", "<!-- table: nope -->\n<!-- end of table -->"])
def test_a_page_without_a_place_for_tables_is_refused(page):
    with pytest.raises(InputError, match=r"no place for a table|a table 'nope'"):
        replaced(page, [Table("steps", "", ["a"], [["b"]])])


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"machine": 1, "options": 2}'])
def test_a_file_without_a_measurement_is_refused_in_one_line(content, tmp_path, capsys):
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    code, out, err = call(scaling.main, "--from", path, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(path) in err


def test_without_mpirun_a_line_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(shutil, "which", lambda *given, **named: None)
    code, _, err = call(scaling.main, "--out", tmp_path / "out", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "mpirun is missing: python -m pip install -e '.[mpi]'" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
def test_what_fails_on_the_ranks_is_said_in_one_line(capfd):
    with pytest.raises(InputError, match=r"step on 2 ranks ended with exit code .*invalid choice"):
        launch.on_ranks(2, "step", "--model", "nope")
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
def test_a_quick_measurement_of_a_tiny_net(compiler, tmp_path, capsys):
    tiny = ["--quick", "--models", "lenet", "--ranks", "1,2", "--batch-size", 8]
    code, out, err = call(scaling.main, *tiny, "--out", tmp_path / "out", capsys=capsys)
    assert (code, err) == (0, "")
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    cores = usable_cores()
    taken = [("data", 1), ("data", 2), ("towers", 2), ("one-weird-trick", 2)]
    assert [(row["scheme"], row["ranks"]) for row in found["steps"]] == taken
    for row in found["steps"]:
        sums = row["scheme"] == "data" and row["ranks"] > 1
        names = ["alone", "together", *["without sums"] * sums, *["unbound"] * (sums and cores > 1)]
        assert {name: len(times) for name, times in row["seconds"].items()} == dict.fromkeys(
            names, 2
        )
    for table in tables(found).values():
        assert table.text() in out
    assert opened((tmp_path / "out" / "scaling.png").read_bytes()).shape[1] > 1000


def test_tables_that_are_made_elsewhere_stay():
    page = "<!-- table: {} -->\nold\n<!-- end of table -->\n"
    own = Table("steps", "", ["a"], [["b"]])
    shown = replaced(page.format("other") + page.format("steps"), [own], elsewhere=["other"])
    assert shown.startswith(page.format("other"))
    assert "| b |" in shown and shown.count("old") == 1
    with pytest.raises(InputError, match="no place for a table"):
        replaced(page.format("other"), [own], elsewhere=["other"])
