# %% [markdown]
# # 19. float32, float16, and loss scaling by hand
#
# A number of two bytes takes half the memory of a float32, and a GPU multiplies such numbers many
# times faster. But with two bytes sums stop growing, updates are lost and gradients become 0. Where
# exactly, and what helps?

# %%
from types import SimpleNamespace

import numpy

from minialex import models, optim
from minialex.io.safetensors_file import decoded
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, shipped, show_lines

# %% [markdown]
# ## A float, taken apart
#
# A float16 has 16 bits. The first is the sign $s$, the next five are the exponent $e$, a whole
# number from 0 to 31, and the last ten are the fraction $f$, from 0 to 1023. Together they stand
# for
#
# $$x = (-1)^s \cdot 2^{e-15} \cdot (1 + \frac{f}{1024})$$
#
# The exponent says between which two powers of 2 the number lies, and the fraction at which of 1024
# places between them. Two exponents are special. With $e = 31$ the number is infinite ($f = 0$) or
# *not a number*, NaN. With $e = 0$ the 1 in the parentheses is dropped, and the power of 2 is that
# of $e = 1$, so equal steps go on down to 0:
#
# $$x = (-1)^s \cdot 2^{-14} \cdot \frac{f}{1024}$$
#
# Such numbers are called *subnormal*. The smaller they are, the fewer digits they have.

# %% [markdown]
# `x.view(numpy.uint16)` shows the same bytes as whole numbers; `>>` shifts bits to the right, and
# `&` keeps those that are 1 in both. The cell prints sign, exponent and fraction in binary digits.


# %%
def taken_apart(x):
    bits = x.view(numpy.uint16).astype(int)
    return bits >> 15, (bits >> 10) & 31, bits & 1023


numbers = [1, -2.5, 0.1, 65504, 2**-14, 2**-24, numpy.inf]
halves = numpy.array(numbers, numpy.float16)
parts = numpy.transpose(taken_apart(halves))
for x, (sign, exponent, fraction) in zip(halves, parts, strict=True):
    print(f"{x:>12.7g}   {sign} {exponent:05b} {fraction:010b}")

# %% [markdown]
# There are only 65,536 patterns of 16 bits, so we can look at all of them. Do the two formulas give
# what NumPy makes of each?


# %%
def put_together(sign, exponent, fraction):
    normal = 2.0 ** (exponent - 15) * (1 + fraction / 1024)
    subnormal = 2.0**-14 * fraction / 1024
    return (-1.0) ** sign * numpy.where(exponent == 0, subnormal, normal)


every = numpy.arange(2**16, dtype=numpy.uint16).view(numpy.float16)
finite = every[numpy.isfinite(every)]
same = (finite == put_together(*taken_apart(finite))).all()
print(f"{finite.size:,} of {every.size:,} are finite; the same: {same}")

# %% [markdown]
# **Guess**: how many float16 numbers are there from 1 to 2 (without the 2)? From 1024 to 2048? And
# what share of all finite ones lies between −1 and 1?

# %%
for low in (1, 1024):
    count = ((finite >= low) & (finite < 2 * low)).sum()
    print(f"from {low} to {2 * low}: {count}, {low / count} apart")
inside = (abs(finite) < 1).mean()
print(f"between -1 and 1: {inside:.0%}; the largest: {finite.max()}")

# %% [markdown]
# ## Range or digits: float32, float16, bfloat16
#
# A format is two numbers: how many bits the exponent has, and how many the fraction. The first sets
# the range, the second how many digits there are: *eps* is the gap between 1 and the next number.

# %%
formats = {"float32": (8, 23), "float16": (5, 10), "bfloat16": (8, 7)}
limits = {}
print("            largest   smallest normal   subnormal       eps")
for name, (exponent_bits, fraction_bits) in formats.items():
    eps = 2.0**-fraction_bits
    bias = 2 ** (exponent_bits - 1) - 1  # 15 in float16
    largest, normal = (2 - eps) * 2.0**bias, 2.0 ** (1 - bias)
    limits[name] = largest, normal, normal * eps, eps
    print(f"{name:<9}{largest:>10.5g}{normal:>18.2g}", end="")
    print(f"{normal * eps:>12.2g}{eps:>10.2g}")

