# %% [markdown]
# # 14. Why it is fast: a walk through minialex/fast
#
# `minialex/layers` is written to be read. `minialex/fast` computes the same numbers and trains
# AlexNet about as fast as libraries written in C++, or faster (the README has figures), and it is
# NumPy, too. Every reason is measured here.

# %%
import numpy
from numpy.lib.stride_tricks import sliding_window_view
from threadpoolctl import threadpool_limits

from minialex import fast, models, optim
from minialex.cores import usable_cores
from minialex.fast import choose, footprint, memory, stage
from minialex.fast.conv import FastConv2d
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.lrn import FastLocalResponseNorm
from minialex.fast.memory import Memory
from minialex.fast.space_to_depth import to_blocks, weight_to_blocks
from minialex.fast.winograd_transforms import naive_winograd, transforms
from minialex.fast.workers import Workers
from minialex.layers import Conv2d, LocalResponseNorm, SoftmaxCrossEntropy
from minialex.lessons import quick, seconds, shipped

# %% [markdown]
# ## The limit: a matrix product
#
# Fetching a number takes longer than multiplying it. A sum of two arrays uses each number once, so
# it waits for memory. How fast is that, in 10⁹ operations a second (GFLOP/s)?

# %%
threadpool_limits(1)  # BLAS, the library that multiplies: on one core
x, z, y = numpy.ones((3, 2**22), numpy.float32)
time = seconds(lambda: numpy.add(x, z, out=y))
print(f"a sum: {x.size / time / 1e9:.1f} GFLOP/s")

# %% [markdown]
# A product of n×n matrices has $n^2$ results, each a dot product of $n$ multiplications and $n$
# additions: $2n^3$ operations on $2n^2$ numbers. It uses each of them again and again, while they
# are in the core's *cache*, a small, fast memory that keeps what was used last.

# %% [markdown]
# **Guess**: on the same core, how many times as many operations a second as the sum does a product
# of 512×512 matrices reach?


# %%
def product_rate(n):
    a = numpy.ones((n, n), numpy.float32)
    time = seconds(lambda: a @ a, repeat=20)
    return 2 * n**3 / time / 1e9


for n in (8, 64, 512):
    limit = product_rate(n)
    print(f"a product of {n}×{n}: {limit:.1f} GFLOP/s")

# %% [markdown]
# The rate of large products limits a net. A training step takes all products three times: forward,
# and for two gradients. A multiply-add is two operations.

# %%
multiply_adds = sum(models.build("alexnet").macs().values())
picture_work = 3 * 2 * multiply_adds / 1e9  # in GFLOP
print(f"a picture takes {picture_work:.1f} GFLOP")
print(f"AlexNet: at most {limit / picture_work:.0f} pictures a second")

# %% [markdown]
# ## Order in memory (im2col.py)
#
# im2col copies windows. In $(N, H, W, C)$, minialex's order, a row of a 3×3 window is a stretch of
# $3 \cdot C$ numbers. In $(N, C, H, W)$, most libraries' order, the longest stretch is a row of
# $W$ numbers. Both copy the same numbers, in stretches of different lengths.


# %%
def gigabytes(view):  # a second, when copied
    X = numpy.empty(view.shape, view.dtype)
    time = seconds(lambda: numpy.copyto(X, view), repeat=20)
    return X.nbytes / time / 1e9


# %% [markdown]
# How the two orders compare depends on the map: conv2 of AlexNet sees a wide one, conv3 to conv5
# small ones with many channels. Here is one of each.

# %%
for W, C in ((27, 96), (13, 256)):
    last = numpy.ones((8, W + 2, W + 2, C), numpy.float32)
    rows = sliding_window_view(last, (3, 3), axis=(1, 2))
    rows = rows.transpose(0, 1, 2, 4, 5, 3)  # N, OH, OW, 3, 3, C
    first = numpy.ascontiguousarray(last.transpose(0, 3, 1, 2))
    columns = sliding_window_view(first, (3, 3), axis=(2, 3))
    columns = columns.transpose(0, 1, 4, 5, 2, 3)  # N, C, 3, 3, OH, OW
    print(f"{W}×{W}×{C}: channels last {gigabytes(rows):.1f},", end=" ")
    print(f"first {gigabytes(columns):.1f} GB/s")

