"""Each layer's time on a GPU, as benchmarks.gpu_cost predicts it: counted, not measured."""

from argparse import Namespace
from collections.abc import Sequence

import numpy

from benchmarks import gpu_cost
from minialex import models

#: gpu_cost's defaults, roughly an H100: TB/s, TFLOP/s in float32, and the microseconds of the
#: shortest kernel.
CARD = Namespace(bandwidth=3.0, rate=50.0, shortest=2.0)


def predicted(model: str, batch_sizes: Sequence[int]) -> dict:
    """The seconds of the layers and of the update, as benchmarks.scaling.compute prints them."""
    layers, update = {}, 0.0
    for size in batch_sizes:
        network = models.build(model, rng=numpy.random.default_rng(0))
        seconds = {
            name: gpu_cost.on_card(launches, CARD)
            for name, (launches, _) in gpu_cost.Step(network, size).parts.items()
        }
        layers[str(size)] = {
            name: [[seconds[f"{name} {way}"]] for way in ("forward", "backward")]
            for name in network.layers
        }
        update = seconds["update"]
    return {"parameters": network.parameter_count(), "layers": layers, "update": [update]}
