# %% [markdown]
# # 16. One net on many machines
#
# In 2012 the net did not fit into one GPU, so it was trained on two. You may have several
# computers. Who computes what, what must they tell each other, and how many bytes is that? Until
# the last step one process plays all of them. Each is called a *rank*, and they are numbered from
# 0.

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
# The simplest way: each rank has the whole net and a share of every batch. The loss is a mean over
# $N$ pictures, and so is its gradient $g$.

# %%
some, loss = pictures("cifar10", 128, 1), SoftmaxCrossEntropy()
x = some.x.reshape(128, -1)


def new_layer():
    return Linear(x.shape[1], 10, rng=numpy.random.default_rng(0))


def gradient(layer, part):  # of the mean loss over these pictures
    loss.forward(layer.forward(x[part], train=True), some.labels[part])
    layer.backward(loss.backward())
    return layer.grads["weight"]


# %% [markdown]
# Rank $k$ has $n_k$ pictures, and knows the mean $g_k$ over them. Two means suggest themselves, one
# over the pictures and one over the ranks:
#
# $$\frac{\sum_k n_k \cdot g_k}{N} \qquad \frac{\sum_k g_k}{K}$$
#
# Take 13 pictures, as the last batch of an epoch may have. (Dropout's coins go by a unit's place in
# the whole batch, lesson 07: no $K$ changes them.)
#
# Two ranks have 7 pictures and 6. In the mean over the ranks, a picture of the first counts
# $1/2 \cdot 1/7 = 1/14$, one of the second $1/12$. It should be $1/13$.
#
# **Guess**: how far is the mean over the ranks from the gradient of the batch, in percent of its
# largest number?

# %%
batch, layer = numpy.arange(13), new_layer()
whole, errors = gradient(layer, batch), {}
print("pictures of each   error, mean over pictures   over ranks")
for K in (2, 4, 8):
    parts = numpy.array_split(batch, K)
    n = [len(part) for part in parts]
    grads = [gradient(layer, part) for part in parts]
    over_pictures = numpy.average(grads, axis=0, weights=n)
    over_ranks = numpy.mean(grads, axis=0)
    errors[K] = []
    for mean in (over_pictures, over_ranks):
        errors[K].append(abs(mean - whole).max() / abs(whole).max())
    counts = " ".join(map(str, n))
    print(f"{counts:<17} {errors[K][0]:26.0e} {errors[K][1]:12.0e}")

# %% [markdown]
# ## The order of a sum
#
# The mean over pictures was off by a few 1e-7. Why not by 0? Each addition is rounded, so
# $(a + b) + c$ and $a + (b + c)$ may differ in their last digits.

# %%
print((0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3))

# %% [markdown]
# Let four ranks train a linear classifier, each on its quarter of the pictures. Each adds up the
# four gradients itself: either its own first and then those of the next ranks, or all in the order
# 0, 1, 2, 3. A hash, a few digits computed from all bytes, tells whether two ranks have the same
# weights.

# %%
differ = {}


def report(order, step, weights):
    others = [weights[k] != weights[0] for k in (1, 2, 3)]
    share = differ[order, step] = numpy.mean(others)
    hashes = [digest([weight])[:4] for weight in weights]
    print(f"{order}, step {step:>3}: {share:>3.0%} differ,", *hashes)


# %% [markdown]
# They train for 100 steps, and report after 1, 10 and 100 of them.

# %%
quarters = numpy.array_split(numpy.arange(128), 4)


def train(order):
    ranks = [new_layer() for _ in range(4)]
    weights = [rank.params["weight"] for rank in ranks]
    for step in range(1, 101):
        grads = [gradient(ranks[k], quarters[k]) / 4 for k in range(4)]
        for k in range(4):
            own_first = grads[k:] + grads[:k]
            terms = own_first if order == "own first" else grads
            weights[k] -= 0.01 * sum(terms)
        if step in (1, 10, 100):
            report(order, step, weights)
    return weights


# %% [markdown]
# **Guess**: each rank begins with its own gradient. What share of the weights of ranks 1 to 3
# differs from those of rank 0 after 100 steps?

# %%
weights = train("own first")

# %% [markdown]
# And if all add up in the order 0, 1, 2, 3?

# %%
weights = train("all alike")

# %% [markdown]
# Who minds a last digit? Only rank 0 saves its weights: if the others resume from them, it is not
# the run that was stopped. And if all bits must be equal, a hash shows a flipped bit, or a rank
# that has missed a batch. So minialex computes each sum once, in one order, gives all ranks the
# result, and compares hashes after each epoch and whenever it saves.

