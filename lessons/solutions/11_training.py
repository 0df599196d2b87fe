# %% [markdown]
# # 11. Training AlexNet: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex import fast, models, optim, schedules
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.evaluation import evaluate
from minialex.gradcheck import check_layer, check_network
from minialex.layers import Conv2d, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick

some = pictures("cifar10", 192 if quick else 1000, 250 if quick else 500)
criterion = SoftmaxCrossEntropy()

# %% [markdown]
# ## 1. A wrong sign
#
# > Let the backward of `conv5` return $-\mathrm{d}x$. What do 32 pictures say? And `gradcheck`?
#
# Two classes like `Conv2d`: one with the wrong sign, and one, for comparison, that returns nothing
# but zeros.


# %%
class WrongSign(Conv2d):
    def backward(self, dy):
        return -super().backward(dy)


class Lost(Conv2d):
    def backward(self, dy):
        return 0 * super().backward(dy)


# %% [markdown]
# The lesson's second test, with each of them in place of `conv5`. (The net is built as always, so
# all three start from the same weights; then `conv5` is told to which class it belongs.)


# %%
def memorise(kind):
    net = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    net.layers["conv5"].__class__ = kind
    engine, adam = fast.prepare(net, workers=2), optim.Adam(net, lr=0.001)
    x, labels, losses = some.x[:32], some.labels[:32], []
    for _ in range(21 if quick else 61):
        losses.append(engine.step(x, labels, criterion)[0])
        engine.update(adam)
    right = (engine.forward(x).argmax(axis=1) == labels).sum()
    return losses, right


# %% seconds=20
memorised = {}
for kind in (Conv2d, WrongSign, Lost):
    losses, right = memorised[kind] = memorise(kind)
    shown = " ".join(f"{loss:6.2f}" for loss in losses[::20])
    print(f"{kind.__name__:<9} loss {shown}   {right} of 32 right")

# %% [markdown]
# 32 pictures find the wrong sign. `conv5` itself and the layers after it go downhill, but conv1 to
# conv4 get their gradients from it and go uphill, at full speed: with Adam a weight moves by about
# $\varepsilon$ however small its gradient is. With CIFAR-10, the loss goes from 3.22 to 16 in 20
# steps, and is still at 4.33 after 60, when that of the right net is 0.13.
#
# They do *not* find that a gradient is lost. conv1 to conv4 keep their random weights, and the
# layers after them memorise 32 pictures all the same.
#
# And `gradcheck`? First for the layer alone, in a small size. It compares every single number.

# %%
rng = numpy.random.default_rng(0)
x = rng.standard_normal((2, 7, 6, 2))
for kind in (Conv2d, WrongSign, Lost):
    layer = kind(2, 3, 3, padding=1, rng=rng)
    report = check_layer(layer, x, rng)
    text = ", ".join(f"d{a.array} {a.error:.0e}" for a in report.worst)
    print(f"{kind.__name__}: passed {report.passed}, {text}")

# %% [markdown]
# It finds both, in $\mathrm{d}x$, and the size of the error tells them apart. It is the difference
# relative to the larger of both numbers: 2 if one is minus the other, 1 if one is 0. The gradients
# of the layer's own weights are right.
#
# To check a whole net number by number would take two forward passes for each of its weights.
# `check_network` takes two for each array, and nudges all of its numbers along one random
# direction. Which arrays are wrong?

# %%
net = models.build("alexnet-cifar", rng=rng).astype("float64")
net.layers["conv5"].__class__ = WrongSign
x = some.x[:2].astype("float64")
report = check_network(net, criterion, x, some.labels[:2], rng)
wrong = [each.array for each in report.worst if each.error > 1e-3]
print("wrong:", *wrong[:5])
print("      ", *wrong[5:])

# %% [markdown]
# All that lies before `conv5` is wrong, and `conv5.weight` is right: so the bug is where `conv5`
# hands its gradient on. Had it been in conv1, 32 pictures would have said nothing, since nobody
# uses the gradient of the pictures.

# %% [markdown]
# ## 2. A rate that is too high
#
# > Cure "too high": what is the highest rate that works, with warm-up and without?
#
# The lesson's "cosine" has a warm-up already: the rate goes up from 0 over a tenth of all epochs.
# Here it is without, with a tenth and with three tenths. Otherwise the loop is the lesson's.

