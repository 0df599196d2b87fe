"""The folder of a run: which one is refused, the loss as it comes, the weights that are kept."""

import json
import os

import pytest
from data_helpers import needs_pipes, refusal

from minialex.errors import InputError
from minialex.io.run_folder import EPOCH_KEYS, RunFolder, read_losses, read_metrics

FILES = [
    *("config.json", "metrics.jsonl", "losses.jsonl", "curves.png", "checkpoint.npz"),
    *("bad_pictures.txt", "lowered.txt", "weights/step-00000312.npz"),
]


def line(step):
    """A line of losses.jsonl."""
    numbers = dict(loss=1.5, accuracy=0.5, learning_rate=0.01, images_per_second=800.0)
    return dict(step=step, epoch=step / 5, **numbers)


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run", "name")


@pytest.mark.parametrize("name", FILES)
def test_a_folder_with_any_file_of_a_run_is_refused(name, tmp_path):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    with pytest.raises(InputError, match=rf"already holds a run \({file.name}\)"):
        RunFolder.create(tmp_path, "name").check_new()


@pytest.mark.parametrize("name", [n for n in FILES if n not in ("curves.png", "checkpoint.npz")])
def test_a_script_s_checkpoint_becomes_a_run_s_where_nothing_is_overwritten(name, folder):
    file = folder.path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    with pytest.raises(InputError, match=f"holds a file {file.name}, which the run would"):
        folder.take_over()


def test_other_files_do_not_make_a_folder_a_run_s(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "alexnet.npz").touch()
    (tmp_path / "losses.csv").touch()
    folder = RunFolder.create(tmp_path, "name")
    folder.check_new()
    folder.take_over()


@needs_pipes
@pytest.mark.parametrize("read", [read_losses, read_metrics])
def test_a_pipe_is_not_waited_for(read, tmp_path):
    os.mkfifo(tmp_path / "x.jsonl")
    assert "it is a folder, a pipe or a device" in refusal(read, tmp_path / "x.jsonl")


def test_lines_are_read_as_they_were_written(folder):
    assert read_losses(folder.losses) == []
    for step in (3, 7):
        folder.write_loss(line(step))
    assert read_losses(folder.losses) == [line(3), line(7)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(line(9))[:-5].encode(),
        b"",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b"7",
        b"[" * 100_000,
        json.dumps({"step": 9}).encode(),
        json.dumps(line(9) | {"loss": "low"}).encode(),
        json.dumps(line(9) | {"loss": None}).encode(),
        json.dumps(line(9) | {"loss": float("nan")}).encode(),
        json.dumps(line(9) | {"loss": 10**400}).encode(),
        json.dumps(line(9) | {"step": 9.5}).encode(),
        json.dumps(line(9) | {"step": True}).encode(),
        json.dumps(line(9) | {"step": -9}).encode(),
        json.dumps(line(9) | {"accuracy": 1.5}).encode(),
        json.dumps(line(9) | {"accuracy": True}).encode(),
        json.dumps(line(9) | {"epoch": -1e9}).encode(),
    ],
    ids=range(17),
)
def test_what_is_no_such_line_is_left_out(text, folder):
    lines = [json.dumps(line(step)).encode() for step in (3, 7)]
    folder.losses.write_bytes(lines[0] + b"\n" + text + b"\n" + lines[1] + b"\n" + text)
    assert read_losses(folder.losses) == [line(3), line(7)]


def test_what_else_a_line_says_is_left_out(folder):
    folder.losses.write_text(json.dumps(line(3) | {"more": float("nan")}))
    assert read_losses(folder.losses) == [line(3)]


def epoch(number):
    """A line of metrics.jsonl."""
    return dict.fromkeys(EPOCH_KEYS, 0.5) | {"epoch": number}


def test_metrics_are_read_as_they_were_written(folder):
    folder.write_metrics([epoch(1), epoch(2)])
    assert read_metrics(folder.metrics) == [epoch(1), epoch(2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("3", "'int' object is not subscriptable"),
        ("[" * 100_000, "recursion"),
        ("\xff", "can't decode"),
        (json.dumps([epoch(2)]), "list indices must be integers"),
        (json.dumps({"epoch": 2}), "'train_loss'"),
        (json.dumps(epoch(3)), "expected epoch 2, got 3"),
        (json.dumps(epoch(True)), "its epoch is True"),
        (json.dumps(epoch(2) | {"test_loss": float("nan")}), "its test_loss is nan"),
        (json.dumps(epoch(2) | {"test_loss": None}), "its test_loss is None"),
        (json.dumps(epoch(2) | {"test_loss": "0.5"}), "its test_loss is 0.5"),
        (json.dumps(epoch(2) | {"test_accuracy": 1.01}), "its test_accuracy is 1.01"),
        (json.dumps(epoch(2) | {"seconds": -1}), "its seconds is -1"),
        (json.dumps(epoch(2))[:-1], "Expecting ',' delimiter"),
    ],
    ids=range(14),
)
def test_damaged_metrics_are_named_with_their_line(text, said, folder):
    folder.metrics.write_bytes(f"{json.dumps(epoch(1))}\n{text}\n".encode("latin-1"))
    message = refusal(read_metrics, folder.metrics)
    assert message.startswith(f"{folder.metrics}, line 2: it is damaged: ") and said in message


def test_a_resumed_run_goes_on_after_its_lines(folder):
    """Half a line, which a kill has left, would swallow the next one."""
    for step in (3, 5, 7):
        folder.write_loss(line(step))
    with open(folder.losses, "a") as file:
        file.write('{"step": 9, "ep')
    folder.cut_losses(5)
    folder.write_loss(line(6))
    assert read_losses(folder.losses) == [line(3), line(5), line(6)]
    assert folder.losses.read_text().count("\n") == 3


def test_kept_weights_are_listed_by_their_steps(folder):
    assert folder.kept_weights() == {}
    folder.weights.mkdir()
    for steps in (10**9, 5, 0):
        folder.kept_file(steps).touch()
    for name in ("step-00000007.npz.part", "step-7.npz", "step-0000000x.npz", "filters.png"):
        (folder.weights / name).touch()
    assert list(folder.kept_weights().items()) == [
        (0, folder.weights / "step-00000000.npz"),
        (5, folder.weights / "step-00000005.npz"),
        (10**9, folder.weights / "step-1000000000.npz"),
    ]
