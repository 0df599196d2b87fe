"""Lesson 14: why it is fast.

On a CPU minialex is Python and NumPy, nothing else, and yet it trains AlexNet
about as fast as libraries written in C++, or faster (the README has figures).
There are five plain reasons and a beautiful one, all measured here.
"""

# %%
import numpy
from lesson import figure, quick, seconds, step
from numpy.lib.stride_tricks import sliding_window_view as windows
from threadpoolctl import threadpool_limits

from minialex import models
from minialex.command import usable_cores
from minialex.layers import Conv2d, SoftmaxCrossEntropy, winograd
from minialex.parallel.workers import Workers

step(
    "The limit: a matrix product",
    """
Fetching a number takes longer than multiplying it. A sum of large arrays uses
each once and waits for memory. A product of n×n matrices uses each n times,
2·n³ operations with 2·n² numbers: the fastest thing a core does. Its rate, in
10⁹ operations a second (GFLOP/s), limits a net that is made of products. A
training step takes all of them three times: forward, and for two gradients.
""",
)

threadpool_limits(1)  # BLAS, the library that multiplies: on one core
x = numpy.ones(1 << 22, numpy.float32)
print(f"a sum: {x.size / seconds(lambda: x + x) / 1e9:.1f} GFLOP/s")
for n in (8, 64, 512):
    a = numpy.ones((n, n), numpy.float32)
    limit = 2e-9 * n**3 / seconds(lambda a=a: a @ a, repeat=20)
    print(f"a product of {n}×{n}: {limit:.1f} GFLOP/s")
work = 6e-9 * sum(models.build("alexnet").macs().values())
print(f"AlexNet by products: at most {limit / work:.0f} pictures a second")

# %%
step(
    "Order in memory; pieces that fit the cache",
    """
im2col copies windows. In (N, H, W, C), minialex's order, a row of a 3×3
window is a stretch of 3·C numbers. In (N, C, H, W), most libraries' order,
the longest stretch is a row of W. Which is faster depends on the map: conv2
of AlexNet sees a wide one, conv3 to conv5 small ones with many channels.

A layer like LRN is some simple operations. Over the whole batch each fetches
megabytes and writes them back; over a piece that fits the core's cache, it
finds there what the one before has just written. Tiny pieces cost calls.
""",
)


def gigabytes(view):  # a second, when copied
    X = numpy.empty(view.shape, view.dtype)
    return X.nbytes / seconds(lambda: numpy.copyto(X, view), 20) / 1e9


def normalise(x, y, size):
    for start in range(0, len(x), size):
        a, b = x[start : start + size], y[start : start + size]
        numpy.multiply(a, a, out=b)
        b += 2.0
        numpy.divide(a, b, out=b)


