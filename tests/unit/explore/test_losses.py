"""The losses of a run under way."""

import json
import os

from data_helpers import needs_pipes, refusal

from minialex.explore import losses
from minialex.explore.losses import Losses


def line(step):
    return {
        "step": step,
        "epoch": step / 10,
        "loss": 2.0,
        "accuracy": 0.5,
        "learning_rate": 0.1,
        "images_per_second": 9.0,
    }


def write(path, steps, mode="w"):
    with open(path, mode) as file:
        file.writelines(json.dumps(line(step)) + "\n" for step in steps)


def steps(found):
    return [each["step"] for each in found.read()]


def test_each_line_comes_once_as_the_file_grows(tmp_path):
    path = tmp_path / "losses.jsonl"
    found = Losses(path)
    assert found.read() == []
    write(path, [1, 2])
    assert steps(found) == [1, 2]
    write(path, [3], "a")
    assert steps(found) == [1, 2, 3]
    assert found.read()[-1] == line(3)


def test_half_a_line_waits_for_its_other_half(tmp_path):
    path = tmp_path / "losses.jsonl"
    found, text = Losses(path), json.dumps(line(1)) + "\n"
    path.write_text(text[:20])
    assert found.read() == []
    path.write_text(text)
    assert steps(found) == [1]


def test_damaged_lines_are_left_out(tmp_path):
    path = tmp_path / "losses.jsonl"
    write(path, [1])
    with open(path, "a") as file:
        file.write("nonsense\n[]\n{}\n")
    write(path, [4], "a")
    assert steps(Losses(path)) == [1, 4]


@needs_pipes
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "losses.jsonl")
    said = refusal(Losses(tmp_path / "losses.jsonl").read)
    assert "it is a folder, a pipe or a device" in said


def test_a_replaced_file_is_read_from_its_beginning(tmp_path):
    path, other = tmp_path / "losses.jsonl", tmp_path / "other"
    write(path, range(5))
    found = Losses(path)
    found.read()
    write(other, [0, 1, 2, 13, 14, 15, 16])  # longer than the first: only the file itself tells
    os.replace(other, path)
    assert steps(found) == [0, 1, 2, 13, 14, 15, 16]


def test_a_file_cut_short_in_place_is_read_again(tmp_path):
    path = tmp_path / "losses.jsonl"
    write(path, range(5))
    found = Losses(path)
    found.read()
    write(path, [7])
    assert steps(found) == [7]


def test_of_very_many_lines_evenly_spaced_ones_stay_and_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(losses, "MOST", 8)
    path = tmp_path / "losses.jsonl"
    found = Losses(path)
    for step in range(30):
        write(path, [step], "a")
        kept = steps(found)
        assert len(kept) <= 9 and kept[-1] == step and len(set(kept)) == len(kept)
    assert kept == [0, 4, 8, 12, 16, 20, 24, 28, 29]
