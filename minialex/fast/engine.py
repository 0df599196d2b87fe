"""The engine: a network's layers rebuilt for speed, over the same parameters, on several
threads."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.fuse import Step, fuse
from minialex.fast.layer import FastLayer
from minialex.fast.memory import GPU_WORKSPACE, Memory
from minialex.fast.update import update
from minialex.fast.workers import Workers
from minialex.layers import Layer, SoftmaxCrossEntropy
from minialex.network import Network, nothing_returned
from minialex.optim import Optimizer


class Engine:
    """Computes what `network` computes, with its `params` and `grads`, splitting a batch over
    threads.

    NumPy runs everything but matrix products on one core. So the convolutional part, which is many
    small steps over much data, runs on all threads with a share of the pictures each, every thread
    with caches and memory of its own; the linear part, a few large products, runs over the whole
    batch, with a share of the weights on each thread. Krizhevsky split his later net over GPUs the
    same way ("One weird trick", 2014). Dropout comes behind the seam, so its masks do not depend on
    the number of threads.

    The same seed and `workers` give the same bits; different `workers` agree to rounding. Use one
    worker on a GPU. `gpu_workspace` bounds the convolutions' temporaries there, in bytes.
    """

    def __init__(self, network: Network, workers: int = 1, gpu_workspace: int = GPU_WORKSPACE):
        self.network, self.workers = network, Workers(workers)
        self.split_steps, self.whole_steps = fuse(list(network.layers.items()))
        self.split = [
            [step.build(memory, self.workers) for step in self.split_steps]
            for memory in (Memory(gpu_workspace) for _ in range(workers))
        ]
        memory = Memory(gpu_workspace)
        self.whole = [
            step.build(memory, self.workers) if step.fast else step.plain
            for step in self.whole_steps
        ]
        for step, layer in zip(self.steps, [*self.split[0], *self.whole], strict=True):
            layer.grads = step.plain.grads

    @property
    def steps(self) -> list[Step]:
        """What each layer became, in the order in which they run."""
        return [*self.split_steps, *self.whole_steps]

    @property
    def params(self) -> dict[str, Array]:
        """The network's parameters."""
        return self.network.params

    @property
    def grads(self) -> dict[str, Array]:
        """The gradient of each parameter, from the last step; `network.grads` has the same."""
        return self.network.grads

    def forward(self, x: Array, train: bool = False) -> Array:
        """The logits (N, classes), the caller's own array, for pictures x (N, H, W, C) on the host
        or on the device."""
        return self.logits(x, train)

    def step(self, x: Array, labels: Array, loss: SoftmaxCrossEntropy) -> tuple[Array, Array]:
        """Forward and backward over one batch: returns the mean loss and the logits (N, classes),
        and leaves the mean gradients in `grads`. x: (N, H, W, C); labels: (N,) integers on the
        host."""
        logits = self.logits(x, train=True)
        value = loss.forward(logits, labels)
        with self.workers.limited_blas():
            dfeatures = backward(self.whole, loss.backward())
        self.in_threads(backward, dfeatures)
        for total, *others in zip(*self.split[: self.workers.at_work], strict=True):
            for key in total.grads:
                for other in others:
                    total.grads[key] += other.grads[key]
        return value, logits

    def update(self, optimizer: Optimizer) -> None:
        """The optimiser's step, each thread with a share of the parameters."""
        update(optimizer, self.workers)

    def logits(self, x: Array, train: bool) -> Array:
        """The logits, in an array that no layer will write over."""
        if len(x) == 0:
            raise ValueError("expected a batch of at least one picture, got none")
        xp = backend.of(next(iter(self.params.values()), x))
        self.workers.at_work = min(self.workers.count, len(x))

        def features(layers: list[Layer], part: Array) -> Array:
            return forward(layers, backend.to_device(part, xp), train)

        parts = self.in_threads(features, x)
        with self.workers.limited_blas():
            x = parts[0] if len(parts) == 1 else xp.concatenate(parts)
            x = forward(self.whole, x, train)
        last = [*self.split[0], *self.whole][-1]
        return x.copy() if isinstance(last, FastLayer) and not last.returns_new else x

    def in_threads(self, function, batch: Array) -> list:
        """function(layers, part) for each thread's share of the batch, in order; if there are fewer
        pictures than threads, some stay idle."""
        with self.workers.limited_blas():
            if self.workers.at_work == 1:  # a small net is done before another thread wakes up
                return [function(self.split[0], batch)]
            parts = [batch[part] for part in self.workers.shares(len(batch))]
            return self.workers.map(function, self.split, parts)

    def __repr__(self) -> str:
        return "\n".join(f"{step.name:<10} {step.plain}" for step in self.steps)


def forward(layers: list[Layer], x: Array, train: bool) -> Array:
    """x through the layers, one after the other."""
    for layer in layers:
        x = layer.forward(x, train)
        if x is None:
            raise nothing_returned(layer, "forward")
    return x


def backward(layers: list[Layer], dy: Array) -> Array | None:
    """dy back through the layers, one after the other; None if nobody needs the first one's dx."""
    for layer in reversed(layers):
        dy = layer.backward(dy)
        if dy is None and getattr(layer, "needs_dx", True):
            raise nothing_returned(layer, "backward")
    return dy
