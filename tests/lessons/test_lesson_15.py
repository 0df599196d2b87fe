"""Lesson 15's claims: towers, how each initialisation spreads the pictures, LRN, 55, the order."""

import re

import pytest
from lesson_runs import both_sizes


@both_sizes
def test_towers_weights_lrn_and_order_are_as_it_says(run_lesson, quick, tmp_path):
    made, printed = run_lesson("15", quick)
    lines = printed.splitlines()

    assert made["notices"] == {"conv2": False, "conv3": True, "conv4": False, "conv5": False}
    assert made["more"] == 5 * 5 * 48 * 256 + 3 * 3 * 192 * 384 + 3 * 3 * 192 * 256
    assert (tmp_path / "runs/lessons/15_towers.png").is_file()

    # Pixels 64 times larger spread the pictures at least 20 times as far; He's weights spread them
    # further still, and alike in every layer.
    small, large, he = (made["spreads"][kind] for kind in ("0.01, 1", "0.01, 64", "He, 1"))
    assert list(he) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert all(20 * small[name] < large[name] for name in he)
    assert small["fc8"] < 1e-3 * he["fc8"] and large["fc8"] < 0.1 * he["fc8"]
    assert min(he.values()) > 0.1

    reached = {
        (pixels, alpha): float(s)
        for pixels, alpha, s in re.findall(r"about +(\d+), α = (\S+): s up to (\S+)", printed)
    }
    assert reached["1", "1e-04"] < 2.01
    assert reached["64", "1e-04"] > 2.1
    assert abs((reached["64", "1e-04"] - 2) / (reached["64", "2e-05"] - 2) - 5) < 0.01

    for line in (
        "224, rounded up: 55.0",
        "224, padding 0: 54",
        "227, padding 0: 55",
        "224, padding 2: 55",
    ):
        assert line in lines
    assert "ReLU, MaxPool2d swapped: 0.000 apart" in lines
    apart = next(line for line in lines if line.startswith("ReLU, LocalResponseNorm swapped"))
    assert float(apart.split()[-2]) > 0.05


def test_solutions_scale_alpha_with_the_square_of_the_pixels(run_lesson):
    made, printed = run_lesson("15", quick=True, solutions=True)
    found = made["found"]
    assert found[64, 1e-4 * 64**2] == pytest.approx(found[1, 1e-4], rel=1e-3)
    assert found[1, 1e-4] > 2.1 and found[64, 1e-4] < 2.001
    assert made["s"] == pytest.approx(found[1, 1e-4], rel=0.1), "each colour has its own spread"
    assert re.search(r"^init +paper$", printed, re.M) and "900,000 steps" in printed
    assert "57.9 days in all" in printed
