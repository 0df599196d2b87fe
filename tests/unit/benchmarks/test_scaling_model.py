"""The model of steps on many ranks, against numbers worked out by hand."""

from dataclasses import replace

import numpy
import pytest

from benchmarks.scaling import stated_links
from benchmarks.scaling.compute import Compute
from benchmarks.scaling.line import Line
from benchmarks.scaling.link import MESSAGES, PARTS, link
from benchmarks.scaling.model import Link, step, unhidden
from benchmarks.scaling.predictions import Predictions, tree_pays_below
from benchmarks.scaling.traffic import Sending, Traffic
from minialex.layers import Conv2d, Flatten, Linear
from minialex.network import Network

#: α = 2 s, β = 0.25 s a byte, γ = 0.5 s a byte, and 1 s a round of the ring's own.
LINK = Link(2.0, 0.25, 0.5, 1.0)


def test_what_many_ranks_do_together_takes():
    """8 bytes on 4 ranks, 2 bytes a part."""
    assert LINK.ring_sum(8, 4) == 6 * (1 + 2 + 0.5) + 6 * 0.5
    assert replace(LINK, part=1).ring_sum(8, 4) == 6 * (2 * (1 + 2) + 0.5) + 6 * 0.5
    assert LINK.tree_sum(8, 4) == 2 * 2 * (1 + 2 + 2) + 2 * 8 * 0.5
    assert LINK.gather(8, 4) == 2 * 2 + 6 * 0.25
    assert LINK.scatter(8, 4) == 3 * (2 + 0.5) + 6 * 0.5


@pytest.mark.parametrize("ranks", [4, 64, 1024])
def test_where_ring_and_tree_take_the_same(ranks):
    size = tree_pays_below(ranks, LINK)
    assert LINK.tree_sum(size, ranks) == pytest.approx(LINK.ring_sum(size, ranks))
    assert LINK.tree_sum(size / 2, ranks) < LINK.ring_sum(size / 2, ranks)


def sum_of(size, ranks=2):
    return Sending("sum", "", ranks, size, size, 2 * (ranks - 1))


def test_a_sum_hides_behind_the_layers_that_follow():
    """A sum of 2 rounds of 4 s, begun at 1: complete at 9."""
    link = Link(4.0, 0.0)
    walk = [("b", 1.0), ("a", 7.0)]
    assert unhidden(walk, {"b": sum_of(1)}, link) == 9 - 8
    assert unhidden([("b", 1.0), ("a", 70.0)], {"b": sum_of(1)}, link) == 0
    # a second one, begun when the link is free
    assert unhidden(walk, {"b": sum_of(1), "a": sum_of(1)}, link) == 9 + 8 - 8


def test_in_the_background_a_round_takes_longer():
    """Of 2 rounds of 4 s + 1 s each, begun at 1, one is complete when a is, at 6; then the other
    takes 4 s."""
    link = Link(4.0, 0.0, pause=1.0)
    assert unhidden([("b", 1.0), ("a", 5.0)], {"b": sum_of(1)}, link) == 10 - 6


def test_what_the_rank_adds_up_does_not_hide():
    link = Link(4.0, 0.5, 0.5, 0.5)
    assert unhidden([("c", 3.0), ("b", 100.0)], {"c": sum_of(8)}, link) == link.additions(8, 2) == 2


def test_without_anything_behind_it_a_sum_takes_all_of_its_time():
    assert unhidden([("a", 3.0)], {"a": sum_of(8, 4)}, LINK) == LINK.ring_sum(8, 4)


def test_what_the_own_core_copies_does_not_hide():
    link = Link(4.0, 0.5, 0.5, 0.5, background=False)
    sums = {"c": sum_of(2), "a": sum_of(8)}
    expected = link.ring_sum(2, 2) + link.ring_sum(8, 2)
    assert unhidden([("c", 3.0), ("b", 100.0), ("a", 1.0)], sums, link) == expected


