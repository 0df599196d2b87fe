# %% [markdown]
# # 16. One net on many machines: solutions
#
# Try each exercise before you read on.

# %%
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy

from minialex.distributed.step import SharedLoss, SharedStep
from minialex.layers import Linear, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, shipped

some, loss = pictures("cifar10", 64, 1), SoftmaxCrossEntropy()
x = some.x.reshape(64, -1)

# %% [markdown]
# ## 1. Three pictures for four ranks
#
# > Deal 3 pictures to 4 ranks. What is the mean over no pictures, and what must be sent instead?
# > (`SharedStep` in `minialex/distributed/step.py`)
#
# The fourth rank has none. Its mean is 0 / 0, which floats call NaN, "not a number". Its weight
# in the sum is 0, but 0 times NaN is NaN, and so is whatever it is added to.


# %%
def gradient(part):  # of the mean loss over these pictures
    layer = Linear(x.shape[1], 10, rng=numpy.random.default_rng(0))
    loss.forward(layer.forward(x[part], train=True), some.labels[part])
    layer.backward(loss.backward())
    return layer.grads["weight"]


parts = numpy.array_split(numpy.arange(3), 4)
print("pictures of each:", [len(part) for part in parts])
grads = [gradient(part) for part in parts[:3]]
for name, of_none in (("NaN", numpy.nan), ("zeros", 0.0)):
    total = sum(grads) * (1 / 3) + of_none * 0
    print(f"with {name:<5}: off by", abs(total - gradient(range(3))).max())

# %% [markdown]
# So it must send zeros; and it must send, for the others wait for it. Where would it get them? It
# could make an array of zeros for each gradient. `SharedStep` does without: the rank takes a blank
# picture with the label 0, and goes forward and backward as the others do.

# %%
shipped(SharedStep.__call__, SharedLoss.forward, SharedLoss.backward)

# %% [markdown]
# `share` is the rank's number of pictures divided by that of all: 0. It multiplies the gradient of
# the logits, so all gradients behind it are 0, and finite.

# %% [markdown]
# ## 2. Exchanging after flatten
#
# > Let the towers exchange before fc6 instead of before flatten. Why are the logits wrong, though
# > all numbers are there?
#
# `flatten` makes a row of the maps, pixel by pixel: all 256 channels of the first pixel, then all
# of the second. Each tower flattens its own: 128 channels of the first pixel, 128 of the second. If
# these rows are joined, the first tower's whole row comes first. fc6's weights expect the channels
# of a pixel together.

# %%
rng = numpy.random.default_rng(0)
maps = rng.standard_normal((1, 6, 6, 256), numpy.float32)
halves = numpy.split(maps, 2, axis=3)  # the two towers' maps
right = numpy.concatenate(halves, axis=3).reshape(1, -1)
wrong = numpy.concatenate([h.reshape(1, -1) for h in halves], axis=1)
print("the same numbers:", (numpy.sort(right) == numpy.sort(wrong)).all())
print(f"in their place: {(right == wrong).sum()} of {right.size}")

# %% [markdown]
# In their place are the first tower's first pixel and the second's last: 256 numbers. The logits
# are wrong, and nothing says so: the shapes fit.

# %%
fc6 = Linear(right.size, 64, rng=rng)
y, off = fc6.forward(right), fc6.forward(wrong)
print(f"outputs are about {y.std():.2f}, off by {abs(off - y).mean():.2f}")

# %% [markdown]
# It could be made right by sorting fc6's columns once, in the same way. A net that had been trained
# like this from the start would be as good as another; but its weights would fit no other program.

# %%
places = numpy.arange(right.size).reshape(1, 6, 6, 256)
own = [half.ravel() for half in numpy.split(places, 2, axis=3)]
weight = fc6.params["weight"][:, numpy.concatenate(own)]
sorted_columns = wrong @ weight.T + fc6.params["bias"]
print(f"with sorted columns off by {abs(sorted_columns - y).max():.0e}")

# %% [markdown]
# ## 3. Half a ring
#
# > Stop the ring after $K - 1$ rounds. Who could use that, if each rank updated only its own part
# > of the weights, and what must be sent then?
#
# After $K - 1$ rounds each rank has one complete part of the sum: rank $k$ has part $k + 1$, modulo
# $K$. That is all it needs to update this part of the weights. Then the new weights must go around,
# for which $K - 1$ more rounds will do: the bytes are the same. What is saved is memory and work:
# of the velocities a rank needs its own part only, and it updates only that.
#
# Here are four ranks that do so for three steps, beside one that has everything.

