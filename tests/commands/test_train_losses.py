"""losses.jsonl, which a run writes while it trains."""

import math

import pytest
from command_runs import call
from trained_runs import assert_same, contents

from minialex import loss_lines, train
from minialex.io.run_folder import read_losses


def test_an_epoch_s_lines_add_up_to_its_mean(small, tmp_path, capsys, monkeypatch):
    """A line for each step, or only at the end of an epoch: nothing else depends on it."""
    for every, steps in ((0, range(1, 11)), (math.inf, (5, 10))):
        monkeypatch.setattr(loss_lines, "EVERY", every)
        folder = tmp_path / str(every)
        assert call(train.main, *small, "--out", folder, capsys=capsys)[0] == 0
        lines = read_losses(folder / "losses.jsonl")
        assert [line["step"] for line in lines] == list(steps)
        assert [line["epoch"] for line in lines] == [step / 5 for step in steps]
        for number, metrics in enumerate(contents(folder)[2], 1):
            own = [line for line in lines if number - 1 < line["epoch"] <= number]
            for name in ("loss", "accuracy"):
                mean = sum(line[name] for line in own) / len(own)
                assert mean == pytest.approx(metrics[f"train_{name}"])
            assert own[-1]["learning_rate"] == metrics["learning_rate"]
    assert_same(contents(tmp_path / "0"), contents(tmp_path / "inf"))


def test_a_stopped_and_resumed_run_has_each_step_once(small, tmp_path, capsys):
    folder = tmp_path / "run"
    for options in ([*small, "--max-steps", 3, "--out", folder], ["--resume", folder]):
        assert call(train.main, *options, capsys=capsys)[0] == 0
    steps = [line["step"] for line in read_losses(folder / "losses.jsonl")]
    assert {3, 5, 10} <= set(steps)
    assert steps == sorted(set(steps))
