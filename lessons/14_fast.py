# %% [markdown]
# # 14. Why it is fast. A walk through minialex/fast
#
# minialex/layers is written to be read. minialex/fast computes the same numbers
# and trains AlexNet about as fast as libraries written in C++, or faster (the
# README has figures), and it is NumPy, too. Every reason is measured here.

# %%
import numpy
from numpy.lib.stride_tricks import sliding_window_view as windows
from threadpoolctl import threadpool_limits

from minialex import fast, models
from minialex.cores import usable_cores
from minialex.fast import choose, footprint, memory, stage
from minialex.fast.conv import FastConv2d
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.lrn import FastLocalResponseNorm
from minialex.fast.memory import Memory
from minialex.fast.space_to_depth import to_blocks, weight_to_blocks
from minialex.fast.winograd_transforms import naive_winograd
from minialex.fast.workers import Workers
from minialex.layers import Conv2d, LocalResponseNorm, SoftmaxCrossEntropy
from minialex.lessons import quick, seconds

# %% [markdown]
# ## The limit: a matrix product
#
# Fetching a number takes longer than multiplying it. A sum of arrays uses each
# once and waits for memory; a product of n×n matrices does 2·n³ operations on
# 2·n² numbers. Its rate, in 10⁹ a second (GFLOP/s), limits a net. A training
# step takes all products three times: forward, and for two gradients.

# %%
threadpool_limits(1)  # BLAS, the library that multiplies: on one core
x = numpy.ones(1 << 22, numpy.float32)
print(f"a sum: {x.size / seconds(lambda: x + x) / 1e9:.1f} GFLOP/s")
for n in (8, 64, 512):
    a = numpy.ones((n, n), numpy.float32)
    limit = 2e-9 * n**3 / seconds(lambda a=a: a @ a, repeat=20)
    print(f"a product of {n}×{n}: {limit:.1f} GFLOP/s")
work = 6e-9 * sum(models.build("alexnet").macs().values())
print(f"AlexNet: at most {limit / work:.0f} pictures a second")

# %% [markdown]
# ## Order in memory (im2col.py)
#
# im2col copies windows. In (N, H, W, C), minialex's order, a row of a 3×3 window
# is a stretch of 3·C numbers. In (N, C, H, W), most libraries' order, the
# longest stretch is a row of W. Which is faster depends on the map: conv2 of
# AlexNet sees a wide one, conv3 to conv5 small ones with many channels.


# %%
def gigabytes(view):  # a second, when copied
    X = numpy.empty(view.shape, view.dtype)
    return X.nbytes / seconds(lambda: numpy.copyto(X, view), 20) / 1e9


