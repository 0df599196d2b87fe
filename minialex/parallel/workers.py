"""A training step on several cores: each thread takes its share of the batch through the convolutions, and of the update."""

import itertools
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import ThreadpoolController

from minialex import backend
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from minialex.network import Network
from minialex.optim import Optimizer

#: A product of so many multiply-adds takes a core a fifth of a millisecond, longer than waking another thread.
WORTH_SHARING = 10**7


class Workers:
    """Splits a batch over `n` threads, each with caches of its own over the shared weights.

    NumPy runs everything but matrix products on one core. So the convolutional part, which is many small steps over
    much data, runs on n threads with a share of the pictures each; the linear part, a few large products, runs over the
    whole batch, with a share of the weights each. Krizhevsky split his later net over GPUs the same way ("One weird trick",
    2014). Dropout comes after the seam, so its masks do not depend on n. BLAS has threads of its own only where fewer
    pictures than n leave cores idle.

    The same seed and n give the same bits; different n agree to rounding. On a GPU n is 1.
    """

    def __init__(self, network: Network, loss: SoftmaxCrossEntropy, n: int = 1):
        if n < 1:
            raise ValueError(f"workers must be at least 1, got {n}")
        self.network, self.loss, self.n = network, loss, n
        self.logits = None  #: the last step's, (N, classes)
        layers = list(network.layers.items())
        seam = next(
            (i for i, (_, layer) in enumerate(layers) if isinstance(layer, Flatten | Dropout)),
            len(layers),
        )
        features = Network(layers[:seam], network.input_shape)
        self.features = [thrifty(features.replica()) for _ in range(n)]
        linear = [(name, self.splitting(layer)) for name, layer in layers[seam:]]
        self.classifier = Network(linear, [network.input_shape, *features.shapes().values()][-1])
        self.used = n  #: threads at work on the present batch
        self.threads = ThreadPoolExecutor(n)
        self.blas = ThreadpoolController()

    def forward(self, x, train: bool = False):
        """The logits (N, classes) for pictures x (N, H, W, C), a host or a device array."""
        xp = backend.of(next(iter(self.network.params.values())))
        parts = self.in_threads(
            lambda net, part: net.forward(backend.to_device(part, xp), train), x
        )
        with self.limited_blas():
            return self.classifier.forward(
                parts[0] if len(parts) == 1 else xp.concatenate(parts), train
            )

    def step(self, x, labels):
        """Forward and backward over one batch: returns the mean loss and leaves the mean gradients in `network.grads`.

        x: (N, H, W, C); labels: (N,) integers on the host.
        """
        self.logits = self.forward(x, train=True)
        loss = self.loss.forward(self.logits, labels)
        with self.limited_blas():
            dfeatures = self.classifier.backward(self.loss.backward(), input_gradient=True)
        self.in_threads(lambda net, part: net.backward(part), dfeatures)
        for name, layer in self.features[0].layers.items():
            for key, total in layer.grads.items():
                for net in self.features[1 : self.used]:
                    total += net.layers[name].grads[key]
        for name, layer in (self.features[0].layers | self.classifier.layers).items():
            self.network.layers[name].grads = layer.grads
        return loss

    def update(self, optimizer: Optimizer) -> None:
        """The optimiser's step from the gradients of `step`, each thread with its share of the parameters."""
        with self.blas.limit(limits=1, user_api="blas"):
            optimizer.step(self.threads.map)

    def in_threads(self, function, batch) -> list:
        """function(net, part) for each thread's share of the batch, in order; fewer pictures than threads leave some idle."""
        if not len(batch):
            raise ValueError("expected a batch of at least one picture, got none")
        self.used = min(self.n, len(batch))
        with self.limited_blas():
            if (
                self.used == 1
            ):  # a small net takes less time for one picture than a thread for waking up
                return [function(self.features[0], batch)]
            return list(
                self.threads.map(
                    function, self.features, (batch[part] for part in self.shares(len(batch)))
                )
            )

    def matmul(self, a, b, out):
        """a @ b, written into `out`, each thread with its share of a's rows or of b's columns, whichever are more."""
        matmul = backend.of(a).matmul
        if self.used == 1 or out.size * len(b) < WORTH_SHARING:
            return matmul(a, b, out=out)
        if len(a) >= b.shape[1]:
            parts = [(a[rows], b, out[rows]) for rows in self.shares(len(a))]
        else:
            parts = [(a, b[:, columns], out[:, columns]) for columns in self.shares(b.shape[1])]
        list(self.threads.map(lambda part: matmul(*part), parts))
        return out

    def shares(self, count: int) -> list[slice]:
        """Cuts 0..count into as even slices as can be, one for each thread at work."""
        bounds = [count * i // self.used for i in range(self.used + 1)]
        return [slice(*pair) for pair in itertools.pairwise(bounds)]

    def limited_blas(self):
        """For use with `with`: BLAS has the cores that the threads at work leave idle.

        Only those: its threads keep spinning for a while after their work (benchmarks/README.md).
        """
        return self.blas.limit(limits=max(1, self.n // self.used), user_api="blas")

    def splitting(self, layer: Layer) -> Layer:
        """A layer of the linear part: the same, or a replica whose products the threads share."""
        if isinstance(layer, Linear):
            layer = layer.replica()
            layer.matmul = self.matmul
        return layer


def thrifty(network: Network) -> Network:
    """A network of the layers given, set and ordered to save memory and time; outputs and gradients stay the same.

    - A ReLU before a max-pool goes behind it, where fewer numbers are left: the largest of a window is the same before and
      after, and where it is not above 0, no gradient passes either way.
    - A ReLU writes over the output of the convolution or pool before it, and the gradients take turns in two blocks of memory.
    """
    layers = list(network.layers.items())
    for i in range(1, len(layers)):
        if isinstance(layers[i - 1][1], ReLU) and isinstance(layers[i][1], MaxPool2d):
            layers[i - 1], layers[i] = layers[i], layers[i - 1]
    for _, layer in layers:
        layer.shares_dx = True
    for (_, before), (_, layer) in itertools.pairwise(layers):
        if isinstance(before, Conv2d | MaxPool2d) and isinstance(layer, ReLU):
            layer.inplace = True
    return Network(layers, network.input_shape)