# %% [markdown]
# *bfloat16* is the upper half of a float32: the same exponent, so the same range, and seven bits of
# fraction. NumPy does not have it, but we can make it, by cutting off the lower 16 bits. Cutting
# alone would always round towards 0; add half of what the last remaining bit is worth, $2^{15}$,
# and it rounds to the nearest.
#
# A number exactly in the middle of two should go to the one whose last bit is 0 (*to even*), so up
# as often as down. Hence add one less, $2^{15} - 1$ or `0x7FFF`, unless the last bit is 1.


# %%
def bfloat16(x):
    bits = x.view(numpy.uint32)
    last_bit = (bits >> 16) & 1
    bits = bits + 0x7FFF + last_bit
    return (bits & 0xFFFF0000).view(numpy.float32)  # lower bits 0


def float16(x):
    with numpy.errstate(over="ignore"):  # too large becomes inf
        return x.astype(numpy.float16).astype(numpy.float32)


middles = [1 + 1 / 256, 1 + 3 / 256]  # of two in bfloat16
singles = numpy.array([numpy.pi, *middles, 70_000, 1e-8], numpy.float32)
print("float32        float16        bfloat16")
for row in zip(singles, float16(singles), bfloat16(singles), strict=True):
    print(*(f"{number:<14.8g}" for number in row))

# %% [markdown]
# Both return float32 arrays, of numbers that would fit into two bytes. That is what we need below.

# %% [markdown]
# ## Adding up
#
# From $2^{11} = 2048$ on, neighbouring float16 numbers are 2 apart.
#
# **Guess**: add up 10,000 random numbers between 0 and 1 in float16, one after the other. Where
# does the sum end, and what does that make their mean?

# %%
rng = numpy.random.default_rng(0)
addends = rng.random(10_000).astype(numpy.float16)
sums = {}
for dtype in (numpy.float16, numpy.float32):
    total = dtype(0)
    for number in addends:
        total += dtype(number)
    sums[dtype.__name__] = float(total)
    mean = sums[dtype.__name__] / 10_000
    print(f"{dtype.__name__}: sum {total:.1f}, mean {mean:.4f}")
one_more = numpy.float16(2048) + numpy.float16(1)
print(f"float16: 2048 + 1 = {one_more:.0f}")

# %% [markdown]
# A matrix product is such sums, of up to thousands of products. So NVIDIA's matrix units (*tensor
# cores*) multiply halves, but add up in float32. An A100 does 312 TFLOP/s that way, and 19.5 in
# float32 without them, says its data sheet. The multiplication loses nothing: a float16 has 11
# binary digits (with the 1 before the fraction), a product of two has at most 22, and a float32 has
# room for 24.

# %%
a, b = rng.standard_normal((2, 200, 200)).astype(numpy.float16)
products = a.astype(numpy.float32) * b.astype(numpy.float32)
exact = products == a.astype(float) * b.astype(float)
print("products in float32 are exact:", exact.all())

# %% [markdown]
# So this imitates such a unit: round the factors to float16, multiply them as float32 matrices,
# round the result. (NumPy multiplies float16 matrices, too, but without the library that makes
# float32 fast, lesson 14: that is far too slow for a net.)

# %% [markdown]
# ## Updates that vanish
#
# A weight is 1, and every step takes $10^{-4}$ off. Below 1, float16 numbers are $2^{-11}$ apart,
# which is 0.0005.
#
# **Guess**: what is left of the weight after 10,000 steps, in float16? And in float32?

# %%
left = {}
for dtype in (numpy.float16, numpy.float32):
    weight = dtype(1)
    for _ in range(10_000):
        weight -= dtype(1e-4)
    left[dtype.__name__] = float(weight)
    print(f"{dtype.__name__}: {weight:.6f}")

