# %% [markdown]
# # 05. Pooling, with windows that overlap
#
# A convolution and its ReLU (lessons 02, 04) leave a map for each kernel: how
# strongly does each place answer its question? Whether it is this pixel or the
# next one rarely matters. Pooling turns each small window into one number.

# %%
import numpy

from minialex.gradcheck import differences
from minialex.layers import AvgPool2d, Conv2d, MaxPool2d, ReLU
from minialex.layers.im2col import im2col
from minialex.lessons import figure, pictures, quick, seconds, shipped
from minialex.network import Network

# %% [markdown]
# ## A window becomes its largest number
#
# A max-pool slides a window over each channel and has no weights: the answer is
# the largest number in the window. All windows in this lesson move by 2 pixels,
# so windows of 3×3 overlap. The 5 lies in four of them. In how many does it
# win?


# %%
def max_pool(x, size):
    N, H, W, C = x.shape
    OH, OW = (H - size) // 2 + 1, (W - size) // 2 + 1
    y = numpy.empty((N, OH, OW, C), x.dtype)
    for n, i, j, c in numpy.ndindex(y.shape):
        window = x[n, 2 * i : 2 * i + size, 2 * j : 2 * j + size]
        y[n, i, j, c] = window[..., c].max()
    return y


digits = """
    1 0 2 0 0
    0 3 1 0 6
    2 1 5 0 1
    0 4 0 1 0
    1 0 2 0 3"""
small = numpy.array(digits.split(), float).reshape(1, 5, 5, 1)
print(f"x\n{small[0, ..., 0]}\ny\n{max_pool(small, 3)[0, ..., 0]}")

# %% [markdown]
# ## Overlapping, or side by side (section 3.4)
#
# Windows of 2×2 lie side by side. On an odd side, such as AlexNet's 55, 27 and
# 13, they leave out the last row and column, so y is as large as with 3×3. With
# 3×3 the paper's errors were 0.4% (top-1) and 0.3% (top-5) lower, and its nets
# "slightly more difficult to overfit". LeNet took the mean. In the picture,
# look at the brightest line: who keeps it, and who lets it fade?

# %%
some, rng = pictures("fashion-mnist", 256, 1), numpy.random.default_rng(0)
conv, relu = Conv2d(some.x.shape[3], 16, 5, padding=2, rng=rng), ReLU()
maps = relu.forward(conv.forward(some.x))
ways = {
    "the map": lambda a: a,
    "every 2nd pixel": lambda a: a[:, ::2, ::2],
    "max 2×2": MaxPool2d(2, stride=2).forward,
    "max 3×3": MaxPool2d(3, stride=2).forward,
    "mean 3×3": AvgPool2d(3, stride=2).forward,
}
with figure("05_pools", 9, 2.1) as drawing:
    for axes, name in zip(drawing.subplots(1, 5), ways, strict=True):
        pooled, white = ways[name](maps)[0, ..., 1], maps[0, ..., 1].max()
        axes.imshow(pooled, cmap="gray", vmin=0, vmax=white)
        axes.set(title=name, xticks=[], yticks=[])

# %% [markdown]
# ## Without loops: lay the windows out
#
# im2col (lesson 02) lays every window out: (N, OH, OW, 3, 3, C). The maximum
# over the two axes of the window is the pool. pool.py does just this, and
# argmax tells it which of the nine pixels won, which backward needs.

# %%
x = maps[: 2 if quick else 8]
windows = im2col(x, 3, 2, padding=0)
y = windows.max(axis=(3, 4))
layer, naive = MaxPool2d(3, stride=2), max_pool(x, 3)
print(f"x {x.shape} -> windows {windows.shape} -> y {y.shape}")
equal = (y == naive).all(), (layer.forward(x) == naive).all()
print("equal to the loops: this", equal[0], "and the layer", equal[1])
print(
    f"loops {seconds(lambda: max_pool(x, 3), repeat=1) * 1e3:.0f} ms,",
    f"layer {seconds(lambda: layer.forward(x)) * 1e3:.2f} ms; the layer:",
)
shipped(MaxPool2d.forward)

