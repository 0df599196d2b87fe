# %% [markdown]
# # 00. Arrays, which everything else is made of
#
# AlexNet is sixty million numbers, a picture is a few thousand more, and
# learning is arithmetic on both. Here is what you need to know about arrays to
# read the rest: shapes, broadcasting, memory, number formats, and how one line
# of code runs on a CPU and on a GPU. If you know Python's lists, you can start.

# %%
import numpy

from minialex import backend
from minialex.lessons import figure, pictures, seconds

# %% [markdown]
# ## Shapes: pictures are an array
#
# An array is a box of numbers with a shape. Pictures have four axes here,
# always in this order: N pictures, H rows, W columns, C channels (red, green,
# blue). An index removes its axis, `:` keeps all of it. A sum or a mean over an
# axis removes it, too. Read shapes first: they tell you what a line does.

# %%
some = pictures("cifar10", 128, 1)
images = some.images
print("pictures", images.shape, images.dtype, f"{images.nbytes:,} bytes")
print("one picture", images[0].shape, "one pixel", images[0, 5, 9])
print("row 5 of its red channel", images[0, 5, :, 0].shape)
print("the mean colour of each picture", images.mean(axis=(1, 2)).shape)

# %% [markdown]
# ## Broadcasting: the loops you do not write
#
# Nets want numbers around 0. So subtract from each pixel the mean of its
# channel and divide by the channel's standard deviation: four loops. Or none:
# NumPy lines up shapes from the right, here (N, H, W, C) and (C,), and repeats
# numbers along an axis that is missing or has size 1. All other sizes must be
# equal. Mind the trap at the end: five answers minus five labels gives 25
# differences, and no error.


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
mean, std = some.standardize.mean, some.standardize.std  # (C,), float32
loops, x = standardize(few, mean, std), (few - mean) / std
print("largest difference from the loops:", abs(loops - x).max())
slow = seconds(lambda: standardize(few, mean, std), repeat=1)
fast = seconds(lambda: (few - mean) / std)
print(f"loops {slow * 1e3:.1f} ms, broadcasting {fast * 1e3:.3f} ms")
print("(5, 1) - (5,) is", (numpy.zeros((5, 1)) - numpy.zeros(5)).shape)

# %% [markdown]
# ## Memory: one long row, and strides
#
# Memory has no axes. An array is one long row of numbers and, for each axis, a
# stride: how many bytes further on the next element along it lies. Channels
# come last here: the numbers of a pixel lie side by side, then comes the next
# pixel, the next row, the next picture. Element [n, h, w, c] is at byte
#
#     n·strides[0] + h·strides[1] + w·strides[2] + c·strides[3]

# %%
row = images.reshape(-1)  # uint8: each element is one byte
byte = numpy.dot((3, 20, 10, 2), images.strides)
print("strides", images.strides)
print(f"[3, 20, 10, 2] is byte {byte}:", images[3, 20, 10, 2], row[byte])
turned = images.swapaxes(1, 2)  # rows are columns now
print("swapped axes: strides", turned.strides)

# %% [markdown]
# ## Views: other strides, the same memory
#
# Swapping the axes moved no numbers, it only swapped strides. Such an array is
# a view. Slices, transposes and most reshapes are views: they copy nothing, and
# writing into them writes into the original array. Indexing with a list copies.
# So does a reshape that no strides can express. All pictures drawn here are
# views of the first.

# %%
print("images[:2] is a view:", numpy.shares_memory(images[:2], images))
print("images[[0, 1]]:", numpy.shares_memory(images[[0, 1]], images))
flat = turned.reshape(-1)
print("turned.reshape(-1):", numpy.shares_memory(flat, images))
view = x[0, 0]
view += 1  # in place; view = view + 1 would make a new array
print("x[0, 0] has changed by", (x[0, 0] - loops[0, 0]).mean())
p = images[1]
views = {"p": p, "p[:, ::-1]": p[:, ::-1], "p[8:24, 8:24]": p[8:24, 8:24]}
views |= {"p.swapaxes(0, 1)": p.swapaxes(0, 1), "p[::4, ::4]": p[::4, ::4]}
with figure("00_views", 8, 1.9) as drawing:
    for axes, title in zip(drawing.subplots(1, 5), views, strict=True):
        axes.imshow(views[title])
        axes.set_title(title, fontsize=9)

# %% [markdown]
# ## float32: seven digits
#
# A float64 keeps about 16 decimal digits; a float32 keeps about 7, in half the
# memory. Seven are enough for nets, but a small number added to a large one is
# rounded, or lost. A single float64 array in an expression makes the result
# float64. And uint8, which pictures are made of, starts again after 255.

# %%
total = numpy.float32(0)
for tenth in numpy.full(100_000, 0.1, numpy.float32):
    total += tenth
print("0.1 added 100,000 times, in float32:", total)
print("2²⁴ + 1 - 2²⁴, in float32:", numpy.float32([2**24]) + 1 - 2**24)
print("float32 · 0.5:", (x * 0.5).dtype)
print("float32 · numpy.sqrt(2), a float64:", (x * numpy.sqrt(2)).dtype)
print("uint8: 200 + 100 =", numpy.uint8([200]) + numpy.uint8([100]))

# %% [markdown]
# ## The backend: ask the array
#
# Arrays on an NVIDIA GPU are CuPy's, with the same functions under the same
# names. Which module's function should a layer call? A global switch can be
# wrong; the input cannot, it is where it is. So a layer asks it: backend.of(x)
# is numpy or cupy. Shapes, broadcasting, strides and dtypes work alike. But
# host and GPU share no memory: to_device sends, to_host fetches.


# %%
def relu(x):
    return backend.of(x).maximum(x, 0)


y = relu(backend.to_device(x, backend.get("auto")))  # cupy, if a GPU works
print(f"computed by {backend.of(y).__name__}: {y.dtype} {y.shape}")
print("as on the host:", (backend.to_host(y) == numpy.maximum(x, 0)).all())

# %% [markdown]
# ## To take away
#
# - Pictures are (N, H, W, C). Shapes are matched from the right.
# - Views share memory, so no layer writes into its input: it may belong to
#   somebody else.
# - Nets compute in float32. Lesson 03 shows where that is not enough.
# - backend.of(x) has the functions for x: one code for CPU and GPU.
#
# ### Exercises
#
# 1. Why does images - images.mean(axis=(1, 2)) fail, what does keepdims=True
#    change, and what would be worse with 32 pictures of 32×32?
# 2. Swap red and blue in all pictures without copying. What are the strides?
# 3. Read minialex/layers/linear.py: which line broadcasts, which makes a view?
