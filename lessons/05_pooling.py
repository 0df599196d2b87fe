# %% [markdown]
# # 05. Pooling, with windows that overlap
#
# A convolution and its ReLU (lessons 02, 04) leave a map for each kernel: how strongly does each
# place answer its question? Whether it is this pixel or the next one rarely matters. Pooling turns
# each small window into one number.

# %%
import numpy

from minialex.gradcheck import differences
from minialex.layers import AvgPool2d, Conv2d, MaxPool2d, ReLU
from minialex.layers.im2col import im2col, output_size
from minialex.lessons import figure, pictures, quick, seconds, shipped
from minialex.network import Network

# %% [markdown]
# ## A window becomes its largest number
#
# A *max-pool* slides a window over each channel and has no weights: the answer is the largest
# number in the window. All windows in this lesson move by two pixels, so
#
# $$y_{n,i,j,c} = \max_{u,v} x_{n,\;2i+u,\;2j+v,\;c}$$
#
# where $u$ and $v$ are the row and the column inside the window. `numpy.ndindex` goes through all
# indices of $y$: four loops in one line.


# %%
def max_pool(x, size):
    N, H, W, C = x.shape
    OH, OW = (H - size) // 2 + 1, (W - size) // 2 + 1
    y = numpy.empty((N, OH, OW, C), x.dtype)
    for n, i, j, c in numpy.ndindex(y.shape):
        top, left = 2 * i, 2 * j
        window = x[n, top : top + size, left : left + size, c]
        y[n, i, j, c] = window.max()
    return y


# %% [markdown]
# Windows of 3×3 that move by two overlap. This map has four of them, and the 5 in the middle lies
# in all four.

# %%
rows = [
    [1, 0, 2, 0, 0],
    [0, 3, 1, 0, 6],
    [2, 1, 5, 0, 1],
    [0, 4, 0, 1, 0],
    [1, 0, 2, 0, 3],
]
small = numpy.array(rows, float).reshape(1, 5, 5, 1)
print(small[0, :, :, 0])

# %% [markdown]
# **Guess**: in how many of the four windows does the 5 win?

# %%
print(max_pool(small, 3)[0, :, :, 0])

# %% [markdown]
# ## Overlapping, or side by side (section 3.4)
#
# Windows of 2×2 lie side by side. On an odd side, such as AlexNet's 55, 27 and 13, they leave out
# the last row and column, so $y$ is as large as with 3×3.

# %%
for side in (55, 27, 13):
    by_two = output_size(side, 2, stride=2, padding=0)
    by_three = output_size(side, 3, stride=2, padding=0)
    print(f"a side of {side}: {by_two} windows of 2×2, {by_three} of 3×3")

# %% [markdown]
# With 3×3 the paper's errors were 0.4% (top-1) and 0.3% (top-5) lower than with 2×2, and its nets
# found it "slightly more difficult to overfit". (*Top-1*: the net's first answer is wrong. *Top-5*:
# the right class is not among its first five. A net *overfits* when it goes on
# to learn what is true of its own pictures only.) LeNet, a small net of 1998, took the mean.
#
# Let us try these ways on the maps of 16 random kernels, and one more: keep only every second
# pixel, which makes a map about as small.

# %%
some, rng = pictures("fashion-mnist", 256, 1), numpy.random.default_rng(0)
conv, relu = Conv2d(some.x.shape[3], 16, 5, padding=2, rng=rng), ReLU()
maps = relu.forward(conv.forward(some.x))
ways = {
    "the map": lambda maps: maps,
    "every 2nd pixel": lambda maps: maps[:, ::2, ::2],
    "max 2×2": MaxPool2d(2, stride=2).forward,
    "max 3×3": MaxPool2d(3, stride=2).forward,
    "mean 3×3": AvgPool2d(3, stride=2).forward,
}
pooled = {}
for name, way in ways.items():
    pooled[name] = way(maps)[0, :, :, 1]
for name, result in pooled.items():
    print(f"{name:<16}", result.shape)

# %% [markdown]
# The brightest line of the map is thin.
#
# **Guess**: which of these ways keep its brightest pixel, and which let it fade?

# %%
for name, result in pooled.items():
    print(f"{name:<16} brightest pixel {result.max():.2f}")

# %% [markdown]
# White is the same number in all five pictures.

# %%
white = pooled["the map"].max()
with figure("05_pools", 9, 2.1) as drawing:
    for place, name in enumerate(pooled, start=1):
        axes = drawing.add_subplot(1, 5, place, title=name)
        axes.imshow(pooled[name], cmap="gray", vmin=0, vmax=white)
        axes.set(xticks=[], yticks=[])

# %% [markdown]
# ## Without loops: lay the windows out
#
# `im2col` (lesson 02) lays every window out, as an array $(N, OH, OW, 3, 3, C)$. The maximum over
# the two axes of the window is the pool.

