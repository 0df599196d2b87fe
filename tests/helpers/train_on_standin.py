"""python train_on_standin.py OPTIONS: the train command, which knows a backend `standin`.

On many ranks, these variables of the environment say on what: STANDIN_DEVICES, how many devices the
machine has (default: 1); STANDIN_NCCL_PROBLEM, why NCCL does not start; STANDIN_CUDA_AWARE_MPI, if
MPI reads and writes the devices.
"""

import os
from collections.abc import Callable
from types import ModuleType

import numpy

from minialex import backend, options, standin, train
from minialex.command import run


def with_standin(parser: Callable) -> Callable:
    """The train command's parser, which also takes --backend standin."""

    def extended():
        p = parser()
        option = p._option_string_actions["--backend"]
        option.choices = (*option.choices, "standin")
        return p

    return extended


def get(name: str = "auto", process: int | None = None) -> ModuleType:
    """The backend of that name, with this process's device."""
    if name != "standin":
        return numpy
    if process is not None:
        standin.cuda.Device(process % standin.machine.device_count).use()
    return standin


if __name__ == "__main__":
    standin.machine.device_count = int(os.environ.get("STANDIN_DEVICES", 1))
    standin.machine.nccl_problem = os.environ.get("STANDIN_NCCL_PROBLEM")
    standin.machine.mpi_is_cuda_aware = "STANDIN_CUDA_AWARE_MPI" in os.environ
    backend.get = get
    options.parser = with_standin(options.parser)
    run(train.main)