# %% [markdown]
# A step of less than half a gap is rounded away, every time. For weights from ½ to 1 half a gap is
# 1/4096: that is between 1/4096 and 1/2048 of the weight, as it is between any two powers of 2.
# bfloat16 has three bits fewer, and gaps eight times as wide.
#
# The remedy is *master weights*: keep the weights in float32, update those, and give the layers a
# copy rounded to float16 (Micikevicius et al. 2018, "Mixed precision training", section 3.1). That
# costs four bytes a weight; activations, which take more in a large batch, stay halves.
#
# For how many weights of a real net does this matter? Adam's steps are about as long as the rate
# $\varepsilon$, whatever the gradient (lesson 11). Take `alexnet-mini` with pictures of 16×16
# pixels, each the mean of 2×2, so that many runs take little time.

# %%
batch, epochs = (16, 2) if quick else (64, 10)
some = pictures("cifar10", 4 * batch, 1)
x = some.x.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4))


def fresh_net():
    rng = numpy.random.default_rng(0)
    return models.build("alexnet-mini", image_size=16, rng=rng)


weights = [p.ravel() for p in fresh_net().params.values() if p.ndim > 1]
weights, stuck = numpy.concatenate(weights), {}
for rounded in (float16, bfloat16):
    for rate in (1e-3, 1e-4, 1e-5):
        before = rounded(weights)
        share = (rounded(before + numpy.float32(rate)) == before).mean()
        name = rounded.__name__
        stuck[name, rate] = share
        print(f"{name:<8} steps of {rate:<6}: {share:4.0%} are lost")

# %% [markdown]
# ## Gradients that vanish
#
# How large are the $\mathrm{d}x$ on the way back? The loss is a mean over 64 pictures, so the
# gradient of the logits has entries of about 0.1 / 64, or $2^{-9}$. The last layer starts with
# weights of about 0.01; ten of them with random signs add up to $0.01 \cdot \sqrt{10}$ (lesson 00),
# about $2^{-5}$. That makes $2^{-14}$. The mean pool below it gives each of four pixels a quarter:
# $2^{-16}$. He's weights then keep the size, more or less.
#
# Jia et al. (2018, "Highly Scalable Deep Learning Training System with Mixed-Precision") trained
# AlexNet and ResNet-50 in mixed precision, with batches of up to 64k pictures on many GPUs. Where a
# loss is divided by 65,536 and not by 64, all gradients are $2^{10}$ times smaller.
#
# The function below rounds whatever goes from layer to layer. Here it rounds nothing yet, and
# `scale`, of which more below, is 1.


# %%
criterion = SoftmaxCrossEntropy()


def gradients(net, x, labels, rounded, scale):
    for layer in net.layers.values():
        x = rounded(layer.forward(x, train=True))
    loss = criterion.forward(x, labels)
    dy, passed = rounded(scale * criterion.backward()), []
    for layer in reversed(net.layers.values()):
        dy = rounded(layer.backward(dy))
        passed.append(dy)
    grads = {name: rounded(grad) for name, grad in net.grads.items()}
    return loss, grads, passed


def as_it_is(x):
    return x


net, labels = fresh_net(), some.labels
_, grads, passed = gradients(net, x[:batch], labels[:batch], as_it_is, 1)
dx = numpy.concatenate([each.ravel() for each in passed])
dx = abs(dx[dx != 0])  # ReLU and max-pool make true zeros
middle = numpy.log2(numpy.median(dx))
print(f"{dx.size:,} gradients, half of them below 2^{middle:.1f}")

# %% [markdown]
# In float16 a number below $2^{-25}$ becomes 0, and one below $2^{-14}$ is subnormal: it loses
# digits.
#
# **Guess**: what share of $\mathrm{d}x$ becomes 0 in a batch of 64? And as part of one of 65,536?

# %%
shares = {}
for batch_of in (64, 65_536):
    smaller = dx * numpy.float32(batch / batch_of)
    half = float16(smaller)
    lost = (half == 0).mean()
    subnormal = ((half > 0) & (half < 2**-14)).mean()
    shares[batch_of] = lost, subnormal
    print(f"{batch_of:>6,} pictures: {lost:4.0%} become 0,", end=" ")
    print(f"{subnormal:.0%} are subnormal")