# %%
x = maps[: 2 if quick else 8]
naive = max_pool(x, 3)
windows = im2col(x, 3, stride=2, padding=0)
y = windows.max(axis=(3, 4))
print(f"x {x.shape} -> windows {windows.shape} -> y {y.shape}")
print("equal to the loops:", (y == naive).all())

# %% [markdown]
# The layer does just this. Its `argmax` says which of the nine pixels won, which backward needs.

# %%
shipped(MaxPool2d.forward)

# %% [markdown]
# Does it agree with the loops, and how long do both take?

# %%
layer = MaxPool2d(3, stride=2)
print("equal to the loops:", (layer.forward(x) == naive).all())
slow_time = seconds(lambda: max_pool(x, 3), repeat=1)
fast_time = seconds(lambda: layer.forward(x))
print(f"loops {slow_time * 1e3:.0f} ms, layer {fast_time * 1e3:.2f} ms")

# %% [markdown]
# ## Backward: to the winner, and added up
#
# Nudge a window's largest pixel, and $y$ moves just as much; nudge another one, and $y$ stays. So
# the winner gets all of $\mathrm{d}y$. A pixel that wins in several windows gets the sum of theirs,
# and that takes `+=`: with `=`, the last window wipes out the rest. The function can do both.
# `argmax` is the winner's number if the pixels of its window are counted row by row; `divmod` makes
# row and column of that.


# %%
def backward(x, dy, size, sign="+="):
    dx = numpy.zeros_like(x)
    for n, i, j, c in numpy.ndindex(dy.shape):
        top, left = 2 * i, 2 * j
        window = x[n, top : top + size, left : left + size, c]
        row, column = divmod(window.argmax(), size)
        winner = n, top + row, left + column, c
        if sign == "+=":
            dx[winner] += dy[n, i, j, c]
        else:
            dx[winner] = dy[n, i, j, c]
    return dx


# %% [markdown]
# Give the four windows 9, 90, 900 and 9000: then each digit of $\mathrm{d}x$ tells which window it
# came from.
#
# **Guess**: what does the 5 in the middle get?

# %%
dy = numpy.array([[9.0, 90.0], [900.0, 9000.0]]).reshape(1, 2, 2, 1)
print("x\n", small[0, :, :, 0], sep="")
print("dx\n", backward(small, dy, 3)[0, :, :, 0], sep="")

# %% [markdown]
# A mean gives each of its nine pixels a ninth of $\mathrm{d}y$, with `+=` too. Again, each digit is
# a window.

# %%
mean = AvgPool2d(3, stride=2)
mean.forward(small, train=True)
print(mean.backward(dy)[0, :, :, 0].round().astype(int))

# %% [markdown]
# The layer compares the nine places with the winner's: `won` is 1 at one place of each window, and
# 0 elsewhere. Times $\mathrm{d}y$, these are windows laid out, and `col2im` (lesson 03) adds them
# up.

# %%
shipped(MaxPool2d.backward)

# %% [markdown]
# On the small example it agrees with the loops:

# %%
layer.forward(small, train=True)
equal = (layer.backward(dy) == backward(small, dy, 3)).all()
print("equal to the loops:", equal)

# %% [markdown]
# But are the loops right? Finite differences (lesson 03) judge `+=` and `=`, with windows of 3×3
# and of 2×2. `differences(f, a)` nudges each number of the array `a` up and down, calls `f()` both
# times, and returns the slopes. As the loss take all $y$ times $\mathrm{d}y$, added up: then the
# upstream gradient is $\mathrm{d}y$.
#
# **Guess**: can 2×2 tell `+=` from `=`?


# %%
def largest_error(size, sign):
    def loss():
        return (max_pool(small, size) * dy).sum()

    slopes = differences(loss, small)
    return abs(backward(small, dy, size, sign) - slopes).max()


errors = {}
for size in (3, 2):
    for sign in ("+=", "="):
        error = largest_error(size, sign)
        errors[size, sign] = error
        print(f"{size}×{size} with {sign:<2} largest error {error:.0e}")

# %% [markdown]
# ## Two equal pixels
#
# Where several pixels are the largest, any shares that add up to $\mathrm{d}y$ will do, and
# `MaxPool2d` gives all of it to the first. Is that rare? After ReLU, whole windows are 0. Count
# them:

# %%
largest = y[:, :, :, None, None]  # beside each window
ties = (windows == largest).sum(axis=(3, 4)) > 1
print(f"windows with ties: {ties.mean():.0%}")
print(f"windows that are all 0: {(y == 0).mean():.0%}")

# %% [markdown]
# Finite differences cannot know which one is first. Nudge one of nine equal pixels up, and $y$ goes
# up with it, with a slope of 1; nudge it down, and $y$ stays, with a slope of 0. They say ½, the
# mean of both, for each of the nine. So check gradients where there are no ties.

