# %% [markdown]
# # 06. Local response normalisation, neighbours that damp each other
#
# In an eye, a cell that fires strongly damps those beside it: this is called
# lateral inhibition. AlexNet does the same between the channels of a place,
# twice, before it pools (lesson 05). The gradient has a term that is easily
# forgotten, and with the paper's constants nobody notices.

# %%
import numpy

from minialex.gradcheck import differences
from minialex.layers import Conv2d, LocalResponseNorm, MaxPool2d, ReLU
from minialex.lessons import figure, pictures, quick, seconds, shipped

# %% [markdown]
# ## The formula of section 3.3, word by word
#
# At each place, channel i listens to its window W(i): the n channels around it,
# itself in the middle, fewer at both ends.
#
#     s_i = k + α · Σ x_j² over W(i)        how loud is it around here?
#     y_i = x_i / s_i^β                     the louder, the softer I speak
#
# The paper has n = 5, β = 0.75, k = 2 and α = 1e-4. We take α = 1, to see
# more. Below, channel 4 shouts and all others murmur. What becomes of them?


# %%
def lrn(x, alpha=1.0):
    y = numpy.empty_like(x)
    for n, h, w, i in numpy.ndindex(x.shape):
        s = 2.0
        for j in range(i - 2, i + 3):
            if 0 <= j < x.shape[3]:
                s += alpha * x[n, h, w, j] ** 2
        y[n, h, w, i] = x[n, h, w, i] / s**0.75
    return y


made_up = numpy.array([1.0, 1, 1, 1, 6, 1, 1, 1, 1]).reshape(1, 1, 1, 9)
print("x", *(f"{value:5.2f}" for value in made_up.ravel()))
print("y", *(f"{value:5.2f}" for value in lrn(made_up).ravel()))

# %% [markdown]
# ## Lateral inhibition, made up and real
#
# The picture shows the same, and a pixel as 32 random kernels see it. A loud
# channel's four neighbours can hardly be heard. Is the loudest one still the
# loudest? Who is whose neighbour is an accident of numbering; but since the net
# learns with this layer in it, it can arrange itself.

# %%
some, rng = pictures("fashion-mnist", 64, 1), numpy.random.default_rng(0)
conv, relu = Conv2d(some.x.shape[3], 32, 5, padding=2, rng=rng), ReLU()
maps = relu.forward(conv.forward(some.x))
row, column = divmod(maps[0].max(axis=2).argmax(), maps.shape[2])
pixel = maps[:1, row : row + 1, column : column + 1]
with figure("06_inhibition", 9, 3.6) as drawing:
    panels = drawing.subplots(2, 2, sharex="col", width_ratios=(1, 2))
    for (above, below), x in zip(panels.T, (made_up, pixel), strict=True):
        above.bar(range(x.size), x.ravel(), color="0.6")
        below.bar(range(x.size), lrn(x).ravel())
        above.set_title("x, made up" if x is made_up else "x, one pixel")
        below.set(title="y, with α = 1", xlabel="channel")

# %% [markdown]
# ## Without loops: add up five shifted arrays
#
# Square everything, put two zeros at both ends of the channels, and add up five
# arrays, each shifted one channel further. Compare it with lrn.py's own lines.


# %%
def window_sum(a, shifts=range(5)):
    padded = numpy.pad(a, ((0, 0), (0, 0), (0, 0), (2, 2)))
    return sum(padded[..., k : k + a.shape[3]] for k in shifts)


x, layer = maps[: 1 if quick else 4], LocalResponseNorm(alpha=1)
naive, fast = lrn(x), x / (2 + window_sum(x * x)) ** 0.75
print(
    "difference from the loops: this",
    abs(fast - naive).max(),
    "and the layer",
    abs(layer.forward(x) - naive).max(),
)
print(
    f"loops {seconds(lambda: lrn(x), repeat=1) * 1e3:.0f} ms,",
    f"layer {seconds(lambda: layer.forward(x)) * 1e3:.2f} ms; the layer:",
)
shipped(LocalResponseNorm.forward, LocalResponseNorm.window_sum)

