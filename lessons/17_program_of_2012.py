# %% [markdown]
# # 17. Reading the program of 2012 beside the paper
#
# A paper of nine pages cannot say all that a program does. Usually only the paper is left. Of
# AlexNet we have both: in 2025 the Computer History Museum published the program as it was in
# 2012. Lesson 15 lists where they differ. Here we read it: what is in the settings, what in the
# notes below them, and what in the update rule, and we run what we find.

# %%
from types import SimpleNamespace

import numpy

from minialex import fast, models, optim
from minialex.gradcheck import check_layer
from minialex.layers import Layer, SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, shipped, show_lines

# %% [markdown]
# ## The settings of net 145
#
# The program knows nothing of AlexNet. It reads a net from a file of settings, which are numbered;
# there are dozens of them, and each is an experiment. Number 145 is the paper's net: the notes at
# its end say 40.66% and 18.21% of wrong answers, the paper 40.7% and 18.2% (table 2, one net).
#
# These are its convolutions, in our words. There are two towers (lesson 15), so the file has two of
# each; `both` says whether a kernel sees the maps of both.

# %%
settings = {  # kernels of a tower, their size, stride, padding, both
    "conv1": (48, 11, 4, 0, True),
    "conv2": (128, 5, 1, 2, False),
    "conv3": (192, 3, 1, 1, True),
    "conv4": (192, 3, 1, 1, False),
    "conv5": (128, 3, 1, 1, False),
}

# %% [markdown]
# A pool of 3×3 with stride 2 follows conv1, conv2 and conv5. If windows do not fit, the program
# rounds their number up, here and in convolutions. Count the weights, starting from pictures of
# 224×224. In fc6 and fc7 each tower has 2,048 units, which see both towers.

# %%
side, channels, count = 224, 3, 0
for name, (kernels, size, stride, padding, both) in settings.items():
    seen = channels if both else channels // 2
    side = int(numpy.ceil((side + 2 * padding - size) / stride)) + 1
    channels = 2 * kernels
    count += channels * size * size * seen + channels
    kernel = size, size, seen
    print(f"{name}: {channels} maps of {side}×{side}, kernels of", kernel)
    if name in ("conv1", "conv2", "conv5"):
        side = int(numpy.ceil((side - 3) / 2)) + 1

inputs = side * side * channels
for units in (4096, 4096, 1000):
    count += units * inputs + units
    inputs = units
here = models.build("alexnet").parameter_count()
print(f"{count:,} weights; alexnet in minialex: {here:,}")

# %% [markdown]
# ## A layer that the paper does not have
#
# Between conv2 and its pool the settings have two layers that normalise. One is the LRN of the
# paper, over 5 neighbouring channels. The other, which the paper does not mention, takes the 5×5
# places around a place, within one map:
#
# $$y = \frac{x}{s^{0.75}} \qquad s = 1 + \frac{0.001}{25} \cdot \sum_{5 \times 5} x^2$$
#
# It is the formula of LRN with another window, and so its backward pass is that of lesson 06, with
# the sum over places. A sum over a square is a sum over rows, and then one over columns.


# %%
def sum_of_five(a, axis):
    """Each number and two on each side of it, along one axis."""
    pad = [(0, 0)] * a.ndim
    pad[axis] = (2, 2)
    padded = numpy.moveaxis(numpy.pad(a, pad), axis, 0)
    total = sum(padded[k : k + a.shape[axis]] for k in range(5))
    return numpy.moveaxis(total, 0, axis)


def sum_of_square(a):
    return sum_of_five(sum_of_five(a, axis=1), axis=2)


# %%
class PlaceNorm(Layer):
    def __init__(self, alpha=0.001, beta=0.75):
        super().__init__()
        self.alpha, self.beta = alpha / 25, beta

    def forward(self, x, train=False):
        s = 1 + self.alpha * sum_of_square(x * x)
        self.cache = x, s
        return x / s**self.beta

    def backward(self, dy):
        x, s = self.cache
        cross = sum_of_square(dy * x / s ** (self.beta + 1))
        return dy / s**self.beta - 2 * self.alpha * self.beta * x * cross


# %% [markdown]
# With $\alpha = 0.001$ a forgotten cross term would hardly be seen, so the check takes a large one.

