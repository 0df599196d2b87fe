# %% [markdown]
# # 06. Local response normalisation, neighbours that damp each other
#
# In an eye, a cell that fires strongly damps those beside it: this is called *lateral inhibition*.
# AlexNet does the same between the channels of a place, twice, before it pools (lesson 05). The
# gradient has a term that is easily forgotten, and with the paper's constants nobody notices.

# %%
import numpy

from minialex.gradcheck import TOLERANCE, differences
from minialex.layers import Conv2d, LocalResponseNorm, MaxPool2d, ReLU
from minialex.lessons import figure, pictures, quick, seconds, shipped

# %% [markdown]
# ## The formula of section 3.3, word by word
#
# At each place, channel $i$ listens to its *window* $W(i)$: the $n$ channels around it, itself in
# the middle, fewer at both ends. How loud is it around here?
#
# $$s_i = k + \alpha \cdot \sum_{j \in W(i)} x_j^2$$
#
# And the louder it is, the softer I speak:
#
# $$y_i = \frac{x_i}{s_i^\beta}$$
#
# The paper has $n = 5$, $\beta = 0.75$, $k = 2$ and $\alpha = 10^{-4}$. We take $\alpha = 1$, to
# see more.


# %%
def lrn(x, alpha=1.0):
    y = numpy.empty_like(x)
    channels = x.shape[3]
    for n, h, w, i in numpy.ndindex(x.shape):
        s = 2.0
        for j in range(i - 2, i + 3):
            if 0 <= j < channels:
                s += alpha * x[n, h, w, j] ** 2
        y[n, h, w, i] = x[n, h, w, i] / s**0.75
    return y


# %% [markdown]
# Below, channel 4 shouts and all others murmur.
#
# **Guess**: what becomes of them? Which channels come out the softest?

# %%
made_up = numpy.array([1.0, 1, 1, 1, 6, 1, 1, 1, 1]).reshape(1, 1, 1, 9)
print("x", *(f"{value:5.2f}" for value in made_up.ravel()))
print("y", *(f"{value:5.2f}" for value in lrn(made_up).ravel()))

# %% [markdown]
# ## Lateral inhibition, made up and real
#
# A loud channel's four neighbours can hardly be heard. That was made up. Now a pixel as 32 random
# kernels see it: the one with the loudest answer in the first picture.

# %%
some, rng = pictures("fashion-mnist", 64, 1), numpy.random.default_rng(0)
conv, relu = Conv2d(some.x.shape[3], 32, 5, padding=2, rng=rng), ReLU()
maps = relu.forward(conv.forward(some.x))
loudest = maps[0].max(axis=2)  # the largest answer at each place
row, column = divmod(loudest.argmax(), maps.shape[2])
pixel = maps[:1, row : row + 1, column : column + 1]
print(f"the pixel in row {row}, column {column}:", pixel.shape)
print("loudest: channel", pixel.argmax(), "with", pixel.max().round(2))

# %% [markdown]
# In the made-up example, the loudest channel stayed the loudest.
#
# **Guess**: here, too?

# %%
before, after = pixel.ravel(), lrn(pixel).ravel()
print("loudest: channel", after.argmax(), "with", after.max().round(2))
for channel in sorted({before.argmax(), after.argmax()}):
    x, y = before[channel], after[channel]
    print(f"channel {channel:>2}: x {x:.2f}, y {y:.2f}")

# %% [markdown]
# Who is whose neighbour is an accident of numbering. But since the net learns with this layer in
# it, it can arrange its channels to suit.

# %%
with figure("06_inhibition", 9, 3.6) as drawing:
    panels = drawing.subplots(2, 2, sharex="col", width_ratios=(1, 2))
    bars = {"made up": made_up, "one pixel": pixel}
    for number, (title, x) in enumerate(bars.items()):
        above, below = panels[0, number], panels[1, number]
        above.bar(range(x.size), x.ravel(), color="0.6")
        below.bar(range(x.size), lrn(x).ravel())
        above.set_title(f"x, {title}")
        below.set(title="y, with α = 1", xlabel="channel")

# %% [markdown]
# ## Without loops: add up five shifted arrays
#
# Square everything, put two zeros at both ends of the channels, and add up five arrays, each
# shifted one channel further.


# %%
def window_sum(a, shifts=range(5)):
    padded = numpy.pad(a, ((0, 0), (0, 0), (0, 0), (2, 2)))
    total = numpy.zeros_like(a)
    for shift in shifts:
        total += padded[..., shift : shift + a.shape[3]]
    return total


