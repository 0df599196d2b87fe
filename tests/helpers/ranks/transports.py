"""The ranks of an mpirun, with arrays on the CPU or on the stand-in for a GPU."""

from types import ModuleType

import numpy

from minialex import standin
from minialex.distributed.devices import on_devices
from minialex.distributed.group import Group
from minialex.distributed.start import connect

#: What takes the arrays from rank to rank, for each choice.
TRANSPORTS = {"cpu": "Direct", "staged": "Staged", "nccl": "Nccl", "cuda-aware-mpi": "Direct"}


def ranks_with(transport: str) -> tuple[ModuleType, Group]:
    """The array module and the ranks, whose arrays of that module travel so."""
    ranks = connect()
    if transport == "cpu":
        return numpy, ranks
    standin.machine.mpi_is_cuda_aware = transport == "cuda-aware-mpi"
    standin.machine.device_count = ranks.size if transport == "nccl" else 1
    standin.cuda.Device(ranks.rank % standin.machine.device_count).use()
    ranks = on_devices(ranks, standin, standin.machine.mpi_is_cuda_aware)
    assert type(ranks.transport(standin.zeros(1))).__name__ == TRANSPORTS[transport]
    return standin, ranks
