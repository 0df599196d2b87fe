"""The fast copy: the same layers as minialex.layers, rebuilt for training in earnest.

`prepare` puts them in the place of a network's own. To read it, go from engine.py to fuse.py, then
to the layer you want to know about; memory.py says who owns which array, choose.py what is faster
when.
"""

from minialex.fast.engine import Engine
from minialex.fast.memory import GPU_WORKSPACE
from minialex.fast.training_step import TrainingStep
from minialex.network import Network

__all__ = ["Engine", "TrainingStep", "prepare"]


def prepare(network: Network, workers: int = 1, gpu_workspace: int = GPU_WORKSPACE) -> Engine:
    """The engine that computes `network` fast, over the same parameters, on `workers` threads.

    It has the network's `forward`, `step`, `params` and `grads`, and an `update` that divides an
    optimiser's step among the threads. `gpu_workspace` bounds the convolutions' temporaries on a
    GPU, in bytes.

    >>> import numpy
    >>> from minialex import models
    >>> engine = prepare(models.build("lenet"), workers=2)
    >>> engine.forward(numpy.zeros((5, 28, 28, 1), "float32")).shape
    (5, 10)
    """
    return Engine(network, workers, gpu_workspace)
