# %% [markdown]
# # 19. float32, float16, and loss scaling: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex import models, optim
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import pictures, quick


def bfloat16(x):
    bits = x.view(numpy.uint32)
    last_bit = (bits >> 16) & 1
    bits = bits + 0x7FFF + last_bit
    return (bits & 0xFFFF0000).view(numpy.float32)


# %% [markdown]
# ## 1. Where counting stops
#
# > What is the smallest whole number $n$ with $n + 1 = n$ in bfloat16, and in float32? Say it
# > before you try.
#
# With $f$ bits of fraction there are $2^f$ numbers from $2^f$ to $2^{f+1}$: all whole ones. From
# $2^{f+1}$ on only every second one is left. At $n = 2^{f+1}$ itself, $n + 1$ is in the middle of
# two, and goes to the one whose last bit is 0. That is $n$, whose fraction is 0. So it is $2^8$ in
# bfloat16 and $2^{24}$ in float32, as it was $2^{11}$ in float16.


# %%
def first_stuck(numbers, rounded):
    stays = rounded(numbers) == numbers
    stuck = stays & (rounded(numbers + 1) == numbers)
    return int(numbers[stuck][0])


def float32(x):
    return x.astype(numpy.float32)


small = numpy.arange(1, 2000, dtype=numpy.float32)
large = numpy.arange(2.0**24 - 1000, 2.0**24 + 1000)
counts = first_stuck(small, bfloat16), first_stuck(large, float32)
print(f"bfloat16: {counts[0]}, float32: {counts[1]:,}")

# %% [markdown]
# ## 2. Rounding at random
#
# > Round to bfloat16 at random, up the more often the closer the upper neighbour is (*stochastic
# > rounding*).
#
# The lower 16 bits, a number $r$ from 0 to 65,535, say how far $x$ is on its way from one neighbour
# to the next. Add a random number from 0 to 65,535, and cut: it carries over into the upper half in
# $r$ of 65,536 cases. On average that is $x$ itself.


# %%
rng = numpy.random.default_rng(0)


def at_random(x):
    noise = rng.integers(0, 2**16, x.shape, numpy.uint32)
    bits = x.view(numpy.uint32) + noise
    return (bits & 0xFFFF0000).view(numpy.float32)


x = numpy.full(100_000, 1.001, numpy.float32)
values, times = numpy.unique(at_random(x), return_counts=True)
print(dict(zip(values.tolist(), times.tolist(), strict=True)))
print(f"mean {at_random(x).mean(dtype=float):.5f}")

# %% [markdown]
# Now the weight of 1: a thousand such weights, to see mean and spread.

# %%
steps, takes = (1000, 1e-3) if quick else (10_000, 1e-4)
left = {}
for rounded in (bfloat16, at_random):
    w = numpy.ones(1000, numpy.float32)
    for _ in range(steps):
        w = rounded(w - numpy.float32(takes))
    name = rounded.__name__
    left[name] = w
    print(f"{name:<10} mean {w.mean():.3f}, spread {w.std():.3f}")

# %% [markdown]
# To the nearest, nothing happens in 10,000 steps. At random, most steps do nothing either, but at
# first one in 39 takes off a whole gap of 1/256, and in the mean nothing is lost. The price is the
# spread.
#
# And a net with such weights, without masters:

# %%
batch, epochs = (16, 1) if quick else (64, 10)
some = pictures("cifar10", 4 * batch, 1)
x = some.x.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4))
criterion = SoftmaxCrossEntropy()


def fall(rounded):
    start_rng = numpy.random.default_rng(0)
    net = models.build("alexnet-mini", image_size=16, rng=start_rng)
    first = criterion.forward(net.forward(x), some.labels)
    adam, losses = optim.Adam(net, 1e-5), []
    for start in list(range(0, len(x), batch)) * epochs:
        for weight in net.params.values():
            weight[...] = rounded(weight)
        part = slice(start, start + batch)
        loss, _ = net.step(x[part], some.labels[part], criterion)
        adam.step()
        losses.append(loss)
    return first - numpy.mean(losses[-4:])


# %% seconds=3
falls = {}
for rounded in (float32, bfloat16, at_random):
    name = rounded.__name__
    falls[name] = fall(rounded)
    print(f"{name:<10} falls by {falls[name]:.4f}")

# %% [markdown]
# Rounded at random, it keeps up with float32: with CIFAR-10, the loss falls by 0.049. To the
# nearest it falls by 0.010. So stochastic rounding can do without masters; the random numbers are
# drawn anew in each step, and need no memory in between.

# %% [markdown]
# ## 3. Adam's mean of squares
#
# > Keep Adam's mean of squares in float16. For which gradients does it stay 0, and what does Adam
# > do with their weights? Does loss scaling help?
#
# It starts at 0, and each step adds $0.001 \cdot g^2$. What is not above $2^{-25}$ becomes 0, so it
# stays 0 for all $g$ up to
#
# $$\sqrt{2^{-25} / 0.001} = 0.0055$$


# %%
def first_step(g, dtype, rate=1e-3):
    mean, square = 0.1 * g, dtype(0.001 * g * g)
    m, s = mean / (1 - 0.9), float(square) / (1 - 0.999)
    return rate * m / (numpy.sqrt(s) + 1e-8)


moves = {}
for g in (0.1, 0.01, 0.001, 0.0001):
    single = first_step(g, numpy.float32)
    half = first_step(g, numpy.float16)
    moves[g] = single, half
    print(f"g = {g:<6}: step {single:.4f}, with a float16 {half:.4g}")

# %% [markdown]
# With $g = 0.001$ the weight moves by 100 instead of 0.001, as only Adam's tiny `epsilon` is left
# to divide by: the net is destroyed in one step. (In float16 `epsilon`, $10^{-8}$, would be 0, too,
# and the step infinite.) How many gradients of a real net are that small?

# %%
net = models.build("alexnet-mini", image_size=16, rng=rng)
net.step(x[:batch], some.labels[:batch], criterion)
grads = numpy.concatenate([g.ravel() for g in net.grads.values()])
grads = abs(grads[grads != 0])
share = (numpy.float16(0.001 * grads**2) == 0).mean()
print(f"squares of {share:.0%} of the gradients are lost")

# %% [markdown]
# Loss scaling does not help: gradients are divided by $S$ before Adam sees them. They need not be,
# as a common factor does not change Adam's steps. But squares need twice as many powers of 2 as
# gradients do. In the long run the mean of squares is $g^2$, which must not exceed 65,504. Make the
# largest gradient as large as that allows:

# %%
scaled = grads * numpy.float32(numpy.sqrt(65504) / grads.max())
share_scaled = (numpy.float16(0.001 * scaled**2) == 0).mean()
print(f"scaled as far as may be: {share_scaled:.1%} are lost")

# %% [markdown]
# Few, but each of them destroys a weight. And a gradient that is larger later makes its mean
# infinite for good: that weight never moves again. So an optimiser's means stay in float32, beside
# the master weights.
