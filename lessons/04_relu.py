# %% [markdown]
# # 04. ReLU against tanh and sigmoid, the paper's first figure
#
# Two convolutions in a row are one convolution: between layers a net needs something that bends.
# For decades that was tanh or the sigmoid. AlexNet takes $\max(x, 0)$, the *rectified linear
# unit*: in figure 1 of the paper a small net learns CIFAR-10 six times faster with it than with
# tanh. Let us repeat that.
#
# (Why are two one? Convolutions are matrix products, and
# $(X W_1^\top) W_2^\top = X (W_2 W_1)^\top$.)

# %%
import numpy

from minialex import fast
from minialex.cores import usable_cores
from minialex.data.augment import Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from minialex.layers.activations import Sigmoid, Tanh
from minialex.layers.loss import SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, seconds, shipped
from minialex.network import Network
from minialex.optim import SGD

# %% [markdown]
# ## Three ways to bend
#
# The *sigmoid* goes from 0 to 1. *tanh* is the same from −1 to 1, and steeper:
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}} \qquad \tanh(x) = 2 \cdot \sigma(2x) - 1$$
#
# *ReLU* is $x$ where that is positive, and 0 elsewhere. No exponentials, only a question:


# %%
def relu(x):
    y = numpy.empty_like(x)
    for i in range(len(x)):
        if x[i] > 0:
            y[i] = x[i]
        else:
            y[i] = 0
    return y


x = numpy.linspace(-6, 6, 1201, dtype=numpy.float32)
print("relu of -2, 0 and 3:", relu(numpy.array([-2.0, 0.0, 3.0])))

# %% [markdown]
# Without the loop, forward is one call. Backward multiplies the upstream gradient by the slope,
# which is 1 or 0.

# %%
shipped(ReLU.forward, ReLU.backward)

# %% [markdown]
# Do both give the same numbers, and how long do they take?

# %%
whole = ReLU().forward(x)
print("difference from the loop:", abs(relu(x) - whole).max())
loop_time = seconds(lambda: relu(x))
layer_time = seconds(lambda: ReLU().forward(x))
print(f"loop {loop_time * 1e6:.0f} µs, layer {layer_time * 1e6:.1f} µs")

# %% [markdown]
# ## Slopes
#
# All three multiply the upstream gradient by their slope, which is easy to get from $y$ itself:
#
# $$\sigma'(x) = \sigma(x) \cdot (1 - \sigma(x)) \qquad \tanh'(x) = 1 - \tanh^2(x)$$
#
# If the upstream gradient is 1 everywhere, `backward` returns the slopes themselves.
#
# **Guess**: what are the three slopes at 5, where $\sigma$ is 0.9933 and tanh 0.9999?

