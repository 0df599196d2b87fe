"""Fixtures for all tests: the array module that `pytest --backend` names, random numbers, …"""

import re
import shutil
import types

import numpy
import pytest
from command_runs import call
from lesson_runs import run_lesson  # noqa: F401  (a fixture)
from threadpoolctl import threadpool_limits

from minialex import backend, charts, figures, standin
from minialex.errors import InputError
from minialex.fast.memory import Memory
from minialex.files import PNG_MARK
from minialex.gradcheck.__main__ import main as gradcheck
from minialex.io import run_folder


def pytest_addoption(parser):
    devices = ("numpy", "standin", "cupy")
    parser.addoption(
        "--backend",
        choices=devices,
        help="the array module of the layers (default: numpy, then minialex.standin)",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """With --backend cupy all tests run in one process: two would share the GPU's memory."""
    return 0 if config.getoption("--backend") == "cupy" else None


def pytest_generate_tests(metafunc):
    if "xp" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--backend")
        metafunc.parametrize(
            "xp", [chosen] if chosen else ["numpy", "standin"], indirect=True, scope="session"
        )
    if "device" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--backend") or "standin"
        metafunc.parametrize(
            "device", [chosen] if chosen != "numpy" else [], indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def xp(request):
    """The array module under test.

    Inputs are made on the host and moved with `xp.asarray`; results are compared on the host.
    """
    return module(request.param)


def module(name):
    """The array module of that name.

    Skips the test if there is no compiler for the stand-in; ends the session if there is no GPU.
    """
    if name == "standin":
        need_compiler()
        return standin
    try:
        return backend.get(name)
    except InputError as error:
        pytest.exit(str(error), returncode=2)


@pytest.fixture(scope="session")
def device(request):
    """The array module under test, if it is not NumPy, for comparisons with NumPy."""
    return module(request.param)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """The tests cache listings of folders in a temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIALEX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def auto_is_numpy(request, monkeypatch):
    """Commands without --backend compute on the CPU, even if there is a GPU."""
    if request.path.name != "test_backend.py":
        get = backend.get
        monkeypatch.setattr(
            backend, "get", lambda name="auto", *_: get("numpy" if name == "auto" else name)
        )


@pytest.fixture
def compiler():
    """Skips a test that uses the stand-in, whatever --backend says, if there is no compiler."""
    need_compiler()


def need_compiler():
    if shutil.which("g++") is None:
        pytest.skip("the stand-in for a GPU needs the C++ compiler g++, which is not installed")


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread():
    """The matrix products here are small: BLAS threads would only wait for each other."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="session", autouse=True)
def undrawn_curves():
    """Training runs write an empty curves.png: drawing it takes longer than the small runs here."""
    with pytest.MonkeyPatch.context() as patch:
        empty = types.SimpleNamespace(curves=lambda runs: PNG_MARK)
        patch.setattr(run_folder, "charts", empty)
        yield


@pytest.fixture
def drawn_curves(monkeypatch):
    """Training runs draw curves.png."""
    monkeypatch.setattr(run_folder, "charts", charts)


@pytest.fixture
def undrawn(monkeypatch):
    """`evaluate` writes empty pictures: drawing them takes most of its time."""
    for module, name in ((charts, "confusion"), (figures, "sheet")):
        monkeypatch.setattr(module, name, lambda *given: PNG_MARK)


@pytest.fixture
def rng():
    return numpy.random.default_rng(0)


@pytest.fixture
def two_at_a_time(monkeypatch):
    """Layers go through a batch two pictures at a time, as if the cache held no more."""

    def slices(count, bytes_each, budget):
        return [slice(start, min(start + 2, count)) for start in range(0, count, 2)]

    monkeypatch.setattr(Memory, "slices", staticmethod(slices))


@pytest.fixture
def graded(tmp_path, capsys):
    """Grades a text as the command does: (exit code, what it prints, in a single line)."""

    def grade(text, name="layer.py", *arguments):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        code, out, error = call(gradcheck, path, *arguments, capsys=capsys)
        assert not error or code == 2, error
        theirs = r"^ {6}|^  \w+(Error|Exit): |" + re.escape(
            str(tmp_path)
        )  # lines of code and Python's messages
        assert all(len(line) <= 80 or re.search(theirs, line) for line in out.splitlines())
        return code, " ".join(out.split()) + error

    return grade
