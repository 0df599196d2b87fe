# %% [markdown]
# # 11. Training AlexNet, and reading its curves
#
# Layers, gradients, the net, the optimiser, the batches: all the parts are there. This lesson
# checks them with two short tests, puts them into a loop, trains, and then makes five things go
# wrong on purpose. A training run that fails tells you so only by its curves.

# %%
import math

import numpy

from minialex import fast, models, optim, schedules
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.evaluation import evaluate
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, shipped, show_lines

# %% [markdown]
# ## The net and its pictures
#
# AlexNet's eight layers, made narrow for 32×32 pixels. `fast.prepare` makes an engine that computes
# the same as the net, faster, on two threads (lesson 14).

# %%
some = pictures("cifar10", 640 if quick else 20_000, 250 if quick else 2000)
name = "alexnet-mini" if quick else "alexnet-cifar"
net = models.build(name, rng=numpy.random.default_rng(0))
engine, criterion = fast.prepare(net, workers=2), SoftmaxCrossEntropy()
print(f"{name}: {net.parameter_count():,} weights")

# %% [markdown]
# ## Its optimiser: Adam
#
# SGD moves each weight by its slope (lesson 09). Adam (Kingma and Ba 2015) keeps two running means
# for each weight, one of its gradients $g$ and one of their squares:
#
# $$m \leftarrow \beta_1 \cdot m + (1 - \beta_1) \cdot g \qquad
# s \leftarrow \beta_2 \cdot s + (1 - \beta_2) \cdot g^2$$
#
# and divides the first by the root of the second:
#
# $$w \leftarrow w - \varepsilon \cdot \frac{m}{\sqrt{s}}$$
#
# So a weight moves by about $\varepsilon$ in each step if its gradients agree, however small they
# are, and by less if they do not. That makes one rate do for all layers. (Except for a factor, $m$
# is lesson 09's momentum.)

# %% [markdown]
# In the library's lines `mean` is $m$ and `square` is $s$; `epsilon` is a tiny number that keeps
# the quotient finite. Both means start at 0. After $t$ steps with the same gradient $m$ is only
# $(1 - \beta_1^t) \cdot g$, so it is divided by $1 - \beta_1^t$, and $s$ likewise: this is
# `corrected`. The usual values are $\beta_1 = 0.9$ and $\beta_2 = 0.999$.

# %%
shipped(optim.Adam.corrected, optim.Adam.update)

# %% [markdown]
# ## First test: the loss before the first step
#
# A net that knows nothing should give each of ten classes a tenth:
#
# $$-\log 0.1 = \log 10 = 2.303$$
#
# A fresh net is not quite undecided. Its logits (scores) scatter, which costs about half their
# variance: let $d_k$ be how far they lie from their mean. The loss, averaged over all classes, is
# $\log \sum_k e^{d_k}$. For a small $d$, $e^d$ is about $1 + d + d^2 / 2$, and all $d_k$ add up to
# 0. So the sum is about ten times $1 + v / 2$, with the variance $v$, and its logarithm is about
# $\log 10 + v / 2$.

# %%
x, labels = some.x[:256], some.labels[:256]
logits = engine.forward(x)
first = criterion.forward(logits, labels)
expected = math.log(10) + logits.var(axis=1).mean() / 2
print(f"loss {first:.3f}, log 10 + half the variance {expected:.3f}")

# %% [markdown]
# If the loss is much above that, the last layer's weights start too large: the net is sure, and
# wrong. For large scores $\log \sum_j e^{s_j}$ is about the largest one, so the loss is about the
# largest score minus the right one.

# %%
above = (logits.max(axis=1) - logits.mean(axis=1)).mean()
print(f"the largest logit is {above:.2f} above the mean")

# %% [markdown]
# **Guess**: let the last layer's weights be 20 times larger, and so all logits. How large is the
# loss?

# %%
sure = criterion.forward(20 * logits, labels)
print(f"with 20 times larger weights in the last layer: {sure:.3f}")

