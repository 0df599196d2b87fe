# %% [markdown]
# # 14. Why it is fast: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex import models
from minialex.fast import choose
from minialex.fast.winograd_transforms import naive_winograd, transforms
from minialex.layers import Conv2d

# %% [markdown]
# ## 1. Tiles of 4×4 with a kernel of 5×5
#
# > How many products do 4×4 answers of a 5×5 kernel take with Winograd?
#
# In one dimension, read a row of four numbers and a kernel of five weights as polynomials. Their
# product has $4 + 5 - 1 = 8$ coefficients, so its values at eight points fix it: eight products.
# Sliding a kernel is the same computation read backwards, from eight numbers to four answers. Along
# both axes there are $8^2 = 64$ pairs of points, with one product for each.
#
# The definition takes 25 products for each of the 16 answers, which makes 400. So with tiles it is
# 4 products per answer instead of 25.

# %%
A, B, G = transforms(4, 5, numpy, numpy.float64)
points = len(G)
print("A", A.shape, " B", B.shape, " G", G.shape)
print(f"{points**2} products for 16 answers, the definition {16 * 25}")

# %% [markdown]
# Is it right? `naive_winograd` takes kernels of any size.

# %%
rng = numpy.random.default_rng(0)
x, conv = rng.normal(size=(4, 28, 28, 8)), Conv2d(8, 8, 5, rng=rng)
w, truth = conv.params["weight"], conv.astype("float64").forward(x)
apart = abs(naive_winograd(x, w, 4) - truth).max()
print(f"x {x.shape} -> y {truth.shape}, largest difference {apart:.0e}")

# %% [markdown]
# In float32 the errors grow with the number of points, whether these come from a larger tile or a
# larger kernel. Here are three tiles with a kernel of 5×5:

# %%
single_x, single_w = x.astype("float32"), w.astype("float32")
errors = {}
for m in (2, 3, 4):
    off = naive_winograd(single_x, single_w, m) - truth
    errors[m] = off.std() / truth.std()
    points = m + 5 - 1
    print(f"{m}×{m}: {points} points a side,", end=" ")
    print(f"{points**2 / m**2:.2f} products each, error {errors[m]:.1e}")

# %% [markdown]
# Eight points along each side are also what the lesson's tiles of 6×6 take, with a kernel of 3×3,
# and the errors are about as large. minialex goes no further: with the kernel's reach, a tile
# covers at most 8×8 pixels (`LARGEST_PATCH` in `choose.py`). AlexNet's conv2 has 5×5 kernels, and
# its tiles are these 4×4.

# %% [markdown]
# ## 2. In one dimension
#
# > Write it yourself in one dimension: `lessons/exercises/winograd.py`.
#
# The formulas are in the file. What is left to find is how a row is cut: each pair of answers needs
# four numbers, and the next pair starts two numbers further on, so neighbouring tiles share two.
# The mistake to watch for is at the end of the row: if the number of answers is odd, the last tile
# reaches beyond the row, and one of its answers is nobody's.
#
# `python -m minialex.gradcheck lessons/exercises/winograd.py` says how far you are. The library's
# own, in two dimensions, is `naive_winograd` in `minialex/fast/winograd_transforms.py`: read it
# when yours is right.

# %% [markdown]
# ## 3. Small batches
#
# > Print the cost rule's table for batches of 2 and 4. Why does one picture need a rule of its own?
#
# As in the lesson's table: which way is chosen in training, forward, and Winograd's share of
# im2col's work. One column is new: `m`, the side of the tile that costs least.


# %%
def row_of(name, pictures, kept=False):
    conv, (H, W, _) = net.layers[name], net.shapes()[name]
    size = (pictures, H, W)
    work = pictures * H * W * conv.params["weight"].size
    m = choose.winograd_tile(conv, size, kept)
    share = choose.winograd_cost(conv, m, size, kept) / work
    way = choose.algorithm(conv, size, on_gpu=False, kept=kept)
    return m, share, way


# %%
net = models.build("alexnet")
names = ("conv1", "conv2", "conv3", "conv4", "conv5")
table = {}
for name in names:
    print(name, end="")
    for pictures in (4, 2, 1):
        m, share, way = table[name, pictures] = row_of(name, pictures)
        print(f"   {pictures}: {way:<8} m={m} {share:.2f}", end="")
    print()

# %% [markdown]
# Each picture brings its own products, but the weights are transformed once for all of them. With
# fewer pictures this fixed part weighs more, so the share grows. Smaller tiles have fewer points,
# and so fewer weights to transform: conv3 to conv5 go from 5×5 with 128 pictures to 3×3 with four
# and 2×2 with two. With two pictures Winograd still pays in all of them, if barely; the bound is
# 0.87. With one, conv3 to conv5 would cost as much as im2col.
#
# So far one rule would do for all batches. What changes with one picture is who works. A batch is
# cut into shares, one for each thread; a single picture is not. Instead the engine lets BLAS use
# all cores for each product. That helps with large products only: one of ten million multiply-adds
# takes a core a fifth of a millisecond, and with smaller ones waking another thread does not pay
# (`WORTH_SHARING` in `choose.py`). How large are the products of one picture?

# %%
products = {}
for name in ("conv3", "conv4", "conv5"):
    conv, (H, W, _) = net.layers[name], net.shapes()[name]
    m, _, _ = table[name, 1]
    tiles = -(-H // m) * -(-W // m)
    weights = conv.params["weight"][0].size  # of one kernel
    kernels = conv.out_channels // conv.groups
    im2col = H * W * weights * kernels
    winograd = tiles * (weights // 9) * kernels
    products[name] = im2col, winograd
    many, few = conv.groups * (m + 2) ** 2, conv.groups
    print(f"{name}: im2col {few} of {im2col / 1e6:.0f} million,", end=" ")
    print(f"Winograd {many} of {winograd / 1e6:.1f} million")

# %% [markdown]
# All cores share im2col's products, while Winograd's many small ones are left to one core. The cost
# rule only counts multiply-adds, so for one picture it would favour Winograd. Hence another bound,
# `SHARE_OF_ONE_PICTURE`: Winograd has to cost less than 0.6 of im2col, not 0.87.
#
# In the table above this bound changes nothing: conv1 and conv2 are below both, the others above
# both. But when nothing trains, transformed weights are kept from one picture to the next, and
# count less:

# %%
kept = {name: row_of(name, 1, kept=True) for name in names}
for name, (m, share, way) in kept.items():
    print(f"{name}, one picture, weights kept: m={m} {share:.2f} {way}")
print("bounds:", choose.SHARE_OF_ONE_PICTURE, "and", choose.SHARE)

# %% [markdown]
# Now conv3 to conv5 lie between the bounds, and the one for a single picture decides. The times
# that it was made from are in `benchmarks/LOG.md`: on two cores, conv3 took 1.14 ms with im2col and
# 1.50 ms with Winograd, but conv2 1.84 ms and 1.16 ms.
