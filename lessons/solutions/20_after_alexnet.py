# %% [markdown]
# # 20. After AlexNet: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex import fast, layers, optim, schedules
from minialex.layers import Conv2d, Layer, Linear, ReLU
from minialex.lessons import pictures, quick
from minialex.network import Network

# %% [markdown]
# The nets of the lesson:

# %%
WIDTH, loss = 16, layers.SoftmaxCrossEntropy()


def plain(conv):
    return [conv(), ReLU(), conv(), ReLU()]


def build(block, blocks):
    rng = numpy.random.default_rng(0)

    def conv(channels=WIDTH, stride=1):
        return Conv2d(channels, WIDTH, 3, stride, padding=1, rng=rng)

    parts = [conv(3, 2), ReLU(), layers.MaxPool2d(3, 2, padding=1)]
    for _ in range(blocks):
        parts += block(conv)
    parts += [layers.AvgPool2d(8, 8), layers.Flatten()]
    parts.append(Linear(WIDTH, 10, weight_std=0.01, rng=rng))
    return Network(parts, (32, 32, 3))


# %% [markdown]
# ## 1. A deep net that does what a shallow one does
#
# > A deep net can do all that a shallow one does.
#
# A kernel whose only weight is a 1 in its middle, for its own channel, hands that channel on. What
# it gets comes from a ReLU, so it is not negative, and the ReLU behind it changes nothing.

# %%
n, batch = (960, 32) if quick else (2560, 64)
some = pictures("cifar10", n, 1)
shallow, deep = build(plain, 1), build(plain, 9)
identity = numpy.zeros((WIDTH, 3, 3, WIDTH))
for channel in range(WIDTH):
    identity[channel, 1, 1, channel] = 1
for name, array in deep.params.items():
    if name in shallow.params:
        array[...] = shallow.params[name]
    elif array.ndim == 4:
        array[...] = identity  # the biases are 0
x = some.x[:64]
apart = abs(deep.forward(x) - shallow.forward(x)).max()
print("largest difference of the logits:", apart)

# %% [markdown]
# So a deep net that is worse is not too weak. It does not find these weights. A residual block has
# them from the start if its last convolution begins with 0.

# %% [markdown]
# ## 2. Layer normalisation
#
# > Write *layer normalisation* (Ba et al. 2016)
#
# The three terms stay; the means are now over the channels, the last axis, and `keepdims=True`
# makes them fit. $\gamma$ and $\beta$ still have a number for each channel, so their gradients are
# sums over all other axes. The mistake to watch for: $\gamma$ varies within a mean now, so
# $g = \gamma \cdot \mathrm{d}y$ comes first, then its means. Let `example` draw $\gamma$: while all
# are 1 the check cannot see that.
#
# `python -m minialex.gradcheck my_norm.py` says how far you are. A place needs no other picture for
# its mean and variance, so tests do what training does.

# %% [markdown]
# ## 3. A bug that learns
#
# > Train six layers with `NoVariance`
#
# The lesson's layer, with a switch for the third term:


# %%
class BatchNorm(Layer):
    def __init__(self, channels, third_term):
        super().__init__()
        self.third_term = third_term
        self.params["gamma"] = numpy.ones(channels, "float32")
        self.params["beta"] = numpy.zeros(channels, "float32")

    def forward(self, x, train=True):  # enough here: nothing is tested
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        s = numpy.sqrt(variance + 1e-5)
        z = (x - mean) / s
        self.cache = (z, s)
        return self.params["gamma"] * z + self.params["beta"]

    def backward(self, dy):
        z, s = self.cached()
        self.grads["gamma"] = (dy * z).sum(axis=(0, 1, 2))
        self.grads["beta"] = dy.sum(axis=(0, 1, 2))
        g = self.params["gamma"] * dy
        dz = g - g.mean(axis=(0, 1, 2))
        if self.third_term:
            dz -= z * (g * z).mean(axis=(0, 1, 2))
        return dz / s


def normed(third_term):
    def block(conv):
        first = [conv(), BatchNorm(WIDTH, third_term), ReLU()]
        return [*first, conv(), BatchNorm(WIDTH, third_term), ReLU()]

    return block


# %%
def learn(net, highest_rate, epochs):
    engine = fast.prepare(net, workers=2)
    sgd = optim.SGD(net, momentum=0.9, weight_decay=0)
    rate = schedules.build("cosine", highest_rate, epochs)
    losses = []
    for epoch in range(epochs):
        for start in range(0, n, batch):
            sgd.lr = rate(epoch + start / n)
            part = slice(start, start + batch)
            x, labels = some.x[part], some.labels[part]
            losses.append(engine.step(x, labels, loss)[0])
            engine.update(sgd)
    return numpy.array(losses)


# %% seconds=12
ends = {}
for rate in (0.3,) if quick else (0.03, 0.3):
    for name, third_term in (("right", True), ("with the bug", False)):
        losses = learn(build(normed(third_term), 2), rate, 3)
        ends[name, rate] = losses[-n // batch :].mean()
        print(f"rate {rate:<4} {name:<12} loss {ends[name, rate]:.2f}")

# %% [markdown]
# They do learn, and the bug costs little: with CIFAR-10 and the rate 0.3 the loss of the last epoch
# is 1.75 instead of 1.72. (With drawn shapes it costs more, 1.16 instead of 0.69.) What should have
# been subtracted from $\mathrm{d}x$ is a part along $z$. To move $x$ along $z$ is to make its
# spread larger or smaller, and the layer undoes that, so this part of a step has little effect.
#
# Without the right net beside it, who would find a loss of 1.75 too high? That a net learns proves
# that its gradients point downhill, more or less. Whether they are right, finite differences say.
