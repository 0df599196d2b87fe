"""Lesson 20's claims: what arrives after 20 layers, both layers' gradients, who learns faster."""

import math

import numpy
import pytest

from minialex import fast
from minialex.layers import SoftmaxCrossEntropy


def test_what_it_says_of_depth_and_of_both_layers(run_lesson):
    made, _ = run_lesson("20", quick=True)
    walks, reports = made["walks"], made["reports"]

    # Activations and gradients: 0.085 a layer with 0.01, about as large everywhere with He's.
    first, *_, last = walks["2012"]["size"]
    assert math.log10(last / first) == pytest.approx(18 * math.log10(0.085), abs=1)
    first, *_, last = walks["He"]["size"]
    assert 0.1 < last / first < 10
    bottom = {name: walk["gradient"][0] / walk["gradient"][-1] for name, walk in walks.items()}
    assert bottom["2012"] < 1e-15 and bottom["He"] > 0.1
    assert 0.3 < bottom["shortcut"] < 1
    assert bottom["batch norm"] > 2 * bottom["both"] > 2

    # What is common to all pictures: most of it with plain layers, not with either idea.
    common = {name: walk["common"][-1] for name, walk in walks.items()}
    assert walks["He"]["common"][0] < 0.5 < 0.75 < common["He"]
    assert max(common["shortcut"], common["batch norm"], common["both"]) < common["He"] - 0.1

    right, wrong, residual = reports.values()
    assert right.passed and residual.passed
    assert {array.array for array in wrong.worst if array.error > 1e-6} == {"x"}

    ends = list(made["ends"].values())  # 4 and 8 layers plain, 4 and 8 with batch norm, both
    assert ends[4] < ends[3] < ends[1] - 0.2
    assert made["of_rates"]["batch norm"][1] < made["of_rates"]["plain"][1] - 0.05

    some, loss = made["some"], SoftmaxCrossEntropy()
    # The engine computes the same with layers of one's own.
    nets = [made["build"](made["both"], 2) for _ in range(2)]
    for step in (nets[0].step, fast.prepare(nets[1], workers=2).step):
        step(some.x[:16], some.labels[:16], loss)
    for name, gradient in nets[0].grads.items():
        numpy.testing.assert_allclose(nets[1].grads[name], gradient, rtol=1e-3, atol=1e-6)

    # y does not depend on the scale of x, and behind a linear layer a batch of one leaves beta.
    norm, x = made["BatchNorm"](5), numpy.random.default_rng(0).standard_normal((4, 3, 2, 5))
    y = norm.forward(x, train=True)
    numpy.testing.assert_allclose(norm.forward(100 * x, train=True), y, rtol=1e-4)
    assert abs(norm.forward(x[:1, :1, :1], train=True)).max() == 0


def test_solutions_of_lesson_20(run_lesson):
    made, _ = run_lesson("20", quick=True, solutions=True)
    assert made["apart"] < 1e-5
    right, bug = made["ends"]["right", 0.3], made["ends"]["with the bug", 0.3]
    assert right < bug - 0.2
