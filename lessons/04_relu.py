# %% [markdown]
# # 04. ReLU against tanh and sigmoid, the paper's first figure
#
# Two convolutions in a row are one convolution: between layers a net needs
# something that bends. For decades that was tanh or the sigmoid. AlexNet takes
# max(x, 0), the rectified linear unit: in figure 1 of the paper a small net
# learns CIFAR-10 six times faster with it than with tanh. Let us repeat that.

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
# sigmoid: 1 / (1 + e⁻ˣ), between 0 and 1; tanh: the same from −1 to 1, and
# steeper; ReLU: x if it is positive, else 0. Backward multiplies the upstream
# gradient by the slope. So look at the slopes: far from 0, tanh and sigmoid are
# flat, and hardly any gradient gets through: they are saturated. ReLU's slope
# is exactly 1, however large x is; or it is exactly 0.


# %%
def relu(x):
    y = numpy.empty_like(x)
    for i in range(len(x)):
        y[i] = x[i] if x[i] > 0 else 0
    return y


bends = {"ReLU": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
x = numpy.linspace(-6, 6, 1201, dtype=numpy.float32)
loop, whole = seconds(lambda: relu(x)), seconds(lambda: ReLU().forward(x))
print("difference from the loop:", abs(relu(x) - ReLU().forward(x)).max())
print(f"loop {loop * 1e6:.0f} µs, layer {whole * 1e6:.1f} µs; the layer:")
shipped(ReLU.forward, ReLU.backward)
with figure("04_slopes", 7, 2.8) as drawing:
    left, right = drawing.subplots(1, 2)
    for name, bend in bends.items():
        layer = bend()
        left.plot(x, layer.forward(x, train=True), label=name)
        slope = layer.backward(numpy.ones_like(x))
        right.plot(x, slope)
        print(f"{name:<8} slope at 0.1, 2 and 5:", slope[[610, 800, 1100]])
    left.set(title="y", xlabel="x", ylim=(-1.2, 3))
    right.set(title="slope", xlabel="x")
    left.legend()

# %% [markdown]
# ## Two ways to start
#
# The net has four layers, as in the figure: three convolutions with pools and a
# linear layer. In 2012 it was fed pixels of 0 to 255 minus their mean (section
# 2), and all weights were drawn from N(0, 0.01²) (section 5). Today we also
# divide pixels by their standard deviation, and draw the weights of a unit with
# n inputs from N(0, 2/n) (He et al. 2015). What share of the first layer's
# units is flat, with a slope below 0.05? ReLU's are, wherever x is negative.


# %%
def build(bend, std):
    rng, layers, channels = numpy.random.default_rng(0), [], 3
    for k, filters in enumerate((16, 16, 32) if quick else (32, 32, 64)):
        options = dict(stride=1 if k else 2, padding=2, weight_std=std)
        conv = Conv2d(channels, filters, 5, **options, rng=rng)
        layers += [(f"conv{k + 1}", conv), (f"bend{k + 1}", bend())]
        layers.append((f"pool{k + 1}", MaxPool2d(3, stride=2, padding=1)))
        channels = filters
    linear = Linear(2 * 2 * channels, 10, weight_std=0.01, rng=rng)
    layers += [("flatten", Flatten()), ("fc4", linear)]
    return Network(layers, (32, 32, 3))


some = pictures("cifar10", 1000 if quick else 10_000, 1)
centred = Standardize(some.standardize.mean, [1, 1, 1])
starts = {"2012": (centred, 0.01), "today": (some.standardize, None)}
for start, (prepare, std) in starts.items():
    for name, bend in bends.items():
        conv, layer = list(build(bend, std).layers.values())[:2]
        x = conv.forward(prepare(some.images[:200]))
        y = layer.forward(x, train=True)
        flat = (layer.backward(numpy.ones_like(y)) < 0.05).mean()
        print(f"{start:5} {name:7} |x| {abs(x).mean():.1f} flat {flat:.0%}")

# %% [markdown]
# ## The race
#
# All nets see the same pictures in the same order, with momentum and without
# regularisation, until fewer than 25% in an epoch are wrong. As in the paper,
# each has a learning rate of its own: of 0.0005, 0.001, 0.002, 0.005, 0.01, …
# the one that got there first, or nearest, when we tried them all. The figure
# is drawn like the paper's, ReLU solid, tanh dashed. This takes minutes.

# %%
rates = {"2012": dict(ReLU=0.001, tanh=0.01, sigmoid=0.05)}
rates["today"] = dict(ReLU=0.01, tanh=0.02, sigmoid=0.1)
images, longest = ArrayImages(some.images, some.labels), 3 if quick else 32


def race(network, prepare, lr):
    batches = Batches(images, 10 if quick else 64, prepare, seed=0)
    engine = fast.prepare(network, usable_cores())
    sgd = SGD(network, lr, momentum=0.9, weight_decay=0)
    errors = [0.9]  # before the first epoch, by chance
    while len(errors) <= longest and errors[-1] >= 0.25:
        wrong = 0
        for x, labels in batches.epoch(len(errors) - 1):
            _, logits = engine.step(x, labels, SoftmaxCrossEntropy())
            engine.update(sgd)
            wrong += (logits.argmax(axis=1) != labels).sum()
        errors.append(wrong / len(images))
        end = "" if len(errors) % 25 else "\n"
        print(f"{errors[-1] * 100:3.0f}", end=end, flush=True)
    return errors


curves = {}
with figure("04_race", 8, 3.5) as drawing:
    for start, axes in zip(starts, drawing.subplots(1, 2), strict=True):
        prepare, std = starts[start]
        for name, line in zip(bends, ("k-", "k--", "k:"), strict=True):
            print(f"{start}, {name}, % wrong in each epoch:")
            network, lr = build(bends[name], std), rates[start][name]
            errors = curves[start, name] = race(network, prepare, lr)
            axes.plot(errors, line, label=name)
            there = "below" if errors[-1] < 0.25 else "not below"
            print(f"\n{there} 25% after {len(errors) - 1} epochs")
        axes.axhline(0.25, color="gray", linewidth=0.5)
        axes.set(title=start, xlabel="epochs", ylabel="training error")
        axes.set_ylim(0, 1)
    axes.legend()

# %% [markdown]
# ## To take away
#
# - Without something that bends between them, many layers are one.
# - Where a unit is flat, no gradient gets through. Large inputs make tanh flat
#   but not ReLU, so it needs less care with the scale of pixels and weights.
# - On CIFAR-10, started as in 2012, ReLU was nearly twice as fast as tanh here,
#   not six times; started as today, in such a small net, tanh was no slower.
#
# ### Exercises
#
# 1. Which of the two changes since 2012 makes the difference, the pixels or
#    the weights?
# 2. Give ReLU's learning rate to tanh, and the other way round.
