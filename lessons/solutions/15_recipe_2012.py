# %% [markdown]
# # 15. The 2012 recipe: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.data.dataset import resized
from minialex.layers import Conv2d, LocalResponseNorm
from minialex.lessons import pictures, quick
from minialex.presets import RECIPES

# %% [markdown]
# ## 1. An α for standardised pixels
#
# > How large must $\alpha$ be to do for standardised pixels what 1e-4 does for those of 0 to 255?
#
# LRN divides by a power of $s = k + \alpha \cdot \sum x^2$. conv1 has biases of 0, and ReLU cuts
# off at 0: if all pixels are $c$ times as large, so is each $x$, and its square is $c^2$ times as
# large. So $s$ stays what it is if $\alpha$ is divided by $c^2$. Pixels of 0 to 255 are about 64
# times as large as standardised ones:
#
# $$\alpha = 10^{-4} \cdot 64^2 = 0.41$$
#
# First with pixels that are divided by 64 exactly.

# %%
side = 99 if quick else 227
some = pictures("cifar10", 8, 4)
large = resized(some.test_images, side)
centred = large.astype(numpy.float32) - some.images.mean(axis=(0, 1, 2))
rng = numpy.random.default_rng(0)
conv1 = Conv2d(3, 96, 11, stride=4, weight_std=0.01, rng=rng)


def largest_s(pixels, alpha):
    x = numpy.maximum(conv1.forward(pixels), 0)
    y = LocalResponseNorm(alpha=alpha).forward(x)
    return (x[y > 0] / y[y > 0]).max() ** (4 / 3)


found = {}
for c, alpha in ((1, 1e-4), (64, 1e-4), (64, 1e-4 * 64**2)):
    s = found[c, alpha] = largest_s(centred / c, alpha)
    print(f"pixels / {c:>2}, α = {alpha:.4f}: s up to {s:.4f}")

# %% [markdown]
# And with standardised pixels, each colour divided by its own standard deviation:

# %%
standardised = some.standardize(large)
spread = centred.std() / standardised.std()
s = largest_s(standardised, 1e-4 * spread**2)
print(f"c = {spread:.1f}, α = {1e-4 * spread**2:.2f}: s up to {s:.4f}")

# %% [markdown]
# Nearly: the deviations of the colours differ a little. In PyTorch and Caffe, which divide $\alpha$
# by the window of 5, the same LRN takes five times as much: about 2.
#
# This holds for the first LRN, and before any training. conv2 has biases of 1, which do not shrink
# with the pixels. And a net that learns changes its weights, and with them the size of all maps.

# %% [markdown]
# ## 2. Training it
#
# > Train it, if you have the pictures, in the folder `IMAGENET`:
#
# The recipe is a set of options; each can be given on the command line, too.

# %%
for option, value in RECIPES["folder"]["2012"].items():
    print(f"{option:<13} {value}")

# %% [markdown]
# (`log_every` says how often a line is printed.) How many steps are 90 epochs of 1.28 million
# pictures, and for how long do you have to let it run?

# %%
steps = 90 * 1.28e6 / 128
print(f"{steps:,.0f} steps")
work = 2 * 3 * 128 * 724e6  # of a step, as in the lesson
for rate, name in ((1e11, "100 GFLOP/s"), (5e13, "50 TFLOP/s")):
    days = steps * work / rate / 86400
    print(f"at {name}: {work / rate:.3f} s a step, {days:.1f} days in all")

# %% [markdown]
# That is what the products alone take, at these rates. The loss starts at $\log 1000 = 6.9$ and
# stays there for a while: with weights of 0.01 hardly anything of the pictures reaches fc8 in the
# beginning (the lesson's table). To memorise 32 photographs, the net needs 110 steps with these
# weights and about thirty with He's (docs/imagenet.md, which also says in which folders the
# pictures may lie).
#
# Stop it with Ctrl-C whenever you like: it prints the command that resumes it (lesson 18).
