"""Lesson 16's claims: means by pictures, equal bits, the ring, the towers, who sends what."""

import itertools
import os
import re
import subprocess

import mpi
import numpy
import pytest

from minialex.cores import usable_cores
from minialex.distributed.exchange import Exchange, GatherLogits, JoinPictures
from minialex.distributed.group import Group
from minialex.distributed.part import Part
from minialex.distributed.scheme import Scheme
from minialex.lessons.source import FOLDER


@pytest.fixture
def refused(monkeypatch):
    """The training command fails with these lines on stderr."""

    def run(command, **options):
        error = "error: --ranks 2 needs mpirun, and there is none:\npython -m pip install mpi\n"
        return subprocess.CompletedProcess(command, 2, stdout="", stderr=error)

    monkeypatch.setattr(subprocess, "run", run)


def test_what_it_claims(run_lesson, refused, tmp_path):
    made, printed = run_lesson("16")
    for name in ("16_ring", "16_schemes"):
        assert (tmp_path / f"runs/lessons/{name}.png").is_file()
    pictures_count_and_not_ranks(made)
    orders_differ_and_hashes_tell(made, printed)
    a_ring_adds_up(made, printed)
    two_towers_are_the_net(made, printed)
    only_the_seam_notices(made)
    it_counts_what_parts_send(made)
    where_nothing_runs_it_says_why_and_goes_on(made, printed)


def pictures_count_and_not_ranks(made):
    assert list(made["errors"]) == [2, 4, 8]
    for by_pictures, by_ranks in made["errors"].values():
        assert by_pictures < 1e-6
        assert by_ranks > 0.02


def orders_differ_and_hashes_tell(made, printed):
    hashes = {
        (order, int(step)): found.split()
        for order, step, found in re.findall(r"^(.*), step +(\d+): .*%.*, (.*)$", printed, re.M)
    }
    assert set(hashes) == set(made["differ"]) and len(hashes) == 6
    shares = [made["differ"]["own first", step] for step in (1, 10, 100)]
    assert 0 < shares[0] < shares[1] < shares[2]
    for (order, step), found in hashes.items():
        assert len(found) == 4
        assert len(set(found)) == (1 if order == "all alike" else 4)
        assert made["differ"][order, step] == 0 or order == "own first"
    flipped = re.search(r"one bit flipped: +(\w{4})", printed)[1]
    assert flipped not in hashes["all alike", 100]


def a_ring_adds_up(made, printed):
    boards = made["boards"]
    assert len(boards) == 7
    for before, after in itertools.pairwise(boards):
        assert (before != after).sum() == 4  # each rank gets one part
    assert boards[-1].tolist() == [["0123", "1230", "2301", "3012"]] * 4
    assert "rank 0 after 3 rounds: 0 1230 230 30\n" in printed  # the first that is complete

    # of any length, also of fewer numbers than there are ranks
    for size in (0, 2, 1001):
        arrays = list(numpy.random.default_rng(size).integers(0, 99, (5, size)))
        total = sum(arrays)
        assert len(list(made["ring_sum"](arrays))) == 8
        assert all((array == total).all() for array in arrays)

    for K, megabytes in made["sends"].items():
        assert megabytes == pytest.approx(2 * (K - 1) / K * 4 * 2**20 / 1e6, abs=1e-4)
    assert made["hashes"] == {2: 1, 4: 1, 8: 1, 16: 1}


def two_towers_are_the_net(made, printed):
    logits, expected = made["logits"], made["expected"]
    assert logits.shape == (1, 1000)
    assert abs(logits - expected).max() < 1e-4 < abs(expected).max()
    kernels = re.findall(r"^conv\d \((\d+), ", printed, re.M)
    assert kernels == ["48", "128", "192", "192", "128"]