# %% [markdown]
# ## Pieces that fit the cache (lrn.py)
#
# LRN is a dozen simple operations. Over a whole batch each fetches megabytes and writes them back;
# over a few pictures, it finds in the core's cache what the one before has just written. With
# tiny pieces, the calls cost more. `CACHE_BYTES` is how much of an array a layer works on at a
# time. (A GPU takes all at once.)

# %%
shipped(Memory.cache_slices)

# %% [markdown]
# Here is a batch of 64 MB (with `--quick`, of 8), and how long the plain layer takes.


# %%
def forward_time(layer):  # in milliseconds
    return 1e3 * seconds(lambda: layer.forward(x))


rng = numpy.random.default_rng(0)
x = rng.random((128 if quick else 1024, 16, 16, 64), numpy.float32)
plain = LocalResponseNorm()
lrn = FastLocalResponseNorm.of(plain, Memory(), Workers())
print(f"the plain layer: {forward_time(plain):.1f} ms")

# %% [markdown]
# **Guess**: the fast layer takes it in pieces of 64 KB, 256 KB, 1 MB, 4 MB, 16 MB, or all at once.
# Which is the fastest? (Many cores have a cache of one or two MB to themselves.)

# %%
usual = memory.CACHE_BYTES
sizes = [2**16, 2**18, 2**20, 2**22, 2**24, 2**26]
for size in sizes:
    memory.CACHE_BYTES = size
    print(f"pieces of {size // 1024:>5} KB: {forward_time(lrn):6.1f} ms")
memory.CACHE_BYTES = usual

# %% [markdown]
# ## Memory used again (memory.py)
#
# Fresh memory is found and cleared, page by page, when it is first touched. Is that worth avoiding?

# %%
x = numpy.ones(2**20 if quick else 2**24, numpy.float32)
y = numpy.ones_like(x)
fresh = seconds(lambda: x * 2)
again = seconds(lambda: numpy.multiply(x, 2, out=y))
print(f"x * 2 in fresh memory: {1e3 * fresh:.1f} ms")
print(f"in memory used before: {1e3 * again:.1f} ms")

# %% [markdown]
# So fast layers ask a `Memory`, which hands out the same arrays again and again. There are three
# kinds of array. What backward needs is kept until the layer's next forward. Scratch is free again
# when the method returns. And what only the next layer reads goes into one of two blocks, in turn.
# Plain layers always return new arrays.

# %%
shipped(Memory.reused)

# %% [markdown]
# Here are the two blocks: the gradient that a layer takes lies in one of them, the one that it
# returns in the other.

# %%
room = Memory()
dy = room.passed(numpy.ones(4), (4,))
dx = room.passed(dy, (4,))
next_dx = room.passed(dx, (4,))
print("dx in dy's memory:", numpy.shares_memory(dx, dy))
print("the next dx in dy's memory:", numpy.shares_memory(next_dx, dy))

# %% [markdown]
# ## Threads (engine.py, workers.py)
#
# NumPy does everything except matrix products on one core. So the engine cuts a batch into shares
# for the layers that treat each picture on its own, with layers and memory for each thread. After
# `flatten` come linear layers, which hold most of the weights: there each thread multiplies the
# whole batch by a share of the weights, so that each weight is fetched once.

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
# Where layers meet there is work to save. ReLU and max-pool may swap places: the largest of a
# window is the same before and after, and the pool leaves fewer numbers. `y > 0` says the same as
# `x > 0`, so ReLU may write over its input if nobody else needs that. And nobody asks for the
# gradient of the pictures.

