# %% [markdown]
# # 00. Arrays, which everything else is made of
#
# AlexNet is sixty million numbers, a small picture is a few thousand more, and learning is
# arithmetic on both. Here is what you need to know about arrays to read the rest: shapes,
# broadcasting, memory, number formats, and how one line of code runs on a CPU and on a GPU. If you
# know Python's lists, you can start.
#
# A *layer* turns one array into another, with the help of numbers of its own, its *weights*. A
# *net* is a list of layers; each takes what the one before returns. Pictures go through it a few at
# a time: that is a *batch*. A *label* is the right answer for a picture, the number of its class.
#
# AlexNet is the net of "ImageNet Classification with Deep Convolutional Neural Networks"
# (Krizhevsky, Sutskever and Hinton 2012): from now on, *the paper*.

# %%
import numpy

from minialex import backend
from minialex.lessons import pictures, seconds, show_pictures

# %% [markdown]
# ## Shapes: pictures are an array
#
# An array is a box of numbers with a *shape*. Pictures have four axes here, always in this order:
# $N$ pictures, $H$ rows, $W$ columns, $C$ channels (red, green, blue). An index removes its axis;
# `:` keeps all of it.

# %%
some = pictures("cifar10", 128, 1)
images = some.images
print("pictures", images.shape, images.dtype, f"{images.nbytes:,} bytes")
print("one picture", images[0].shape)
print("one pixel", images[0, 5, 9])
print("row 5 of its red channel", images[0, 5, :, 0].shape)

# %% [markdown]
# A sum or a mean over an axis removes that axis, too. Read shapes first: they tell you what a line
# does.
#
# **Guess**: what is the shape of `images.mean(axis=(1, 2))`, and what are its numbers?

# %%
print("the mean colour of each picture", images.mean(axis=(1, 2)).shape)

# %% [markdown]
# ## Broadcasting: the loops you do not write
#
# Nets want numbers around 0. So subtract from each pixel the mean of its channel, and divide by the
# channel's *standard deviation*, which says how far its pixels lie from that mean (more on it at
# the end): four loops.


# %%
def standardize(images, mean, std):
    y = numpy.empty(images.shape, numpy.float32)
    N, H, W, C = images.shape
    for n in range(N):
        for h in range(H):
            for w in range(W):
                for c in range(C):
                    y[n, h, w, c] = (images[n, h, w, c] - mean[c]) / std[c]
    return y


few = images[:16]
mean, std = some.standardize.mean, some.standardize.std
print("pictures", few.shape, "means", mean.shape, "deviations", std.shape)

# %% [markdown]
# Or none: NumPy lines up shapes from the right, here $(N, H, W, C)$ and $(C)$, and repeats numbers
# along an axis that is missing or has size 1. All other sizes must be equal. This is called
# *broadcasting*.

# %%
loops = standardize(few, mean, std)
x = (few - mean) / std
print("largest difference from the loops:", abs(loops - x).max())

slow = seconds(lambda: standardize(few, mean, std), repeat=1)
fast = seconds(lambda: (few - mean) / std)
print(f"loops {slow * 1e3:.1f} ms, broadcasting {fast * 1e3:.3f} ms")

# %% [markdown]
# It can go wrong without an error. A net gives five answers, one a row, with the shape $(5, 1)$;
# the five labels have the shape $(5)$.
#
# **Guess**: what is the shape of the answers minus the labels?

# %%
answers, labels = numpy.zeros((5, 1)), numpy.zeros(5)
print("(5, 1) - (5,) is", (answers - labels).shape)

# %% [markdown]
# ## Memory: one long row, and strides
#
# Memory has no axes. An array is one long row of numbers and, for each axis, a *stride*: the number
# of bytes from one element to the next along it. Channels come last here: the numbers of a pixel
# lie side by side, then comes the next pixel, the next row, the next picture. With the strides
# $s_0$ to $s_3$, element `[n, h, w, c]` is at byte
#
# $$n \cdot s_0 + h \cdot s_1 + w \cdot s_2 + c \cdot s_3$$
#
# **Guess**: the pictures have 32×32 pixels of three bytes. What are their four strides?

# %%
print("strides", images.strides)
row = images.reshape(-1)  # uint8: each element is one byte
byte = numpy.dot((3, 20, 10, 2), images.strides)
print(f"[3, 20, 10, 2] is byte {byte}:", images[3, 20, 10, 2], row[byte])

# %% [markdown]
# ## Views: other strides, the same memory
#
# Swapping two axes moves no numbers; it only swaps strides. Such an array is a *view*. Slices,
# transposes and most reshapes are views: they copy nothing.

# %%
turned = images.swapaxes(1, 2)  # rows are columns now
print("swapped axes: strides", turned.strides)

p = images[1]
views = {
    "p": p,
    "p[:, ::-1]": p[:, ::-1],
    "p[8:24, 8:24]": p[8:24, 8:24],
    "p.swapaxes(0, 1)": p.swapaxes(0, 1),
    "p[::4, ::4]": p[::4, ::4],
}
show_pictures("00_views", views)

# %% [markdown]
# Indexing with a list copies. So does a reshape that no strides can express.

# %%
print("images[:2] is a view:", numpy.shares_memory(images[:2], images))
print("images[[0, 1]]:", numpy.shares_memory(images[[0, 1]], images))
flat = turned.reshape(-1)
print("turned.reshape(-1):", numpy.shares_memory(flat, images))

# %% [markdown]
# Writing into a view writes into the array that it is a view of.
#
# **Guess**: `view` is the first row of the first picture of `x`, and the cell below adds 1 to it.
# By how much does that row of `x` change?

# %%
view = x[0, 0]
view += 1  # in place; view = view + 1 would make a new array
print("x[0, 0] has changed by", (x[0, 0] - loops[0, 0]).mean())