# %%
rng = numpy.random.default_rng(0)
x = rng.standard_normal((2, 6, 7, 3))
report = check_layer(PlaceNorm(alpha=10), x, rng)
print("passed:", report.passed)

# %% [markdown]
# What does it do? If all 25 numbers are $a$, then $s = 1 + 0.001 \cdot a^2$.
#
# **Guess**: how large must $a$ be for the layer to halve it: 3, 10, 40 or 130?

# %%
for a in (1, 3, 10, 40, 130):
    square = numpy.full((1, 9, 9, 1), float(a))
    middle = PlaceNorm().forward(square)[0, 4, 4, 0]
    print(f"{a:>3} becomes {middle:6.2f}, divided by {a / middle:.2f}")

# %% [markdown]
# Does this layer change anything in a real net? Take the weights of 2012 and pixels of 0 to 255
# minus their mean (lesson 15), and look at what comes out of LRN after conv2.

# %%
side = 99 if quick else 227
net = models.build("alexnet", image_size=side, rng=rng, paper_init=True)
some = pictures("cifar10", 256 if quick else 2048, 500)
enlarged = some.test_images[:4].repeat(8, axis=1).repeat(8, axis=2)
maps = enlarged[:, :side, :side] - some.images.mean(axis=(0, 1, 2))
maps = maps.astype(numpy.float32)
for name, layer in net.layers.items():
    maps = layer.forward(maps)
    if name == "norm2":
        break
positive = maps > 0
divided_by = maps[positive] / PlaceNorm().forward(maps)[positive]
print(f"maps up to {maps.max():.1f},", end=" ")
print(f"divided by {divided_by.max():.3f} at most")

# %% [markdown]
# At the start it does next to nothing. What it does to trained maps only a training run of that net
# could say. But the paper's figures were measured with it.

# %% [markdown]
# ## The notes below the settings
#
# Below the settings are notes of what was done to the run, and when. The rate was lowered by hand,
# by editing the file, and conv1 got a rate of its own. Twice the run was paused for other
# experiments. Here is each rate, with the epoch from which it held. The notes speak only of
# weights; for biases the settings have 0.02, to the very end.

# %%
history = {
    "other weights": {0: 1e-2, 25: 1e-3, 51: 1e-4, 79: 1e-5},
    "conv1's weights": {0: 1e-2, 25: 1e-3, 51: 1e-4, 67: 1e-5, 72: 0},
    "all biases": {0: 2e-2},
}


def rate_in(epoch, changes):
    return changes[max(start for start in changes if start <= epoch)]


by_epoch, epochs = {}, range(91)
for name, changes in history.items():
    by_epoch[name] = [rate_in(epoch, changes) for epoch in epochs]

# %% [markdown]
# The paper gives one rate, for all layers. Here each array has its own, and biases have no decay.
#
# **Guess**: in the last epochs, how many times faster do biases learn than the weights beside them?

# %%
for epoch in (0, 30, 60, 70, 90):
    now = [f"{by_epoch[name][epoch]:.0e}" for name in history]
    ratio = rate_in(epoch, history["all biases"])
    ratio /= rate_in(epoch, history["other weights"])
    print(f"epoch {epoch:>2}:", *now, f"  biases {ratio:6.0f} times")

# %%
with figure("17_rates", 8, 3) as drawing:
    axes = drawing.add_subplot(xlabel="epoch", ylabel="rate", yscale="log")
    for name, values in by_epoch.items():
        above = [value or numpy.nan for value in values]
        axes.step(epochs, above, label=name, where="post")
    axes.legend()

# %% [markdown]
# The last notes are of a run that went on from there: back to 0.001, then down again, to epoch
# 135. It ended at 40.25% and 17.99%, a little better than the paper's net.
#
# ## The update rule
#
# What does the program do with a rate? In our notation, for one array: $g$ is the gradient of a
# batch, averaged over its pictures, $v$ the velocity, $\lambda$ the decay.
#
# $$v \leftarrow 0.9 \cdot v - \varepsilon \cdot g \qquad
# v \leftarrow v - \lambda \cdot \varepsilon \cdot w \qquad w \leftarrow w + v$$
#
# Put into one line, it is the rule of the paper (lesson 09). What differs is that $\varepsilon$ and
# $\lambda$ belong to the array.


# %%
def rule_of_2012(weights, gradients, velocities, rates, decays):
    for name, w in weights.items():
        v, rate = velocities[name], rates[name]
        v *= 0.9
        v -= rate * gradients[name]
        v -= decays[name] * rate * w
        w += v