for W, C in ((27, 96), (13, 256)):
    last = numpy.ones((8, W + 2, W + 2, C), numpy.float32)
    rows = windows(last, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    first = last.transpose(0, 3, 1, 2).copy()
    columns = windows(first, (3, 3), (2, 3)).transpose(0, 1, 4, 5, 2, 3)
    print(f"{W}×{W}×{C}, channels last: {gigabytes(rows):.1f} GB/s")
    print(f"{W}×{W}×{C}, channels first: {gigabytes(columns):.1f} GB/s")
x, y = numpy.ones((2, 1 << (20 if quick else 24)), numpy.float32)
sizes = [1 << k for k in range(10, 25, 2) if 1 << k <= len(x)]
times = [1e3 * seconds(lambda k=k: normalise(x, y, k)) for k in sizes]
print(f"whole {times[-1]:.1f} ms, in the best pieces {min(times):.1f} ms")
with figure("14_pieces", 6, 3) as drawing:
    axes = drawing.subplots()
    axes.semilogx([4e-6 * size for size in sizes], times, "o-")
    axes.set(title="x / (x² + 2)", xlabel="MB a piece", ylabel="ms", ylim=0)

# %%
step(
    "Memory used again; threads",
    """
Fresh memory is found and cleared, page by page, when it is first touched. So
layers keep their arrays for the next batch. NumPy does all but products on
one core, so `Workers` gives each core a share of the pictures and, in the
linear layers, of the weights.
""",
)

print(f"x * 2 in fresh memory: {1e3 * seconds(lambda: x * 2):.1f} ms")
print(f"again: {1e3 * seconds(lambda: numpy.multiply(x, 2, out=y)):.1f} ms")
net = models.build("alexnet-cifar")
some = numpy.ones((16 if quick else 128, 32, 32, 3), numpy.float32)
for n in sorted({1, usable_cores()}):
    train = Workers(net, SoftmaxCrossEntropy(), n).step
    time = seconds(lambda f=train: f(some, numpy.arange(len(some)) % 10))
    print(f"training on {n} core(s): {len(some) / time:.0f} pictures/s")

# %%
step(
    "Four multiplications instead of six",
    """
Slide a kernel of three weights over four numbers: two answers, six products.
    y0 = x0·w0 + x1·w1 + x2·w2        y1 = x1·w0 + x2·w1 + x3·w2
Winograd (1980) does it with four:
    m0 = (x0 − x2) · w0               m1 = (x1 + x2)/2 · (w0 + w1 + w2)
    m3 = (x3 − x1) · w2               m2 = (x2 − x1)/2 · (w0 − w1 + w2)
    y0 = m0 + m1 + m2                 y1 = m1 − m2 + m3
Read the kernel as a polynomial, w0 + w1·t + w2·t². The right-hand factors
are its values at t = 0, 1 and −1 and, as w2 alone counts in the end, at ∞.
Polynomials are multiplied by multiplying their values, point by point, and
convolving is multiplying polynomials.
""",
)

rng = numpy.random.default_rng(0)
(x0, x1, x2, x3), (w0, w1, w2) = x, w = rng.random(4), rng.random(3)
print("six products ", x[:3] @ w, x[1:] @ w)
m0, m3 = (x0 - x2) * w0, (x3 - x1) * w2
m1, m2 = (x1 + x2) / 2 * (w0 + w1 + w2), (x2 - x1) / 2 * (w0 - w1 + w2)
print("four products", m0 + m1 + m2, m1 - m2 + m3)

# %%
step(
    "In two dimensions, and what it costs",
    """
As matrices, y = Aᵀ[(G w) ⊙ (Bᵀ x)], where ⊙ multiplies number by number.
Along both axes of a picture, y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ x B)]A: a tile of 2×2
answers takes 16 products instead of 36, one of m×m takes (m+2)², ever closer
to one an answer. But more points mean larger powers, which swallow the small
digits of what they are added to: rounding errors. Over C channels and O
kernels each point is a matrix product: minialex/layers/winograd.py. conv1's
11×11 kernel, which moves by 4, is one of 3×3 over blocks of 4×4 pixels that
moves by 1: blocks.py.
""",
)

x, w = rng.normal(size=(500, 8, 8)), rng.normal(size=(500, 3, 3))
truth = (windows(x, (3, 3), (1, 2)) * w[:, None, None]).sum((3, 4))
x, w = x.astype("float32"), w.astype("float32")
for m in range(2, 7):
    A, B, G = winograd.transforms(m, 3, numpy, x.dtype)
    tile = B.T @ x[:, : m + 2, : m + 2] @ B
    y = A.T @ ((G @ w @ G.T) * tile) @ A
    off = (y - truth[:, :m, :m]).std() / truth.std()
    print(f"{m}×{m}: {(1 + 2 / m) ** 2:.2f} products each, error {off:.1e}")
x = numpy.ones((4 if quick else 16, 13, 13, 192), numpy.float32)  # conv4's
work = 2e-9 * len(x) * 13 * 13 * 192 * 3 * 3 * 192
for way in ("im2col", "winograd"):
    conv = Conv2d(192, 192, 3, padding=1, algorithm=way)
    rate = work / seconds(lambda f=conv: f.forward(x), repeat=9)
    print(f"{way}: as if at {rate:.0f} GFLOP/s; the limit: {limit:.0f}")

# %%
step(
    "To take away",
    """
- A core is fastest at large matrix products. Around them, memory counts.
- Winograd's way: fewer products than the definition has, and more rounding.

Exercises
1. How many products do 4×4 answers of a 5×5 kernel take Winograd's way?
2. Add numpy.float64(2) in `normalise`. What does it do to the time, and why?
""",
)
