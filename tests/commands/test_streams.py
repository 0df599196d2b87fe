"""Standard streams that a shell has closed (`>&-`), and those that cannot be written to."""

import os
import subprocess

import pytest
from command_runs import start
from trained_runs import trained

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows' shells close no streams")


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """The folder of a run of one step."""
    options = ["--data-dir", pictures, "--image-size", 16, "--model", "alexnet-cifar"]
    words = [*options, "--batch-size", 8, "--epochs", 1, "--max-steps", 1, "--workers", 1]
    return trained(tmp_path_factory.mktemp("runs") / "run", *words)


def with_closed(places, module, *arguments, cwd):
    """(exit code, stdout, stderr) of a command whose streams of these numbers are closed."""

    def close():
        for place in places:
            os.close(place)

    pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with start(module, *arguments, preexec_fn=close, cwd=cwd, **pipes) as process:
        out, err = process.communicate()
    return process.returncode, out, err


@pytest.mark.parametrize("places", [[0], [1], [2], [0, 1, 2]])
def test_training_with_closed_streams(places, small, tmp_path):
    words = [*small, "--max-steps", 1, "--out", tmp_path / "run"]
    code, out, err = with_closed(places, "minialex.train", *words, cwd=tmp_path)
    assert (code, err) == (0, "")
    assert ("Stopped." in out) == (1 not in places)
    for file in ("checkpoint.npz", "losses.jsonl"):
        assert b"Stopped" not in (tmp_path / "run" / file).read_bytes()


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("module", ["evaluate", "report"])
def test_a_run_is_looked_at_with_a_closed_stream(module, place, run, tmp_path):
    code, out, err = with_closed([place], f"minialex.{module}", run, cwd=tmp_path)
    assert (code, err) == (0, "")
    assert bool(out) == (place != 1)


def test_standard_input_that_is_closed_is_no_picture(run, tmp_path):
    words = ["-", "--weights", run]
    code, _, err = with_closed([0], "minialex.predict", *words, cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: -: not a readable picture")


def test_a_lesson_with_closed_standard_input_waits_for_nobody(tmp_path):
    code, out, err = with_closed([0], "minialex.lessons", "0", "--quick", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "Solutions of the exercises" in out


@pytest.mark.parametrize("place", [1, 2])
def test_an_error_has_its_exit_code_with_a_closed_stream(place, tmp_path):
    code, out, err = with_closed([place], "minialex.evaluate", "nope", cwd=tmp_path)
    assert (code, out, bool(err)) == (2, "", place == 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("module", ["train", "evaluate"])
def test_output_that_cannot_be_written_is_named(module, unbuffered, run, small, tmp_path):
    words = [run] if module == "evaluate" else [*small, "--out", tmp_path / "run"]
    pipes = dict(stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": unbuffered})
    with open("/dev/full", "w") as full:
        process = start(f"minialex.{module}", *words, stdout=full, **pipes)
        _, err = process.communicate()
    assert process.returncode == 2
    assert err == "error: standard output cannot be written: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_an_error_that_cannot_be_said_has_its_exit_code():
    with open("/dev/full", "w") as full:
        assert start("minialex.evaluate", "nope", stderr=full).wait() == 2
