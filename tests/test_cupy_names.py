"""Every name that minialex takes from the array module, in any line, is one that the installed CuPy has.

The stand-in checks what the tests execute, keyword arguments included; this reads the rest.
"""

import ast
from pathlib import Path

import pytest

import minialex

SOURCES = sorted(Path(minialex.__file__).parent.rglob("*.py"))


def taken(tree):
    """(line, dotted name) of each attribute that the source takes from xp or backend.of(...)."""
    inner = set()
    for node in ast.walk(tree):
        names, value = [], node
        while isinstance(value, ast.Attribute):
            inner.add(value.value)
            names.append(value.attr)
            value = value.value
        if names and node not in inner and is_module(value):
            yield node.lineno, ".".join(reversed(names))


def is_module(node):
    """Whether the expression is the array module: xp, or of(...)."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("of", "backend.of")
    return isinstance(node, ast.Name) and node.id == "xp"


def test_the_reading_finds_names():
    source = "y = backend.of(x).lib.stride_tricks.as_strided(x)\nxp.maximum(x, 0)\nnumpy.nonsense\nbackend.of(x)\nz.xp.no"
    assert sorted(taken(ast.parse(source))) == [(1, "lib.stride_tricks.as_strided"), (2, "maximum")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_cupy_has_every_name(path):
    cupy = pytest.importorskip("cupy", exc_type=ImportError, reason="CuPy, to ask for its names")
    for line, name in taken(ast.parse(path.read_text(encoding="utf-8"))):
        thing = cupy
        for part in name.split("."):
            assert hasattr(thing, part), f"{path.name}:{line} takes {name}, which CuPy {cupy.__version__} lacks"
            thing = getattr(thing, part)