# %%
epochs = 3 if quick else 12
fill = some.standardize.mean.round().astype("uint8")
training = ArrayImages(some.images, some.labels, fill=fill)
views = {"crop": True, "mirror": True}
batches = Batches(training, 64, some.standardize, seed=0, **views)
unseen = ArrayImages(some.test_images, some.test_labels, fill=fill)
tests = Batches(unseen, 250, some.standardize)


# %%
def train(rate, warmup):
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
    engine, adam = fast.prepare(net, workers=2), optim.Adam(net)
    schedule = schedules.Cosine(rate, epochs, warmup=warmup)
    losses = []
    for epoch in range(epochs):
        for i, (x, labels) in enumerate(batches.epoch(epoch)):
            adam.lr = schedule(epoch + i / len(batches))
            losses.append(engine.step(x, labels, criterion)[0])
            engine.update(adam)
    return max(losses), silent(net), evaluate(engine, tests)


# %% [markdown]
# The lesson suspects that a rate too high silences ReLUs. So count, in relu2 and relu3, the
# channels that answer 0 everywhere, in 200 test pictures.


# %%
def silent(net):
    shares, y = [], some.test_x[:200]
    for name, layer in net.layers.items():
        y = layer.forward(y)
        if name in ("relu2", "relu3"):
            shares.append((y == 0).all(axis=(0, 1, 2)).mean())
    return shares


# %% [markdown]
# Double the rate until nothing helps. Of each run we print the largest loss of a batch on the way,
# the share of silent channels, and the test.

# %% seconds=152
results, rates = {}, (0.003, 0.006, 0.012, 0.024)
print("rate  warm-up  largest loss  silent: relu2, relu3  test loss, right")
for rate in rates[::3] if quick else rates:
    for warmup in (0, 0.1, 0.3):
        results[rate, warmup] = train(rate, warmup)
        largest, (relu2, relu3), test = results[rate, warmup]
        print(f"{rate} {warmup:>7} {largest:>13.1f}", end=" ")
        print(f"{relu2:>14.0%} {relu3:>8.0%}", end=" ")
        print(f"{test['loss']:>11.2f} {test['accuracy']:>6.0%}")

# %% [markdown]
# With CIFAR-10, the highest of these rates that works is 0.012, with warm-up or, after a fashion,
# without. 0.024 never does. So warm-up hardly raises the limit. What it cures is the beginning:
#
# - **without** it the first steps do harm. In Adam's first step $m$ and $s$, corrected, are $g$ and
#   $g^2$, so each weight moves by $\varepsilon$, whatever its gradient. With 0.012 the loss of a
#   batch goes up to 84. The run survives, but 98% of the channels of relu2 are silent, and it ends
#   with 29% right
# - **with** it no loss is above 2.8 up to 0.012, which ends with 43% and 39% right. (Drawn shapes
#   show it better: 0.012 ends with 13% right without it, with 73% and 91% with it)
# - **with 0.024** the full rate itself is too much, however slowly it is reached. All of relu3 is
#   silent, its slopes are 0, and the loss is $\log 10$ for good. So the lesson's suspicion is right

# %% [markdown]
# How much is a step of 0.012? Compare it with what it moves:

# %%
net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
for name in ("conv1", "conv2", "conv3", "fc4"):
    spread = net.params[f"{name}.weight"].std()
    print(f"{name}: spread of the weights {spread:.3f}")

# %% [markdown]
# It moves all weights of conv3 by a quarter of their spread, and those of fc4 by more than all of
# it.
#
# The highest rate that works is not the best: 0.003 and 0.006 with warm-up end with 45% to 48%
# right. Nor is it the same for all starts. With 0.02 these weights go silent with any warm-up; with
# 1 as the seed of weights and batches, the three runs end with 28%, 20% and 18% right. So stay well
# below the limit.

# %% [markdown]
# ## 3. The optimiser
#
# > Write Adam yourself: `lessons/exercises/adam.py`.
#
# The formulas are in the file; what counts is what is kept. The two means belong to a weight and
# live on from step to step, but the corrected ones are made anew each time: if you write them back,
# they are corrected twice. Count the step before you correct, since the first $t$ is 1, and leave
# $\varepsilon$ outside of the root.
#
# `python -m minialex.gradcheck lessons/exercises/adam.py` says how far you are. The library's own
# is in `minialex/optim.py`: read it when yours is right.
