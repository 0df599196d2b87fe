# %% [markdown]
# # 18. What a checkpoint holds: solutions
#
# Try each exercise before you read on.

# %%
import copy
from types import SimpleNamespace

import numpy

from minialex import models, optim, schedules
from minialex.layers import Dropout, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick
from minialex.network import Network

# %% [markdown]
# The lesson's run, with one change: `train` is told which order the pictures have and which batches
# of it to take. Instead of a file, a deep copy of the run will do: it has everything in it.

# %%
n, size = (64, 16) if quick else (256, 32)
some, loss = pictures("cifar10", n, 1), SoftmaxCrossEntropy()
schedule = schedules.build("cosine", lr=0.01, epochs=6)


def new_run():
    rng = numpy.random.default_rng(0)
    mini = models.build("alexnet-mini", rng=rng)
    layers = list(mini.layers.items())
    layers.insert(-1, ("dropout", Dropout(0.5, rng)))
    net = Network(layers, mini.input_shape)
    v = {name: numpy.zeros_like(w) for name, w in net.params.items()}
    return SimpleNamespace(net=net, velocities=v, rng=rng, epoch=0)


def train(run, order, batches):
    for b in batches:
        batch = order[b * size : (b + 1) * size]
        x = some.x[batch]
        mirrored = run.rng.random(len(x)) < 0.5
        x[mirrored] = x[mirrored, :, ::-1]
        rate = schedule(run.epoch + b * size / n)
        run.net.step(x, some.labels[batch], loss)
        for name, w in run.net.params.items():
            v = run.velocities[name]
            v *= 0.9
            v -= rate * (run.net.grads[name] + 0.0005 * w)
            w += v


# %% [markdown]
# ## 1. In the middle of an epoch
#
# > Let A save itself in the middle of the fourth epoch, and resume from there. Why is the state of
# > the generator not enough? What else must be saved?
#
# The order is drawn once, when the epoch begins. By the middle the generator has moved on, and
# an order drawn now is a different one: some pictures come twice, others not at all.

# %%
all_batches = range(n // size)
first_half, second_half = numpy.array_split(all_batches, 2)
A = new_run()
while A.epoch < 3:
    train(A, A.rng.permutation(n), all_batches)
    A.epoch += 1
after_three = copy.deepcopy(A)
order = A.rng.permutation(n)
train(A, order, first_half)
middle = copy.deepcopy(A)  # weights, velocities, generator, epoch
train(A, order, second_half)

# %% [markdown]
# Resume from the middle, with a new order and with the one that was saved. The number of batches
# done must be in the file, too.


# %%
def report(name, run):
    differ = 0
    for key, w in run.net.params.items():
        differ += (w != A.net.params[key]).sum()
    print(f"{name} order: {differ:,} weights differ")


lost, kept = copy.deepcopy(middle), copy.deepcopy(middle)
other_order = lost.rng.permutation(n)
done = order[: len(first_half) * size]
again = numpy.isin(other_order[len(first_half) * size :], done).sum()
print(f"new order: {again} of {n // 2} pictures have been seen already")
train(lost, other_order, second_half)
train(kept, order, second_half)
report("new", lost)
report("saved", kept)

# %% [markdown]
# The order of ImageNet has 1.28 million numbers. Whoever draws it from the seed and the epoch's
# number, as the lesson and minialex do, draws it again instead. What remains is the generator of
# the coins, unless they are drawn from the batch's number, too.

# %% [markdown]
# ## 2. Rounding
#
# > Round the weights in the file to float16, then the velocities instead. By how much does the loss
# > over all pictures differ from A's at the end? Which would you rather round?
#
# From the end of the third epoch, once as it was, and once with each of the two rounded.


# %%
def rounded(arrays):
    for array in arrays.values():
        array[...] = array.astype("float16")


def end_of(run):
    while run.epoch < 6:
        train(run, run.rng.permutation(n), all_batches)
        run.epoch += 1
    return loss.forward(run.net.forward(some.x), some.labels)


# %% seconds=4
ends = {}
for kind in ("as it was", "weights", "velocities"):
    run = copy.deepcopy(after_three)
    if kind == "weights":
        rounded(run.net.params)
    if kind == "velocities":
        rounded(run.velocities)
    ends[kind] = end_of(run)
    off = ends[kind] - ends["as it was"]
    print(f"{kind:<11} loss {ends[kind]:.5f}, {off:+.0e}")

# %% [markdown]
# Neither moves the loss much: in the lesson, forgetting the velocities moved it by up to 0.05. With
# 256 pictures of CIFAR-10 the rounded weights move it by 1e-4 and the rounded velocities by 6e-5;
# with drawn shapes by 3e-4 and 3e-5.
#
# float16 changes a number by at most one part in 2,048, if it is not tiny. Velocities are small
# beside their weights, so such a part of them is less; and they are forgotten after some ten steps,
# while a weight keeps its error. So rather round the velocities: it saves a quarter of the file.
# But "the same to the bit" is gone either way, and with it the test that finds what was forgotten.

# %% [markdown]
# ## 3. Adam's count of steps
#
# > Adam (lesson 11) divides its means by $1 - \beta^t$ after $t$ steps. Restore both means after
# > many steps, but not $t$: how long is the next step, compared with the right one?
#
# After many steps both divisors are 1. With $t = 1$ the mean of gradients is divided by
# $1 - 0.9 = 0.1$, so it is ten times too large. The mean of squares is divided by 0.001, and its
# root is $\sqrt{1000} = 31.6$ times too large. The step is their quotient: 10 / 31.6, about a
# third.
#
# An optimiser sees only arrays: here are 1,000 weights, and random gradients.

# %%
rng = numpy.random.default_rng(0)
net = SimpleNamespace(params={"w": numpy.zeros(1000)}, grads={})
adam = optim.Adam(net, lr=0.001)
for _ in range(5000):
    net.grads["w"] = rng.standard_normal(1000)
    adam.step()
right, forgetful = copy.deepcopy(adam), copy.deepcopy(adam)
forgetful.steps = 0

# %% [markdown]
# Both go on with the same gradients. We print how long their steps are, compared.

# %%
ratios = []
for _ in range(2000):
    lengths, g = [], rng.standard_normal(1000)
    for one in (right, forgetful):
        before = one.network.params["w"].copy()
        one.network.grads["w"] = g
        one.step()
        step = one.network.params["w"] - before
        lengths.append(numpy.sqrt((step * step).sum()))
    ratios.append(lengths[1] / lengths[0])
for number in (1, 10, 100, 1000, 2000):
    print(f"step {number:>4}: {ratios[number - 1]:.2f} of the right length")

# %% [markdown]
# The first divisor is right again after some thirty steps; the second needs thousands, and keeps
# the steps short meanwhile. No error says so, and nothing leaps: the run learns too slowly for a
# thousand steps. This is why `save_checkpoint` writes `optimizer_steps`.
