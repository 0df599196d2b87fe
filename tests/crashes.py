"""python -m tests.crashes: trainings that are killed at random moments, and resumed; and exports.

Each is a run of the train command on tiny pictures that writes often, in one process or on two
ranks. It gets SIGKILL at any moment from the making of its folder to its end, then starts again or
is resumed. Exit code 1 if it does not end bit for bit as one that was left alone, or if anything is
left of the kill. Exports of such a run are killed while they write, and must have written all or
nothing.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex.command import Parser, number, run
from minialex.distributed.processes import children, is_alive
from minialex.io.checkpoint import Checkpoint
from minialex.io.run_folder import RunFolder, read_losses, read_metrics

EXAMPLES = """\
  python -m tests.crashes --kills 50
      ten minutes on two cores
"""

WAYS = {"one process": [], "two ranks": ["--ranks", "2"]}

#: What is exported: a file, and a folder of files.
EXPORTS = ("net.safetensors", "net")

#: Seconds between two looks whether something has happened.
LOOK = 0.002


def options(folder: Path) -> list[str]:
    """Of a run of 16 steps in two epochs on pictures in the folder, which are made here."""
    rng = numpy.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (64, 16, 16, 3), numpy.uint8), numpy.arange(64) % 2
    file = folder / "pictures.npz"
    numpy.savez(file, x_train=pictures, y_train=labels, x_test=pictures[:16], y_test=labels[:16])
    words = ["--dataset", "npz", "--data-dir", str(file), "--model", "alexnet-cifar"]
    words += ["--batch-size", "8", "--epochs", "2", "--augment", "crop,mirror", "--workers", "1"]
    return [*words, "--optimizer", "sgd", "--keep-weights", "--checkpoint-every", "2"]


def started(words: Sequence[str], module: str = "minialex.train") -> subprocess.Popen:
    """The train command, or another one, silent, in a session of its own."""
    command = [sys.executable, "-m", module, *words]
    streams = dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return subprocess.Popen(command, start_new_session=True, text=True, **streams)


def family(pid: int) -> list[int]:
    """A process and those that it has started, and they, and so on."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def kill(process: subprocess.Popen, one: random.Random | None) -> None:
    """Kills the command with all that it has started; or one of them, which ends the others."""
    members = family(process.pid)
    for pid in [one.choice(members[1:])] if one and len(members) > 1 else members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    latest = time.monotonic() + 60
    while alive := [pid for pid in members if is_alive(pid)]:
        if time.monotonic() > latest:
            raise SystemExit(f"processes {alive} live on")
        time.sleep(LOOK)


def finished(words: Sequence[str]) -> tuple[float, str]:
    """Lets the command end; returns the seconds from the making of its folder, and its errors."""
    folder = Path(words[words.index("--out" if "--out" in words else "--resume") + 1])
    process = started(words)
    while not folder.exists() and process.poll() is None:
        time.sleep(LOOK)
    begin = time.monotonic()
    _, said = process.communicate(timeout=600)
    return time.monotonic() - begin, said if process.returncode else ""


def problem(folder: Path, whole: Path) -> str | None:
    """What is not as in the run that was left alone; None if all is."""
    names, expected = ({f.relative_to(at) for f in at.rglob("*.*")} for at in (folder, whole))
    if names != expected:
        return f"files differ: {sorted(map(str, names ^ expected))}"
    kept = [file.relative_to(whole) for file in RunFolder(whole).kept_weights().values()]
    for name in (Path("checkpoint.npz"), *kept):
        own, other = (Checkpoint(at / name).arrays for at in (folder, whole))
        different = [key for key in other if own[key].tobytes() != other[key].tobytes()]
        if different or own.keys() != other.keys():
            return f"{name} differs in {different or 'what it holds'}"
    losses = [
        [e["test_loss"] for e in read_metrics(at / "metrics.jsonl")] for at in (folder, whole)
    ]
    if losses[0] != losses[1]:
        return f"metrics.jsonl has the test losses {losses[0]}, expected {losses[1]}"
    steps = [line["step"] for line in read_losses(folder / "losses.jsonl")]
    return None if steps == sorted(set(steps)) else f"losses.jsonl has the steps {steps}"


