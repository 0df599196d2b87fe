"""A trained run, the explorer's application that shows it, and a page that asks it."""

import shutil

import pytest
from explore_client import PORT, TOKEN, Client, an_explorer
from explored import trained_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run that stays as it is."""
    return trained_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the run that may be changed."""
    return type(finished)(shutil.copytree(finished.path, tmp_path / "copy"))


@pytest.fixture(scope="module")
def app(finished):
    pytest.importorskip("flask", reason="the page needs Flask")
    from minialex.explore.server import create_app

    return create_app(an_explorer(finished.path), TOKEN, PORT)


@pytest.fixture
def page(app):
    """A page that knows the token."""
    return Client(app)
