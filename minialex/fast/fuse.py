"""The fusion pass: which fast layer takes each plain one's place, in what order, and why."""

import copy
import itertools
from dataclasses import dataclass, field

from minialex.fast.conv import FastConv2d
from minialex.fast.dropout import FastDropout
from minialex.fast.flatten import FastFlatten
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.layer import FastLayer
from minialex.fast.linear import FastLinear
from minialex.fast.lrn import FastLocalResponseNorm
from minialex.fast.memory import Memory
from minialex.fast.pool import FastAvgPool2d, FastMaxPool2d
from minialex.fast.relu import FastReLU, InPlaceReLU
from minialex.fast.workers import Workers
from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)

#: The fast layer for each plain one. A class derived from one of these is somebody's own layer and
#: stays as it is.
TWINS: dict[type[Layer], type[FastLayer]] = {
    Conv2d: FastConv2d,
    MaxPool2d: FastMaxPool2d,
    AvgPool2d: FastAvgPool2d,
    LocalResponseNorm: FastLocalResponseNorm,
    ReLU: FastReLU,
    Linear: FastLinear,
    Dropout: FastDropout,
    Flatten: FastFlatten,
}

#: Layers that treat each picture on its own and draw no random numbers: each thread can run them on
#: its share of the batch. (Linear layers can, too, but share their products in another way.)
SPLITTABLE = (
    *(Conv2d, MaxPool2d, CeilMaxPool2d, AvgPool2d, LocalResponseNorm),
    *(ReLU, Tanh, Sigmoid),
)

#: Layers that do not ask again for what they returned.
IN_PLACE_BEHIND = (FastConv2d, FastMaxPool2d, FastLinear)

#: Layers that do not ask again for what they took.
POOLS = (FastMaxPool2d, FastAvgPool2d)

#: One byte says which pixel of a window won.
LARGEST_POOL = 15


@dataclass
class Step:
    """One layer of the engine: the plain layer it computes, the fast class that does it (None: the
    plain layer itself), and what is special about it, in words."""

    name: str
    plain: Layer
    fast: type[FastLayer] | None
    notes: list[str] = field(default_factory=list)
    needs_dx: bool = True
    y_needed: bool = True
    kept: KeptWeight = field(default_factory=KeptWeight)  #: what twins of one convolution share

    def build(self, memory: Memory, workers: Workers) -> Layer:
        """The layer for one thread; a shallow copy of the plain one where there is no fast
        class."""
        if self.fast is None:
            twin = copy.copy(self.plain)
            twin.grads, twin.cache = {}, None
            return twin
        layer = self.fast.of(self.plain, memory, workers)
        layer.needs_dx, layer.y_needed = self.needs_dx, self.y_needed
        if isinstance(layer, FastConv2d):
            layer.kept = self.kept
        return layer


def fuse(layers: list[tuple[str, Layer]]) -> tuple[list[Step], list[Step]]:
    """The steps whose batch the threads split, and those that run over the whole batch.

    - The first layer that does not treat each picture on its own, or draws random numbers, and all
      that follow get the whole batch.
    - A ReLU before a max-pool moves behind it, where fewer numbers are left: the largest of a
      window is the same before and after, and where it is not above 0, no gradient passes either
      way.
    - A ReLU behind a convolution, max-pool or linear layer works in their memory.
    - What a pool takes, it does not need again: it exists for a few pictures at a time (stage.py).
    - Nobody needs the gradient of the pictures: a first convolution does not compute it.
    """
    steps = [Step(name, layer, fast_class(layer)) for name, layer in layers]
    split = [type(step.plain) in SPLITTABLE for step in steps]
    seam = split.index(False) if False in split else len(steps)
    for i in range(1, len(steps)):
        relu, pool = steps[i - 1 : i + 1]
        if relu.fast is FastReLU and pool.fast is FastMaxPool2d:
            steps[i - 1], steps[i] = pool, relu
            relu.notes.append(f"behind {pool.name}, where fewer numbers are left")
    for before, step in itertools.pairwise(steps):
        if before.fast in IN_PLACE_BEHIND and step.fast is FastReLU:
            step.fast = InPlaceReLU
            step.notes.append("in place")
    for before, step in itertools.pairwise(steps[:seam]):
        before.y_needed = step.fast not in POOLS
    if steps and steps[0].fast is FastConv2d:
        steps[0].needs_dx = False
        steps[0].notes.append("no gradient of the pictures")
    return steps[:seam], steps[seam:]


def stages(steps: list[Step]) -> list[list[Step]]:
    """The steps in stages, each of which ends with a pool and its ReLU, or where they all end."""
    result: list[list[Step]] = []
    pooled = False
    for step in steps:
        if not result or (pooled and not isinstance(step.plain, ReLU)):
            result.append([])
            pooled = False
        result[-1].append(step)
        pooled = pooled or isinstance(step.plain, MaxPool2d | AvgPool2d)
    return result


def fast_class(layer: Layer) -> type[FastLayer] | None:
    """The class that computes this layer fast; None if it stays as it is."""
    if isinstance(layer, MaxPool2d) and layer.kernel_size > LARGEST_POOL:
        return None
    return TWINS.get(type(layer))
