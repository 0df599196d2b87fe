"""A trained run, the explorer's application that shows it, and a page that asks it."""

import pytest
from explore_client import PORT, TOKEN, Client, an_explorer
from explored import trained_run


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def app(run):
    pytest.importorskip("flask", reason="the page needs Flask")
    from minialex.explore.server import create_app

    return create_app(an_explorer(run.path), TOKEN, PORT)


@pytest.fixture
def page(app):
    """A page that knows the token."""
    return Client(app)
