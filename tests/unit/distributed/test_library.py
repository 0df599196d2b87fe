"""Many ranks from a script, and from a Python that lacks what they need."""

import os
import subprocess
import sys

import mpi
import pytest

from minialex.distributed.scheme import SCHEMES

pytestmark = pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_script_trains_predicts_saves_and_resumes(scheme, tmp_path):
    done = mpi.run(2, mpi.SCRIPTS / "library.py", scheme, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch ") == 4  # two, one and one, from rank 0 alone


def test_the_train_command_without_mpi4py_says_what_to_install(tmp_path):
    (tmp_path / "mpi4py").mkdir()
    (tmp_path / "mpi4py" / "__init__.py").write_text("raise ImportError('there is no mpi4py')")
    words = mpi.on_ranks(2, "-m", "minialex.train")
    search = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    assert lines == [
        "error: mpirun needs mpi4py and its MPI (there is no mpi4py): "
        "python -m pip install -e '.[mpi]'"
    ]