# %% [markdown]
# A histogram of both, and of the gradients of weights and biases in a batch of 64.

# %%
dw = numpy.concatenate([grad.ravel() for grad in grads.values()])
dw = abs(dw[dw != 0])
shown = {
    "dx, batch of 64": dx * (batch / 64),
    "dx, batch of 65,536": dx * (batch / 65_536),
    "dW and db, batch of 64": dw,
}
with figure("19_gradients", 8, 3.4) as drawing:
    axes = drawing.add_subplot(xlabel="log₂ |gradient|", xlim=(-40, 18))
    axes.axvspan(-40, -25, color="0.75", label="0 in float16")
    axes.axvspan(-25, -14, color="0.9", label="subnormal")
    for label, sizes in shown.items():
        axes.hist(numpy.log2(sizes), 80, histtype="step", label=label)
    axes.axvline(16, color="red", label="inf from here on")
    axes.set_ylabel("how many")
    axes.legend(loc="upper center", bbox_to_anchor=(0.78, 1))

# %% [markdown]
# ## Loss scaling
#
# The gradients lie at float16's lower end, or below it, and above them is room. So move them:
# multiply the gradient of the logits by a number $S$, the *loss scale*, which is what $S$ times the
# loss would give, and divide the gradients of the weights by $S$ at the end, in float32
# (Micikevicius et al., section 3.2).
#
# Why may we? Look at the backward passes of lessons 01 to 07:
#
# - linear layers: $\mathrm{d}x = \mathrm{d}y\,W$, $\mathrm{d}W = \mathrm{d}y^\top x$; convolutions
#   do the same with windows
# - ReLU and dropout: $\mathrm{d}y$ times a mask
# - pooling: entries of $\mathrm{d}y$, or shares of them, added up
# - LRN: two terms, each with one factor $\mathrm{d}y$
#
# Each term has $\mathrm{d}y$ in it as a factor, once. All else, $x$, $W$, the masks, comes from
# forward, which knows nothing of $S$. So $S$ times $\mathrm{d}y$ makes $S$ times $\mathrm{d}x$ and
# $S$ times $\mathrm{d}W$: backward is *linear*. If $S$ is a power of 2, it changes exponents only,
# and in float32, far from both ends, not even rounding differs.

# %%
_, scaled, _ = gradients(net, x[:batch], labels[:batch], as_it_is, 1024)
exact = [(scaled[name] == 1024 * grads[name]).all() for name in grads]
print(f"exactly 1024 times as large: {sum(exact)} of {len(exact)} arrays")

# %% [markdown]
# How large may $S$ be? Beyond float16's largest number everything is infinite, and
# $\infty - \infty$ or $0 \cdot \infty$ is NaN. Gradients of weights are sums over all pictures and
# places, so they are larger than $\mathrm{d}x$ and get there first.

# %%
print(f"largest dx 2^{numpy.log2(dx.max()):.1f}", end=", ")
print(f"of a weight or bias 2^{numpy.log2(dw.max()):.1f}")
most = numpy.floor(numpy.log2(65504 / max(dx.max(), dw.max())))
print(f"so S may be up to 2^{most:.0f}")

# %% [markdown]
# This changes while the net learns. Micikevicius et al. keep $S$ constant, and suggest skipping a
# step if a gradient is not finite. Libraries adapt $S$, too (*dynamic loss scaling*): they halve it
# after such a step, and double it after many good ones in a row. PyTorch's `GradScaler` starts with
# $2^{16}$ and doubles after 2,000. A scale too large costs a step, and the weights never see it.


# %%
class LossScale:
    def __init__(self, value, patience=None):
        self.value, self.patience, self.good = value, patience, 0

    def update(self, finite):
        if self.patience is None:
            return  # a constant one
        self.good = self.good + 1 if finite else 0
        if not finite:
            self.value /= 2
        elif self.good == self.patience:
            self.value, self.good = 2 * self.value, 0


