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


def test_solutions_say_how_high_a_rate_and_how_much_momentum(run_lesson):
    made, _ = run_lesson("09", quick=True, solutions=True)
    descend, zeros = made["descend"], made["zeros"]
    for m in (0, 0.3, 0.9, 0.99):
        limit = 2 * (1 + m) / 100
        below, above = descend(0.99 * limit, m, 3000), descend(1.01 * limit, m, 3000)
        assert abs(below[-1, 1]) < 1e-3 and abs(above[-1, 1]) > 1e3
        assert abs(zeros(0.99 * limit, m, 100)).max() < 1 < abs(zeros(1.01 * limit, m, 100)).max()
        assert zeros(limit, m, 100) == pytest.approx([-1, -m])

    far = made["far"]
    assert far[0.75] < far[0.5] and far[0.75] < far[0.9] < far[0] < far[0.99]
    for m in (0.75, 0.9, 0.99):
        assert abs(zeros(0.019, m, 1)) == pytest.approx(m**0.5)
    assert abs(zeros(0.019, 0.74, 1)).max() > 0.74**0.5, "not yet complex"

    for _, before, after in made["rolls"].values():
        assert after > before
    assert made["rolls"][0.01, 0.99][0] > 5 * made["rolls"][0.01, 0.9][0]