# %%
for each in engine.steps:
    if each.notes:
        print(f"{each.name}, {each.fast.__name__}:", ", ".join(each.notes))

# %% [markdown]
# ## Stages (stage.py)
#
# Max-pool remembers which pixels won, and never looks at its input again. So a thread's pictures
# pass through the layers up to a pool, a *stage*, a few at a time: of the largest maps, and of the
# gradients on their way back, only those of a few pictures exist. conv1's gradient is the sum over
# the parts.
#
# Here are the three stages of a large net, with 64 pictures for each of two threads: all of them at
# a time, and a few; and the memory that a step takes.

# %%
large = fast.prepare(models.build("alexnet-224"), workers=2)
usual, taken = stage.PART_BYTES, []
for part_bytes in (2**40, usual):
    stage.PART_BYTES = part_bytes
    of_stages = large.stages[0].sizes(64, large.network.input_shape)
    arrays = footprint.training_bytes(large, 128, optim.SGD)
    taken.append(sum(arrays.values()))
    print("pictures at a time:", *of_stages, f"{taken[-1] / 1e6:,.0f} MB")

# %% [markdown]
# ## Winograd: four multiplications instead of six
#
# Slide a kernel of three weights over four numbers: two answers, six products.
#
# $$y_0 = x_0 \cdot w_0 + x_1 \cdot w_1 + x_2 \cdot w_2$$
#
# $$y_1 = x_1 \cdot w_0 + x_2 \cdot w_1 + x_3 \cdot w_2$$

# %%
x, w = rng.random(4), rng.random(3)
print("six products ", x[:3] @ w, x[1:] @ w)

# %% [markdown]
# Winograd (1980) does it with four:
#
# $$m_0 = w_0 \cdot (x_0 - x_2) \qquad m_3 = w_2 \cdot (x_3 - x_1)$$
#
# $$m_1 = (w_0 + w_1 + w_2) \cdot \frac{x_1 + x_2}{2}$$
#
# $$m_2 = (w_0 - w_1 + w_2) \cdot \frac{x_2 - x_1}{2}$$
#
# Then $y_0 = m_0 + m_1 + m_2$ and $y_1 = m_1 - m_2 + m_3$. To see that it is right, multiply out:
# $m_1 + m_2$ is $w_1 \cdot x_1 + (w_0 + w_2) \cdot x_2$. Add $m_0 = w_0 \cdot x_0 - w_0 \cdot x_2$,
# and that is $y_0$.

# %%
m0 = w[0] * (x[0] - x[2])
m1 = (w[0] + w[1] + w[2]) * ((x[1] + x[2]) / 2)
m2 = (w[0] - w[1] + w[2]) * ((x[2] - x[1]) / 2)
m3 = w[2] * (x[3] - x[1])
print("four products", m0 + m1 + m2, m1 - m2 + m3)

# %% [markdown]
# Where does it come from? Read the kernel as a polynomial, $w_0 + w_1 t + w_2 t^2$: the left-hand
# factors are its values at $t = 0$, $1$ and $-1$ and, as $w_2$ alone counts for huge $t$, at
# $\infty$. Its product with $z_0 + z_1 t$ has four coefficients, so four values fix it, and values
# are multiplied point by point: four products. Sliding a kernel is the same computation read
# backwards, from four numbers to two.
#
# All this is linear in $w$, and linear in $x$. So write it with matrices: $G$ makes the left-hand
# factors from $w$, $B^\top$ the right-hand ones from $x$, and $A^\top$ makes $y$ from the products.
# Where $\odot$ multiplies number by number,
#
# $$y = A^\top \; [(G \; w) \; \odot \; (B^\top \; x)]$$

# %%
A, B, G = transforms(2, 3, numpy, numpy.float64)
print(G)
print("with matrices", *(A.T @ ((G @ w) * (B.T @ x))))

