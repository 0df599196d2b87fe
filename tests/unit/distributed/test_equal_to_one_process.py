"""Any number of ranks, by any scheme, does what one process does: in float64, to 1e-10."""

import json

import mpi
import pytest

from minialex.distributed.scheme import SCHEMES

pytestmark = pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))


@pytest.mark.parametrize("count", [2, 4])
def test_twenty_steps_with_dropout_and_augmentation(count):
    done = mpi.run(count, mpi.SCRIPTS / "prove.py", timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len(SCHEMES) * 2 * 2  # two engines, two optimisers
    for how, by in found.items():
        assert -by["moved by"] > 0.1, how
        assert -by["size of gradients"] > 0.1, how
        for what in ("gradients", "weights", "state", "history", "steps"):
            assert by[what] < 1e-10, (how, what, by)
