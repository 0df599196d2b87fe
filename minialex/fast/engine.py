"""The engine: a network's layers rebuilt for speed, over the same parameters, on several
threads."""

from collections.abc import Callable

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.fast.conv import FastConv2d
from minialex.fast.dropout import FastDropout
from minialex.fast.fuse import Step, fuse, stages
from minialex.fast.gpu.replay import Replayed
from minialex.fast.layer import FastLayer
from minialex.fast.lazy_batch import LazyBatch
from minialex.fast.linear import FastLinear
from minialex.fast.memory import GPU_WORKSPACE, Memory
from minialex.fast.stage import Stage, Stages, backward, forward
from minialex.fast.update import Update
from minialex.fast.workers import Workers
from minialex.layers import Layer, Sigmoid, SoftmaxCrossEntropy, Tanh
from minialex.network import Network
from minialex.optim import Optimizer

#: Layers without a fast twin that do the same work in every step.
STEADY = (Sigmoid, Tanh)


class Engine:
    """Computes what `network` computes, with its `params` and `grads`, splitting a batch over
    threads.

    NumPy runs everything but matrix products on one core. So the convolutional part, which is many
    small steps over much data, runs on all threads with a share of the pictures each, every thread
    with caches and memory of its own; the linear part, a few large products, runs over the whole
    batch, with a share of the weights on each thread. Krizhevsky split his later net over GPUs the
    same way ("One weird trick", 2014). Dropout comes behind the seam, so its masks do not depend on
    the number of threads.

    On a GPU, steps of the same shapes are replayed as a CUDA graph (replay.py) where all layers are
    minialex's own.

    The same seed and `workers` give the same bits; different `workers` agree to rounding. Use one
    worker on a GPU. `gpu_workspace` bounds the convolutions' temporaries there, in bytes.
    """

    def __init__(self, network: Network, workers: int = 1, gpu_workspace: int = GPU_WORKSPACE):
        self.network, self.workers = network, Workers(workers)
        self.split_steps, self.whole_steps = fuse(list(network.layers.items()))
        self.gpu_workspace, all_at_once = gpu_workspace, Memory(gpu_workspace)
        self.memories: list[Memory] = []
        self.stages: list[Stages] = []  #: of each thread that has had pictures
        self.split: list[list[Layer]] = []  #: their layers
        self.prepare_threads(1)
        self.memories.append(all_at_once)
        self.whole = [
            step.build(all_at_once, self.workers) if step.fast else step.plain
            for step in self.whole_steps
        ]
        self.dropouts = [layer for layer in self.whole if isinstance(layer, FastDropout)]
        for dropout in self.dropouts:
            dropout.draws = False
        self.steady = all(step.fast or type(step.plain) in STEADY for step in self.steps)
        self.replayed = Replayed(
            lambda x: (self.logits(x, train=False),), lambda: self.params.values(), self.memory
        )
        for step, layer in zip(self.steps, [*self.split[0], *self.whole], strict=True):
            layer.grads = step.plain.grads

    def prepare_threads(self, count: int) -> None:
        """Sees to it that so many threads have layers and a memory of their own."""
        while len(self.stages) < count:
            memory = Memory(self.gpu_workspace)
            own = [[step.build(memory, self.workers) for step in stage] for stage in self.in_stages]
            self.memories.append(memory)
            self.stages.append(Stages(own, memory))
            self.split.append([layer for stage in self.stages[-1].stages for layer in stage.layers])

    @property
    def steps(self) -> list[Step]:
        """What each layer became, in the order in which they run."""
        return [*self.split_steps, *self.whole_steps]

    @property
    def in_stages(self) -> list[list[Step]]:
        """The steps whose batch the threads split, in the stages that they form."""
        return stages(self.split_steps)

    @property
    def params(self) -> dict[str, Array]:
        """The network's parameters."""
        return self.network.params

    @property
    def grads(self) -> dict[str, Array]:
        """The gradient of each parameter, from the last step; `network.grads` has the same."""
        return self.network.grads

    def forward(self, x: Array | LazyBatch, train: bool = False) -> Array:
        """The logits (N, classes), the caller's own array, for pictures x (N, H, W, C) on the host
        or on the device."""
        x = self.ready(x)
        if train:
            self.draw(x)
        elif len(x) and self.replays(x):
            return self.replayed(x)[0]
        return self.logits(x, train).copy()

    def step(
        self,
        x: Array | LazyBatch,
        labels: Array,
        loss: SoftmaxCrossEntropy,
        finished: Callable[[str], None] | None = None,
    ) -> tuple[Array, Array]:
        """Forward and backward over one batch: returns the mean loss and the logits (N, classes),
        and leaves the mean gradients in `grads`. x: (N, H, W, C); labels: (N,) integers on the
        host. Calls finished(name) as soon as a layer's gradients are there."""
        self.draw(x)
        value, logits = self.compute(x, labels, loss, finished)
        return value, logits.copy()

    def compute(
        self,
        x: Array | LazyBatch,
        labels: Array,
        loss: SoftmaxCrossEntropy,
        finished: Callable[[str], None] | None = None,
        update: Update | None = None,
    ) -> tuple[Array, Array]:
        """What `step` does once the masks are drawn; the logits are valid until the next one. With
        `update`, weights that can be are updated as soon as there are rows of their gradients,
        which `grads` then lacks."""
        logits = self.logits(x, train=True)
        value = loss.forward(logits, labels)
        finished = finished or (lambda name: None)
        with self.workers.limited_blas():
            dy = loss.backward()
            for step, layer in zip(reversed(self.whole_steps), reversed(self.whole), strict=True):
                if isinstance(layer, FastLinear):
                    layer.by_rows = update and update.by_rows(f"{step.name}.weight")
                dy = backward([layer], dy)
                finished(step.name)

        names = [step.name for step in self.split_steps]

        def features(stages: Stages, dy: Array) -> None:
            stages.backward(dy, reached if self.workers.at_work == 1 else None)

        def reached(stage: Stage) -> None:
            for _ in stage.layers:
                finished(names.pop())

        self.in_threads(features, dy)
        for total, *others in zip(*self.split[: self.workers.at_work], strict=True):
            for key in total.grads:
                for other in others:
                    total.grads[key] += other.grads[key]
        while names:
            finished(names.pop())
        return value, logits

    def update(self, optimizer: Optimizer) -> None:
        """The optimiser's step, each thread with a share of the parameters."""
        Update(optimizer, self.workers)()

    def draw(self, x: Array | LazyBatch) -> None:
        """Draws what a training step on the batch x leaves to chance: the keys of the masks."""
        for dropout in self.dropouts:
            dropout.draw(backend.of(self.like(x)))

    def like(self, x: Array | LazyBatch) -> Array:
        """The first of the parameters, or x if there are none: where and in which precision to
        compute."""
        return next(iter(self.params.values()), x)

    def keep_gradients_in(self, arrays: dict[str, Array]) -> None:
        """Makes those layers that own the memory of their gradients use these arrays, which are
        contiguous and called as in `grads`."""
        for step, layer in zip(self.steps, [*self.split[0], *self.whole], strict=True):
            if isinstance(layer, FastLayer):
                for key in layer.params:
                    layer.memory.give(layer, f"d{key}", arrays[f"{step.name}.{key}"])

    def replays(self, x: Array | LazyBatch) -> bool:
        """Whether the work on a batch like x is the same every time, on a GPU, and started by one
        thread: what other threads start is not recorded."""
        alone = self.workers.count == 1
        return alone and self.steady and bool(self.params) and backend.on_gpu(self.like(x))

    def ready(self, x: Array | LazyBatch) -> Array | LazyBatch:
        """x, or the array that it becomes if it must be one by now."""
        return x.standardized() if isinstance(x, LazyBatch) and not self.waits else x

    @property
    def waits(self) -> bool:
        """Whether a LazyBatch need not become an array before it reaches the first layer."""
        first = self.split[0][0] if self.split[0] else None
        if not isinstance(first, FastConv2d):
            return False
        weight = first.params["weight"]
        return weight.dtype == numpy.float32 and not backend.on_gpu(weight)

    def memory(self) -> list[Array]:
        """The arrays that the layers work in."""
        return [array for memory in self.memories for array in memory.arrays.values()]

    def logits(self, x: Array | LazyBatch, train: bool) -> Array:
        """The logits, in an array that may be the last layer's own. Pictures of another precision
        than the parameters' are converted."""
        if len(x) == 0:
            raise ValueError("expected a batch of at least one picture, got none")
        x = self.ready(x)
        like = self.like(x)
        self.workers.at_work = min(self.workers.count, len(x))
        self.prepare_threads(self.workers.at_work)

        def features(stages: Stages, part: Array | LazyBatch) -> Array:
            if isinstance(part, LazyBatch):
                return stages.forward(part, train)
            part = backend.to_device(part, backend.of(like))
            if part.dtype.kind == like.dtype.kind == "f":
                part = part.astype(like.dtype, copy=False)
            return stages.forward(part, train)

        parts = self.in_threads(features, x)
        with self.workers.limited_blas():
            x = parts[0] if len(parts) == 1 else backend.of(like).concatenate(parts)
            return forward(self.whole, x, train)

    def in_threads(self, function, batch: Array | LazyBatch) -> list:
        """function(stages, part) for each thread's share of the batch, in order; if there are fewer
        pictures than threads, some stay idle."""
        with self.workers.limited_blas():
            if self.workers.at_work == 1:  # a small net is done before another thread wakes up
                return [function(self.stages[0], batch)]
            parts = [batch[part] for part in self.workers.shares(len(batch))]
            return self.workers.map(function, self.stages, parts)

    def __repr__(self) -> str:
        return "\n".join(f"{step.name:<10} {step.plain}" for step in self.steps)
