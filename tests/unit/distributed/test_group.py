"""What ranks exchange, on as many as there may be."""

import mpi
import pytest

pytestmark = pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_all_that_a_group_does(count):
    done = mpi.run(count, mpi.SCRIPTS / "exchange.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["right"] * count