# %%
bends = {"ReLU": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
values, slopes = {}, {}
for name, bend in bends.items():
    layer = bend()
    values[name] = layer.forward(x, train=True)
    slopes[name] = layer.backward(numpy.ones_like(x))
    print(f"{name:<8} slopes", end="")
    for place in (610, 800, 1100):
        print(f"   at {x[place]:.1f}: {slopes[name][place]:.4f}", end="")
    print()

# %% [markdown]
# Far from 0, tanh and the sigmoid are flat, and hardly any gradient gets through: they are
# *saturated*. ReLU's slope is exactly 1, however large $x$ is; or it is exactly 0.

# %%
with figure("04_slopes", 7, 2.8) as drawing:
    left, right = drawing.subplots(1, 2)
    for name in bends:
        left.plot(x, values[name], label=name)
        right.plot(x, slopes[name])
    left.set(title="y", xlabel="x", ylim=(-1.2, 3))
    right.set(title="slope", xlabel="x")
    left.legend()

# %% [markdown]
# ## A net to try them in
#
# The net has four layers with weights, as in the figure: three convolutions with pools, and a
# linear layer. `weight_std` is the standard deviation of the convolutions' random weights; that of
# the linear layer is always 0.01.
#
# A pool takes the largest number of each 3×3 window, and its windows move by two pixels (lesson
# 05). conv1's stride and the three pools each halve the side: 32, 16, 8, 4, 2. `Flatten` lays the
# numbers of each picture in one row.

# %%
kernels = (16, 16, 32) if quick else (32, 32, 64)


def build(bend, weight_std):
    rng = numpy.random.default_rng(0)
    layers, channels, stride = [], 3, 2
    for k, count in enumerate(kernels, start=1):
        window = {"stride": stride, "padding": 2, "weight_std": weight_std}
        conv = Conv2d(channels, count, 5, **window, rng=rng)
        pool = MaxPool2d(3, stride=2, padding=1)
        layers += [(f"conv{k}", conv), (f"bend{k}", bend())]
        layers.append((f"pool{k}", pool))
        channels, stride = count, 1
    linear = Linear(2 * 2 * channels, 10, weight_std=0.01, rng=rng)
    layers += [("flatten", Flatten()), ("fc4", linear)]
    return Network(layers, (32, 32, 3))


# %% [markdown]
# This is it:

# %%
for name, layer in build(ReLU, weight_std=0.01).layers.items():
    print(f"{name:<8}", layer)

# %% [markdown]
# ## Two ways to start
#
# In 2012 a net was fed pixels of 0 to 255 minus their mean (section 2 of the paper), and all
# weights were drawn from $N(0, 0.01^2)$ (section 5). Today we also divide pixels by their standard
# deviation, and draw the weights of a unit with $n$ inputs from $N(0, 2/n)$ (He et al. 2015), which
# is what `weight_std=None` means. (A *unit* is one number of a layer's output.)
#
# Why $2 / n$? A unit adds up $n$ inputs times weights that are drawn independently, so the mean
# square of the sum is $n \cdot \sigma^2$ times that of the inputs (lesson 00). ReLU throws away the
# negative half, and half of the mean square is left. With $\sigma^2 = 2 / n$ each layer hands on as
# much as it got.

# %%
some = pictures("cifar10", 1000 if quick else 10_000, 1)
centred = Standardize(some.standardize.mean, [1, 1, 1])
starts = {"2012": (centred, 0.01), "today": (some.standardize, None)}
for start, (prepare, _) in starts.items():
    x = prepare(some.images)
    print(f"{start:5} pixels from {x.min():.1f} to {x.max():.1f}")

# %% [markdown]
# How large is what the first layer hands to the bend, and what share of its units is flat, with a
# slope below 0.05? ReLU's are, wherever $x$ is negative.
#
# **Guess**: at which start are more of tanh's units flat? And what share of ReLU's?

# %%
for start, (prepare, weight_std) in starts.items():
    for name, bend in bends.items():
        layers = build(bend, weight_std).layers
        x = layers["conv1"].forward(prepare(some.images[:200]))
        y = layers["bend1"].forward(x, train=True)
        slope = layers["bend1"].backward(numpy.ones_like(y))
        flat = (slope < 0.05).mean()
        print(f"{start:5} {name:7} |x| {abs(x).mean():.1f} flat {flat:.0%}")

# %% [markdown]
# ## The race
#
# `Batches` deals out the pictures 64 at a time, in a random order; going once through all of them
# is an *epoch*, and each epoch has a new order, the same for all nets. A net learns until fewer
# than 25% of an epoch's answers are wrong. `fast.prepare` returns an *engine*, which computes what
# the net does, faster (lesson 14), and shares its weights.
#
# `engine.step` goes forward and back for one batch, and returns its loss and its scores, which are
# also called *logits*. `engine.update` lets the optimiser `SGD` change the weights as in lesson 01,
# with momentum (lesson 09).

# %%
images, longest = ArrayImages(some.images, some.labels), 3 if quick else 32


def race(network, prepare, learning_rate):
    batches = Batches(images, 10 if quick else 64, prepare, seed=0)
    engine = fast.prepare(network, usable_cores())
    sgd = SGD(network, learning_rate, momentum=0.9, weight_decay=0)
    errors = [0.9]  # before the first epoch, by chance
    while len(errors) <= longest and errors[-1] >= 0.25:
        wrong = 0
        for x, labels in batches.epoch(len(errors) - 1):
            _, logits = engine.step(x, labels, SoftmaxCrossEntropy())
            engine.update(sgd)
            wrong += (logits.argmax(axis=1) != labels).sum()
        errors.append(wrong / len(images))
        end = "\n" if len(errors) % 25 == 0 else ""
        print(f"{errors[-1] * 100:3.0f}", end=end, flush=True)
    return errors


# %% [markdown]
# As in the paper, each net has a learning rate of its own. We tried 0.0005, 0.001, 0.002, 0.005,
# 0.01 and so on, and took the one that got there first, or came nearest.

# %%
rates = {
    "2012": {"ReLU": 0.001, "tanh": 0.01, "sigmoid": 0.05},
    "today": {"ReLU": 0.01, "tanh": 0.02, "sigmoid": 0.1},
}
curves = {}


def race_all(start):
    prepare, weight_std = starts[start]
    for name, bend in bends.items():
        print(f"{start}, {name}, % wrong in each epoch:")
        network = build(bend, weight_std)
        errors = race(network, prepare, rates[start][name])
        there = "below" if errors[-1] < 0.25 else "not below"
        print(f"\n{there} 25% after {len(errors) - 1} epochs")
        curves[start, name] = errors


# %% [markdown]
# First as in 2012. This takes minutes, and so does the next one.
#
# **Guess**: ReLU needs some epochs to get below 25%. How many times as many does tanh need?

# %% seconds=252
race_all("2012")

# %% [markdown]
# Now the same three nets with the start of today.
#
# **Guess**: is ReLU still the first?

# %% seconds=188
race_all("today")

# %% [markdown]
# The figure is drawn like the paper's: ReLU is solid, tanh dashed. The sigmoid, which the paper
# leaves out, is dotted.

# %%
styles = {"ReLU": "k-", "tanh": "k--", "sigmoid": "k:"}
with figure("04_race", 8, 3.5) as drawing:
    for place, start in enumerate(starts, start=1):
        axes = drawing.add_subplot(1, 2, place, title=start, ylim=(0, 1))
        for name, style in styles.items():
            axes.plot(curves[start, name], style, label=name)
        axes.axhline(0.25, color="gray", linewidth=0.5)
        axes.set(xlabel="epochs", ylabel="training error")
    axes.legend()

# %% [markdown]
# ## To take away
#
# - Without something that bends between them, many layers are one.
# - Where a unit is flat, no gradient gets through. Large inputs make tanh flat but not ReLU, so
#   ReLU needs less care with the scale of pixels and weights.
# - On CIFAR-10, started as in 2012, ReLU was nearly twice as fast as tanh here, not six times.
#   Started as today, in such a small net, tanh was no slower.
#
# ### Exercises
#
# 1. Which of the two changes since 2012 makes the difference, the pixels or the weights?
# 2. Give ReLU's learning rate to tanh, and the other way round.
# 3. Write it yourself: `lessons/exercises/init.py`, the initial weights of Xavier and of He.
# 4. Write an activation of your own, and its gradient: `lessons/exercises/free.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **The slopes at 5**: 1 for ReLU, 0.0066 for the sigmoid and 0.0002 for tanh, which is steeper in
#   the middle and so is flat sooner.
# - **Flat at the start**: with CIFAR-10, 63% of tanh's units as in 2012, and 13% as today. Of
#   ReLU's it is half, either way: the scale of $x$ changes nothing about its sign.
# - **As in 2012** ReLU took 14 epochs and tanh 25 with CIFAR-10, 1.8 times as many. The sigmoid did
#   not get there in 32.
# - **As today** ReLU took 13 epochs and tanh only 10: ReLU was not the first. Computers round
#   differently, so your figures may differ a little. With drawn shapes they are quite different.