# %% [markdown]
# ## In two dimensions, and what it costs (winograd_transforms.py)
#
# Along both axes,
#
# $$y = A^\top \; [(G \; w \; G^\top) \; \odot \; (B^\top \; x \; B)] \; A$$
#
# `naive_winograd` does just this, for all channels and kernels, tile by tile. `einsum` is a sum of
# products: letters name axes, and it sums over those that are missing after `->`. `"ik,kj->ij"`
# would be a product of matrices.

# %%
shipped(naive_winograd)

# %% [markdown]
# A tile of 2×2 answers takes 16 products instead of 36; one of m×m takes $(m+2)^2$, ever closer to
# one per answer. But more points mean larger powers, which swallow the small digits of what they
# are added to: rounding errors, here of float32.

# %%
x, conv = rng.normal(size=(4, 26, 26, 8)), Conv2d(8, 8, 3, rng=rng)
truth = conv.astype("float64").forward(x)
w = conv.params["weight"]
single_x, single_w = x.astype("float32"), w.astype("float32")
print("x", x.shape, "weight", w.shape, "y", truth.shape)

# %% [markdown]
# **Guess**: the definition takes 9 products per answer. How many do tiles of 6×6 take? And how many
# times as large are the errors as with tiles of 2×2?

# %%
for m in range(2, 7):
    exact = abs(naive_winograd(x, w, m) - truth).max()
    off = naive_winograd(single_x, single_w, m) - truth
    products = (m + 2) ** 2 / m**2
    print(f"{m}×{m}: {products:.2f} products each,", end=" ")
    print(f"error {off.std() / truth.std():.1e}, in float64 {exact:.0e}")

# %% [markdown]
# ## Faster than the limit (winograd.py, conv.py)
#
# Over $C$ channels, $O$ kernels and $P$ tiles, each of the $(m + 2)^2$ points is a matrix product,
# $(P, C) \cdot (C, O)$. Rows of pixels are transformed for a whole picture at once, then columns
# for one point after the other, so that what is in between stays in the cache. Counted as the
# definition's operations, conv4 can beat the limit of the first step, if no other program keeps the
# memory busy.

# %%
plain = Conv2d(192, 192, 3, padding=1, rng=rng)  # half of conv4
x = rng.random((4 if quick else 16, 13, 13, 192), numpy.float32)
work = 2 * len(x) * plain.macs(x.shape[1:]) / 1e9
results = {}
for way in ("im2col", "winograd"):
    conv = FastConv2d.of(plain, Memory(), Workers())
    conv.algorithm, conv.kept = way, KeptWeight()
    results[way] = conv.forward(x)
    rate = work / seconds(lambda conv=conv: conv.forward(x), repeat=9)
    print(f"{way}: as if at {rate:.0f} GFLOP/s; the limit: {limit:.0f}")

# %% [markdown]
# ## conv1: blocks for pixels (space_to_depth.py)
#
# Winograd convolution needs small kernels that move by 1. conv1 has 11×11, and moves by 4. Lay the
# 48 numbers of each block of 4×4 pixels side by side, as one large pixel: now the kernel covers 3×3
# of them, with zeros beyond its edge, and moves by 1. (227 pixels need one more to make whole
# blocks.)

# %%
conv1 = Conv2d(3, 96, 11, stride=4)
x = rng.random((1, 228, 228, 3))
blocks = to_blocks(x, 4, 1, Memory().scratch)
w = weight_to_blocks(conv1.params["weight"], 4, Memory().scratch)
print(x.shape, "->", blocks.shape, " weight", w.shape)

# %% [markdown]
# That takes 432 products per answer instead of 363, but tiles of 5×5 take 94.

# %%
small = Conv2d(48, 96, 3)
small.params.update(weight=w, bias=conv1.params["bias"])
apart = abs(small.forward(blocks) - conv1.forward(x)).max()
print(f"largest difference: {apart:.0e}")
products = 3 * 3 * 48
in_tiles = 48 * (5 + 2) ** 2 / 5**2
print(f"products: {products}, then {in_tiles:.0f}")