def only_the_seam_notices(made):
    alone, towers = made["damped"]
    assert (alone != towers).nonzero()[0].tolist() == [46, 47, 48, 49]
    for channel, neighbours in ((44, 5), (46, 4), (47, 3), (48, 3), (49, 4)):
        assert towers[channel] == pytest.approx(100 * (2 + neighbours) ** -0.75)


def it_counts_what_parts_send(made):
    net = made["net"]
    for K in (2, 4, 8):
        everybody, pairs, pair = group(K), group(K // 2), group(2)
        schemes = (
            Scheme("data", everybody, everybody),
            Scheme("towers", everybody, pairs, pair, pair),
            Scheme("one-weird-trick", everybody, everybody, linear=everybody),
        )
        for N in (128, 1024):
            counted = [sent(Part(net, scheme), N) / 1e6 for scheme in schemes]
            numpy.testing.assert_allclose(made["schemes"](K, N), counted, rtol=1e-12)
    for K in (2, 8):
        data, _, trick = made["schemes"](K, made["meet"])
        assert data == pytest.approx(trick)


def group(size):
    """A group that nobody can speak to."""
    found = Group()
    found.size = size
    return found


def sent(part, N):
    """The bytes that a rank sends on average in a step on N pictures: ring sums of the gradients,
    and to each rank what that one has not."""
    shape, total, n = part.network.input_shape, 0.0, N / part.scheme.pictures.size
    for name, layer in part.network.layers.items():
        gradients = sum(4 * param.size for param in layer.params.values())
        ranks = 1 if name in part.joined else part.scheme.pictures.size
        total += 2 * (ranks - 1) / ranks * gradients
        if isinstance(layer, JoinPictures):
            n = N
        shape = layer.output_shape(shape)
        if isinstance(layer, Exchange | JoinPictures):
            ways = 1 if isinstance(layer, GatherLogits) else 2
            missing = (layer.ranks.size - 1) / layer.ranks.size
            total += ways * missing * n * 4 * numpy.prod(shape)
    return total


def where_nothing_runs_it_says_why_and_goes_on(made, printed):
    assert made["losses"] == {"one process": [], "two ranks": []}
    said = "Not on this machine: error: --ranks 2 needs mpirun, and there is none: python"
    assert said in " ".join(printed.split())
    assert "To take away" in printed


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
@pytest.mark.skipif(usable_cores() < 2, reason="two ranks want a core each, and there is one")
def test_two_ranks_print_the_losses_of_one_process(run_lesson, monkeypatch):
    found = os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", found)
    losses = run_lesson("16", quick=True)[0]["losses"]
    one, two = (numpy.array(losses[kind], float) for kind in ("one process", "two ranks"))
    assert len(one) == len(two) == 2
    assert two == pytest.approx(one, abs=1e-3)


def test_solutions_zeros_places_and_half_a_ring(run_lesson, refused):
    made, printed = run_lesson("16", quick=True, solutions=True)
    assert "with NaN  : off by nan" in printed
    assert float(re.search(r"with zeros: off by (\S+)", printed)[1]) < 1e-6
    assert "the same numbers: True\nin their place: 256 of 9216" in printed
    assert abs(made["off"] - made["y"]).mean() > 0.5
    assert abs(made["sorted_columns"] - made["y"]).max() < 1e-4
    assert "all alike: True" in printed
    for rank, velocities in zip(made["ranks"], made["own_v"], strict=True):
        assert len(velocities) == 250
        assert rank == pytest.approx(made["whole"], abs=1e-12)
    assert made["losses"] == {"one process": [], "data": []}, "where nothing runs it goes on"


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
@pytest.mark.skipif(usable_cores() < 2, reason="two ranks want a core each, and there is one")
def test_solutions_really_on_two_ranks(run_lesson, monkeypatch):
    found = os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", found)
    losses = run_lesson("16", quick=True, solutions=True)[0]["losses"]
    one, two = (numpy.array(losses[kind], float) for kind in ("one process", "data"))
    assert len(one) == 2
    assert two == pytest.approx(one, abs=1e-3)