# %% [markdown]
# ## Backward, and why a check with α = 1e-4 proves nothing
#
# x_i acts on y_i as its factor, and on s_j, and so on y_j, of each neighbour j:
#
#     as the factor      dy_i / s_i^β
#     within the sums    Σ dy_j · x_j · (−β) · s_j^(−β−1) · 2α x_i
#                        = −2αβ x_i · Σ dy_j · y_j / s_j
#
# This cross term sums over all j whose window contains i. They are W(i) again:
# being neighbours is mutual. As y_j / s_j is x_j · s_j^(−β−1), the layer, at the
# end, has the same formula. Below, finite differences judge the gradient: as
# it should be, without the cross term, and with a window that lacks its last
# channel. With α = 1e-4, would a bound of 1e-3 catch the mistakes?


# %%
def backward(x, dy, alpha, cross=1, shifts=range(5)):
    s = 2 + alpha * window_sum(x * x)
    y = x / s**0.75
    others = window_sum(dy * y / s, shifts)
    return dy / s**0.75 - cross * 2 * alpha * 0.75 * x * others


a, dy = numpy.random.default_rng(1).standard_normal((2, 2, 3, 2, 8))
ways = {"right": (), "no cross term": (0,), "window of 4": (1, range(4))}
errors = {}
for alpha in (1, 1e-4):
    dx = differences(lambda k=alpha: (lrn(a, k) * dy).sum(), a)
    for name, way in ways.items():
        off = backward(a, dy, alpha, *way) - dx
        errors[alpha, name] = abs(off).max() / abs(dx).max()
        print(f"α = {alpha:<6} {name:<13} {errors[alpha, name]:.1e}")
layer.forward(a, train=True)
off = abs(layer.backward(dy) - backward(a, dy, 1)).max()
print("the layer, largest difference from this:", off)
shipped(LocalResponseNorm.backward)

# %% [markdown]
# ## What α does, and what others mean by it
#
# The paper's pixels went from 0 to 255, less their mean. The squares of
# standardised ones (about −2 to 2) are too small for α = 1e-4: LRN then does
# little more than multiply by 2^−0.75. The paper's own program, Caffe, torch
# and ONNX divide α by n, the last three with k = 1 unless told otherwise.
# CaffeNet pools first: cheaper, and not the same. If you convert weights, you
# have to know. Printed: the factors by which LRN multiplies, smallest (where it
# is loudest) and largest.

# %%
pixels = (some.images - some.images.mean(axis=0)).astype(numpy.float32)
loud = relu.forward(conv.forward(pixels))
paper, pool = LocalResponseNorm(), MaxPool2d(3, stride=2)
others = {
    "the paper's": paper,
    "α / 5": LocalResponseNorm(alpha=1e-4 / 5),
    "α / 5, k = 1": LocalResponseNorm(alpha=1e-4 / 5, k=1),
}
for name, layer in others.items():
    for x, kind in ((maps, "standardised"), (loud, "0 to 255")):
        by = layer.forward(x)[x > 0] / x[x > 0]
        print(f"{name:<13} {kind:<13} {by.min():.3f} to {by.max():.3f}")
early = paper.forward(pool.forward(loud))
off = abs(pool.forward(paper.forward(loud)) - early)
print(f"pooled first: {off.mean() / early.mean():.1%} difference")

# %% [markdown]
# ## To take away
#
# - LRN divides each answer by how loud its neighbours among the channels are.
# - Its gradient has a cross term. Check it with α near 1, in float64.
# - In the paper it took 1.4% off the top-1 error. Later nets do without it.
#
# ### Exercises
#
# 1. For a channel on its own, which x gives the largest y? Why is it not ∞?
#    (β > ½)
# 2. Write it yourself: lessons/exercises/lrn.py.
