"""What ranks exchange, on as many as there may be, on the CPU and on the stand-in for a GPU."""

import mpi
import pytest

pytestmark = pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("transport", ["cpu", "staged", "nccl", "cuda-aware-mpi"])
def test_all_that_a_group_does(transport, count):
    done = mpi.run(count, mpi.SCRIPTS / "exchange.py", transport)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["right"] * count