# %% [markdown]
# ## Second test: memorise 32 pictures
#
# A net with a million weights must be able to memorise 32 pictures, in seconds: the loss falls to
# almost 0. With a wrong sign in a gradient it soars, or gets stuck. (Wrong labels go unnoticed; a
# net can memorise those, too.)

# %%
adam = optim.Adam(net, lr=0.001)
few, their_labels = x[:32], labels[:32]
for i in range(61):
    loss, _ = engine.step(few, their_labels, criterion)
    engine.update(adam)
    if i % 20 == 0:
        print(f"step {i:>2}: loss {loss:.4f}")
right = (engine.forward(few).argmax(axis=1) == their_labels).sum()
print(f"{right} of 32 right")

# %% [markdown]
# ## The loop: an epoch
#
# In an epoch the net sees every picture once, in a new order and a new view (lesson 10). `Batches`
# prepares the next batch while the net computes. Each batch is a step: the rate, the loss with its
# gradients, the update (lesson 09).


# %%
def learn(engine, adam, schedule, batches, epoch):
    losses, right = [], 0
    for i, (x, labels) in enumerate(batches.epoch(epoch)):
        adam.lr = schedule(epoch + i / len(batches))
        loss, logits = engine.step(x, labels, criterion)
        engine.update(adam)
        losses.append(loss)
        right += (logits.argmax(axis=1) == labels).sum()
    return numpy.mean(losses), right / len(batches.images)


# %% [markdown]
# ## The loop: many epochs
#
# After each epoch the net is tested on pictures that it never learns from.

# %%
fill = some.standardize.mean.round().astype("uint8")
unseen = ArrayImages(some.test_images, some.test_labels, fill=fill)
tests = Batches(unseen, 250, some.standardize)

# %% [markdown]
# Build everything for the first `n` pictures, then learn and test in turn. `yield` hands out a row
# after each epoch, and goes on when the next one is asked for. That is all: this is
# `minialex/training.py` without progress bar and checkpoints.


# %%
def train(n, epochs, model="alexnet-mini", rate=0.001, weight_decay=0,
          augment=True, labels=some.labels):  # fmt: skip
    net = models.build(model, rng=numpy.random.default_rng(0))
    engine = fast.prepare(net, workers=2)
    adam = optim.Adam(net, weight_decay=weight_decay)
    schedule = schedules.build("cosine", rate, epochs)
    images = ArrayImages(some.images[:n], labels[:n], fill=fill)
    views = {"crop": augment, "mirror": augment}
    batches = Batches(images, 64, some.standardize, seed=0, **views)
    for epoch in range(epochs):
        loss, right = learn(engine, adam, schedule, batches, epoch)
        test = evaluate(engine, tests)
        yield loss, test["loss"], right, test["accuracy"]


# %% [markdown]
# ## Training AlexNet
#
# On 20,000 pictures, five epochs: one to three minutes on two cores.
#
# **Guess**: what share of the test pictures will it get right? And will it do better in training
# or in the test?

# %% seconds=174
history = []
for row in train(len(some.x), 2 if quick else 5, name):
    history.append(row)
    own, new, own_right, new_right = row
    print(f"epoch {len(history)}: loss {own:.3f}, in the test {new:.3f}")
    print(f"         right {own_right:.1%}, in the test {new_right:.1%}")

# %% [markdown]
# Training may look worse than the test: its figures are means over an epoch of learning, with
# dropout and on harder views.

# %%
own, new, own_right, new_right = numpy.transpose(history)
epochs = range(1, len(history) + 1)
losses = {"training": (epochs, own), "test": (epochs, new)}
show_lines("11_loss", losses, "epoch", "loss")
shares = {"training": (epochs, own_right), "test": (epochs, new_right)}
show_lines("11_right", shares, "epoch", "share of right answers")

# %% [markdown]
# ## Six runs, five of them ill
#
# Now `alexnet-mini`, on a thousand pictures. One run is healthy. The others have a rate that is 30
# times too high, or 100 times too low; a weight decay that is too strong; a quarter of the
# pictures, without crops and mirrors and for three times as many epochs; and a bug, also without
# crops and mirrors: each picture has the label of the one before. (With Adam the decay is divided
# by the root of $s$, too, so it is no longer lesson 09's leak of the same strength for all
# weights.)