def small_net():
    """144 numbers after conv1, 72 bytes of its weights, 2 × 144 and 2 parameters in fc2."""
    rng = numpy.random.default_rng(0)
    layers = [("conv1", Conv2d(1, 4, 3, rng=rng)), ("flatten", Flatten())]
    return Network([*layers, ("fc2", Linear(144, 2, rng=rng))], (8, 8, 1))


NOTHING, FREE = Line(0.0, 0.0), Link(0.0, 0.0)


def compute(conv1, fc2, update=0.0):
    """From the lines, forward and backward, of two layers."""
    ways = [{"conv1": conv1[i], "flatten": NOTHING, "fc2": fc2[i]} for i in (0, 1)]
    return Compute(*ways, update)


#: conv1 takes 1 s and 2 s a picture forward, 3 s and 4 s a picture backward; fc2 the same + 10.
COMPUTE = compute((Line(1.0, 2.0), Line(3.0, 4.0)), (Line(11.0, 12.0), Line(13.0, 14.0)), 0.1)


def test_a_step_computes_its_share():
    """8 pictures on 4 ranks: 2 each; in one weird trick fc2 sees all 8, but has half of the units
    on 2 ranks, and all of them on 4, as they are only two; a tower has half of the units and, in
    pairs, 4 pictures."""
    network, parameters, convolution = small_net(), 40 + 290, 40

    def took(scheme, ranks):
        found = step(Traffic(network, scheme, ranks), COMPUTE, FREE, 8)
        assert (found.exchange, found.wait) == (0, 0)
        return found.compute, found.update

    assert took("data", 1) == (4 + 6 * 8 + 24 + 26 * 8, pytest.approx(0.1 * parameters))
    assert took("data", 4) == (4 + 6 * 2 + 24 + 26 * 2, pytest.approx(0.1 * parameters))
    own = convolution + 145
    assert took("one-weird-trick", 2) == (
        4 + 6 * 4 + (24 + 26 * 8) / 2,
        pytest.approx(0.1 * own),
    )
    assert took("towers", 4) == (
        (4 + 6 * 4) / 2 + (24 + 26 * 4) / 2,
        pytest.approx(0.1 * parameters / 2),
    )


def test_a_step_takes_as_long_as_on_the_rank_with_most_pictures():
    found, even = (step(Traffic(small_net(), "data", 2), COMPUTE, FREE, n) for n in (7, 8))
    assert found == even


def test_a_step_exchanges_and_waits():
    """data on 2 ranks: the numbers of pictures, then one sum of all 330 gradients, after all is
    computed, as they are fewer than a bucket. A tower: conv1's maps before fc2 both ways, the
    logits forward."""
    network, link = small_net(), Link(2.0, 0.25)
    found = step(Traffic(network, "data", 2), COMPUTE, link, 8)
    assert found.exchange == link.gather(16, 2)
    assert found.wait == pytest.approx(link.ring_sum(4 * 330, 2))
    found = step(Traffic(network, "towers", 2), COMPUTE, link, 8)
    maps, logits = 4 * 8 * 144, 4 * 8 * 2
    expected = link.gather(maps, 2) + link.scatter(maps, 2) + link.gather(logits, 2)
    assert found.exchange == pytest.approx(expected)
    assert found.wait == 0


def test_a_line_through_exact_points_is_found():
    points = {x: 3e-6 + 2e-10 * x for x in (8, 4096, 1 << 24)}
    found = Line.through(points)
    assert (found.fixed, found.each) == (pytest.approx(3e-6), pytest.approx(2e-10))


def test_a_line_through_scattered_points_comes_close_relative_to_each():
    """Large values are a fifth too large or too small: the small ones still say where it begins."""
    rng = numpy.random.default_rng(0)
    points = {
        x: (3e-6 + 2e-10 * x) * rng.uniform(0.8, 1.2) for x in numpy.geomspace(8, 1 << 26, 40)
    }
    found = Line.through(points)
    assert found.fixed == pytest.approx(3e-6, rel=0.1)
    assert found.each == pytest.approx(2e-10, rel=0.1)


