"""python -m benchmarks.accuracy.peer: a recipe of minialex's, trained by PyTorch.

The same net from the same initial weights, the same pictures in the same order and in the same
views, the same optimiser, rates, loss and tests; only what computes is PyTorch's.
"""

import math
import time
from collections.abc import Callable, Sequence

import numpy

from benchmarks.peers import import_torch, twin
from minialex import data, options
from minialex.command import run
from minialex.data.augment import AUGMENTATIONS
from minialex.data.batches import Batches
from minialex.data.statistics import standardize_from
from minialex.errors import InputError
from minialex.evaluation import evaluate
from minialex.network import Network
from minialex.optim import NEWTON_SCHULZ, Muon
from minialex.train import parts_of_options
from minialex.train_messages import epoch_line


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`, which are those of minialex.train."""
    chosen = options.read(arguments).chosen
    if chosen["optimizer"] != "muon":
        raise InputError(f"expected a recipe with muon, got one with {chosen['optimizer']}")
    torch = import_torch()
    torch.set_num_threads(chosen["workers"])
    names = ("dataset", "data_dir", "image_size", "seed", "crop_padding", "val_share")
    dataset = data.load(*(chosen[name] for name in names))
    network, muon, schedule, _ = parts_of_options(chosen, dataset, numpy)
    standardize = standardize_from(dataset.train)
    views = {name: name in chosen["augment"].split(",") for name in AUGMENTATIONS}
    size, epochs = chosen["batch_size"], chosen["epochs"]
    batches = Batches(dataset.train, size, standardize, chosen["seed"], **views)
    tests = Batches(dataset.test, size, standardize, test_views=chosen["test_views"])
    peer = TorchNetwork(network)
    step = muon_step(peer.module, network, muon)
    for epoch in range(epochs):
        seen, loss_sum, start = 0, 0.0, time.perf_counter()
        peer.module.train()
        for number, (x, labels) in enumerate(batches.epoch(epoch)):
            for weight in peer.module.parameters():
                weight.grad = None
            loss = torch.nn.functional.cross_entropy(
                peer.module(as_pictures(x)),
                torch.from_numpy(labels),
                label_smoothing=chosen["label_smoothing"],
            )
            loss.backward()
            step(schedule(epoch + number / len(batches)))
            loss_sum, seen = loss_sum + float(loss.detach()) * len(x), seen + len(x)
        seconds = time.perf_counter() - start
        scores = evaluate(peer, tests)
        assert scores is not None
        metrics = {"epoch": epoch + 1, "train_loss": loss_sum / seen}
        metrics |= {f"test_{name}": scores[name] for name in ("accuracy", "top5")}
        print(epoch_line(metrics | {"images_per_second": seen / seconds}, epochs), flush=True)


class TorchNetwork:
    """The network's twin, which answers as it does. Its pictures lie in memory as minialex's do,
    (N, H, W, C), which PyTorch computes faster on a CPU than its own default."""

    def __init__(self, network: Network):
        self.module = twin(network).to(memory_format=import_torch().channels_last)

    def forward(self, x: numpy.ndarray) -> numpy.ndarray:
        """The logits (N, classes) for pictures x (N, H, W, C)."""
        self.module.eval()
        with import_torch().inference_mode():
            return self.module(as_pictures(x)).numpy()


def as_pictures(x: numpy.ndarray):
    """x (N, H, W, C) as a tensor (N, C, H, W) over the same memory."""
    return import_torch().from_numpy(x).permute(0, 3, 1, 2)


def muon_step(module, network: Network, muon: Muon) -> Callable[[float], None]:
    """A function of the learning rate: one step of the optimiser (see optim.Muon)."""
    torch = import_torch()
    names = list(network.params)
    assert names == [name for name, _ in module.named_parameters()]
    weights = dict(module.named_parameters())
    velocities = {name: torch.zeros_like(weight) for name, weight in weights.items()}

    def orthogonal(x):
        if x.shape[0] > x.shape[1]:
            return orthogonal(x.T).T
        a, b, c = NEWTON_SCHULZ
        x = x / (x.norm() + 1e-7)
        for _ in range(5):
            square = x @ x.T
            x = a * x + (b * square + c * square @ square) @ x
        return x

    @torch.no_grad()
    def step(lr: float) -> None:
        for name, weight in weights.items():
            velocity = velocities[name].mul_(muon.momentum).add_(weight.grad)
            descent = weight.grad + muon.momentum * velocity
            update = orthogonal(descent.reshape(len(descent) if descent.ndim > 1 else 1, -1))
            rows, columns = update.shape
            update *= math.sqrt(max(1, rows / columns))
            weight -= lr * (update.reshape(weight.shape) + muon.weight_decay * weight)
            if name in muon.normalised:
                weight *= math.sqrt(2 * rows) / weight.norm()

    return step


if __name__ == "__main__":
    run(main)