# %% [markdown]
# ## The cost rule (choose.py)
#
# Transforming the weights costs the same for one picture as for 128. So what Winograd costs, in
# multiply-adds, depends on how many pictures and tiles there are. The function adds up three
# things: the products, for each tile; the transforms, which count twice; and fetching or
# transforming the weights, 25 or 40 multiply-adds for each. Those numbers were measured. (`-(-a //
# b)` is $a / b$ rounded up.)

# %%
shipped(choose.winograd_cost)

# %% [markdown]
# Winograd is chosen if this is a small enough share of im2col's work; backward, where im2col adds
# up windows, too, the share may be larger. For batches of 128 and 1: the share, and what is chosen
# forward and backward.

# %%
net = models.build("alexnet")
for name in ("conv1", "conv2", "conv3", "conv4", "conv5"):
    row, conv, (H, W, _) = [name], net.layers[name], net.shapes()[name]
    for pictures in (128, 1):
        size = (pictures, H, W)
        work = pictures * H * W * conv.params["weight"].size
        tile = choose.winograd_tile(conv, size)
        share = choose.winograd_cost(conv, tile, size) / work
        forward = choose.algorithm(conv, size, on_gpu=False)
        backward = choose.algorithm(conv, size, False, overlapping=True)
        row += [f" {pictures}: {share:.2f}", forward, backward]
    print(*row)

# %% [markdown]
# ## Plain against fast
#
# All of it together: the same net, the same weights and the same dropout masks, trained by its own
# layers and by the engine, on pictures of noise. The losses agree, except for float32's rounding.

# %%
x = rng.standard_normal((16 if quick else 128, 32, 32, 3), numpy.float32)
labels = numpy.arange(len(x)) % 10
loss, losses = SoftmaxCrossEntropy(), []
print("pictures", x.shape, "cores", usable_cores())

# %% [markdown]
# **Guess**: how many times as fast as the plain layers is the engine, with one thread?

# %%
for workers in sorted({0, 1, usable_cores()}):
    net = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    kind = "plain"
    if workers:
        net, kind = fast.prepare(net, workers), f"fast, {workers} thread(s)"
    losses.append(net.step(x, labels, loss)[0])
    rate = len(x) / seconds(lambda net=net: net.step(x, labels, loss))
    print(f"{kind:<18} loss {losses[-1]:.5f}, {rate:.0f} pictures/s")

# %% [markdown]
# ## To take away
#
# - A core is fastest at large matrix products. Around them, memory counts.
# - Winograd convolution: fewer products than the definition has, more rounding.
# - Each fast layer equals its plain one, and the tests hold it to that.
# - `python -m minialex.summary alexnet --engine fast` says what became of each.
#
# ### Exercises
#
# 1. How many products do 4×4 answers of a 5×5 kernel take with Winograd?
# 2. Write it yourself in one dimension: `lessons/exercises/winograd.py`.
# 3. Print the cost rule's table for batches of 2 and 4. Why does one picture need a rule of its
#    own? (`SHARE_OF_ONE_PICTURE` in `choose.py`)

# %% [markdown]
# ## Answers to the guesses
#
# The figures are those of one core of an AMD EPYC, beside which other programs ran.
#
# - **Sum and product**: almost 50 times as many, 5 and 240 GFLOP/s. A product of 8×8 is slower than
#   the sum: there, calling NumPy takes longer than the work.
# - **Pieces**: 1 MB, in one run 256 KB. This core has a cache of 1 MB to itself. The whole batch at
#   once took one and a half to three times as long.
# - **Tiles of 6×6**: $8^2 / 6^2 = 1.78$ products per answer, a fifth of nine. Their errors are 18
#   times as large, 2.7 millionths of the spread of $y$: nets do not mind. In float64 they are at
#   the fourteenth decimal.
# - **Plain against fast**: four to six times as fast, with one thread. It is still NumPy.