# %%
K, size = 4, 1000
weights = rng.standard_normal(size)
whole, whole_v = weights.copy(), numpy.zeros(size)
ranks = [weights.copy() for _ in range(K)]
parts = [numpy.array_split(rank, K) for rank in ranks]  # views
own_v = [numpy.zeros(len(parts[k][(k + 1) % K])) for k in range(K)]


def go_around(parts, rounds, first, adds):
    for i in range(rounds):  # rank k sends its part k + first − i
        sent = [parts[k][(k + first - i) % K].copy() for k in range(K)]
        for k in range(K):
            own = parts[k][(k - 1 + first - i) % K]
            own[...] = sent[k - 1] + own if adds else sent[k - 1]


# %% [markdown]
# In a step, gradients go around for the first half, and weights for the second.

# %%
for _ in range(3):
    grads = [rng.standard_normal(size) for _ in range(K)]
    whole_v = 0.9 * whole_v - 0.01 * sum(grads)
    whole += whole_v
    g = [numpy.array_split(grad, K) for grad in grads]
    go_around(g, K - 1, first=0, adds=True)
    for k in range(K):
        mine = (k + 1) % K
        own_v[k] = 0.9 * own_v[k] - 0.01 * g[k][mine]
        parts[k][mine] += own_v[k]
    go_around(parts, K - 1, first=1, adds=False)
for k in range(K):
    off = abs(ranks[k] - whole).max()
    print(f"rank {k}: {len(own_v[k])} velocities, off by {off:.0e}")
print("all alike:", all((rank == ranks[0]).all() for rank in ranks))

# %% [markdown]
# Whoever has many ranks and little memory uses it. SGD with momentum keeps a velocity for each
# weight, Adam two means: with 64 ranks, a 64th of that on each. (Rajbhandari et al. 2020, "ZeRO",
# begin with this.) It does not fit an optimiser that looks at a whole matrix, such as Muon.

# %% [markdown]
# ## 4. The mean and the ring
#
# > Write it yourself: `lessons/exercises/parallel.py`.
#
# For the mean: weigh each rank's gradient with its number of pictures, and leave out ranks without
# any, since 0 times NaN is NaN. For the ring: each round's part is the one that has just come in,
# and it came from the rank before.
#
# `python -m minialex.gradcheck lessons/exercises/parallel.py` says how far you are.

# %% [markdown]
# ## 5. Really two ranks
#
# > Train with `--ranks 2`, and with `--parallel towers` or `one-weird-trick`. Are the losses those
# > of one process?
#
# A few pictures in a file will do, which all four read.

# %%
folder = tempfile.TemporaryDirectory()
file = Path(folder.name) / "some.npz"
few = dict(x_train=some.images[:48], y_train=some.labels[:48])
numpy.savez(file, **few, x_test=some.images[48:], y_test=some.labels[48:])


def losses_of(run, options):
    command = [sys.executable, "-m", "minialex.train", *options]
    command += ["--data-dir", str(file), "--out", f"{folder.name}/{run}"]
    command += ["--model", "alexnet-cifar", "--batch-size", "16"]
    command += ["--log-every", "1", "--max-steps", "2" if quick else "6"]
    command += ["--epochs", "2", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(textwrap.fill(f"Not on this machine: {done.stderr}", 78))
    return re.findall(r"Loss: (\S+)", done.stdout)


# %% seconds=16
two, losses = ["--ranks", "2", "--parallel"], {}
losses["one process"] = losses_of("alone", [])
schemes = ["data", "towers", "one-weird-trick"]
for scheme in schemes[:1] if quick else schemes:
    losses[scheme] = losses_of(scheme, [*two, scheme])
folder.cleanup()
for kind, found in losses.items():
    print(f"{kind:<16}", *found)

# %% [markdown]
# Where this was written, all four printed the same digits for three steps, and then the last digits
# moved apart: each scheme adds up in an order of its own, and such differences grow (lesson 18
# follows a single bit). The pictures of each batch, their crops and dropout's coins do not depend
# on the number of ranks; if they did, the losses would differ at once, and in the first digits.
