"""Runs, a browser and tabs for the tests of the explorer's page. Without a browser, all of them are
skipped."""

import shutil
from pathlib import Path

import numpy
import pytest
from explore_page import forward, missing, tab
from explore_subjects import CAMERA, PICTURE, UNIT, in_64_bits
from trained_runs import trained

import minialex
from benchmarks.browser import browser, serving
from minialex import data, models, train
from minialex.data import shapes
from minialex.inference import load


def pytest_collection_modifyitems(items):
    for item in items:
        if missing() and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=str(missing())))


@pytest.fixture(scope="session")
def drawn():
    return shapes.load(seed=1, train_size=200, test_size=60)


@pytest.fixture(scope="session")
def pixels(drawn):
    return drawn.test.images[PICTURE]


@pytest.fixture(scope="session")
def runs(drawn, tmp_path_factory):
    """A run of 20 steps that normalises and has kept weights; and itself as it was after ten."""
    folder = tmp_path_factory.mktemp("runs")
    arrays = {}
    for name, images in (("train", drawn.train), ("test", drawn.test)):
        arrays |= {f"x_{name}": images.images, f"y_{name}": images.labels}
    numpy.savez(folder / "shapes.npz", **arrays, class_names=numpy.array(drawn.class_names))
    options = [folder / "shapes.npz", "--model", "alexnet-cifar", "--lrn", "before-pool"]
    options += ["--batch-size", 20, "--epochs", 2, "--augment", "none", "--workers", 2]
    options += ["--keep-weights", "--checkpoint-every", 5]
    run = trained(folder / "run", *options, "--max-steps", 10)
    early = shutil.copytree(run, folder / "early")
    assert train.main(["--resume", str(run)]) == 0
    return run, early


@pytest.fixture(scope="session")
def run(runs):
    return runs[0]


@pytest.fixture(scope="session")
def net(run):
    """The network that the page shows, as every program uses it."""
    return load(run, backend_name="numpy")


@pytest.fixture(scope="session")
def exact(run):
    """The same with layers that compute in 64 bits, to compare with."""
    return in_64_bits(run)


@pytest.fixture(scope="session")
def outputs(exact, pixels):
    return forward(exact, pixels)


@pytest.fixture(scope="session")
def grey(drawn, tmp_path_factory):
    """A LeNet for grey pictures, trained on arrays, so that it names no data set."""
    arrays = []
    for images in (drawn.train, drawn.test):
        arrays += [images.images[:, 2:30, 2:30].mean(axis=3).astype(numpy.uint8), images.labels]
    network = models.build("lenet", rng=numpy.random.default_rng(0))
    trainer = minialex.Trainer(network, data.from_arrays(*arrays), batch_size=20)
    trainer.fit(1)
    path = tmp_path_factory.mktemp("grey") / "grey.npz"
    trainer.save(path)
    return path


@pytest.fixture(scope="module")  # no longer: its event loop would be in the way of other tests
def chromium():
    with browser(CAMERA) as found:
        yield found


@pytest.fixture(scope="session")
def address(run):
    with serving(run) as (found, _):
        yield found


@pytest.fixture(scope="session")
def grey_address(grey):
    with serving(grey) as (found, _):
        yield found


@pytest.fixture
def page(chromium, address):
    """A tab where nothing may go wrong."""
    with tab(chromium, address) as found:
        yield found
        assert found.complaints == []


@pytest.fixture
def refused(chromium, address):
    """A tab whose browser may be refused what it asks for."""
    with tab(chromium, address) as found:
        yield found
        assert [said for said in found.complaints if "Failed to load" not in said] == []


@pytest.fixture
def grey_page(chromium, grey_address):
    with tab(chromium, grey_address) as found:
        yield found
        assert found.complaints == []


@pytest.fixture(scope="module")
def units(chromium, address):
    """A tab for tests that only point at units."""
    with tab(chromium, address) as found:
        yield found.open(**UNIT)
        assert found.complaints == []


@pytest.fixture(scope="module")
def full(chromium, address):
    """A tab in which all there is to see is open."""
    with tab(chromium, address) as found:
        found.open(picture=f"test/{PICTURE}", layer="conv1", unit="0,4,5")
        found.labelled("gradients, flowing back from").check()
        found.labelled("Cover a square").check()
        found.labelled("Switch kernel 5 off").check()
        found.labelled("Let me predict it first").check()
        found.settle().find("#unit-body .sum button").click()
        found.find("#proof[aria-busy=false] table").wait_for()
        yield found
        assert found.complaints == []
