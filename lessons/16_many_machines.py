# %% [markdown]
# # 16. One net on many machines
#
# In 2012 the net did not fit into one GPU, so it was trained on two. You may
# have several computers. Who computes what, what must they tell each other, and
# how many bytes is that? Until the last step one process plays all of them. Each
# is called a rank, and they are numbered from 0.

# %%
import copy
import re
import subprocess
import sys
import tempfile
import textwrap

import numpy

from minialex import models
from minialex.distributed.ring import Ring
from minialex.distributed.start import digest
from minialex.layers import (
    Conv2d,
    Linear,
    LocalResponseNorm,
    SoftmaxCrossEntropy,
)
from minialex.lessons import figure, pictures, quick, shipped

# %% [markdown]
# ## A batch dealt to K ranks
#
# The simplest way: each rank has the whole net and a share of every batch. The
# loss is a mean over N pictures, and so is its gradient; a rank with n pictures
# knows the mean over its n. Is the gradient the mean of the ranks' gradients?
# Predict it for 13 pictures, as the last batch of an epoch may have. (Dropout's
# coins go by a unit's place in the whole batch, lesson 07: no K changes them.)

# %%
some, loss = pictures("cifar10", 128, 1), SoftmaxCrossEntropy()
x, seed = some.x.reshape(128, -1), numpy.random.default_rng


def gradient(layer, part):  # of the mean loss over these pictures
    loss.forward(layer.forward(x[part], train=True), some.labels[part])
    layer.backward(loss.backward())
    return layer.grads["weight"]


batch, layer = numpy.arange(13), Linear(x.shape[1], 10, rng=seed(0))
whole, errors = gradient(layer, batch), {}
print("pictures of each   error, mean over pictures   over ranks")
for K in (2, 4, 8):
    parts = numpy.array_split(batch, K)
    n = [len(part) for part in parts]
    grads = [gradient(layer, part) for part in parts]
    means = numpy.average(grads, 0, weights=n), numpy.mean(grads, axis=0)
    errors[K] = [abs(m - whole).max() / abs(whole).max() for m in means]
    row = " ".join(map(str, n)), *errors[K]
    print("{:<17} {:26.0e} {:12.0e}".format(*row))

# %% [markdown]
# ## The order of a sum
#
# Over pictures, it was right but for 1e-7. Why not 0? Each addition is rounded,
# so (a + b) + c and a + (b + c) may differ in their last digits. Let four ranks
# train a linear classifier, each on its quarter of the pictures. Each adds up
# the four gradients itself: first its own and then the next ranks', or all in
# the order 0, 1, 2, 3. How many weights are not those of rank 0 after 1, 10 and
# 100 steps?
#
# Who minds a last digit? Only rank 0 saves its weights: a run that others resume
# from them is not the run that was stopped. And if all bits must be equal, a hash
# (a few digits computed from all bytes) shows a flipped bit, or a rank that has
# missed a batch. So minialex adds up each sum once, in one order, gives all ranks
# the result, and compares hashes after each epoch and whenever it saves.

# %%
print((0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3))
quarters, differ = numpy.array_split(numpy.arange(128), 4), {}
for order in ("own first", "all alike"):
    ranks = [Linear(x.shape[1], 10, rng=seed(0)) for _ in range(4)]
    weights = [rank.params["weight"] for rank in ranks]
    for t in range(1, 101):
        grads = [gradient(ranks[k], quarters[k]) / 4 for k in range(4)]
        for k, w in enumerate(weights):
            turned = grads[k:] + grads[:k]
            w -= 0.01 * sum(turned if order == "own first" else grads)
        if t in (1, 10, 100):
            other = numpy.mean([w != weights[0] for w in weights[1:]])
            hashes = [digest([w])[:4] for w in weights]
            differ[order, t] = other
            print(f"{order}, step {t:>3}: {other:>3.0%} differ,", *hashes)
weights[3].view("uint32")[5, 2012] ^= 1  # the last bit of one number
print("rank 3, one bit flipped:", digest([weights[3]])[:4])

# %% [markdown]
# ## A ring
#
# How do K ranks add up K arrays? All could send theirs to rank 0, which sends
# back the sum; then everybody waits for rank 0. In a ring each rank talks to its
# two neighbours only. Cut each array into K parts. In round i = 0, 1, 2, …, rank
# k sends its part k − i to rank k + 1 (both modulo K), all at the same time. For
# K − 1 rounds the receiver adds it to its own: then each part is complete
# somewhere. In K − 1 more rounds the complete parts go around and are copied.
#
# `+` joins texts, too. So let rank 0's array be "0", "0", "0", "0", and so on:
# each sum tells in which order it was added up. Which part will be complete
# first on rank 0, and in which order?


# %%
def ring_sum(arrays):  # in place; yields what all send, round by round
    K = len(arrays)
    parts = [numpy.array_split(array, K) for array in arrays]  # views
    for i in range(2 * (K - 1)):
        sent = [parts[k][(k - i) % K] for k in range(K)]
        for k in range(K):  # rank k, which receives from rank k − 1
            own = parts[k][(k - 1 - i) % K]
            own[...] = sent[k - 1] + own if i < K - 1 else sent[k - 1]
        yield sent