# %%
n, epochs = (192, 8) if quick else (1000, 12)
few = {"n": n // 4, "epochs": epochs * 3, "augment": False}
wrong = numpy.roll(some.labels, 1)
cases = {
    "healthy": {},
    "too high": {"rate": 0.03},
    "too low": {"rate": 1e-5},
    "underfitting": {"weight_decay": 0.1},
    "overfitting": few,
    "off by one": {"labels": wrong, "augment": False},
}

# %% [markdown]
# **Guess**: which two of the five would look well if you only saw the loss in training?

# %% seconds=62
curves, ends = {}, {}
for name, settings in cases.items():
    settings = {"n": n, "epochs": epochs} | settings
    curves[name] = numpy.array(list(train(**settings)))
    ends[name] = curves[name][-1]
    own, new, _, right = ends[name]
    print(f"{name:<12} loss {own:.2f}, test {new:.2f}; {right:.0%} right")

# %% [markdown]
# ## Reading curves
#
# Draw both losses of each run, and the line of a net that knows nothing.

# %%
with figure("11_curves", 9, 5) as drawing:
    for number, (name, curve) in enumerate(curves.items(), start=1):
        axes = drawing.add_subplot(2, 3, number, title=name, ylim=(0, 3.5))
        x = range(1, len(curve) + 1)
        axes.plot(x, curve[:, 0], label="training")
        axes.plot(x, curve[:, 1], label="test")
        axes.axhline(math.log(10), color="gray", label="log 10")
        axes.set(xlabel="epoch", ylabel="loss")
        axes.locator_params(axis="x", integer=True)
    axes.legend(loc="lower left")

# %% [markdown]
# How to tell them apart:
#
# - **too high**: the loss jumps, then sits at $\log 10$. Probably one step was so large that
#   the ReLUs' inputs are negative for every picture: their slope is 0, and they never come back
# - **too low**: both losses crawl down side by side, and never arrive
# - **underfitting**: both stop high, close together: here weight decay is too strong
# - **overfitting**: the test loss turns up while the training loss keeps falling
# - **off by one**: the net memorises the wrong labels, so the training loss falls, and the test
#   loss never does

# %% [markdown]
# ## To take away
#
# - Test first: a loss of $\log 10$, then 32 pictures memorised. Seconds, not days.
# - Look at both curves. Apart: too few pictures, or wrong labels. Together and high: too small a
#   net, too low a rate, too much decay. At $\log 10$: a bug, or a dead net.
# - If you choose anything by the test pictures, they are no longer new. Choose by some training
#   pictures that you hold out: `--val-share 0.1`.
# - `python -m minialex.train --dataset cifar10` does all this, with checkpoints and `curves.png` in
#   `runs/cifar10-alexnet-cifar`. Lesson 12 looks inside.
#
# ### Exercises
#
# 1. Let the backward of `conv5` return $-\mathrm{d}x$. What do 32 pictures say? And `gradcheck`?
# 2. Cure "too high": what is the highest rate that works, with warm-up and without?
# 3. Write Adam yourself: `lessons/exercises/adam.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **20 times larger**: with CIFAR-10, 21.237: twenty times what the largest logit is above the
#   mean, and nine times $\log 10$. The net has learnt nothing, so its sure answers are wrong nine
#   times out of ten, and each costs the difference of two logits.
# - **Training AlexNet**: with CIFAR-10, 61.2% of the test pictures are right after five epochs, and
#   60.5% in training. The loss, too, is lower in the test, in every epoch: 1.723 against 2.023 in
#   the first, 1.072 against 1.094 in the last. (Of drawn shapes all are right in the end.)
# - **Two that look well**: "overfitting" and "off by one". With CIFAR-10 their losses in training
#   end at 0.06 and 1.49, that of the healthy run at 1.44. In the test they end at 3.25 and 2.66,
#   which is worse than knowing nothing, and the healthy run at 1.59.
