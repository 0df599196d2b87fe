"""What a reader copies or follows: the scripts in examples/, the README's code, all links."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import numpy
import pytest
from data_helpers import picture_folder

import minialex
from minialex.data import shapes
from minialex.weight_options import own_layers

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
HAS_SCIKIT_LEARN = importlib.util.find_spec("sklearn") is not None


def drawn_digits():
    """A stand-in for scikit-learn's digits: bars at ten places, with noise."""
    rng = numpy.random.default_rng(0)
    labels = numpy.arange(1797) % 10
    pictures = rng.uniform(0, 8, (1797, 8, 8))
    for i, label in enumerate(labels):
        if label < 5:
            pictures[i, label + 1] = 16
        else:
            pictures[i, :, label - 4] = 16
    return types.SimpleNamespace(images=pictures, target=labels)


def run(name, monkeypatch, *arguments):
    path = EXAMPLES / name
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
    runpy.run_path(str(path), run_name="__main__")


def test_digits_are_learned_saved_and_read_again(tmp_path, monkeypatch, capsys):
    if not HAS_SCIKIT_LEARN:
        module = types.ModuleType("sklearn.datasets")
        module.load_digits = drawn_digits
        monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
        monkeypatch.setitem(sys.modules, "sklearn.datasets", module)
    run("digits.py", monkeypatch, tmp_path)
    out = capsys.readouterr().out
    [accuracy] = [line for line in out.splitlines() if line.startswith("right on ")]
    assert float(accuracy.split()[2].rstrip("%")) > 90
    answers, labels = (
        line.split(":")[1].split()
        for line in out.splitlines()
        if line.startswith(("read again:", "labels:"))
    )
    assert sum(map(str.__eq__, answers, labels)) >= 8
    assert {path.name for path in tmp_path.iterdir()} == {"digits.npz", "curves.png"}


def test_the_commands_read_the_layer_from_the_example(tmp_path):
    """Saved by the script, the layer's module is __main__; --own-layers gives it another name."""
    example = runpy.run_path(str(EXAMPLES / "digits.py"), run_name="__main__x")
    leaky = type("LeakyReLU", (example["LeakyReLU"],), {"__module__": "__main__"})
    layers = [minialex.layers.Flatten(), leaky(), minialex.layers.Linear(16, 2)]
    network = minialex.Network(layers, (4, 4, 1))
    x = numpy.random.default_rng(0).random((4, 4, 4))
    dataset = minialex.data.from_arrays(x, [0, 1, 0, 1], x, [0, 1, 0, 1])
    minialex.Trainer(network, dataset, workers=1).save(tmp_path / "net.npz")
    loaded = minialex.load(tmp_path / "net.npz", layers=own_layers([EXAMPLES / "digits.py"]))
    assert "LeakyReLU" in repr(loaded.network)


@pytest.mark.skipif(HAS_SCIKIT_LEARN, reason="scikit-learn is installed")
def test_without_scikit_learn_one_line_says_what_to_install():
    done = subprocess.run(
        [sys.executable, EXAMPLES / "digits.py"],
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "pip install scikit-learn" in done.stderr


def test_own_pictures_are_learned_and_one_is_classified(tmp_path, monkeypatch, capsys):
    folder = picture_folder(tmp_path)
    photo = next((folder / "val").rglob("*.*g"))
    run("own_pictures.py", monkeypatch, folder, photo)
    *epochs, first, second = capsys.readouterr().out.splitlines()
    assert len(epochs) == 10
    names = sorted(path.name for path in (folder / "train").iterdir())
    assert [first.split()[1], second.split()[1]] == names
    assert sum(float(line.split()[0].rstrip("%")) for line in (first, second)) == pytest.approx(100)


def test_own_pictures_without_arguments_says_how_to_call_it(monkeypatch):
    with pytest.raises(SystemExit, match=r"own_pictures.py PICTURES photo.jpg"):
        run("own_pictures.py", monkeypatch)


def python_blocks():
    return re.findall(r"^```python\n(.*?)^```", PAGES[0].read_text("utf-8"), re.M | re.S)


def test_the_readmes_use_of_the_library_works(tmp_path, monkeypatch, capsys):
    """With fewer pictures than the reader's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        minialex.data, "load", lambda name: {"shapes": shapes}[name].load(0, 100, 20)
    )
    exec(python_blocks()[0], {})
    answers = capsys.readouterr().out.splitlines()[-1]
    names = minialex.data.load("shapes").class_names
    assert len(eval(answers)) == 3
    assert set(eval(answers)) <= set(names)


def test_the_readme_shows_the_relu_as_it_is():
    source = Path(minialex.layers.relu.__file__).read_text("utf-8")
    assert python_blocks()[1] == source[source.index("class ReLU") :]


def anchors(page):
    """The names that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_of_it(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