arrays = [numpy.full(4, str(k), dtype=object) for k in range(4)]
boards = [numpy.array(arrays)]
boards += [numpy.array(arrays) for _ in ring_sum(arrays)]
with figure("16_ring", 11, 2.4) as drawing:
    drawing.suptitle("red: just received; on green: complete")
    for i, axes in enumerate(drawing.subplots(1, 7)):
        print(f"rank 0 after {i} rounds:", *boards[i][0])
        complete = numpy.vectorize(len)(boards[i]) == 4
        axes.imshow(complete, "Greens", vmin=0, vmax=4)
        for k, part in numpy.ndindex(4, 4):
            new = i and boards[i][k, part] != boards[i - 1][k, part]
            look = dict(ha="center", va="center", c="red" if new else "k")
            axes.text(part, k, boards[i][k, part], size=8, **look)
        axes.set(title=f"{i} rounds", xticks=range(4), yticks=range(4))
        axes.set(xlabel="part", ylabel="rank")
        axes.label_outer()

# %% [markdown]
# ## What the ring costs
#
# An array of S bytes (4.2 MB here) has parts of S/K, and a rank sends one in each
# of 2(K − 1) rounds: 2(K − 1)/K · S, at most twice the array, for any K. If all
# sent theirs to rank 0, it would get (K − 1) · S. Will all ranks have the same
# bits? And will those be the bits of NumPy's sum, which begins with rank 0?
#
# minialex's own ring is at the end. There each rank is a process, and at `yield`
# it waits for a round's messages. The sum of a layer's gradients begins as soon
# as backward has finished it (small layers wait for the next), and goes on in a
# thread meanwhile. On the way back AlexNet's linear layers come first, with 96%
# of the weights. While they travel, the convolutions do 92% of the work.

# %%
rng, sends, hashes = seed(0), {}, {}
print(" K  ring: each sends  rank 0 would get  hashes  bits as NumPy's")
for K in (2, 4, 8, 16):
    arrays = list(rng.standard_normal((K, 1 << 20), numpy.float32))
    total = numpy.sum(arrays, axis=0)
    sends[K] = sum(parts[0].nbytes for parts in ring_sum(arrays)) / 1e6
    hashes[K] = len({digest([array]) for array in arrays})
    gets, same = (K - 1) * total.nbytes / 1e6, (arrays[0] == total).mean()
    print(f"{K:>2} {sends[K]:14.1f} MB {gets:14.1f} MB", end="")
    print(f" {hashes[K]:7} {same:16.0%}")
shipped(Ring.run)

# %% [markdown]
# ## Two towers, and LRN at the seam
#
# The other way: each rank has a part of the net, for all pictures. The paper's
# two GPUs had half of each layer's kernels each (lesson 15). conv2, conv4, conv5
# look at their own half only. So the two exchange what they have before conv3
# and before each linear layer, and each puts both halves together. Which exchange
# sends most bytes for a picture? Will the logits be those of the whole net?
#
# On the way back each tower has the gradient of all 256 maps before conv3 through
# its own kernels. It sends that of the other's 128 maps, gets as much, and adds:
# as many bytes go back, but none for the logits, from which both compute the
# loss. Weights and their gradients are not sent.
#
# LRN's window reaches two channels to each side (lesson 06), but a tower has only
# its own: the window ends there, as in the program of 2012. One net does the same
# with lrn_groups=2; the paper's formula has no such edge. Let all 96 maps be 100
# at a pixel. Which of them will LRN leave larger in towers?

# %%
net = models.build("alexnet", lrn_groups=2, rng=rng)


def half(layer, t):  # tower t's half of a layer's kernels or units
    own = copy.copy(layer)
    own.params = {k: numpy.split(p, 2)[t] for k, p in layer.params.items()}
    own.groups = 1
    if isinstance(layer, Conv2d):
        own.in_channels //= layer.groups
        own.out_channels //= 2
    return own


x, both_ways = rng.standard_normal((1, 227, 227, 3), numpy.float32), 0
maps = [x, x]
for name, layer in net.layers.items():
    if name in ("conv3", "flatten", "fc7", "fc8"):
        both_ways += 2 * maps[0].nbytes
        print(f"    exchange {maps[0].nbytes:,} bytes")
        maps = [numpy.concatenate(maps, axis=-1)] * 2
    towers = [half(layer, t) for t in (0, 1)]
    maps = [towers[t].forward(maps[t]) for t in (0, 1)]
    if layer.params:
        print(name, towers[0].params["weight"].shape)
