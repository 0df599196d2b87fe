"""Lesson 10's claims: views, light along principal components, less overfitting, ten views."""

import numpy
import pytest


def test_what_it_says_of_views_and_light(run_lesson):
    made, printed = run_lesson("10", quick=True)
    assert "views in the paper: 2,178\n" in printed
    assert "views of a small picture: 162\n" in printed
    assert (made["train"].read([0] * 8, made["draws"]) == made["loops"]).all()
    assert made["draws"].mirror.any() and not made["draws"].mirror.all()

    pixels = made["some"].images.reshape(-1, 3)
    lam, p, added = made["lam"], made["p"], made["added"]
    assert sorted(lam, reverse=True) == list(lam)
    assert p @ numpy.diag(lam) @ p.T == pytest.approx(numpy.cov(pixels.T, bias=True) / 255**2)
    alpha = 0.1 * numpy.random.default_rng(6).standard_normal(3)
    by_hand = [
        sum(255 * alpha[i] * lam[i] * p[channel, i] for i in range(3)) for channel in range(3)
    ]
    assert added["the paper, 0 to 1"] == pytest.approx(by_hand)
    assert added["Lighting"] == pytest.approx(by_hand)
    assert added["λ of 0 to 255: wrong"] == pytest.approx(255 * added["the paper, 0 to 1"])
    assert abs(added["√λ for λ"]).sum() > 2 * abs(added["the paper, 0 to 1"]).sum()

    (own, new), (own_augmented, new_augmented) = made["curves"].values()
    assert own[-1] < own_augmented[-1] - 0.1
    assert new[-1] - own[-1] > new_augmented[-1] - own_augmented[-1] + 0.1

    assert len({view.tobytes() for view in made["ten"]}) == 10
    assert float(printed.split("largest difference: ")[1].split()[0]) < 1e-6


def test_solutions_say_what_light_and_more_pictures_do(run_lesson):
    made, _ = run_lesson("10", quick=True, solutions=True)
    some, relight = made["some"], made["relight"]
    shifts = 3 * made["lighting"].shifts(5, numpy.random.default_rng(0))
    brighter = (some.images[:5] + shifts[:, None, None] - some.standardize.mean) / made["std"]
    relit = relight(some.x[:5], 3, numpy.random.default_rng(0))
    assert relit == pytest.approx(brighter, abs=1e-5)
    assert (relight(some.x[:5], 0, numpy.random.default_rng(0)) == some.x[:5]).all()

    in_other_light = {
        strength: made["lit"][0, strength][-1, 2] + made["lit"][1, strength][-1, 2]
        for strength in (0, 10)
    }
    assert in_other_light[10] < in_other_light[0] - 0.05, "it has learnt what light may do"
    few, *_, many = made["gains"].values()
    assert few[-1] > many[-1] + 0.1, "the more pictures, the less crops gain"
