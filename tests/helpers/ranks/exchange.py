"""On every rank: what a Group does, checked against what it must give."""

import numpy

from minialex.distributed.group import ALONE, Group
from minialex.distributed.start import connect
from minialex.errors import InputError


def main():
    ranks = connect()
    k, n = ranks.rank, ranks.size
    assert n > 1

    # shares cover everything once, and differ by at most one
    for count in (0, 1, 7, 128):
        shares = [ranks.share(count, rank) for rank in range(n)]
        assert [i for share in shares for i in range(count)[share]] == list(range(count))
        assert max(s.stop - s.start for s in shares) - min(s.stop - s.start for s in shares) <= 1

    # sums of any length, several of them at once; the same bits on every rank
    arrays = {}
    for size in (0, 1, n - 1, n, 1001, 300_000):
        for dtype in ("float32", "float64"):
            parts = [
                numpy.random.default_rng((size, rank)).standard_normal(size) for rank in range(n)
            ]
            arrays[size, dtype] = parts[k].astype(dtype), sum(part.astype(dtype) for part in parts)
    sums = [ranks.sum(own) for own, _ in arrays.values()]
    while not all([each.advance() for each in reversed(sums)]):
        pass
    for (_, dtype), (own, expected) in arrays.items():
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        numpy.testing.assert_allclose(own, expected, rtol=tolerance, atol=tolerance)
        assert len({part.tobytes() for part in ranks.parts(own)}) == 1

    # arrays of other lengths on each rank, also of length 0
    own = numpy.full((k, 2), k, numpy.int64)
    for rank, part in enumerate(ranks.parts(own)):
        assert part.shape == (rank, 2)
        assert (part == rank).all()
    added = ranks.added([numpy.full((rank + 1, 3), 10.0**k)[:, :2] for rank in range(n)])
    assert added.shape == (k + 1, 2)
    assert (added == sum(10.0**rank for rank in range(n))).all()

    assert ranks.totals(k, 1) == (n * (n - 1) / 2, n)
    assert ranks.any(k == n - 1)
    assert not ranks.any(False)
    assert ranks.texts("é" * k) == ["é" * rank for rank in range(n)]
    assert ranks.everyones({"rank": k, "nothing": None}) == [
        {"rank": rank, "nothing": None} for rank in range(n)
    ]
    pair = ranks.split(k // 2)
    assert pair.totals(k) == (sum(rank for rank in range(n) if rank // 2 == k // 2),)
    array = numpy.full(5, k)
    ranks.spread(array)
    assert (array == 0).all()

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
