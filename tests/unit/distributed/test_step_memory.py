"""How much memory a step of one rank takes: what is said before against what is allocated."""

import mpi
import pytest

from minialex.distributed.scheme import SCHEMES

pytestmark = pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_said_is_within_an_eighth_of_what_a_ranks_step_takes(scheme):
    done = mpi.run(2, mpi.SCRIPTS / "step_memory.py", scheme)
    assert done.returncode == 0, done.stderr
    assert 0.88 < float(done.stdout) < 1.12
