# %% [markdown]
# # 11. Training AlexNet, and reading its curves
#
# Layers, gradients, the net, the optimiser, the batches: all the parts are
# there. This lesson checks them with two short tests, puts them into a loop,
# trains, and then makes five things go wrong on purpose. A training run that
# fails tells you so only by its curves.

# %%
import math

import numpy

from minialex import fast, models, optim, schedules
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.evaluation import evaluate
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick

# %% [markdown]
# ## First test: the loss before the first step
#
# A net that knows nothing should give each of ten classes a tenth: a loss of
# −ln 1/10 = ln 10 = 2.303. A fresh net is not quite undecided. Its logits
# scatter, which costs about half their variance. If the loss is much above
# that, the last layer's weights start too large: the net is sure, and wrong.

# %%
some = pictures("cifar10", 640 if quick else 20_000, 250 if quick else 2000)
x, labels = some.x[:256], some.labels[:256]
name = "alexnet-mini" if quick else "alexnet-cifar"
net = models.build(name, rng=numpy.random.default_rng(0))
engine, criterion = fast.prepare(net, workers=2), SoftmaxCrossEntropy()
logits = engine.forward(x)
first = criterion.forward(logits, labels)
expected = math.log(10) + logits.var(axis=1).mean() / 2
print(f"loss {first:.3f}, ln 10 + half the variance {expected:.3f}")
sure = criterion.forward(20 * logits, labels)
print(f"with 20 times larger weights in the last layer: {sure:.3f}")

# %% [markdown]
# ## Second test: memorise 32 pictures
#
# A net with a million weights must be able to memorise 32 pictures, in seconds:
# the loss falls to almost 0. With a wrong sign in a gradient it soars, or gets
# stuck. (Wrong labels go unnoticed; a net can memorise those, too.)

# %%
adam, few = optim.Adam(net, lr=0.001), slice(0, 32)
for i in range(61):
    loss, _ = engine.step(x[few], labels[few], criterion)
    engine.update(adam)
    if i % 20 == 0:
        print(f"step {i:>2}: loss {loss:.4f}")
right = (engine.forward(x[few]).argmax(axis=1) == labels[few]).sum()
print(f"{right} of 32 right")

# %% [markdown]
# ## The loop
#
# In an epoch the net sees every picture once, in a new order and a new view
# (lesson 10); then it is tested on pictures that it never learns from. Batches
# prepares the next batch while the net computes; fast.prepare makes an engine
# that computes the same as the net, faster, on two threads (lesson 14). This is
# minialex/training.py without progress bar and checkpoints.

# %%
fill = some.standardize.mean.round().astype("uint8")
unseen = ArrayImages(some.test_images, some.test_labels, fill=fill)
tests = Batches(unseen, 250, some.standardize)


def train(n, epochs, model="alexnet-mini", lr=0.001, decay=0,
          augment=True, labels=some.labels):  # fmt: skip
    net = models.build(model, rng=numpy.random.default_rng(0))
    engine = fast.prepare(net, workers=2)
    adam = optim.Adam(net, weight_decay=decay)
    schedule = schedules.build("cosine", lr, epochs)
    images = ArrayImages(some.images[:n], labels[:n], fill=fill)
    views = dict(crop=augment, mirror=augment)
    batches = Batches(images, 64, some.standardize, seed=0, **views)
    for epoch in range(epochs):
        losses, right = [], 0
        for i, (x, t) in enumerate(batches.epoch(epoch)):
            adam.lr = schedule(epoch + i / len(batches))
            loss, logits = engine.step(x, t, criterion)
            engine.update(adam)
            losses.append(loss)
            right += (logits.argmax(axis=1) == t).sum()
        new = evaluate(engine, tests)
        yield numpy.mean(losses), new["loss"], right / n, new["accuracy"]


# %% [markdown]
# ## Training AlexNet
#
# The eight layers, made narrow for 32×32 pixels, on 20,000 pictures: about
# three minutes on two cores. Training may look worse than test, because it is
# a mean over an epoch of learning, with dropout and on harder views.

# %%
history, splits = [], ["training", "test"]
print("epoch, losses in training and test, right in training and test")
for row in train(len(some.x), 2 if quick else 5, name):
    history.append(row)
    print("{:>5} {:8.3f} {:.3f} {:9.1%} {:.1%}".format(len(history), *row))
with figure("11_training", 8, 3) as drawing:
    for i, what in enumerate(("loss", "share of right answers")):
        ax = drawing.add_subplot(1, 2, i + 1, xlabel="epoch", ylabel=what)
        both = numpy.array(history)[:, 2 * i : 2 * i + 2]
        ax.plot(range(1, len(both) + 1), both, "o-", label=splits)
    ax.legend()

# %% [markdown]
# ## Reading curves
#
# `alexnet-mini` six times on a thousand pictures; five runs are ill. (A minute.)
#
# - **too high**: the loss jumps, then sits at ln 10: the ReLUs are dead
# - **too low**: both losses crawl down side by side, and never arrive
# - **underfitting**: both stop high, close together: here weight decay is too
#   strong
# - **overfitting**: the test loss turns up while the training loss keeps falling
# - **off by one**: a bug. Each picture has the next one's label. The net
#   memorises them, so the training loss falls, and the test loss never does

# %%
n, epochs = (192, 8) if quick else (1000, 12)
cases = {
    "healthy": {},
    "too high": {"lr": 0.03},
    "too low": {"lr": 1e-5},
    "underfitting": {"decay": 0.1},
    "overfitting": {"n": n // 4, "epochs": epochs * 3, "augment": False},
    "off by one": {"labels": numpy.roll(some.labels, 1), "augment": False},
}
ends = {}
with figure("11_curves", 9, 5) as drawing:
    for i, (name, settings) in enumerate(cases.items()):
        settings = {"n": n, "epochs": epochs} | settings
        curve = numpy.array(list(train(**settings)))
        own, new, _, right = ends[name] = curve[-1]
        print(f"{name:<12} loss {own:.2f}, test {new:.2f}; {right:.0%}")
        ax = drawing.add_subplot(2, 3, i + 1, title=name, ylim=(0, 3.5))
        ax.plot(range(1, len(curve) + 1), curve[:, :2], label=splits)
        ax.axhline(math.log(10), color="gray", linestyle=":", label="ln 10")
        ax.set(xlabel="epoch", ylabel="loss")
        ax.locator_params(axis="x", integer=True)
    ax.legend(loc="lower left")

# %% [markdown]
# ## To take away
#
# - Test first: a loss of ln 10, then 32 pictures memorised. Seconds, not days.
# - Look at both curves. Apart: too few pictures. Together and high: too small a
#   net, or too slow. At ln 10: a bug, or a dead net.
# - `python -m minialex.train --dataset cifar10` does all this, with checkpoints
#   and `curves.png` in `runs/cifar10-alexnet-cifar`. Lesson 12 looks inside.
#
# ### Exercises
#
# 1. Let conv5's backward return −dx. What do 32 pictures say? And gradcheck?
# 2. Cure "too high": what is the highest rate that works, with warm-up and
#    without?