# %% [markdown]
# ## Training in mixed precision
#
# Now all of it. The layers get rounded weights, and whatever goes from layer to layer is rounded,
# forward and back. Adam computes in float32, on the master weights; with `masters=False` its
# results are rounded, too.
#
# `batch_of` makes the gradient of the logits as small as it is in a larger batch, of which these
# pictures are one part. The gradients of the weights are multiplied again in float32, as if all
# parts were alike and added up. (Adam, as it divides by the size of the gradients, would not miss
# that, nor the division by a constant $S$; but other rules would, and $S$ changes.)


# %%
def train(rounded, masters=True, scale=None, rate=1e-3, batch_of=batch,
          epochs=epochs):  # fmt: skip
    net, scale = fresh_net(), scale or LossScale(1)
    copies = {name: w.copy() for name, w in net.params.items()}
    kept = SimpleNamespace(params=copies, grads={})
    adam, losses, scales = optim.Adam(kept, rate), [], []
    for start in list(range(0, len(x), batch)) * epochs:
        for name, weight in net.params.items():
            weight[...] = rounded(kept.params[name])
            if not masters:
                kept.params[name][...] = weight
        part = slice(start, start + batch)
        images, S = rounded(x[part]), scale.value * batch / batch_of
        with numpy.errstate(invalid="ignore"):  # NaN
            result = gradients(net, images, labels[part], rounded, S)
        loss, found, _ = result
        kept.grads = {name: grad / S for name, grad in found.items()}
        finite = all(numpy.isfinite(g).all() for g in found.values())
        if finite:
            adam.step()
        losses.append(loss)
        scales.append(scale.value)
        scale.update(finite)
    return numpy.mean(losses[-4:]), scales  # the last epoch's loss


# %% [markdown]
# First watch dynamic scaling. It starts too high, at $2^{24}$, and doubles after only 8 good steps.

# %%
scale = LossScale(2.0**24, patience=8)
loss, scales = train(float16, scale=scale, epochs=4 if quick else 10)
print("log₂ S, step by step")
for start in range(0, len(scales), 20):
    print(*(f"{numpy.log2(S):.0f}" for S in scales[start : start + 20]))

# %% [markdown]
# It finds, after some skipped steps, about the $S$ that we computed, and tries a larger one now and
# then.
#
# ## Six ways, side by side
#
# Now each way of storing numbers, in two settings. The easy one has a rate of $10^{-3}$, and the
# loss divided by 64. The hard one has a rate of $10^{-5}$, as at the end of a schedule, and the
# loss divided by 65,536. All runs start from the same weights and see the same 256 pictures ten
# times; Adam's means are float32 in all of them. How far does the loss fall?
#
# **Guess**: which of the five others keep up with float32 in the easy setting? And in the hard one?

# %% seconds=23
ways = {
    "float32": dict(rounded=as_it_is),
    "float16 everywhere": dict(rounded=float16, masters=False),
    "+ master weights": dict(rounded=float16),
    "+ loss scaling": dict(rounded=float16, scale=LossScale(2.0**14)),
    "bfloat16 everywhere": dict(rounded=bfloat16, masters=False),
    "bfloat16, masters": dict(rounded=bfloat16),
}
first = criterion.forward(fresh_net().forward(x), labels)
falls = {}
print(f"{'loss at first':<20}{first:9.4f}, falls by   easy     hard")
for name, way in ways.items():
    easy, _ = train(**way)
    hard, _ = train(**way, rate=1e-5, batch_of=65_536)
    falls[name] = first - easy, first - hard
    print(f"{name:<40}{first - easy:.4f}   {first - hard:.4f}")

# %% [markdown]
# ## Where it begins to fail
#
# In the easy setting nothing fails. So how far down, or up, may the gradients move until something
# does? Keep the high rate and master weights, and try constant $S$, also below 1: $S = 2^{-10}$ is
# a batch of 65,536 without loss scaling. Half of the $\mathrm{d}x$ were below $2^{-15}$.
#
# **Guess**: which of the $S$ from $2^{-14}$ to $2^{20}$ does training notice?

# %% seconds=9
exponents, ends = [-14, -12, -10, -8, -4, 0, 8, 16, 20], []
if quick:
    exponents = [-16, 0, 20]