def of_each(value, weights, biases=None):
    """A number for each array: `value`, or `biases` where it is a bias."""
    numbers = {}
    for name in weights:
        special = biases is not None and name.endswith("bias")
        numbers[name] = biases if special else value
    return numbers


# %% [markdown]
# With the same numbers for all arrays it must do what the library's SGD does.

# %%
weights, copy, g, v = {}, {}, {}, {}
for name, size in (("weight", 1000), ("bias", 10)):
    weights[name], g[name] = rng.standard_normal((2, size))
    copy[name], v[name] = weights[name].copy(), numpy.zeros(size)
sgd = optim.SGD(SimpleNamespace(params=copy, grads=g), 0.01, 0.9, 0.0005)
for _ in range(10):
    sgd.step()
    rule_of_2012(weights, g, v, of_each(0.01, v), of_each(0.0005, v))
apart = max(abs(copy[name] - w).max() for name, w in weights.items())
print(f"after ten steps {apart:.0e} apart")
shipped(optim.SGD.update)

# %% [markdown]
# ## Your own run of both
#
# A small net learns for six epochs, at rates that drop as theirs did. The paper's way: all arrays
# have that rate, and decay. The program's: biases have 0.02 throughout, and no decay.

# %%
rates = (0.01, 0.001) if quick else (0.01, 0.01, 0.01, 0.01, 0.001, 0.0001)


def learn(seed, update):
    """The net's losses and how many of the test pictures are right."""
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(seed))
    engine = fast.prepare(net, workers=2)
    velocities = {}
    for name, w in engine.params.items():
        velocities[name] = numpy.zeros_like(w)
    order, losses = numpy.random.default_rng(seed), []
    for rate in rates:
        for batch in order.permutation(len(some.x)).reshape(-1, 64):
            x, labels = some.x[batch], some.labels[batch]
            loss, _ = engine.step(x, labels, SoftmaxCrossEntropy())
            update(engine.params, engine.grads, velocities, rate)
            losses.append(loss)
    answers = engine.forward(some.test_x).argmax(axis=1)
    return losses, (answers == some.test_labels).mean()


# %%
def as_in_the_paper(weights, gradients, velocities, rate):
    rates, decays = of_each(rate, weights), of_each(0.0005, weights)
    rule_of_2012(weights, gradients, velocities, rates, decays)


def as_in_the_program(weights, gradients, velocities, rate):
    rates = of_each(rate, weights, biases=0.02)
    decays = of_each(0.0005, weights, biases=0)
    rule_of_2012(weights, gradients, velocities, rates, decays)


# %% [markdown]
# For one seed, both rules begin with the same weights and get the same batches: a pair. Another
# seed makes another pair.
#
# **Guess**: which rule has the lower loss in the end? And is the difference between the rules
# larger than that between the seeds?

# %% seconds=31
rules = {"paper": as_in_the_paper, "program": as_in_the_program}
last, curves = {}, {}
for seed in (0, 1):
    for name, update in rules.items():
        losses, right = learn(seed, update)
        last[name, seed] = end = numpy.mean(losses[-16:])
        curves[f"{name}, seed {seed}"] = losses
        print(f"seed {seed}, {name:<8} loss {end:.3f}, {right:.1%} right")

# %%
means = {}
for name, losses in curves.items():
    smooth = numpy.convolve(losses, [0.1] * 10, "valid")
    means[name] = range(len(smooth)), smooth
show_lines("17_both_rules", means, "step", "loss, mean of ten")

# %% [markdown]
# ## A rule that was switched off
#
# Beside this rule the program has another, which divides the gradient of each weight by how much it
# varies. It is used if the settings have a number $\delta$; those of net 145 have none. With
# running means $G$ of $g$ and $S$ of $g^2$, its comment says
#
# $$v \leftarrow 0.9 \cdot v - \varepsilon \cdot \frac{g}{\sqrt{S - G^2 + \delta}}$$
#
# $S - G^2$ is the variance of $g$: the mean of its square less the square of its mean. A year later
# Graves published this rule (2013, "Generating sequences with recurrent neural networks", section
# 4.2); Adam (lesson 11) is a relative of it. But below the comment, the code takes $G$, not $G^2$.
#
# Each running mean is nine tenths of the old one and a tenth of the new number, and starts at 0. So
# in the first step $G = 0.1 \cdot g$ and $S = 0.1 \cdot g^2$. Take real gradients, and
# $\delta = 10^{-4}$.
#
# **Guess**: of which weights does the code take the root of a negative number: of hardly any, of
# about half, or of all? And what becomes of the net?