# %%
weights[3].view("uint32")[5, 2012] ^= 1  # flips the last bit of a number
print("rank 3, one bit flipped:", digest([weights[3]])[:4])

# %% [markdown]
# ## A ring
#
# How do $K$ ranks add up $K$ arrays? All could send theirs to rank 0, which sends back the sum;
# then everybody waits for rank 0. In a ring each rank talks to its two neighbours only.
#
# Cut each array into $K$ parts. In round $i = 0, 1, 2, …$ rank $k$ sends its part $k - i$ to rank
# $k + 1$ (both modulo $K$), all at the same time. For $K - 1$ rounds the receiver adds it to its
# own: then each part is complete somewhere. In $K - 1$ more rounds the complete parts go around and
# are copied.
#
# With four ranks, in round 0 rank 0 sends part 0 to rank 1, rank 1 sends part 1 to rank 2, and so
# on. In round 1 rank 1 sends part 0 on to rank 2, with its own added.


# %%
def ring_sum(arrays):  # in place; yields what all send, round by round
    K = len(arrays)
    parts = [numpy.array_split(array, K) for array in arrays]  # views
    for i in range(2 * (K - 1)):
        sent = [parts[k][(k - i) % K] for k in range(K)]
        for k in range(K):  # rank k, which receives from rank k − 1
            received = sent[k - 1]
            own = parts[k][(k - 1 - i) % K]
            if i < K - 1:
                own[...] = received + own
            else:
                own[...] = received
        yield sent


# %% [markdown]
# `+` joins strings, too. So let rank 0's array be "0", "0", "0", "0", rank 1's "1", "1", "1", "1",
# and so on: each sum tells in which order it was added up.
#
# **Guess**: which of its parts 0, 1, 2, 3 will be complete first on rank 0, and in which order will
# it have been added up?

# %%
arrays = [numpy.full(4, str(k), dtype=object) for k in range(4)]
boards = [numpy.array(arrays)]
for _ in ring_sum(arrays):
    boards.append(numpy.array(arrays))
for i, board in enumerate(boards):
    print(f"rank 0 after {i} rounds:", *board[0])

# %% [markdown]
# All ranks, round by round: what a rank has just received is red, what is complete is on green.


# %%
def draw_board(axes, i):
    board, before = boards[i], boards[max(i - 1, 0)]
    complete = numpy.vectorize(len)(board) == 4
    axes.imshow(complete, "Greens", vmin=0, vmax=4)
    for k, part in numpy.ndindex(4, 4):
        new = board[k, part] != before[k, part]
        look = dict(ha="center", va="center", c="red" if new else "black")
        axes.text(part, k, board[k, part], size=8, **look)
    axes.set(title=f"{i} rounds", xticks=range(4), yticks=range(4))
    axes.set(xlabel="part", ylabel="rank")
    axes.label_outer()


with figure("16_ring", 11, 2.4) as drawing:
    for i, axes in enumerate(drawing.subplots(1, 7)):
        draw_board(axes, i)

# %% [markdown]
# ## What the ring costs
#
# An array of $S$ bytes (4.2 MB here) has parts of $S / K$, and a rank sends one of them in each of
# $2 (K - 1)$ rounds. That is
#
# $$2 S \cdot \frac{K - 1}{K}$$
#
# which is at most twice the array, for any $K$. If all sent theirs to rank 0, it would get
# $(K - 1) \cdot S$.

# %%
rng, sends, hashes = numpy.random.default_rng(0), {}, {}
print(" K  ring: each sends  rank 0 would get  hashes  bits as NumPy's")
for K in (2, 4, 8, 16):
    arrays = list(rng.standard_normal((K, 1 << 20), numpy.float32))
    total = numpy.sum(arrays, axis=0)
    sends[K] = 0
    for sent in ring_sum(arrays):
        sends[K] += sent[0].nbytes / 1e6
    hashes[K] = len({digest([array]) for array in arrays})
    gets = (K - 1) * total.nbytes / 1e6
    same = (arrays[0] == total).mean()
    print(f"{K:>2} {sends[K]:14.1f} MB {gets:14.1f} MB", end="")
    print(f" {hashes[K]:7} {same:16.0%}")

# %% [markdown]
# All ranks have the same bits, because each part is added up once. They are not those of NumPy's
# sum, which begins with rank 0 everywhere; in the ring each part begins with a different rank.
#
# In minialex's own ring each rank is a process, and at `yield` it waits for a round's messages.

# %%
shipped(Ring.run)

# %% [markdown]
# The sum of a layer's gradients begins as soon as backward has finished with the layer (small
# layers wait for the next), and goes on in a thread while backward continues. On the way back
# AlexNet's linear layers come first, with 96% of the weights. While they travel, the convolutions
# do 92% of the work.