short = 2 if quick else 4
in_float32, _ = train(as_it_is, epochs=short)
print(f"float32         loss {in_float32:.4f}")
for exponent in exponents:
    end, _ = train(float16, scale=LossScale(2.0**exponent), epochs=short)
    ends.append(end)
    print(f"float16, S 2^{exponent:<3} loss {end:.4f}")

# %%
level = [in_float32] * len(exponents)
curves = {"float32": (exponents, level), "float16": (exponents, ends)}
show_lines("19_scales", curves, "log₂ S", f"loss after {short} epochs")

# %% [markdown]
# ## What minialex has
#
# No mixed precision. Nets are made in float32, layers keep the type they are given, and the
# products on a GPU (`minialex/fast/gpu/cublas.py`) are of single or double precision. What you have
# read is how it would be done.
#
# But files of weights often hold halves, and those it reads, into a float32 net. With bfloat16 it
# does the reverse of what we did: 16 bits are shifted up, with zeros below them.

# %%
shipped(decoded)

# %%
ours = bfloat16(weights)
upper_half = (ours.view(numpy.uint32) >> 16).astype("<u2")
about = dict(dtype="BF16", data=upper_half.tobytes(), shape=ours.shape)
same = (decoded("w", about) == ours).all()
print("read from two bytes each, the same:", same)

# %% [markdown]
# ## To take away
#
# - The exponent's bits give range, the fraction's give digits. float16 has more digits; bfloat16
#   has float32's range, and needs no loss scaling.
# - Multiply halves, add up in float32, and keep master weights in float32.
# - Backward is linear in $\mathrm{d}y$: scale the loss, divide the gradients, skip what overflows.
#
# ### Exercises
#
# 1. What is the smallest whole number $n$ with $n + 1 = n$ in bfloat16, and in float32? Say it
#    before you try.
# 2. Round to bfloat16 at random, up the more often the closer the upper neighbour is (*stochastic
#    rounding*). What is left of a weight of 1 after 10,000 steps of $10^{-4}$? Then train
#    `alexnet-mini` at the rate $10^{-5}$ with weights rounded so, without masters.
# 3. Keep Adam's mean of squares in float16. For which gradients does it stay 0, and what does Adam
#    do with their weights? Does loss scaling help?

# %% [markdown]
# ## Answers to the guesses
#
# - **Counting**: 1,024, and 1,024 again. Between any two neighbouring powers of 2 there are equally
#   many, so from 1 to 2 they lie $2^{-10}$ apart, from 1024 to 2048 they are the whole numbers. 48%
#   of all lie between −1 and 1: 15 of the 31 exponents.
# - **The sum** ends at 2048: from there on each number is less than half a gap. The mean would be
#   0.2048, instead of 0.4994.
# - **The weight** is still 1 in float16: not one of 10,000 steps counts. In float32 about 0 is
#   left.
# - **Which become 0**: in a batch of 64 hardly any, but 79% are subnormal. In one of 65,536 it is
#   51%, and the others are subnormal. Drawn shapes give the same.
# - **Six ways**: in the easy setting all keep up. With CIFAR-10 the loss falls by 1.13, and by 1.12
#   with bfloat16 everywhere: a small net at a high rate needs no remedy. In the hard one it falls
#   by 0.0485 in float32 and by 0.0324, two thirds, with float16 everywhere. Master weights bring
#   0.0414, and loss scaling brings all of it back. bfloat16 with masters does as well without
#   scaling; without masters it has a fifth, 0.0096. Drawn shapes give other losses in the same
#   order.
# - **Which** $S$: none from $2^{-8}$ to $2^{16}$. At $2^{-8}$ half of the $\mathrm{d}x$ have only
#   one or two binary digits left, but a weight's gradient is a sum of many, in which such errors
#   mostly cancel. At $2^{-10}$ half of them are 0, and the loss is 2.04 instead of 1.91 (drawn
#   shapes: 2.22 instead of 1.90). Below, the convolutions learn next to nothing, and the last
#   layer, which gets the logits' gradient itself, goes on alone. At $2^{20}$ each step overflows
#   and is skipped.
