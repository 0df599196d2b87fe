"""CuPy has every name that minialex takes from the array module, and every keyword argument.

The stand-in checks the lines that the tests execute; this reads the source of all of them.
"""

import ast
import inspect
from pathlib import Path

import pytest

import minialex

SOURCES = sorted(Path(minialex.__file__).parent.rglob("*.py"))


def taken(tree):
    """(line, dotted name, keywords of the call) for each attribute of xp or backend.of(...)."""
    inner = set()
    keywords = {
        node.func: [keyword.arg for keyword in node.keywords]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    for node in ast.walk(tree):
        names, value = [], node
        while isinstance(value, ast.Attribute):
            inner.add(value.value)
            names.append(value.attr)
            value = value.value
        if names and node not in inner and is_module(value):
            yield node.lineno, ".".join(reversed(names)), keywords.get(node, [])


def is_module(node):
    """Whether the expression is the array module: xp, or of(...)."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("of", "backend.of")
    return isinstance(node, ast.Name) and node.id == "xp"


def accepts(function, keyword):
    """Whether CuPy's function takes the keyword."""
    if type(function).__name__ == "ufunc":  # has no signature; the three are from the documentation
        return keyword in ("out", "dtype", "casting")
    parameters = inspect.signature(function).parameters
    return keyword in parameters or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )


def test_the_reading_finds_names_and_keywords():
    source = """\
y = backend.of(x).lib.as_strided(x, writeable=no)
xp.maximum(x, out=y)
numpy.nonsense
backend.of(x)
z.xp.no
"""
    assert sorted(taken(ast.parse(source))) == [
        (1, "lib.as_strided", ["writeable"]),
        (2, "maximum", ["out"]),
    ]


def test_keywords_that_cupy_lacks_are_not_accepted():
    cupy = pytest.importorskip("cupy", exc_type=ImportError, reason="CuPy, to ask for its keywords")
    assert not accepts(cupy.maximum, "where")
    assert not accepts(cupy.lib.stride_tricks.as_strided, "writeable")
    assert not accepts(cupy.sum, "initial")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_cupy_has_every_name_and_keyword(path):
    cupy = pytest.importorskip("cupy", exc_type=ImportError, reason="CuPy, to ask for its names")
    for line, name, keywords in taken(ast.parse(path.read_text(encoding="utf-8"))):
        thing = cupy
        for part in name.split("."):
            assert hasattr(thing, part), (
                f"{path.name}:{line} takes {name}, which CuPy {cupy.__version__} lacks"
            )
            thing = getattr(thing, part)
        for keyword in keywords:
            assert accepts(thing, keyword), (
                f"{path.name}:{line} calls {name} with {keyword}=, which CuPy lacks"
            )