# %% [markdown]
# ## Two towers
#
# The other way: each rank has a part of the net, for all pictures. The paper's two GPUs had half of
# each layer's kernels each (lesson 15). conv2, conv4 and conv5 look at their own half only. So the
# two exchange what they have before conv3 and before each linear layer, and each puts both halves
# together.

# %%
net = models.build("alexnet", lrn_groups=2, rng=rng)


def half(layer, t):  # tower t's half of a layer's kernels or units
    own = copy.copy(layer)
    own.params = {}
    for name, param in layer.params.items():
        own.params[name] = numpy.split(param, 2)[t]
    own.groups = 1
    if isinstance(layer, Conv2d):
        own.in_channels //= layer.groups
        own.out_channels //= 2
    return own


# %% [markdown]
# Send a picture through both towers. Which exchange has the most bytes? (The one for fc6 is done
# before `flatten`.)

# %%
x = rng.standard_normal((1, 227, 227, 3), numpy.float32)
both_ways, maps = 0, [x, x]
for name, layer in net.layers.items():
    if name in ("conv3", "flatten", "fc7", "fc8"):
        both_ways += 2 * maps[0].nbytes
        print(f"    exchange {maps[0].nbytes:,} bytes")
        maps = [numpy.concatenate(maps, axis=-1)] * 2
    towers = [half(layer, t) for t in (0, 1)]
    maps = [towers[t].forward(maps[t]) for t in (0, 1)]
    if layer.params:
        print(name, towers[0].params["weight"].shape)

# %% [markdown]
# The one before conv3. At the end the two exchange their logits, which together are those of the
# whole net.

# %%
both_ways += maps[0].nbytes
print(f"    exchange {maps[0].nbytes:,} bytes of logits")
logits, expected = numpy.concatenate(maps, axis=-1), net.forward(x)
print(f"largest difference: {abs(logits - expected).max():.0e}")

# %% [markdown]
# On the way back: each tower's kernels of conv3 saw all 256 maps, so its backward gives a gradient
# for all of them, but only of what went through its own kernels. It sends the part for the other's
# 128 maps, receives as much, and adds that to the part for its own. So as many bytes go back. None
# go back for the logits, from which each tower computes the loss itself. Weights and their
# gradients are not sent.

# %%
print(f"forward and back: {both_ways:,} bytes a picture")

# %% [markdown]
# ## LRN at the seam
#
# LRN's window reaches two channels to each side (lesson 06), but a tower has only its own: the
# window ends there, as in the program of 2012. One net does the same with `lrn_groups=2`, as `net`
# above did; the paper's formula has no such edge.
#
# **Guess**: let all 96 maps be 100 at a pixel. Which of them will LRN leave larger in two towers
# than in one net?

# %%
a, damped = numpy.full((1, 1, 1, 96), 100.0), []
print("channel   ", *(f"{i:5}" for i in range(44, 52)))
for kind, groups in (("one net", 1), ("two towers", 2)):
    b = LocalResponseNorm(groups=groups).forward(a)[0, 0, 0]
    damped.append(b)
    print(f"{kind:<10}", *(f"{value:5.1f}" for value in b[44:52]))

# %% [markdown]
# ## One weird trick
#
# Convolutions have few weights and large maps, linear layers many weights and few units. So
# Krizhevsky (2014, "One weird trick for parallelizing convolutional neural networks") deals out the
# pictures for convolutions, and the units for linear layers, where each rank sees all pictures.
#
# Only gradients of convolutions are summed. What goes into fc6, fc7 and fc8 is exchanged, and its
# gradient on the way back; the logits, too, but nothing comes back for them.

# %%
linear = [net.layers[name] for name in ("fc6", "fc7", "fc8")]
S = 4 * net.parameter_count()  # bytes
S_linear, units = 0, linear[-1].out_features  # the logits, there
for layer in linear:
    S_linear += 4 * sum(param.size for param in layer.params.values())
    units += 2 * layer.in_features  # there and back
print(f"weights: {S / 1e6:.0f} MB, linear layers': {S_linear / 1e6:.0f} MB")
print(f"exchanged for each picture: {units:,} numbers")

# %% [markdown]
# How many MB does a rank send in a step? (Counted, not timed.) *Data* is the first way, whole nets
# and a ring. With two *towers*, each sends what we counted above; four ranks are two pairs of
# towers, which share the pictures, and a ring adds up the gradients of the same tower of all pairs.
# The *trick* needs a ring for the convolutions' gradients only; but each rank also sends to all
# others its share of the numbers that are exchanged for each picture.