def test_a_line_has_no_negative_part():
    assert Line.through({1: 1.0, 2: 4.0}).fixed == 0
    assert Line.through({1: 4.0, 2: 1.0}).each == 0
    assert Line.through({5: 10.0}) == Line(0.0, 2.0)
    assert Line.through({1: 0.0, 2: 0.0}) == Line(0.0, 0.0)


@pytest.mark.parametrize("ranks", [2, 5])
def test_the_link_is_recovered_from_what_it_takes(ranks):
    known = Link(5e-6, 3e-10, 1e-10, 4e-5)
    one_way = Link(5e-6, 2e-10)  # faster, as only one of the two is sending
    found = link(
        {
            "ranks": ranks,
            "messages": {str(size): [one_way.message(size)] * 3 for size in MESSAGES},
            "parts": {str(n): [known.ring_sum(n * ranks, ranks)] * 3 for n in PARTS},
            "additions": {"1000": [1e-7, 1e-7, 9.0]},
        }
    )
    for name in ("latency", "byte", "addition", "own"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=1e-6), name
    assert not found.background  # all ranks are on one machine


def test_compute_is_recovered_from_medians():
    ways = lambda n: [[1 + 2 * n] * 2 + [99], [3.0 + n] * 3]  # noqa: E731
    found = Compute.of(
        {
            "parameters": 10,
            "layers": {str(n): {"conv1": ways(n)} for n in (1, 4, 16)},
            "update": [5.0, 1.0, 9.0],
        }
    )
    assert found.update == 0.5
    assert found.forward["conv1"](100) == pytest.approx(201)
    assert found.backward["conv1"](100) == pytest.approx(103)
    assert found.seconds(100, 10) == pytest.approx(201 + 103 + 5)


def predictions(taken):
    """Of a net whose layers take the given time; each update takes none."""
    found = Predictions("small", taken)
    found.network = lambda scheme: small_net()
    return found


def test_where_nothing_is_lost_k_ranks_are_k_times_as_fast():
    steady = [Line(0.0, 1.0)] * 2
    found = predictions(compute(steady, steady))
    for ranks in (1, 16, 1024):
        assert found.speedup("data", ranks, 1024, FREE) == pytest.approx(ranks)
    assert found.efficient("data", 64, FREE, 1024) == 64  # others have no picture
    assert found.fastest("data", 64, FREE, 16) == 16
    # 1,281,167 pictures are 1,252 steps, of which each takes 4 · 1024 / 4 seconds
    assert found.hours("data", 4, 1024, FREE) == pytest.approx(90 * 1252 * 1024 / 3600)


def test_how_many_pictures_a_rank_needs():
    """(a + bKn) / K(a + bn) with a = 4, b = 1 on 2 ranks: 6/10, 8/12, 12/16, 20/24 for n of 1, 2,
    4, 8."""
    found = predictions(compute((Line(4.0, 1.0), NOTHING), (NOTHING, NOTHING)))
    assert found.efficiency("data", 2, 8, FREE) == pytest.approx(12 / 16)
    assert found.least_share("data", 2, FREE) == 8
    assert found.least_share("data", 2, FREE, most=4) is None
    # of 16 pictures 20/24 on 2 ranks, 20/32 on 4
    assert found.efficient("data", 16, FREE, 1024) == 2


def test_stated_links():
    """10 Gbit/s of which 94% remain are 1.175 GB/s; what adding takes is the ranks' own."""
    found = stated_links.ethernet(LINK)["10 Gbit/s"]
    assert found.byte == pytest.approx(1 / 1.175e9)
    assert (found.latency, found.addition, found.own) == (25e-6, LINK.addition, LINK.own)
    assert found.pause > 0
    for each in [found, *stated_links.gpu_links().values()]:
        assert each.background