both_ways += maps[0].nbytes
print(f"    exchange {maps[0].nbytes:,} bytes of logits")
print(f"forward and back: {both_ways:,} bytes a picture")
logits, expected = numpy.concatenate(maps, axis=-1), net.forward(x)
print(f"largest difference: {abs(logits - expected).max():.0e}")
a, seam = numpy.full((1, 1, 1, 96), 100.0), slice(44, 52)
print("channel   ", *(f"{i:5}" for i in range(96)[seam]))
damped = [LocalResponseNorm(groups=g).forward(a)[0, 0, 0] for g in (1, 2)]
for kind, b in zip(("one net", "two towers"), damped, strict=True):
    print(f"{kind:<10}", *(f"{value:5.1f}" for value in b[seam]))

# %% [markdown]
# ## One weird trick
#
# Convolutions have few weights and large maps, linear layers many weights and
# few units. So Krizhevsky (2014) deals out the pictures for convolutions, and
# the units for linear layers, where each rank sees all pictures. Only gradients
# of convolutions are summed. What goes into fc6, fc7 and fc8 is exchanged, and
# its gradient on the way back; the logits, too, but nothing comes back for them.
#
# How many MB does a rank send in a step? (Counted, not timed. Four towers are two
# pairs, which share the pictures.) Which way sends least for 128 pictures? For
# more pictures there are more activations, but not more gradients: at how many do
# the first way, data, and the trick meet, and does that depend on K?

# %%
linear = [net.layers[name] for name in ("fc6", "fc7", "fc8")]
S = 4 * net.parameter_count()
S_linear = 4 * sum(p.size for fc in linear for p in fc.params.values())
units = 2 * sum(fc.in_features for fc in linear)  # there and back
units += linear[-1].out_features  # the logits, there


def schemes(K, N):  # MB that each of K ranks sends for N pictures
    others, pairs = (K - 1) / K, K / 2
    data = 2 * others * S  # in a ring
    towers = 2 * (pairs - 1) / pairs * S / 2 + N / pairs * both_ways
    trick = 2 * others * (S - S_linear) + others * N * 4 * units
    return numpy.array([data, towers, trick]) / 1e6


kinds = ("data", "towers", "one weird trick")
print(f"weights: {S / 1e6:.0f} MB, linear layers': {S_linear / 1e6:.0f} MB")
print(" K", *(f"{kind:>16}" for kind in kinds))
for K in (2, 4, 8, 64):
    print(f"{K:>2}", *(f"{mb:16.1f}" for mb in schemes(K, 128)))
meet = 2 * S_linear / (4 * units)
print(f"data and the trick meet at {meet:.0f} pictures")
sizes = 2 ** numpy.arange(5, 15)
with figure("16_schemes", 8, 3.2) as drawing:
    for place, K in ((121, 2), (122, 8)):
        axes = drawing.add_subplot(place, ylim=(5, 5000))
        axes.loglog(sizes, [schemes(K, N) for N in sizes], label=kinds)
        axes.axvline(meet, color="gray", linestyle=":")
        axes.set(title=f"{K} ranks", xlabel="pictures in a batch")
        axes.set(ylabel="MB that each sends in a step")
    axes.legend(loc="lower right")

# %% [markdown]
# ## Now really: two processes
#
# MPI is the standard by which processes send each other messages. Its mpirun
# starts a command several times, here or on other machines, and each process
# asks MPI for its rank. python -m minialex.train --ranks 2 calls mpirun itself;
# rank 0 prints. Below are the losses of the first steps of one process, and of
# two. Will they be the same, in all digits shown?
#
# On several machines, start it yourself: mpirun --host alpha:2,beta:2 -n 4
# python -m minialex.train. Each needs minialex, its MPI and the pictures.

# %%
train = [sys.executable, "-m", "minialex.train", "--dataset", "shapes"]
train += ["--log-every", "1", "--max-steps", "2" if quick else "5"]
losses = {}
for kind, more in (("one process", []), ("two ranks", ["--ranks", "2"])):
    with tempfile.TemporaryDirectory() as folder:
        command = [*train, *more, "--out", f"{folder}/run"]
        done = subprocess.run(command, capture_output=True, text=True)
    losses[kind] = re.findall(r"Loss: (\S+)", done.stdout)
    print(f"{kind:<12}", *losses[kind])
    if done.returncode:
        print(textwrap.fill(f"Not on this machine: {done.stderr}", 78))

# %% [markdown]
# ## To take away
#
# - Mean over pictures, not over ranks; each sum once, in one order.
# - In a ring a rank sends at most twice the array, for any K.
# - Send what is small: gradients of convolutions, activations of linear layers.
#   But gradients travel while backward works; for activations the ranks wait.
#
# ### Exercises
#
# 1. Deal 3 pictures to 4 ranks. What is the mean over no pictures, and what must
#    be sent instead? (SharedStep in minialex/distributed/step.py)
# 2. Let the towers exchange before fc6 instead of before flatten. Why are the
#    logits wrong, though all numbers are there?
# 3. Stop the ring after K − 1 rounds. Who could use that, if each rank updated
#    only its own part of the weights, and what must be sent then?
# 4. Train with --ranks 2, and with --parallel towers or one-weird-trick. Are the
#    losses those of one process?
