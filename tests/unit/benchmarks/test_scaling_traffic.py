"""What each rank sends in a step: as derived from the network, and as counted."""

import json
import os
from pathlib import Path

import mpi
import numpy
import pytest

from benchmarks.scaling import imagined
from benchmarks.scaling.traffic import Traffic
from minialex import models

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
@pytest.mark.parametrize("count", [2, 4])
def test_what_is_derived_is_what_is_sent(count):
    """Two nets, three schemes, two batch sizes: bytes and messages of every rank, to the byte."""
    path = dict(env={**os.environ, "PYTHONPATH": str(ROOT)})
    done = mpi.run(count, mpi.SCRIPTS / "count.py", **path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 2 * 3 * 2
    for how, everyones in found.items():
        assert len(everyones) == count
        for sent, messages, *derived in everyones:
            assert sent > 500, how
            assert derived == [sent, messages], how


def test_gradients_of_alexnet_around_a_ring_of_four():
    """2 · 3/4 of its 60,965,224 parameters; 6 messages for each of the pieces of at most 8 MiB, of
    which fc6 has 19, fc7 9, fc8 2, and each other bucket 1; 3 for the number of pictures."""
    traffic = Traffic(imagined.network("alexnet", "data"), "data", 4)
    sendings = traffic.sendings(128)
    assert sum(each.sent for each in sendings) == pytest.approx(1.5 * 4 * 60_965_224, rel=1e-6)
    sums = [each for each in sendings if each.kind == "sum"]
    assert sum(each.messages for each in sendings) == 6 * (19 + 9 + 2 + len(sums) - 3) + 3
    assert [each.layer for each in sums][:3] == ["fc8", "fc7", "fc6"]


def test_the_papers_two_gpus_exchange_before_conv3_and_the_linear_layers():
    """By hand for 128 pictures: each sends 128 of 256 maps of 13×13 both ways before conv3, 128 of
    6×6 before fc6, 2,048 units twice, and 500 logits forward only. There is nothing to sum."""
    traffic = Traffic(imagined.network("alexnet", "towers"), "towers", 2)
    numbers = 2 * (13 * 13 * 128 + 6 * 6 * 128 + 2048 + 2048) + 500
    assert sum(each.sent for each in traffic.sendings(128)) == 4 * 128 * numbers
    assert sum(each.messages for each in traffic.sendings(128)) == 9


def test_one_weird_trick_sends_features_both_ways_and_sums_convolutions_alone():
    """By hand for two ranks with 64 pictures each."""
    network = models.build("alexnet", rng=numpy.random.default_rng(0))
    sendings = Traffic(network, "one-weird-trick", 2).sendings(128)
    convolutions = sum(p.nbytes for name, p in network.params.items() if name.startswith("conv"))
    features, hidden, logits = 2 * 64 * 9216, 2 * 2 * 128 * 2048, 128 * 500
    labels, numbers = 64 * 8, 8
    expected = convolutions + 4 * (features + hidden + logits) + labels + numbers
    assert sum(each.sent for each in sendings) == expected


def test_of_one_rank_nothing_is_sent():
    for scheme in ("data", "towers", "one-weird-trick"):
        assert Traffic(models.build("lenet"), scheme, 1).sendings(8) == []
