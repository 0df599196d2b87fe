"""On every rank: what a Group does, checked against what it must give.

python exchange.py TRANSPORT     see transports.py
"""

import sys
import threading

import numpy

from minialex import backend
from minialex.distributed import sums
from minialex.distributed.group import ALONE, Group
from minialex.errors import InputError
from minialex.standin.cuda.streams import Task


def check_sums(xp, ranks, dtype):
    """Sums of any length, several of them at once, twice: the same bits on every rank."""
    k, n = ranks.rank, ranks.size
    smallest = 1 if sys.argv[1] == "nccl" else 0  # NCCL gets none of length 0
    arrays = []
    for size in (smallest, 1, n - 1, n, 1001, 300_000):
        parts = [numpy.random.default_rng((size, rank)).standard_normal(size) for rank in range(n)]
        arrays.append(
            (xp.asarray(parts[k].astype(dtype)), sum(part.astype(dtype) for part in parts))
        )
    threads = threading.active_count()
    together = ranks.sums(arrays[-1][0])
    for times in range(1, 3):
        for own, _ in arrays:
            together.begin(own)
        if xp is not numpy:
            assert threading.active_count() == threads  # one of its own would use another GPU
        together.wait()
        for own, expected in arrays:
            own, expected = backend.to_host(own), expected * n ** (times - 1)
            tolerance = 1e-5 if dtype == "float32" else 1e-12
            numpy.testing.assert_allclose(own, expected, rtol=tolerance, atol=tolerance)
            assert len({part.tobytes() for part in ranks.parts(own)}) == 1


def check_that_sums_need_nothing_that_comes_later(xp, ranks):
    """All pieces of an array are summed before the GPU does what it is asked for after them."""
    x = xp.full(300_000, ranks.rank, "float32")
    filled = xp.cuda.get_current_stream().record()
    complete = False

    def backward_of_other_layers():
        assert complete

    with xp.cuda.Stream(non_blocking=True) as stream:
        stream.wait_event(filled)
        together = ranks.sums(x)
        together.begin(x)
        stream.ask([], [], Task(backward_of_other_layers))
        while not together.advance():
            pass
        complete = True
        together.wait()
        assert (backend.to_host(x) == sum(range(ranks.size))).all()


def main():
    from transports import ranks_with  # which lies beside this script

    xp, ranks = ranks_with(sys.argv[1])
    k, n = ranks.rank, ranks.size
    assert n > 1

    # shares cover everything once, and differ by at most one
    for count in (0, 1, 7, 128):
        shares = [ranks.share(count, rank) for rank in range(n)]
        assert [i for share in shares for i in range(count)[share]] == list(range(count))
        assert max(s.stop - s.start for s in shares) - min(s.stop - s.start for s in shares) <= 1

    sums.PART_BYTES = 1 << 17  # so that the longest sum, too, has several pieces
    for dtype in ("float32", "float64"):
        check_sums(xp, ranks, dtype)
    if xp is not numpy:
        check_that_sums_need_nothing_that_comes_later(xp, ranks)

    # arrays of other lengths on each rank, also of length 0
    own = numpy.full((k, 2), k, numpy.int64)
    for rank, part in enumerate(ranks.parts(own)):
        assert part.shape == (rank, 2)
        assert (part == rank).all()
    for dtype in ("float32", "int64"):
        shapes = [(rank, 2) for rank in range(n)]
        everyones = ranks.gathered(xp.full((2, k), k, dtype).T, shapes)
        for rank, part in enumerate(map(backend.to_host, everyones)):
            assert (part.shape, part.dtype) == ((rank, 2), dtype)
            assert (part == rank).all()
    for least in (0, 1):
        added = ranks.added([xp.full((rank + least, 3), 10.0**k)[:, :2] for rank in range(n)])
        assert added.shape == (k + least, 2)
        assert (backend.to_host(added) == sum(10.0**rank for rank in range(n))).all()

    assert ranks.totals(k, 1) == (n * (n - 1) / 2, n)
    assert ranks.any(k == n - 1)
    assert not ranks.any(False)
    assert ranks.texts("é" * k) == ["é" * rank for rank in range(n)]
    assert ranks.everyones({"rank": k, "nothing": None}) == [
        {"rank": rank, "nothing": None} for rank in range(n)
    ]
    pair = ranks.split(k // 2)
    assert pair.totals(k) == (sum(rank for rank in range(n) if rank // 2 == k // 2),)
    assert [int(part[0]) for part in pair.gathered(xp.full(1, k), [(1,)] * pair.size)] == [
        rank for rank in range(n) if rank // 2 == k // 2
    ]
    array = xp.full((2, 3), k)
    ranks.spread(array)
    assert (backend.to_host(array) == 0).all()

    # what rank 0 cannot do is everybody's error
    assert ranks.on_first(lambda: "done") == ("done" if k == 0 else None)

    def fails():
        raise OSError("the disk is full")

    try:
        ranks.on_first(fails)
    except InputError as error:
        assert str(error) == "the disk is full"
    else:
        raise AssertionError("no error")

    assert isinstance(ALONE, Group)
    assert ALONE.totals(3, 4) == (3, 4)
    assert ALONE.any(True)
    assert ALONE.texts("a") == ["a"]
    print("right")


if __name__ == "__main__":
    main()