x = maps[: 1 if quick else 4]
naive = lrn(x)
fast = x / (2 + window_sum(x * x)) ** 0.75
print("largest difference from the loops:", abs(fast - naive).max())

# %% [markdown]
# Compare it with the layer's own lines. (`groups` is for lesson 16.)

# %%
shipped(LocalResponseNorm.forward, LocalResponseNorm.window_sum)

# %% [markdown]
# Does it compute the same numbers, and how long does it take?

# %%
layer = LocalResponseNorm(alpha=1)
off = abs(layer.forward(x) - naive).max()
print("the layer's difference from the loops:", off)
slow_time = seconds(lambda: lrn(x), repeat=1)
fast_time = seconds(lambda: layer.forward(x))
print(f"loops {slow_time * 1e3:.0f} ms, layer {fast_time * 1e3:.2f} ms")

# %% [markdown]
# ## Backward: the cross term
#
# $x_i$ acts on $y_i$ as its factor, with the slope $1 / s_i^\beta$. And it acts on $s_j$, and so on
# $y_j$, of each neighbour $j$. By how much? Two slopes, multiplied:
#
# $$\frac{\partial s_j}{\partial x_i} = 2 \cdot \alpha \cdot x_i \qquad
# \frac{\partial y_j}{\partial s_j} = -\beta \cdot x_j \cdot s_j^{-\beta-1}$$
#
# As $x_j = y_j \cdot s_j^\beta$, the second one is $-\beta \cdot y_j / s_j$. And $i$ is a
# neighbour of itself: $x_i$ acts on its own $s_i$, too.

# %% [markdown]
# All effects, each times its upstream gradient:
#
# $$\mathrm{d}x_i = \frac{\mathrm{d}y_i}{s_i^\beta} +
# \sum_{j \in W(i)} \mathrm{d}y_j \cdot (-\beta \cdot \frac{y_j}{s_j}) \cdot
# 2 \cdot \alpha \cdot x_i$$
#
# Take out of the sum what does not depend on $j$:
#
# $$\mathrm{d}x_i = \frac{\mathrm{d}y_i}{s_i^\beta} -
# 2 \cdot \alpha \cdot \beta \cdot x_i \cdot \sum_{j \in W(i)} \mathrm{d}y_j \cdot \frac{y_j}{s_j}$$
#
# The sum is the *cross term*. It goes over all $j$ whose window contains $i$. They are $W(i)$
# again: being neighbours is mutual. So backward uses `window_sum`, too. The function below can also
# make two mistakes: forget the cross term, or add up too few shifts.


# %%
def backward(x, dy, alpha, cross_term=True, shifts=range(5)):
    s = 2 + alpha * window_sum(x * x)
    y = x / s**0.75
    dx = dy / s**0.75
    if cross_term:
        neighbours = window_sum(dy * y / s, shifts)
        dx -= 2 * alpha * 0.75 * x * neighbours
    return dx


# %% [markdown]
# ## Why a check with the paper's α proves little
#
# Finite differences judge the gradient: as it should be, without the cross term, and with a window
# that lacks its last channel. Errors are relative to the largest slope. First draw small random
# arrays, in float64.

# %%
rng = numpy.random.default_rng(1)
a, dy = rng.standard_normal((2, 2, 3, 2, 8))  # each (2, 3, 2, 8)

# %%
ways = {
    "right": {},
    "no cross term": {"cross_term": False},
    "window of 4": {"shifts": range(4)},
}
errors = {}


def judge(alpha):
    slopes = differences(lambda: (lrn(a, alpha) * dy).sum(), a)
    for name, options in ways.items():
        off = abs(backward(a, dy, alpha, **options) - slopes).max()
        errors[alpha, name] = off / abs(slopes).max()
        print(f"α = {alpha:<6} {name:<13} error {errors[alpha, name]:.1e}")


# %% [markdown]
# First with $\alpha = 1$.

# %%
judge(alpha=1)

# %% [markdown]
# Both mistakes stand out. But the cross term has the factor $\alpha$.
#
# **Guess**: with $\alpha = 10^{-4}$, would a bound of 1e-3 catch the mistakes?

# %%
judge(alpha=1e-4)
print("the bound of minialex.gradcheck:", TOLERANCE)

# %% [markdown]
# Now the layer's lines. As $y_j / s_j$ is $x_j \cdot s_j^{-\beta-1}$, this is the same formula.

# %%
shipped(LocalResponseNorm.backward)

# %% [markdown]
# And the same numbers:

# %%
layer.forward(a, train=True)
off = abs(layer.backward(dy) - backward(a, dy, 1)).max()
print("largest difference from ours:", off)

