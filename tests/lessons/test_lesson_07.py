"""Lesson 07's claims: the mean stays, the mask returns, dropout curbs overfitting, masks vote."""

import re

import numpy


def test_mean_mask_overfitting_and_votes(run_lesson):
    made, text = run_lesson("07", quick=True)
    assert "return x * self.cache" in text, "the shipped code"
    assert "equal to the loops: True" in text

    means = re.findall(r"train (-?[\d.]+) ± ([\d.]+), test (-?[\d.]+)", text)
    assert len(means) == 2
    for mean, spread, test in numpy.array(means, float):
        # five standard errors of a mean of 10,000, and rounding
        assert abs(mean - test) < 5 * spread / 10_000**0.5 + 0.01
    numpy.testing.assert_allclose(float(means[1][2]), 2 * float(means[0][2]), atol=0.02)

    right, no_divisor, other_coins = (abs(dx - made["true"]).max() for dx in made["ways"].values())
    assert right < 1e-8 and no_divisor > 0.1 and other_coins > 0.1

    (_, train, test), (_, dropped_train, dropped_test) = made["plain"], made["dropped"]
    assert train[-1] < 0.5 * dropped_train[-1]  # learns its pictures faster
    assert test[-1] > 1.1 * test.min()  # and gets worse on others
    assert dropped_test[-1] < 0.9 * test[-1] and dropped_test.min() < test.min()

    (one, _), (all_units, _) = made["judge"](numpy.log(made["votes"][0])), made["scaled"]
    votes, scaled = numpy.log(made["votes"]), made["head"].forward(made["maps"])
    assert made["geometric"][0] < one  # 64 votes are better than one
    assert abs(all_units - made["geometric"][0]) < 0.25 * abs(all_units - one)

    def probabilities(logits):
        p = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    assert abs(probabilities(votes.mean(axis=0)) - probabilities(scaled)).mean() < 0.02


def test_solutions_say_what_one_mask_costs(run_lesson):
    made, _ = run_lesson("07", quick=True, solutions=True)
    mean, all_units, geometric, Z = (made[name] for name in ("mean", "all_units", "geometric", "Z"))
    assert mean[0] > all_units[0] and mean[1] < all_units[1]
    assert (Z < 1).all(), "a vote is better than its masks are on average, for every picture"
    assert abs(mean[0] - geometric[0] + numpy.log(Z).mean()) < 1e-5
    assert (made["answers"][0] != made["answers"][1]).any()
    lost, lost_without = all_units[1] - mean[1], made["plain_all"][1] - made["plain_mean"][1]
    assert lost_without > lost, "who never learnt to do without units needs them all"
