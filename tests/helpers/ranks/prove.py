"""On every rank: trains a small AlexNet alone, and together by each scheme; rank 0 prints by how
much they differ, as JSON: {"transport scheme engine optimizer": {what: largest difference}}.

python prove.py [--schemes SCHEME …] TRANSPORT …     see transports.py
"""

import argparse
import itertools
import json

import numpy

from minialex import Network, Trainer, backend, optim
from minialex.data import from_arrays
from minialex.data.lighting import IMAGENET
from minialex.distributed import gradients, sums
from minialex.distributed.scheme import ONE_PROCESS, SCHEMES, Scheme
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
)

SIDE, CLASSES = 23, 5
AUGMENT = ("crop", "mirror", "cutout", "rotation", "brightness", "colour", "lighting")
INEXACT = ("brightness", "colour")  #: on a GPU, where not all of it is rounded to float32

#: 40 pictures in batches of 13: the last batch of an epoch has one, fewer than there are ranks.
PICTURES, BATCH = 40, 13


def pictures(count, seed):
    rng = numpy.random.default_rng(seed)
    return rng.integers(0, 256, (count, SIDE, SIDE, 3), numpy.uint8), rng.integers(
        0, CLASSES, count
    )


def network(seed):
    """Two groups, normalisation within them, an odd number of hidden units, dropout before and
    after the first linear layer; in float64."""
    rng = numpy.random.default_rng(seed)
    layers = [
        ("conv1", Conv2d(3, 8, 5, stride=2, rng=rng)),
        ("relu1", ReLU()),
        ("norm1", LocalResponseNorm(alpha=0.5, groups=2)),
        ("pool1", MaxPool2d(3, 2)),
        ("conv2", Conv2d(8, 12, 3, padding=1, groups=2, rng=rng)),
        ("relu2", ReLU()),
        ("conv3", Conv2d(12, 8, 3, padding=1, rng=rng)),
        ("relu3", ReLU()),
        ("conv4", Conv2d(8, 8, 3, padding=1, groups=2, rng=rng)),
        ("relu4", ReLU()),
        ("pool4", MaxPool2d(2, 2)),
        ("flatten", Flatten()),
        ("dropout5", Dropout(0.5, rng.spawn(1)[0])),
        ("fc5", Linear(32, 17, rng=rng)),
        ("relu5", ReLU()),
        ("dropout6", Dropout(0.5, rng.spawn(1)[0])),
        ("fc6", Linear(17, CLASSES, rng=rng)),
    ]
    return Network(layers, (SIDE, SIDE, 3)).astype("float64")


def trained(scheme, engine, rule, epochs, augment, xp=numpy):
    """The Trainer after these epochs of four steps, and the gradients of its first step."""
    # rank 0's weights count: the others begin with their own
    net = network(scheme.ranks.rank).to(xp)
    rules = {"sgd": lambda: optim.SGD(net, lr=0.05), "adam": lambda: optim.Adam(net, lr=0.01)}
    data = from_arrays(*pictures(PICTURES, 1), *pictures(9, 2), list("abcde"))
    how = dict(augment=augment, lighting=IMAGENET, batch_size=BATCH, workers=1)
    trainer = Trainer(net, data, rules[rule](), engine=engine, scheme=scheme, **how)
    first = {}
    for _ in range(epochs):
        for _ in trainer.train_epoch():
            first = first or {name: g.copy() for name, g in trainer.part.network.grads.items()}
        trainer.finish_epoch(trainer.evaluate())
    trainer.collect()
    trainer.first_gradients = first
    return trainer


def largest(pairs):
    return max(float(abs(numpy.subtract(*map(on_host, pair))).max()) for pair in pairs)


def differences(alone, together):
    one, many = alone, together
    grads, own = one.first_gradients, many.first_gradients
    state, scores = one.optimizer.state, ("train_loss", "train_accuracy", "test_loss", "test_top5")
    return {
        "gradients": largest((own[name], many.part.view(name, grads[name])) for name in own),
        "weights": largest((one.network.params[name], many.network.params[name]) for name in grads),
        "state": largest((state[name], many.optimizer.state[name]) for name in state),
        "history": largest(
            ([a[name] for name in scores], [b[name] for name in scores])
            for a, b in zip(one.history, many.history, strict=True)
        ),
        "steps": abs(one.optimizer.steps - many.optimizer.steps),
        # none of these may be so small that nothing could differ
        "moved by": -largest((one.network.params[n], network(0).params[n]) for n in grads),
        "size of gradients": -largest((grads[name], 0) for name in grads),
    }


def on_host(x):
    return x if isinstance(x, int | list) else backend.to_host(x)


def main():
    from transports import ranks_with  # which lies beside this script

    p = argparse.ArgumentParser()
    p.add_argument("transports", nargs="+")
    p.add_argument("--schemes", nargs="+", default=SCHEMES)
    given = p.parse_args()
    # so that this small net, too, has several buckets, and some of several pieces
    gradients.BUCKET_BYTES, sums.PART_BYTES = 4096, 1024
    every = list(itertools.product(given.schemes, ("plain", "fast"), ("sgd", "adam")))
    how = dict(epochs=5, augment=AUGMENT)
    if given.transports != ["cpu"]:  # the stand-in is slow
        every = [(given.schemes[0], "plain", "sgd")]
        every += [(name, "fast", "adam") for name in given.schemes]
        how = dict(epochs=2, augment=[name for name in AUGMENT if name not in INEXACT])
    alone = {rule: trained(ONE_PROCESS, "plain", rule, **how) for rule in ("sgd", "adam")}
    found = {}
    for transport in given.transports:
        xp, ranks = ranks_with(transport)
        for name, engine, rule in every:
            together = trained(Scheme.of(name, ranks), engine, rule, xp=xp, **how)
            mine = differences(alone[rule], together)
            everyones = ranks.everyones(mine)
            found[f"{transport} {name} {engine} {rule}"] = {
                what: max(each[what] for each in everyones) for what in mine
            }
    if ranks.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
