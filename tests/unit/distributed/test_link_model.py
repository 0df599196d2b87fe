"""A ring sum takes as long as the model says: 2 (K − 1) messages one after the other, of S / K
bytes each, which take α + S / K · β.

Other tests assert no times, as those are the machine's. Here the network's delay and rate are the
clock. They are set, not measured: no message can be faster. A busy machine makes them slower, so
the sum is repeated until it is fast enough.
"""

import json

import links
import mpi
import pytest

pytestmark = pytest.mark.skipif(bool(links.missing()), reason=str(links.missing()))

CASES = [(count, size) for count in (2, 4) for size in (2_000, 2_000_000, 10_000_000)]


def model(count, size, alpha, beta):
    """The seconds of a ring sum."""
    return 2 * (count - 1) * (alpha + size / count * beta)


@pytest.mark.parametrize(("delay_ms", "rate_mbit"), [(5, 200), (1, 100)])
def test_a_ring_sum_takes_as_long_as_the_model_says(delay_ms, rate_mbit):
    alpha, beta = delay_ms / 1e3, 8 / (rate_mbit * 1e6)
    least = [model(*case, alpha, beta) for case in CASES]
    # MPI announces a long message, and sends it when the receiver has answered: 3 α.
    # Twice that leaves room for TCP, which begins slowly. Sending all of x each time takes longer.
    most = [2 * model(*case, 3 * alpha, beta) for case in CASES]
    asked = json.dumps([(*case, enough) for case, enough in zip(CASES, most, strict=True)])
    with links.linked(4, delay_ms, rate_mbit) as hosts:
        done = hosts.run(mpi.SCRIPTS / "ring_times.py", asked, timeout=300)
    assert done.returncode == 0, done.stderr
    for seconds, low, high in zip(json.loads(done.stdout), least, most, strict=True):
        assert 0.9 * low <= seconds <= high


def test_sums_go_on_while_the_rank_computes():
    """They have time enough to be complete. If they only went on when the rank waits for them, it
    would wait for most of what they take."""
    count, size, rate_mbit = 2, 8_000_000, 200
    takes = model(count, size, 0.001, 8 / (rate_mbit * 1e6))
    with links.linked(count, delay_ms=1, rate_mbit=rate_mbit) as hosts:
        done = hosts.run(mpi.SCRIPTS / "hidden_sums.py", size, 3 * takes)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < takes / 4
