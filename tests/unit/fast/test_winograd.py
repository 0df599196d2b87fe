"""The mathematics of Winograd convolution against loops, and what is kept of transformed weights.

test_twins.py compares the whole layer with the plain one, in every geometry and with every tile.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from geometries import GEOMETRIES
from naive import assert_close, assert_same, conv, to

from minialex import backend
from minialex.fast import choose
from minialex.fast.conv import FastConv2d
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.memory import Memory
from minialex.fast.winograd import Winograd
from minialex.fast.winograd_transforms import naive_winograd, transforms
from minialex.fast.workers import Workers
from minialex.layers import Conv2d

TILES = [(3, 2), (3, 3), (3, 4), (3, 5), (3, 6), (5, 2), (5, 3), (5, 4)]
PADDED = GEOMETRIES["conv, several tiles, padding"]


@pytest.mark.parametrize("r, m", TILES)
def test_the_transforms_turn_products_into_a_convolution(r, m, rng, xp):
    a, b, g = map(backend.to_host, transforms(m, r, xp, numpy.dtype("float64")))
    x, w = rng.standard_normal(m + r - 1), rng.standard_normal(r)
    expected = [sum(x[i + k] * w[k] for k in range(r)) for i in range(m)]
    numpy.testing.assert_allclose(a.T @ ((g @ w) * (b.T @ x)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sides", [(9, 7), (5, 5), (12, 6)])
@pytest.mark.parametrize("r, m", TILES)
def test_tile_by_tile_it_is_the_convolution_of_the_loops(r, m, sides, rng):
    x, weight = rng.standard_normal((2, *sides, 3)), rng.standard_normal((4, r, r, 3))
    assert_close(naive_winograd(x, weight, m), conv(x, weight, numpy.zeros(4)))


@pytest.mark.parametrize("r, m", TILES)
def test_the_layer_does_what_the_naive_version_does(r, m, rng, xp, monkeypatch):
    monkeypatch.setattr(choose, "winograd_tile", lambda *given: m)
    layer = fast(Conv2d(3, 4, r, rng=rng).astype("float64"), xp)
    x = rng.standard_normal((2, 11, 8, 3))
    y = naive_winograd(x, backend.to_host(layer.params["weight"]), m)
    assert_close(layer.forward(xp.asarray(x)), y)


@pytest.mark.parametrize("rows", [1, 10**6], ids=["small products", "large products"])
@pytest.mark.parametrize(
    "name", ["several tiles, two groups", "stride 2, padding, pixels left over"]
)
def test_with_little_memory_in_many_steps_the_numbers_are_the_same(name, rows, rng, monkeypatch):
    monkeypatch.setattr(choose, "ROWS", rows)
    monkeypatch.setattr(Memory, "temporary_bytes", lambda self, x: 30_000)  # one picture or two
    monkeypatch.setattr(Memory, "workspace_bytes", lambda self, x: 6_000)
    geometry = GEOMETRIES[f"conv, {name}"]
    plain = geometry.build(rng).astype("float64")
    x = rng.standard_normal((5, *geometry.shape))
    y = plain.forward(x, train=True)
    dy = rng.standard_normal(y.shape)
    layer = fast(plain)
    assert_close(layer.forward(x, train=True), y)
    assert_close(layer.backward(dy), plain.backward(dy))
    assert_close(layer.grads["weight"], plain.grads["weight"])


def fast(plain, xp=numpy, kept=None):
    """The fast twin, which takes Winograd convolution."""
    layer = FastConv2d.of(to(plain, xp), Memory(), Workers())
    layer.algorithm, layer.kept = "winograd", kept or KeptWeight()
    return layer


@pytest.fixture
def layer(rng):
    return fast(PADDED.build(rng).astype("float64"))


@pytest.fixture
def x(rng):
    return rng.standard_normal((2, *PADDED.shape))


def change_a_weight(layer):
    layer.params["weight"][3, 1, 1, 2] += 1


def change_all_weights(layer):
    layer.params["weight"] = layer.params["weight"] * 2


def train_for_a_step(layer):
    layer.backward(layer.forward(numpy.ones((1, 7, 5, 4)), train=True))
    layer.params["weight"] -= layer.grads["weight"]


@pytest.mark.parametrize("change", [change_a_weight, change_all_weights, train_for_a_step])
def test_a_kept_weight_does_not_outlive_a_change_of_it(change, layer, x):
    before = layer.forward(x).copy()
    assert_same(layer.forward(x), before)
    change(layer)
    after = layer.forward(x).copy()
    layer.algorithm = "im2col"
    assert_close(after, layer.forward(x))
    assert not numpy.allclose(before, after)


def test_nor_a_change_of_its_precision(layer, x):
    layer.astype("float32").forward(x.astype("float32"))
    y = layer.astype("float64").forward(x).copy()
    layer.algorithm = "im2col"
    assert_close(y, layer.forward(x))


def test_no_weight_is_kept_while_training(layer, x):
    layer.forward(x)
    assert layer.kept.kept
    layer.forward(x, train=True)
    assert not layer.kept.kept


def test_threads_share_what_is_kept_which_one_of_them_computes(x, rng, monkeypatch):
    plain, kept = PADDED.build(rng).astype("float64"), KeptWeight()
    twins = [fast(plain, kept=kept) for _ in range(4)]
    together, computed = threading.Barrier(4), []
    original = Winograd.forward_point_weights

    def counted(winograd):
        computed.append(winograd)
        time.sleep(0.05)  # the others have come as far meanwhile
        return original(winograd)

    monkeypatch.setattr(Winograd, "forward_point_weights", counted)

    def answer(twin):
        together.wait()
        return twin.forward(x).copy()

    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(answer, twins)
    for other in others:
        assert_same(other, first)
    assert len(computed) == 1
    assert not any("u" in twin.memory.arrays for twin in twins)