# %%
net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
engine = fast.prepare(net, workers=2)
engine.step(some.x[:64], some.labels[:64], SoftmaxCrossEntropy())
gradient = numpy.concatenate([g.ravel() for g in engine.grads.values()])
mean, square = 0.1 * gradient, 0.1 * gradient**2
negative = {"comment": square - mean**2 + 1e-4 < 0}
negative["code"] = square - mean + 1e-4 < 0
for name, roots in negative.items():
    print(f"{name}: {roots.mean():.1%} of the roots of negative numbers")

# %% [markdown]
# So we run both, with a tenth of the rates: where gradients are small the root is about
# $\sqrt{\delta} = 0.01$, and dividing by it makes a step a hundred times as long.


# %%
class Scaled:
    """The second rule: `power` is 2 in its comment, and 1 in its code."""

    def __init__(self, power):
        self.power, self.means, self.squares = power, {}, {}

    def __call__(self, weights, gradients, velocities, rate):
        for name, w in weights.items():
            g, v = gradients[name], velocities[name]
            mean = 0.9 * self.means.get(name, 0) + 0.1 * g
            square = 0.9 * self.squares.get(name, 0) + 0.1 * g * g
            self.means[name], self.squares[name] = mean, square
            root = numpy.sqrt(square - mean**self.power + 1e-4)
            v *= 0.9
            v -= 0.1 * rate * g / root
            w += v


# %% seconds=15
for name, power in (("comment", 2), ("code", 1)):
    with numpy.errstate(invalid="ignore"):
        losses, right = learn(0, Scaled(power))
    last[name, 0] = numpy.mean(losses[-16:])
    print(f"{name:<8} loss {last[name, 0]:.3f}, {right:.1%} right")

# %% [markdown]
# Net 145 did not use this rule, so it did no harm. But whoever had copied it from the program that
# won would have trained nothing. A gradient check does not find such a fault, as the gradients are
# right; a test of the rule on three numbers, worked out by hand, does.
#
# ## To take away
#
# - A program holds what a paper leaves out: here a second normalisation, a rate for each array, and
#   biases that learn 2,000 times faster than weights in the end.
# - Before you explain a difference, see what chance does: run another seed. And compare in pairs
#   that have all else in common.
# - Trust neither a comment nor the code, but a test.
#
# ### Exercises
#
# 1. All numbers of a map are $a$. At which $a$ does `PlaceNorm` return the most? Find it on paper,
#    then try it.
# 2. Let biases learn at 0.2 throughout. When does it show: at first, or once the rate has dropped?
# 3. From which $\delta$ on can the code as it stands never take the root of a negative number? Does
#    the net learn with it?
# 4. All four curves have a bump where the rate drops. Where does it come from? Take it away.

# %% [markdown]
# ## Answers to the guesses
#
# - **Halved**: about 40. With $\beta = 0.75$, half means $s^{0.75} = 2$, so $s = 2.52$ and
#   $a = 39$. Far beyond that, what comes out even falls: 130 becomes less than 40 does.
# - **Biases and weights**: 2,000 times faster, 0.02 against 0.00001, and conv1's weights stand
#   still.
# - **Rules and seeds**: with CIFAR-10 the program's rule ends lower by 0.02 with either seed, but
#   the two seeds are 0.08 apart. So a single run of each, with seeds of their own, could have said
#   the opposite. In pairs it is clear: of six (seeds 0 to 5) it is lower in all, by 0.01 to 0.04.
#   With drawn shapes it is lower by 0.15 and 0.08, where the seeds differ by 0.06.
# - **Roots**: the code takes them of negative numbers for 36% of the weights, a little less than
#   half: all whose gradient lies between 0.001 and 0.999. Such a root is NaN, not a number; so is
#   the weight after the step, then each sum that it is in, and all the rest one step later. The
#   comment's rule does learn, with these numbers less well than the plain one from CIFAR-10 (a loss
#   of 1.60 against 1.30), and far better from drawn shapes (0.41 against 1.07).
