"""Training on many processes: on one machine or on several, started by MPI's mpirun.

    ranks = distributed.connect()
    trainer = Trainer(network, dataset, scheme=distributed.Scheme.of("data", ranks))

Every process then calls the same methods; the first one prints and saves.
"""

from minialex.distributed.scheme import Scheme
from minialex.distributed.start import connect

__all__ = ["Scheme", "connect"]