# %%
flat = numpy.full((1, 3, 3, 1), -1.0)
slopes = differences(lambda: max_pool(flat, 3).sum(), flat)
print("slopes of nine equal pixels:", slopes.ravel().round(3))

# %% [markdown]
# ## Pixels that are not there
#
# Padding must never win, so `MaxPool2d` pads with $-\infty$. A 0 would win against negative
# numbers, and take their $\mathrm{d}y$ away. Below, all nine pixels are −1.

# %%
with_zeros = numpy.pad(flat, ((0, 0), (1, 1), (1, 1), (0, 0)))
zeros = max_pool(with_zeros, 3)
padded = MaxPool2d(3, stride=2, padding=1)
print("padded with 0: ", zeros.ravel())
print("padded with −∞:", padded.forward(flat).ravel())

# %% [markdown]
# ## What pooling is for: small shifts change little
#
# Roll all pictures to the right by 1, 2, 3 and 4 pixels. How much do their maps change? The
# distance between two sets of maps, `numpy.linalg.norm`, is the root of the sum of all squared
# differences. Measure it as a percentage of the distance between different pictures' maps: at 100%,
# the shifted picture might as well be another one.

# %%
moved_maps = {}
for pixels in range(1, 5):
    moved = numpy.roll(some.x, pixels, axis=2)
    moved_maps[pixels] = relu.forward(conv.forward(moved))


def changes(way):
    still = way(maps)
    others = numpy.roll(still, 1, axis=0)  # each picture's neighbour
    distance = numpy.linalg.norm(still - others)
    result = {}
    for pixels, moved in moved_maps.items():
        result[pixels] = numpy.linalg.norm(way(moved) - still) / distance
    return result


# %% [markdown]
# Every second pixel makes small maps, too. And AlexNet pools three times: `three max 3×3` are three
# pools, one after the other.
#
# **Guess**: does taking every second pixel help? Do three pools help more than one?

# %%
pools = [(f"pool{k}", MaxPool2d(3, stride=2)) for k in (1, 2, 3)]
ways["three max 3×3"] = Network(pools, maps.shape[1:]).forward
change = {}
for name, way in ways.items():
    row = changes(way)
    for pixels, share in row.items():
        change[name, pixels] = share
    print(f"{name:<16}", *(f"{share:5.0%}" for share in row.values()))

# %% [markdown]
# ## Point at a unit
#
# In the explorer (`python -m minialex.explore runs/shapes-alexnet-cifar`, see lesson 02) open pool1
# and tick *Let me predict it first*. Its windows are those of this lesson: 3×3, two pixels apart.
#
# - Which of the nine numbers is $y$? In how many other windows does that pixel lie, and in which of
#   them does it win, too? Look.
# - Find a pixel that wins twice. Show the gradients and write down $\mathrm{d}y$ of both units of
#   pool1: what is the gradient at the pixel in relu1? Point at it.

# %% [markdown]
# ## To take away
#
# - A max-pool keeps a window's strongest answer and forgets where in the window it was. Against
#   shifts, one helps a little and three help a lot.
# - One mean is steadier than one max-pool, but washes out what is thin and strong.
# - Backward gives $\mathrm{d}y$ to the winner, with `+=`, because windows overlap.
#
# ### Exercises
#
# 1. In how many 3×3 windows of stride 2 can a pixel lie? Which pixels lie in four?
# 2. Write it yourself: `lessons/exercises/pool.py`, and the two errors of section 3.4:
#    `lessons/exercises/topk.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **The 5** wins in three of its four windows. In the fourth, at the top right, there is a 6.
# - **The brightest pixel** of this map is 3.63, with Fashion-MNIST. Both max-pools keep it. The
#   mean lets it fade, to 2.81, because darker pixels lie beside the line. Every second pixel
#   happens to miss it and finds 3.21.
# - **The 5's gradient** is 9909: 9, 900 and 9000, from the three windows in which it wins. The 6
#   gets the 90.
# - **2×2 cannot tell**: side by side, each pixel lies in one window at most, so there is nothing to
#   add up, and both signs have an error of 3e-07. With 3×3 the error of `=` is 909, the 9 and the
#   900 that were wiped out. Test on what overlaps.
# - **Every second pixel** does not help: moved by one pixel, the maps change by 51% with it and
#   without it. One max-pool of 3×3 makes that 36%, three make it 23%. After four pixels it is 79%
#   and 63%, and 82% without a pool. Drawn shapes give other figures, in the same order.
# - **Point at a unit**: the largest. A pixel in an odd row and an odd column lies in four windows,
#   in three others that is; in an even row and column in none. Where it wins more than once, its
#   gradient is the sum of those $\mathrm{d}y$.