# %% [markdown]
# ## float32: seven digits
#
# A float64 keeps about 16 decimal digits; a float32 keeps about 7, in half the memory. Seven are
# enough for nets, but a small number added to a large one is rounded, or lost.
#
# More precisely, a float32 keeps 24 binary digits. So from $2^{23}$ on it can be whole numbers
# only, and from $2^{24}$ on only every second one: at $2^{24}$ itself, adding 1 changes nothing.
# From $2^{13} = 8192$ on, neighbours are $2^{-10}$ apart.
#
# **Guess**: the cell below adds 0.1 a hundred thousand times, in float32. Does it come to 10,000
# within a thousandth, within one, or is it further off?

# %%
total = numpy.float32(0)
for tenth in numpy.full(100_000, 0.1, numpy.float32):
    total += tenth
print("0.1 added 100,000 times, in float32:", total)
print("2²⁴ + 1 - 2²⁴, in float32:", numpy.float32([2**24]) + 1 - 2**24)

# %% [markdown]
# A single float64 in an expression, be it an array or one of NumPy's own numbers, makes the result
# float64: twice the memory, half the speed. And `uint8`, which pictures are made of, starts again
# after 255.

# %%
print("float32 · 0.5:", (x * 0.5).dtype)
print("float32 · numpy.sqrt(2), a float64:", (x * numpy.sqrt(2)).dtype)
print("uint8: 200 + 100 =", numpy.uint8([200]) + numpy.uint8([100]))

# %% [markdown]
# ## The backend: ask the array
#
# Arrays on an NVIDIA GPU are CuPy's, with the same functions under the same names. Which module's
# function should a layer call? A global switch can be wrong; the input cannot: it is where it is.
# So a layer asks it: `backend.of(x)` is `numpy` or `cupy`.


# %%
def relu(x):
    return backend.of(x).maximum(x, 0)


# %% [markdown]
# Shapes, broadcasting, strides and dtypes work alike. But the *host*, which is the CPU with its
# memory, and the GPU share no memory: `to_device` sends an array to the GPU, `to_host` fetches it.

# %%
y = relu(backend.to_device(x, backend.get("auto")))  # cupy, if a GPU works
print(f"computed by {backend.of(y).__name__}: {y.dtype} {y.shape}")
print("as on the host:", (backend.to_host(y) == numpy.maximum(x, 0)).all())

# %% [markdown]
# ## Numbers at random
#
# Nets start from random numbers, and how far those are spread decides whether they learn. How far
# do numbers lie from their mean $\mu$? Take the mean of $(x - \mu)^2$: the *variance*. Its square
# root is the *standard deviation*, or *spread*: `x.std()`.
#
# `rng.standard_normal(n)` draws numbers with mean 0 and spread 1, more of them near 0 than far
# away. Multiplied by $\sigma$ they have the spread $\sigma$; such numbers are written
# $N(0, \sigma^2)$. With the same *seed*, the 0 in `default_rng(0)`, the same numbers are drawn.

# %%
rng = numpy.random.default_rng(0)
numbers = rng.standard_normal(10_000)
print("mean", numbers.mean().round(3), "spread", numbers.std().round(3))
print("five times as large: spread", (5 * numbers).std().round(3))

# %% [markdown]
# What is the spread of a sum of $n$ such numbers? The square of the sum is a double sum, of the
# products $x_i \cdot x_j$. Where $i$ and $j$ differ, the product is as often positive as negative,
# and averages to 0. That leaves $n$ squares, each $\sigma^2$ on average. So the sum of $n$
# independent numbers has the spread $\sqrt{n} \cdot \sigma$, not $n \cdot \sigma$; and their mean
# has $\sigma / \sqrt{n}$.
#
# **Guess**: what is the spread of sums of 100 of them, and of their means?

# %%
hundreds = rng.standard_normal((10_000, 100))
print("sums of 100: spread", hundreds.sum(axis=1).std().round(3))
print("means of 100: spread", hundreds.mean(axis=1).std().round(3))

# %% [markdown]
# ## To take away
#
# - Pictures are $(N, H, W, C)$. Shapes are matched from the right.
# - Views share memory, so no layer writes into its input: it may belong to somebody else.
# - Nets compute in float32. Lesson 03 shows where that is not enough.
# - `backend.of(x)` has the functions for `x`: the same code for CPU and GPU.
# - A sum of $n$ independent random numbers grows with $\sqrt{n}$.
#
# ### Exercises
#
# 1. Why does `images - images.mean(axis=(1, 2))` fail, what does `keepdims=True` change, and what
#    would be worse with 32 pictures of 32×32?
# 2. Swap red and blue in all pictures without copying. What are the strides?
# 3. Read `minialex/layers/linear.py`: which line broadcasts, which makes a view?

# %% [markdown]
# ## Answers to the guesses
#
# - **Means**: $(128, 3)$. The axes of rows and columns are gone; left over are a red, a green and a
#   blue for each picture, its mean colour.
# - **Answers minus labels**: $(5, 5)$, each answer minus each label: 25 differences, where five
#   were meant, and no error. Their mean is a number like any other, and you would not notice.
# - **Strides**: 3,072, 96, 3 and 1. The next channel is the next byte, the next pixel three bytes
#   on, the next row 32 pixels, the next picture 32 rows.
# - **The view**: by 1. `view` is the first row of the first picture of `x`, not a copy of it.
# - **A tenth, many times**: 9,998.6, off by more than one. From 8,192 on, neighbouring float32
#   numbers are a thousandth apart, and every sum is rounded to one of them, always in the same
#   direction.
# - **A hundred random numbers**: their sums are spread by 10, the root of 100, and their means by a
#   tenth.
