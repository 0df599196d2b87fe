"""The rule by which convolutions choose their algorithm."""

import numpy
import pytest
from naive import assert_same, to

from minialex import backend
from minialex.fast import choose
from minialex.fast.conv import FastConv2d
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.memory import Memory
from minialex.fast.workers import Workers
from minialex.layers import Conv2d

ON_CPU, ON_GPU = False, True


def fast(plain, xp, algorithm=None):
    layer = FastConv2d.of(to(plain, xp), Memory(), Workers())
    layer.algorithm, layer.kept = algorithm, KeptWeight()
    return layer


def test_what_is_chosen_gives_what_one_of_the_two_gives(rng, xp):
    x = xp.asarray(rng.standard_normal((2, 12, 12, 32), dtype=numpy.float32))
    layer = fast(Conv2d(32, 64, 3, padding=1, rng=rng), xp)
    found = {}
    for algorithm in (None, "im2col", "winograd"):
        layer.algorithm = algorithm
        found[algorithm] = backend.to_host(layer.forward(x)).copy()
    assert any((found[None] == found[algorithm]).all() for algorithm in ("im2col", "winograd"))
    assert not (found["im2col"] == found["winograd"]).all()


@pytest.mark.parametrize("algorithm", [None, "winograd"])
@pytest.mark.parametrize(
    "options", [dict(kernel_size=7), dict(kernel_size=3, stride=2), dict(kernel_size=1)]
)
def test_it_is_im2col_where_winograd_does_not_apply(options, algorithm, rng, xp):
    plain = Conv2d(64, 64, rng=rng, **options)
    x = xp.asarray(rng.standard_normal((1, 24, 24, 64), dtype=numpy.float32))
    y = backend.to_host(fast(plain, xp, algorithm).forward(x)).copy()
    assert_same(fast(plain, xp, "im2col").forward(x), y)
    assert not choose.winograd_applies(plain)


def test_a_gpu_always_takes_im2col():
    conv, size = Conv2d(96, 128, 3, padding=1), (64, 8, 8)
    assert choose.algorithm(conv, size, ON_CPU) == "winograd"
    assert choose.algorithm(conv, size, ON_GPU) == "im2col"


def test_alexnets_convolutions_take_winograd_in_large_batches():
    """benchmarks/README.md measures that it is two to four times as fast there."""
    conv1, conv3 = Conv2d(3, 96, 11, stride=4), Conv2d(256, 384, 3, padding=1)
    for conv, side in ((conv1, 55), (Conv2d(96, 256, 5, padding=2), 27), (conv3, 13)):
        assert choose.algorithm(conv, (128, side, side), ON_CPU) == "winograd"
    assert choose.algorithm(conv3, (1, 13, 13), ON_CPU) == "im2col"  # the cores share one product


def test_a_kept_weight_makes_winograd_cheaper():
    conv, size = Conv2d(256, 384, 3, padding=1), (4, 13, 13)
    kept, fresh = (choose.winograd_cost(conv, 4, size, kept) for kept in (True, False))
    assert kept < fresh


@pytest.mark.parametrize("kernel_size, largest", [(3, 6), (5, 4)])
def test_tiles_never_cover_more_than_float32_allows(kernel_size, largest):
    conv = Conv2d(64, 64, kernel_size)
    tiles = [choose.winograd_tile(conv, (64, side, side)) for side in range(1, 60)]
    assert max(tiles) == largest
