"""Lesson 13's claims: the same on either module, where float64 comes from, one kernel for six."""

import shutil

import numpy
import pytest
from lesson_runs import both_sizes

from minialex import backend, optim, standin
from minialex.fast.lrn import FastLocalResponseNorm
from minialex.fast.memory import Memory
from minialex.fast.workers import Workers
from minialex.layers import LocalResponseNorm
from minialex.network import Network


@both_sizes
def test_it_computes_the_same_on_either_module_and_says_what_it_counts(
    run_lesson, quick, monkeypatch, xp
):
    monkeypatch.setattr(backend, "get", lambda name: xp)
    made, printed = run_lesson("13", quick)
    lines = printed.splitlines()

    assert (f"{xp.__name__} on the CPU: no GPU here" in lines) == (xp is numpy)
    assert abs(backend.to_host(made["there"]) - made["here"]).max() < 1e-4
    assert len(made["losses"]) == (2 if quick else 4)
    assert (
        backend.of(made["losses"][0]) is xp
        if xp is not numpy
        else isinstance(made["losses"][0], numpy.float32)
    )

    dtypes = dict(line.rsplit(None, 1) for line in lines if line.endswith((" float32", " float64")))
    surprises = {"x * numpy.sqrt(2)", "x + xp.zeros(3)", "x + xp.arange(3)"}
    assert {text for text, dtype in dtypes.items() if dtype == "float64"} == surprises
    assert len(dtypes) == 6

    assert any(line.startswith("expected labels from 0 to 9 ") for line in lines)
    assert made["moved"] == [2, 3, 2, 2, 3, 3]  # three times the five numbers that the kernel moves
    weight, grad, velocity = made["start"].copy()
    optim.SGD(Network([], (1,)), **made["rates"]).update(weight, grad, velocity)
    assert abs(weight - made["start"][0]).max() > 1e-3
    assert (
        abs(weight - made["weight"]).max() < 1e-6 and abs(velocity - made["velocity"]).max() < 1e-6
    )
    assert (made["weight"] == made["arrays"][0]).all()


def test_solutions_what_waits_and_what_lrn_moves(run_lesson):
    made, printed = run_lesson("13", quick=True, solutions=True)
    if shutil.which("g++"):
        assert list(made["waits"].values()) == [[0, 0, 0, 0, 10], 2, 6 * 8]
    assert list(made["in_an_epoch"].values()) == [2 * 313, 32, 16, 3 * 16]
    assert made["moved"][1] == pytest.approx(100 / 96)
    assert made["moved"][:1] + made["moved"][2:] == [3, 2, 2, 3, 3, 3, 3, 2, 2, 2, 3]
    assert "twelve kernels  4.32 GB  1.44 ms" in printed
    assert "one kernel      0.45 GB  0.15 ms" in printed


@pytest.mark.usefixtures("compiler")
def test_solutions_say_what_lrn_moves_in_one_kernel():
    x = standin.asarray(numpy.ones((2, 5, 5, 16), "float32"))
    layer = FastLocalResponseNorm.of(LocalResponseNorm(), Memory(), Workers())
    with standin.accounting() as account:
        layer.forward(x)
    [kernel] = account.log
    assert kernel.read + kernel.written == 3 * x.nbytes
