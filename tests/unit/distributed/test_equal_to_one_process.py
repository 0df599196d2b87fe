"""Any number of ranks, by any scheme, does what one process does: in float64, to 1e-10."""

import json

import mpi
import pytest

from minialex.distributed.scheme import SCHEMES

pytestmark = pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))


def proven(count, *arguments):
    """By how much runs on so many ranks differ from one on NumPy, by what they are called."""
    done = mpi.run(count, mpi.SCRIPTS / "prove.py", *arguments, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for how, by in found.items():
        assert -by["moved by"] > 0.05, how
        assert -by["size of gradients"] > 0.1, how
        for what in ("gradients", "weights", "state", "history", "steps"):
            assert by[what] < 1e-10, (how, what, by)
    return found


@pytest.mark.parametrize("count", [2, 4])
def test_twenty_steps_with_dropout_and_augmentation(count):
    found = proven(count, "cpu")
    assert len(found) == len(SCHEMES) * 2 * 2  # two engines, two optimisers


@pytest.mark.usefixtures("compiler")
def test_the_same_on_gpus_by_whichever_way_their_arrays_travel():
    found = proven(2, "staged", "nccl", "cuda-aware-mpi")
    assert len(found) == 3 * (len(SCHEMES) + 1)  # the fast engine in each, the plain one once


@pytest.mark.usefixtures("compiler")
def test_towers_by_nccl_with_another_pair_beside_them():
    """Activations travel within a pair and sums of gradients between the pairs, at the same
    time."""
    assert len(proven(4, "nccl", "--schemes", "towers")) == 2
