"""python -m minialex: all commands are listed, and each explains itself."""

import importlib
from pathlib import Path

import pytest
from command_runs import call

import minialex
from minialex import __main__ as listing


def commands_that_exist():
    """The modules that end by running a command: "train" for train.py, "visualize" for visualize/__main__.py."""
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
        (["fly", "away"], "unrecognized arguments: fly away"),
        (["train", "--epochs", 3], "the command is python -m minialex.train, with a dot"),
    ],
)
def test_anything_else_is_one_line_and_exit_code_2(arguments, said, capsys):
    code, out, err = call(listing.main, *arguments, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