def crash(folder: Path, words: list[str], seconds: float, rng: random.Random) -> tuple[str, str]:
    """Kills a run that takes so many seconds; returns what was there of it, and the errors of the
    one that goes on."""
    process = started([*words, "--out", str(folder)])
    while not folder.exists() and process.poll() is None:
        time.sleep(LOOK)
    time.sleep(rng.uniform(0, seconds))
    kill(process, rng if rng.random() < 0.5 else None)
    if not (folder / "checkpoint.npz").exists():
        return "nothing", finished([*words, "--out", str(folder)])[1]
    progress = Checkpoint(folder / "checkpoint.npz").progress
    there = f"epoch {progress['epochs']} step {progress['steps']}"
    ranks = words[words.index("--ranks") :] if "--ranks" in words else []
    said = finished(["--resume", str(folder), *ranks])[1]
    return there, "" if "has finished epoch" in said and progress["epochs"] == 2 else said


def crash_export(trained: Path, place: Path, name: str, rng: random.Random) -> str | None:
    """Kills an export of a run about when it writes; returns what is wrong with what is there."""
    out, whole = place / name, place / "exported" / name
    if not whole.exists():
        whole.parent.mkdir(exist_ok=True)
        started(["export", str(trained), str(whole)], "minialex.weights").communicate()
    process = started(["export", str(trained), str(out)], "minialex.weights")
    while not list(place.glob(f"{name}.*.part")) and process.poll() is None:
        time.sleep(LOOK)
    time.sleep(rng.uniform(0, 10 * LOOK))
    kill(process, None)
    found = None if not out.exists() or contents(out) == contents(whole) else "half of it is there"
    for left in place.glob(f"{name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return found


def contents(out: Path) -> dict[str, bytes]:
    """What an exported file, or all files of an exported folder, hold."""
    files = [file for file in (out, *out.rglob("*")) if file.is_file()]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`."""
    parser = Parser("crashes", "Kills trainings at random moments, and resumes them.", EXAMPLES)
    parser.prog = "python -m tests.crashes"
    parser.add_argument("--kills", type=number(int, 1), default=50, metavar="N", help="of each way")
    parser.add_argument(
        "--seed", type=number(int, 0), default=0, metavar="N", help="of the moments"
    )
    given = parser.parse_args(arguments)
    rng, wrong, kills = random.Random(given.seed), 0, 0
    with tempfile.TemporaryDirectory() as place:
        os.environ["TMPDIR"] = place  # what the killed leave behind is in there, too
        for way, more in WAYS.items():
            words = [*options(Path(place)), *more]
            whole = Path(place) / "whole"
            seconds, said = finished([*words, "--out", str(whole)])
            if said:
                raise SystemExit(f"{way}: {said}")
            for i in range(given.kills):
                folder = Path(place) / "killed"
                there, said = crash(folder, words, seconds, rng)
                found = said or problem(folder, whole)
                wrong, kills = wrong + bool(found), kills + 1
                print(f"{way}, kill {i + 1}: {there}; {found or 'as if left alone'}", flush=True)
                shutil.rmtree(folder)
            for i in range(0 if more else given.kills):
                name = EXPORTS[i % len(EXPORTS)]
                found = crash_export(whole, Path(place), name, rng)
                wrong, kills = wrong + bool(found), kills + 1
                print(f"export of {name}, kill {i + 1}: {found or 'all or nothing'}", flush=True)
            shutil.rmtree(whole)
    print(f"{wrong} of {kills} kills left a trace")
    return 1 if wrong else 0


if __name__ == "__main__":
    run(main)
