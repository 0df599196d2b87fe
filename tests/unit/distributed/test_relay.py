"""What an mpirun and its ranks print, and how they end, as --ranks passes it on."""

import os
import subprocess
import sys

import pytest

from minialex.distributed.relay import Said, concluded, pass_on

RULE = "-" * 74


def relayed(script):
    """The exit code of a Python script in the place of mpirun, and what it has said."""
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = Said()
    with subprocess.Popen([sys.executable, "-c", script], **streams) as process:
        try:
            return pass_on(process, said), said
        finally:
            process.kill()


def test_what_ranks_print_is_passed_on_and_what_mpi_says_is_kept(capsys):
    lines = ["first line", RULE, "It is so.", "  For a reason.", RULE, "a rank's own words"]
    lines += ["[host:12] an address is in use", "*** An error occurred in MPI_Init", "*** mine"]
    script = (
        f"import sys; print('Stopped. To resume: …'); sys.stderr.write({chr(10).join(lines)!r})"
    )
    code, said = relayed(script)
    out, err = capsys.readouterr()
    assert (code, out) == (0, "Stopped. To resume: …\n")
    assert err == "first line\na rank's own words\n*** mine\n"
    assert said.how_it_ended and said.by_a_rank
    assert said.blocks == ["It is so. For a reason."]
    assert said.lines == ["an address is in use", "An error occurred in MPI_Init"]


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux's /proc")
def test_an_mpirun_that_was_stopped_by_a_rank_that_is_dead_goes_on():
    code, _ = relayed("import os, signal; os.kill(os.getpid(), signal.SIGSTOP); os._exit(3)")
    assert code == 3


KILLED = (
    "prterun noticed that process rank 1 with PID 0 on node h1 exited on signal 9 (Killed). More."
)


@pytest.mark.parametrize(
    ("code", "said", "expected", "line"),
    [
        (0, Said(), 0, ""),
        (5, Said(by_a_rank=True, blocks=["Something. More."]), 5, ""),
        (143, Said(blocks=["A process exited with non-zero status. More."]), 143, ""),
        (137, Said(blocks=[KILLED]), 137, "error: rank 1 on h1: ended by signal 9 (Killed)"),
        (137, Said(blocks=["Job ended. More.", KILLED]), 137, "error: rank 1 on h1: ended by sig"),
        (213, Said(blocks=["It failed to start. More."]), 2, "error: It failed to start"),
        (14, Said(lines=["an address is in use", "twice"]), 2, "error: an address is in use"),
        (
            0,
            Said(blocks=["A file was not removed: x. More."]),
            0,
            "note: A file was not removed: x",
        ),
        (-9, Said(), 137, "error: mpirun was ended by SIGKILL"),
        (-7, Said(), 135, "error: mpirun was ended by SIGBUS: is there room where temporary"),
    ],
)
def test_the_end_of_mpirun_in_a_line(code, said, expected, line, capsys):
    assert concluded(code, said) == expected
    err = capsys.readouterr().err
    assert err.startswith(line)
    assert err.count("\n") == bool(line)
