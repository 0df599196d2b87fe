"""minialex and python -m minialex: all commands are listed, each explains itself, and both run."""

import importlib
import sys
from pathlib import Path

import pytest
from command_runs import call

import minialex
from minialex import __main__ as listing
from minialex.command import Parser


def commands_that_exist():
    """Modules that end by running a command: train for train.py, visualize for its __main__.py."""
    package = Path(minialex.__file__).parent
    found = (
        path.relative_to(package)
        for path in package.rglob("*.py")
        if "\n    run(main)\n" in path.read_text("utf-8")
    )
    modules = (".".join(path.with_suffix("").parts) for path in found)
    return {module.removesuffix(".__main__") for module in modules if module != "__main__"}


def test_every_command_is_listed_with_a_line(capsys):
    code, out, err = call(listing.main, capsys=capsys)
    assert (code, err) == (0, "")
    listed = dict(line.split(maxsplit=1) for line in out.splitlines() if line.startswith("  "))
    assert set(listed) == commands_that_exist()
    assert {
        line.index(listed[line.split()[0]]) for line in out.splitlines() if line.startswith("  ")
    } == {13}
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", sorted(commands_that_exist()))
def test_every_command_has_examples_in_its_help(name, capsys):
    module = importlib.import_module(f"minialex.{name}")
    if not hasattr(module, "main"):
        module = importlib.import_module(f"minialex.{name}.__main__")
    code, out, _ = call(module.main, "--help", capsys=capsys)
    assert code == 0
    assert out.startswith(f"usage: python -m minialex.{name}")
    assert f"examples:\n  python -m minialex.{name}" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_version(capsys):
    code, out, _ = call(listing.main, "--version", capsys=capsys)
    assert (code, out) == (0, f"minialex {minialex.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--colour"], "unrecognized arguments: --colour"),
        (["--versoin"], "unrecognized arguments: --versoin; did you mean --version?"),
        (["fly", "away"], "there is no command 'fly' ("),
        (["trian", "--epochs", 3], "there is no command 'trian'; did you mean train? ("),
        (["train", "--epoch=3"], "unrecognized arguments: --epoch=3; did you mean --epochs? ("),
        (["train", "--model", "alexnet-tiny"], "); did you mean alexnet-mini? ("),
        (["train", "--dataset", "cifar"], "); did you mean cifar10? ("),
        (["train", "--workers", "100000"], "of at least 1 and under 2049, got '100000' ("),
        (["summary", "lenet", "--workers", "2049"], "under 2049, got '2049' ("),
        (["visualize", "filter"], "); did you mean filters? ("),
        (["visualize", "filters", "--weights", "w", "--outs", "f"], "did you mean --out? ("),
    ],
)
def test_anything_else_is_one_line_and_exit_code_2(arguments, said, capsys):
    code, out, err = call(listing.main, *arguments, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "--out", ""], "--out"),
        (["train", "--out="], "--out"),
        (["train", "--resume", ""], "--resume"),
        (["train", "--data-dir", ""], "--data-dir"),
        (["train", "--weights", ""], "--weights"),
        (["train", "--lighting", ""], "--lighting"),
        (["train", ""], "PICTURES"),
        (["predict", "", "--weights", "w"], "PICTURE"),
        (["predict", "x.png", "--weights", ""], "--weights"),
        (["evaluate", ""], "WEIGHTS"),
        (["report", "w", "--out", ""], "--out"),
        (["weights", "export", "w", ""], "OUT"),
        (["visualize", "curves", ""], "RUN"),
        (["visualize", "filters", "--weights", ""], "--weights"),
        (["explore", "w", "--own-layers", ""], "--own-layers"),
        (["lessons", "--site", ""], "--site"),
        (["gradcheck", ""], "FILE"),
    ],
)
def test_an_empty_path_is_not_the_current_folder(arguments, named, capsys):
    code, out, err = call(listing.main, *arguments, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"error: argument {named}: expected a path, got '' (--help" in err


@pytest.mark.parametrize("name", sorted(commands_that_exist()))
def test_the_script_runs_the_command_under_its_own_name(name, capsys, monkeypatch):
    monkeypatch.setattr("minialex.command.program", lambda: "minialex ")
    code, out, _ = call(listing.main, name, "--help", capsys=capsys)
    assert code == 0
    assert out.startswith(f"usage: minialex {name}")


@pytest.mark.parametrize(
    ("started", "prefix"),
    [
        ("/venv/bin/minialex", "minialex "),
        ("/src/minialex/__main__.py", "python -m minialex."),
        ("/src/minialex/train.py", "python -m minialex."),
    ],
)
def test_help_names_the_command_as_it_was_typed(started, prefix, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started, "train"])
    assert Parser("train", "", "").prog == f"{prefix}train"


def test_a_kind_of_picture_has_help_in_the_script_too(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/venv/bin/minialex", "visualize", "filters", "--help"])
    with pytest.raises(SystemExit) as end:
        listing.entry()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: minialex visualize filters ")


LONG = "x" * 60_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", LONG],
        ["train", "--" + LONG],
        ["train", "--model", LONG],
        ["train", "--epochs", LONG],
        ["train", "--data-dir", LONG, "--dataset", "cifar10"],
        ["train", "--resume", LONG],
        ["evaluate", LONG],
        ["evaluate", "/".join([LONG] * 2)],
        ["weights", "export", LONG, "x.onnx"],
    ],
)
def test_an_error_is_one_line_of_bounded_length(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(listing.main, *arguments, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert len(err) < 1200