# %%
def schemes(K, N):  # MB that each of K ranks sends for N pictures
    others, pairs = (K - 1) / K, K / 2  # others: their share of all
    data = 2 * others * S
    towers = 2 * (pairs - 1) / pairs * S / 2 + N / pairs * both_ways
    trick = 2 * others * (S - S_linear) + others * N * 4 * units
    return numpy.array([data, towers, trick]) / 1e6


# %% [markdown]
# **Guess**: which way sends least for a batch of 128 pictures? More pictures mean more
# *activations* (what layers hand on), but not more gradients: at how many do data and the trick
# send the same, and does that depend on $K$?

# %%
kinds = ("data", "towers", "one weird trick")
print(" K {:>16} {:>16} {:>16}".format(*kinds))
for K in (2, 4, 8, 64):
    data, towers, trick = schemes(K, 128)
    print(f"{K:>2} {data:16.1f} {towers:16.1f} {trick:16.1f}")
meet = 2 * S_linear / (4 * units)
print(f"data and the trick meet at {meet:.0f} pictures")

# %% [markdown]
# The same for other batches. The dotted line is where data and the trick meet.

# %%
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
# MPI is the standard by which processes send each other messages. Its `mpirun` starts a command
# several times, here or on other machines, and each process asks MPI for its rank.
# `python -m minialex.train --ranks 2` calls `mpirun` itself; rank 0 prints.


# %%
def losses_of(options):
    command = [sys.executable, "-m", "minialex.train", *options]
    command += ["--dataset", "shapes", "--log-every", "1"]
    command += ["--max-steps", "2" if quick else "5"]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--out", f"{folder}/run"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(textwrap.fill(f"Not on this machine: {done.stderr}", 78))
    return re.findall(r"Loss: (\S+)", done.stdout)


# %% [markdown]
# Here are the losses of the first steps of one process, and of two. Two ranks add up in a
# different order from one process: does it show in these digits?

# %%
losses = {}
for kind, options in (("one process", []), ("two ranks", ["--ranks", "2"])):
    losses[kind] = losses_of(options)
    print(f"{kind:<12}", *losses[kind])

# %% [markdown]
# Where this was written, both printed the same, in all digits. (`--ranks 2` wants a core for each.)
#
# On several machines, start it yourself. Each needs minialex, its MPI and the pictures.
#
#     mpirun --host alpha:2,beta:2 -n 4 python -m minialex.train

# %% [markdown]
# ## To take away
#
# - Mean over pictures, not over ranks; each sum once, in one order.
# - In a ring a rank sends at most twice the array, for any $K$.
# - Send what is small: gradients of convolutions, activations of linear layers. But gradients
#   travel while backward works; for activations the ranks wait.
#
# ### Exercises
#
# 1. Deal 3 pictures to 4 ranks. What is the mean over no pictures, and what must be sent instead?
#    (`SharedStep` in `minialex/distributed/step.py`)
# 2. Let the towers exchange before fc6 instead of before flatten. Why are the logits wrong, though
#    all numbers are there?
# 3. Stop the ring after $K - 1$ rounds. Who could use that, if each rank updated only its own part
#    of the weights, and what must be sent then?
# 4. Write it yourself: `lessons/exercises/parallel.py`.
# 5. Train with `--ranks 2`, and with `--parallel towers` or `one-weird-trick`. Are the losses those
#    of one process?

# %% [markdown]
# ## Answers to the guesses
#
# - **The mean over the ranks** is off by 9% with two ranks, and by 30% with eight, where some have
#   two pictures and some one: a picture counts more on a rank that has fewer. (With drawn shapes 8%
#   and 30%.) minialex takes the mean over the pictures.
# - **Each begins with its own**: with CIFAR-10, 20% of the weights differ, with drawn shapes 18%.
#   It starts with 2% after one step; different weights give different gradients, so it grows. In
#   one order for all, none differs, ever.
# - **The ring**: part 1, after three rounds, as 1230. It left rank 1 first, rank 2 and rank 3 added
#   theirs, and rank 0 was the last.
# - **At the seam**: channels 46 to 49, the two on each side of it. Their windows lose one or two
#   neighbours of the other tower, so they are damped less: 26.1 and 29.9 where one net has 23.2.
# - **Which way sends least**: for 128 pictures the trick, for any number of ranks shown. At 3,274
#   pictures data sends as much as the trick. For both, all that depends on $K$ is the factor
#   $(K - 1) / K$, so the meeting point does not. Beyond it data sends less than the trick. With
#   eight ranks towers, too, send less than the trick, from fewer pictures on, as the figure shows.
