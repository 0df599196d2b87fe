"""Lesson 19's claims: what formats hold, what sums, updates and gradients lose, and what helps."""

import re

import numpy
import pytest


@pytest.fixture
def lesson(run_lesson):
    return run_lesson("19", quick=True)


def test_what_it_says_of_half_precision(lesson, tmp_path):
    made, printed = lesson
    assert "63,488 of 65,536 are finite; the same: True" in printed
    assert printed.count(": 1024, ") == 2
    assert "between -1 and 1: 48%" in printed
    for name, info in (("float32", numpy.finfo("float32")), ("float16", numpy.finfo("float16"))):
        expected = info.max, info.smallest_normal, info.smallest_subnormal, info.eps
        assert made["limits"][name] == pytest.approx(tuple(map(float, expected)))
    assert_bfloat16_rounds_to_the_nearest(made["bfloat16"])

    assert made["sums"]["float16"] == 2048
    assert made["sums"]["float32"] > 4900
    assert "2048 + 1 = 2048" in printed
    assert "products in float32 are exact: True" in printed
    assert made["left"]["float16"] == 1
    assert abs(made["left"]["float32"]) < 1e-3
    assert made["stuck"]["float16", 1e-5] > 0.4
    assert made["stuck"]["bfloat16", 1e-5] > 0.8
    assert max(made["stuck"][name, 1e-3] for name in ("float16", "bfloat16")) < 0.02

    lost, subnormal = made["shares"][64]
    assert lost < 0.01
    assert subnormal > 0.6
    lost, subnormal = made["shares"][65_536]
    assert 0.4 < lost < 0.6
    assert lost + subnormal > 0.99
    assert "exactly 1024 times as large: 8 of 8 arrays" in printed
    assert made["dw"].max() > 4 * made["dx"].max()
    assert "read from two bytes each, the same: True" in printed
    for name in ("19_gradients", "19_scales"):
        assert (tmp_path / f"runs/lessons/{name}.png").is_file()

    # S is halved until it fits; where that is, the lesson has computed beforehand.
    scales = numpy.log2(made["scales"])
    assert list(scales[:5]) == [24, 23, 22, 21, 20]
    assert abs(scales[-1] - made["most"]) <= 2

    easy, hard = numpy.transpose(list(made["falls"].values()))
    assert easy == pytest.approx(easy[0], rel=0.05)
    in_float32, everywhere, masters, scaled, bfloat16_everywhere, bfloat16_masters = hard
    assert in_float32 == pytest.approx(scaled, rel=0.01)
    assert in_float32 == pytest.approx(bfloat16_masters, rel=0.1)
    assert bfloat16_everywhere < everywhere < masters < 0.97 * in_float32

    too_small, enough, too_large = made["ends"]
    assert enough == pytest.approx(made["in_float32"], abs=0.01)
    assert too_small > enough + 0.01
    assert too_large == pytest.approx(made["first"], abs=0.01)


def assert_bfloat16_rounds_to_the_nearest(bfloat16):
    x = numpy.random.default_rng(0).standard_normal(10_000, numpy.float32)
    exponent = numpy.floor(numpy.log2(abs(x)))
    gap = 2.0 ** (exponent - 7)
    assert (bfloat16(x) == numpy.round(x / gap) * gap).all()  # numpy.round goes to even
    middles = numpy.arange(1, 2, 1 / 256, numpy.float32)
    assert (bfloat16(middles) == numpy.round(middles * 128) / 128).all()


def test_solutions_stop_counting_round_at_random_and_keep_squares(run_lesson):
    made, printed = run_lesson("19", quick=True, solutions=True)
    assert made["counts"] == (256, 2**24)
    assert (made["left"]["bfloat16"] == 1).all()
    assert abs(made["left"]["at_random"].mean()) < 0.02
    falls = made["falls"]
    assert falls["at_random"] == pytest.approx(falls["float32"], rel=0.2)
    assert falls["bfloat16"] < 0.5 * falls["float32"]
    assert made["moves"][0.001] == pytest.approx((0.001, 100), rel=0.01)
    assert made["moves"][0.01] == pytest.approx((0.001, 0.001), rel=0.1)
    mean = float(re.search(r"mean (\d\.\d+)\n", printed)[1])
    assert mean == pytest.approx(1.001, abs=1e-4)
    assert made["share"] > 0.5 > 0.1 > made["share_scaled"] > 0
