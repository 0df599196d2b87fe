"""Lesson 09's claims: rates too low and too high, momentum, both rules, and a net that learns."""

import pytest


def test_what_it_says_of_rates_and_momentum(run_lesson):
    made, printed = run_lesson("09", quick=True)
    slow, highest, too_high, with_momentum = made["far"]
    assert slow == too_high == 401 > highest > 2 * with_momentum
    paper, torch = made["lengths"]["paper"], made["lengths"]["torch"]
    assert paper[:60] == pytest.approx(torch[:60])
    assert paper[0] == pytest.approx(0.01)
    assert paper[59] == pytest.approx(0.1, rel=0.01)
    assert paper[60] == pytest.approx(0.9 * paper[59] + 0.001)
    assert torch[60] == pytest.approx(0.1 * torch[59], rel=0.01)
    assert float(printed.split("largest difference: ")[1].split()[0]) < 1e-12
    _, tenfold, momentum, _ = made["means"]
    assert tenfold[0] > momentum[0] + 0.2
    assert tenfold[-1] > momentum[-1]