# %% [markdown]
# ## What α does, and what others mean by it
#
# The paper's pixels went from 0 to 255, less their mean. Standardised ones lie between about −2
# and 2, and the squares of what kernels answer to them are small. So what does $\alpha = 10^{-4}$
# do to either? Print the factors $s_i^{-\beta}$ by which LRN multiplies: the smallest one, where it
# is loudest, and the largest.
#
# **Guess**: with standardised pixels, by how much do the two factors differ?

# %%
pixels = (some.images - some.images.mean(axis=0)).astype(numpy.float32)
loud = relu.forward(conv.forward(pixels))
sources = {"standardised": maps, "0 to 255": loud}


def show_factors(name, layer):
    for kind, x in sources.items():
        factors = layer.forward(x)[x > 0] / x[x > 0]
        smallest, largest = factors.min(), factors.max()
        print(f"{name:<13} {kind:<13} {smallest:.3f} to {largest:.3f}")


paper = LocalResponseNorm()
show_factors("the paper's", paper)

# %% [markdown]
# With standardised pixels α is too small: LRN does little more than multiply by $2^{-0.75}$, which
# is 0.595.
#
# Nor does α mean the same to everybody. The paper's own program divides it by $n$. So do Caffe and
# PyTorch, two libraries for nets, and ONNX, a file format for them, with $k = 1$ unless told
# otherwise. If you convert weights, you have to know this.

# %%
others = {
    "the paper's": paper,
    "α / 5": LocalResponseNorm(alpha=1e-4 / 5),
    "α / 5, k = 1": LocalResponseNorm(alpha=1e-4 / 5, k=1),
}
for name, other in others.items():
    show_factors(name, other)

# %% [markdown]
# And CaffeNet, Caffe's version of AlexNet, pools first, then normalises: cheaper, and not the same.

# %%
pool = MaxPool2d(3, stride=2)
early = paper.forward(pool.forward(loud))
late = pool.forward(paper.forward(loud))
off = abs(late - early)
print(f"pooled first: {off.mean() / early.mean():.1%} difference")

# %% [markdown]
# ## Point at a unit
#
# The small AlexNet of `minialex.train` has no LRN. Train one with it, and open it (see lesson 02):
#
#     python -m minialex.train --lrn before-pool --out runs/with-lrn
#     python -m minialex.explore runs/with-lrn
#
# - Open norm1 and tick *Let me predict it first*. With the paper's α and k, what is the divisor, to
#   two digits, if its neighbours are soft? How large would $\sum_j x_j^2$ have to be for it to be
#   2? Look at a loud unit: how large is the sum there?
# - Leave the normalisation of norm1 out. All that conv2 sees grows by that divisor: do you expect
#   another answer, or the same one with more confidence?

# %% [markdown]
# ## To take away
#
# - LRN divides each answer by how loud its neighbours among the channels are.
# - Its gradient has a cross term. Check it with α near 1, in float64.
# - In the paper it took 1.4% off the top-1 error. Later nets do without it.
#
# ### Exercises
#
# 1. For a channel on its own, which $x$ gives the largest $y$? Why is it not infinite, as long as
#    $\beta$ is larger than ½?
# 2. Write it yourself: `lessons/exercises/lrn.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **Channel 4 and the others**: the softest are its four neighbours, channels 2, 3, 5 and 6, with
#   0.06. They are as loud as the rest, but 4 is in their windows. Its own window is just as loud,
#   yet it stays in front, with 0.36. The two at the ends have fewer neighbours, and come next.
# - **The loudest** is not always the loudest afterwards. With Fashion-MNIST, channel 24 falls from
#   6.04 to 0.39, and channel 16, with 3.46 before, is now in front with 0.47. Whoever shouts damps
#   itself, too. Other pictures and kernels give other pixels.
# - **A bound of 1e-3** would catch neither mistake: without the cross term the error is 1.9e-4,
#   with a window of 4 it is 1.0e-4. With $\alpha = 1$ they are 0.22 and 0.18. The bound of
#   `minialex.gradcheck`, 1e-6, is narrow enough for both; only float64 makes such a bound possible.
# - **The two factors** hardly differ: 0.593 and 0.595 with Fashion-MNIST. With pixels of 0 to 255
#   they go from 0.043 to 0.595. What was tuned for one scale of pixels does nothing for another.
# - **Point at a unit**: $2^{0.75} = 1.68$. It is 2 if the sum is $(2^{4/3} - 2) / 10^{-4} = 5198$,
#   five neighbours of 32; after three epochs even loud ones come to about a hundred. So it is
#   nearly a division by 1.68 everywhere. Without it all that follows is larger: mostly the same
#   answer, with more confidence.