# %% [markdown]
# ## Backward: to the winner, and added up
#
# Nudge a window's largest pixel, and y moves just as much; nudge another one,
# and y stays. So the winner gets all of dy. The 5 wins three times: its
# gradient is the sum of three dy. That takes +=; with = the last window wipes
# out the rest. Read off dx which window gave what. (A mean gives each pixel a
# ninth of dy, with += too.) The layer writes dy where the winner was, as windows
# laid out, and col2im adds them up. Then finite differences (lesson 03) judge:
# can 2×2 tell += from =?


# %%
def backward(x, dy, size, sign="+="):
    dx = numpy.zeros_like(x)
    for n, i, j, c in numpy.ndindex(dy.shape):
        box = n, slice(2 * i, 2 * i + size), slice(2 * j, 2 * j + size), c
        winner = x[box].argmax()
        before = dx[box].flat[winner] if sign == "+=" else 0
        dx[box].flat[winner] = before + dy[n, i, j, c]
    return dx


dy, errors = numpy.array([9.0, 90, 900, 9000]).reshape(1, 2, 2, 1), {}
for pool in (AvgPool2d(3, stride=2), layer):
    pool.forward(small, train=True)
    print(f"{pool}: dx\n{pool.backward(dy)[0, ..., 0].astype(int)}")
equal = (layer.backward(dy) == backward(small, dy, 3)).all()
print("equal to the loops:", equal)
shipped(MaxPool2d.backward)
for size, sign in ((3, "+="), (3, "="), (2, "+="), (2, "=")):
    dx = differences(lambda k=size: (max_pool(small, k) * dy).sum(), small)
    errors[size, sign] = abs(backward(small, dy, size, sign) - dx).max()
    print(f"{size}×{size} with {sign:<2} error {errors[size, sign]:.0e}")

# %% [markdown]
# ## Two equal pixels, and pixels that are not there
#
# Where pixels are equally large, any shares that add up to dy will do, and
# pool.py gives all of it to the first. Rare? After ReLU, whole windows are 0:
# count them. Finite differences say 1/2 for each of nine equal pixels, the mean
# of "up" and "down": so check gradients where there are no ties. Padding must
# never win, so it is −∞. A 0 would win against negative numbers, and take their
# dy away.

# %%
ties = (windows == y[:, :, :, None, None]).sum(axis=(3, 4)) > 1
print(f"windows with ties: {ties.mean():.0%}, all 0: {(y == 0).mean():.0%}")
flat, padded = numpy.full((1, 3, 3, 1), -1.0), MaxPool2d(3, 2, padding=1)
print(differences(lambda: max_pool(flat, 3).sum(), flat).ravel())
zeros = max_pool(numpy.pad(flat, ((0, 0), (1, 1), (1, 1), (0, 0))), 3)
print("padded with 0:", zeros.ravel())
print("padded with −∞:", padded.forward(flat).ravel())

# %% [markdown]
# ## What pooling is for: small shifts change little
#
# Roll all pictures to the right by 1, 2, 3, 4 pixels. How much do their maps
# change? 100% is as much as if each picture were a different one. Every 2nd
# pixel makes small maps too: does that help? And three pools, one after the
# other?

# %%
change, pools = {}, [(f"pool{i}", MaxPool2d(3, 2)) for i in range(3)]
ways["three max 3×3"] = Network(pools, maps.shape[1:]).forward
for name, way in ways.items():
    still = way(maps)
    other = numpy.linalg.norm(still - numpy.roll(still, 1, axis=0))
    for k in range(1, 5):
        moved = relu.forward(conv.forward(numpy.roll(some.x, k, axis=2)))
        change[name, k] = numpy.linalg.norm(way(moved) - still) / other
    print(f"{name:<16}", *(f"{change[name, k]:5.0%}" for k in range(1, 5)))

# %% [markdown]
# ## To take away
#
# - A max-pool keeps a window's strongest answer and forgets where in it that
#   was. Against shifts, one helps a little and three help a lot.
# - A mean is steadier still, but washes out what is thin and strong.
# - Backward gives dy to the winner, with +=, because windows overlap.
#
# ### Exercises
#
# 1. In how many 3×3 windows of stride 2 can a pixel lie? Which pixels lie in
#    four?
# 2. Write it yourself: lessons/exercises/pool.py.