for W, C in ((27, 96), (13, 256)):
    last = numpy.ones((8, W + 2, W + 2, C), numpy.float32)
    rows = windows(last, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    first = numpy.ascontiguousarray(last.transpose(0, 3, 1, 2))
    columns = windows(first, (3, 3), (2, 3)).transpose(0, 1, 4, 5, 2, 3)
    print(f"{W}×{W}×{C}: last {gigabytes(rows):.1f} GB/s,", end=" ")
    print(f"first {gigabytes(columns):.1f} GB/s")

# %% [markdown]
# ## Pieces that fit the cache (lrn.py)
#
# LRN is a dozen simple operations. Over a whole batch each fetches megabytes
# and writes them back; over a few pictures, it finds in the core's cache what
# the one before has just written. Tiny pieces cost calls. CACHE_BYTES is how
# much of an array a layer works on at a time. Here are other values:

# %%
plain, rng = LocalResponseNorm(), numpy.random.default_rng(0)
lrn = FastLocalResponseNorm.of(plain, Memory(), Workers())
x = rng.random((128 if quick else 1024, 16, 16, 64), numpy.float32)
usual, sizes, times = memory.CACHE_BYTES, [4**k for k in range(8, 14)], []
for memory.CACHE_BYTES in sizes:
    times.append(1e3 * seconds(lambda: lrn.forward(x)))
memory.CACHE_BYTES = usual
print(f"the plain layer: {1e3 * seconds(lambda: plain.forward(x)):.1f} ms")
print("KB a piece", *(f"{size >> 10:>7}" for size in sizes))
print("ms, fast  ", *(f"{time:7.1f}" for time in times))

# %% [markdown]
# ## Memory used again (memory.py)
#
# Fresh memory is found and cleared, page by page, when it is first touched. So
# fast layers ask a Memory, which hands out the same arrays again and again: a
# layer's own until its next forward, scratch until it returns, and what only the
# next layer needs in two blocks that take turns. Plain layers always return new
# arrays.

# %%
x = numpy.ones(1 << (20 if quick else 24), numpy.float32)
y = numpy.ones_like(x)
print(f"x * 2 in fresh memory: {1e3 * seconds(lambda: x * 2):.1f} ms")
print(f"again: {1e3 * seconds(lambda: numpy.multiply(x, 2, out=y)):.1f} ms")
room, small, shared = Memory(), numpy.ones(4), numpy.shares_memory
dy = room.passed(small, (4,))
dx = room.passed(dy, (4,))
again = room.passed(dx, (4,))
print("dx, the next dx in dy's memory:", shared(dx, dy), shared(again, dy))

# %% [markdown]
# ## Threads (engine.py, workers.py)
#
# NumPy does all but products on one core. So the engine cuts a batch into shares
# for the layers that treat each picture on its own, with layers and memory for
# each thread. Behind the seam come linear layers, which hold most of the
# weights: there each thread multiplies the whole batch by a share of the
# weights, so that each weight is fetched once.

# %%
engine = fast.prepare(models.build("alexnet-cifar"), workers=2)
print("a share of the batch each:")
print(*(each.name for each in engine.split_steps))
print("the whole batch:")
print(*(each.name for each in engine.whole_steps))
print("shares of 5 pictures:", engine.workers.shares(5))

# %% [markdown]
# ## The fusion pass (fuse.py)
#
# Where layers meet there is work to save. ReLU and max-pool may swap places: the
# largest of a window is the same before and after, and the pool leaves fewer
# numbers. y > 0 says the same as x > 0, so ReLU may write over its input if
# nobody else needs that. And nobody asks for the gradient of the pictures.

# %%
for each in engine.steps:
    if each.notes:
        print(f"{each.name}, {each.fast.__name__}:", ", ".join(each.notes))

# %% [markdown]
# ## Stages (stage.py)
#
# Max-pool remembers which pixels won, and never looks at its input again. So a
# thread's pictures pass the layers up to a pool a few at a time: of the largest
# maps, and of the gradients on their way back, only those of a few pictures
# exist. conv1's gradient is the sum over the parts. Here are the three stages of
# a large net, with 64 pictures for each of two threads: all of them at a time,
# and a few; and the memory that a step takes.

# %%
large = fast.prepare(models.build("alexnet-224"), workers=2)
usual, taken = stage.PART_BYTES, []
for stage.PART_BYTES in (1 << 40, usual):
    of_stages = large.stages[0].sizes(64, large.network.input_shape)
    arrays = footprint.training_bytes(large, 128, states=1)
    taken.append(sum(arrays.values()))
    print("pictures at a time:", *of_stages, f"{taken[-1] / 1e6:,.0f} MB")

# %% [markdown]
# ## Winograd: four multiplications instead of six
#
# Slide a kernel of three weights over four numbers: two answers, six products.
#
# $$y_0 = x_0 w_0 + x_1 w_1 + x_2 w_2 \qquad y_1 = x_1 w_0 + x_2 w_1 + x_3 w_2$$
#
# Winograd (1980) does it with the four below. Why? Read the kernel as a
# polynomial, w0 + w1·t + w2·t². The right-hand factors are its values at t = 0,
# 1 and −1 and, as w2 alone counts in the end, at ∞. Polynomials are multiplied
# by multiplying their values, point by point, and convolving is multiplying
# polynomials.

# %%
(x0, x1, x2, x3), (w0, w1, w2) = x, w = rng.random(4), rng.random(3)
print("six products ", x[:3] @ w, x[1:] @ w)
m0, m3 = (x0 - x2) * w0, (x3 - x1) * w2
m1, m2 = (x1 + x2) / 2 * (w0 + w1 + w2), (x2 - x1) / 2 * (w0 - w1 + w2)
print("four products", m0 + m1 + m2, m1 - m2 + m3)

# %% [markdown]
# ## In two dimensions, and what it costs (winograd_transforms.py)
#
# As matrices, y = Aᵀ[(G w) ⊙ (Bᵀ x)], where ⊙ multiplies number by number. Along
# both axes, y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ x B)]A: a tile of 2×2 answers takes 16 products
# instead of 36, one of m×m takes (m+2)², ever closer to one an answer. But more
# points mean larger powers, which swallow the small digits of what they are
# added to: rounding errors, here of float32. naive_winograd does just this.

# %%
x, conv = rng.normal(size=(4, 26, 26, 8)), Conv2d(8, 8, 3, rng=rng)
truth = conv.astype("float64").forward(x)
w, single = conv.params["weight"], x.astype("float32")
for m in range(2, 7):
    exact = abs(naive_winograd(x, w, m) - truth).max()
    off = naive_winograd(single, w.astype("float32"), m) - truth
    print(f"{m}×{m}: {(1 + 2 / m) ** 2:.2f} products each,", end=" ")
    print(f"error {off.std() / truth.std():.1e}, in float64 {exact:.0e}")

# %% [markdown]
# ## Faster than the limit (winograd.py, conv.py)
#
# Over C channels, O kernels and P tiles, each of the (m+2)² points is a matrix
# product, (P, C) · (C, O). Rows of pixels are transformed for a whole picture at
# once, then columns for one point after the other, so that what is in between
# stays in the cache. Counted as the definition's operations, conv4 can beat the
# limit of the first step:

# %%
plain = Conv2d(192, 192, 3, padding=1, rng=rng)  # half of conv4
x = rng.random((4 if quick else 16, 13, 13, 192), numpy.float32)
work, results = 2e-9 * len(x) * plain.macs(x.shape[1:]), {}
for way in ("im2col", "winograd"):
    conv = FastConv2d.of(plain, Memory(), Workers())
    conv.algorithm, conv.kept = way, KeptWeight()
    results[way] = conv.forward(x)
    rate = work / seconds(lambda f=conv: f.forward(x), repeat=9)
    print(f"{way}: as if at {rate:.0f} GFLOP/s; the limit: {limit:.0f}")

# %% [markdown]
# ## conv1: blocks for pixels (space_to_depth.py)
#
# Winograd convolution needs small kernels that move by 1. conv1 has 11×11, and
# moves by 4. Lay the 48 numbers of each block of 4×4 pixels side by side, as one
# large pixel: now the kernel covers 3×3 of them, with zeros beyond its edge, and
# moves by 1. That takes 432 products an answer instead of 363, but tiles of 5×5
# take 94. (227 pixels need one more to make whole blocks.)

# %%
conv1, x = Conv2d(3, 96, 11, stride=4), rng.random((1, 228, 228, 3))
blocks = to_blocks(x, 4, 1, Memory().scratch)
w = weight_to_blocks(conv1.params["weight"], 4, Memory().scratch)
one = Conv2d(48, 96, 3)
one.params.update(weight=w, bias=conv1.params["bias"])
print(x.shape, "->", blocks.shape, " weight", w.shape)
apart = abs(one.forward(blocks) - conv1.forward(x)).max()
print(f"{apart:.0e} apart; products: {w[0].size}", end=", then ")
print(f"{w[0].size / 9 * (1 + 2 / 5) ** 2:.0f}")

# %% [markdown]
# ## The cost rule (choose.py)
#
# Transforming the weights costs the same for one picture as for 128. So the
# choice depends on Winograd's share of im2col's work; backward, where im2col
# adds up windows, it may be larger. For batches of 128 and 1, forward, backward:

# %%
net = models.build("alexnet")
for name in ("conv1", "conv2", "conv3", "conv4", "conv5"):
    conv, (H, W, _) = net.layers[name], net.shapes()[name]
    row, work = [name], H * W * conv.params["weight"].size
    for size in ((128, H, W), (1, H, W)):
        tile = choose.winograd_tile(conv, size)
        share = choose.winograd_cost(conv, tile, size) / (size[0] * work)
        both = [choose.algorithm(conv, size, False, k) for k in (0, 1)]
        row += [f" {size[0]}: {share:.2f}", *both]
    print(*row)

# %% [markdown]
# ## Plain against fast
#
# All of it together: the same net, the same weights and the same dropout masks,
# trained by its own layers and by the engine. The losses agree; float32 rounds
# the rest away.

# %%
x = rng.standard_normal((16 if quick else 128, 32, 32, 3), numpy.float32)
labels, loss, losses = numpy.arange(len(x)) % 10, SoftmaxCrossEntropy(), []
for workers in sorted({0, 1, usable_cores()}):
    net = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    runs = fast.prepare(net, workers) if workers else net
    losses.append(runs.step(x, labels, loss)[0])
    rate = len(x) / seconds(lambda f=runs: f.step(x, labels, loss))
    kind = f"fast, {workers} thread(s)" if workers else "plain"
    print(f"{kind:<18} loss {losses[-1]:.5f}, {rate:.0f} pictures/s")

# %% [markdown]
# ## To take away
#
# - A core is fastest at large matrix products. Around them, memory counts.
# - Winograd convolution: fewer products than the definition has, more rounding.
# - Each fast layer equals its plain one, and the tests hold it to that.
# - python -m minialex.summary alexnet --engine fast says what became of each.
#
# ### Exercises
#
# 1. How many products do 4×4 answers of a 5×5 kernel take?
# 2. Print the cost rule's table for batches of 2 and 4. Why does one picture need
#    a rule of its own? (SHARE_OF_ONE_PICTURE in choose.py)
