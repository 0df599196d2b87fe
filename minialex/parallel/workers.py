"""A training step on several cores: each thread takes its share of the batch through the convolutions, and of the update."""

import itertools
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import ThreadpoolController

from minialex import backend
from minialex.layers import Conv2d, Dropout, Flatten, MaxPool2d, ReLU, SoftmaxCrossEntropy
from minialex.network import Network
from minialex.optim import Optimizer


class Workers:
    """Splits a batch over `n` threads, each with caches of its own over the shared weights.

    NumPy runs everything but matrix products on one core. So the convolutional part, which is many small steps over
    much data, runs on n threads with a share of the pictures each; the linear part, a few large products that read each
    weight once, runs over the whole batch. Where that leaves cores idle, and the part is large, BLAS uses them for each
    product. Krizhevsky split his later net over GPUs the same way ("One weird trick", 2014). Dropout comes after the
    seam, so its masks do not depend on n.

    The same seed and n give the same bits; different n agree to rounding. On a GPU n is 1.
    """

    def __init__(self, network: Network, loss: SoftmaxCrossEntropy, n: int = 1):
        if n < 1:
            raise ValueError(f"workers must be at least 1, got {n}")
        self.network, self.loss, self.n = network, loss, n
        self.logits = None  #: the last step's, (N, classes)
        layers = list(network.layers.items())
        seam = next((i for i, (_, layer) in enumerate(layers) if isinstance(layer, Flatten | Dropout)), len(layers))
        features = Network(layers[:seam], network.input_shape)
        self.features = [thrifty(features.replica()) for _ in range(n)]
        self.classifier = Network(layers[seam:], [network.input_shape, *features.shapes().values()][-1])
        # BLAS threads keep spinning for a while after their work, on cores that the other threads want: for a small part
        # they cost more than they bring (benchmarks/README.md).
        large = [sum(part.macs().values()) > 50e6 for part in (features, self.classifier)]
        self.feature_threads, self.linear_threads = (n if yes else 1 for yes in large)
        self.threads = ThreadPoolExecutor(n)
        self.blas = ThreadpoolController()

    def forward(self, x, train: bool = False):
        """The logits (N, classes) for pictures x (N, H, W, C), a host or a device array."""
        xp = backend.of(next(iter(self.network.params.values())))
        parts = self.in_threads(lambda net, part: net.forward(backend.to_device(part, xp), train), x)
        with self.blas.limit(limits=self.linear_threads, user_api="blas"):
            return self.classifier.forward(parts[0] if len(parts) == 1 else xp.concatenate(parts), train)

    def step(self, x, labels):
        """Forward and backward over one batch: returns the mean loss and leaves the mean gradients in `network.grads`.

        x: (N, H, W, C); labels: (N,) integers on the host.
        """
        self.logits = self.forward(x, train=True)
        loss = self.loss.forward(self.logits, labels)
        with self.blas.limit(limits=self.linear_threads, user_api="blas"):
            dfeatures = self.classifier.backward(self.loss.backward(), input_gradient=True)
        self.in_threads(lambda net, part: net.backward(part), dfeatures)
        used = self.features[: len(dfeatures)]
        for name, layer in self.features[0].layers.items():
            for key, total in layer.grads.items():
                for net in used[1:]:
                    total += net.layers[name].grads[key]
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
        bounds = [len(batch) * i // min(self.n, len(batch)) for i in range(min(self.n, len(batch)) + 1)]
        parts = [batch[start:stop] for start, stop in itertools.pairwise(bounds)]
        with self.blas.limit(limits=max(1, self.feature_threads // len(parts)), user_api="blas"):
            if len(parts) == 1:  # a small net takes less time for one picture than a thread for waking up
                return [function(self.features[0], batch)]
            return list(self.threads.map(function, self.features, parts))


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
