# %% [markdown]
# # 02. Convolution: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.layers import Conv2d
from minialex.lessons import pictures, show_pictures

# %% [markdown]
# ## 1. AlexNet's first layer
#
# > AlexNet's first layer has 96 kernels of 11×11×3, stride 4, on 227×227 pixels. How large is $y$?
# > How large is $X$ for 128 pictures, in GB?
#
# Along each side there are $\lfloor (227 - 11) / 4 \rfloor + 1 = 55$ windows, so $y$ has the shape
# $(128, 55, 55, 96)$. $X$ has a row for each window, of $11 \cdot 11 \cdot 3 = 363$ numbers with
# four bytes each.

# %%
side = (227 - 11) // 4 + 1
rows, numbers = 128 * side * side, 11 * 11 * 3
print("side", side, " y has", f"{rows * 96:,} numbers")
print(f"X: {rows:,} rows of {numbers}, {4 * rows * numbers / 1e9:.2f} GB")
print(f"the pictures: {4 * 128 * 227 * 227 * 3 / 1e9:.2f} GB")

# %% [markdown]
# Half a gigabyte, seven times as much as the pictures, and only for as long as the product takes.
# That is why lesson 14 builds it for a few pictures at a time.

# %% [markdown]
# ## 2. Two kernels
#
# > Write a kernel that finds horizontal edges, and one that blurs.
#
# For horizontal edges turn the lesson's kernel: positive above, negative below. To blur, give each
# pixel the mean of its window: weights that are all equal and add up to 1.

# %%
some = pictures("fashion-mnist", 64, 1)
channels = some.x.shape[3]
horizontal = numpy.zeros((3, 3, channels), numpy.float32)
horizontal[0], horizontal[2] = 1, -1
blur = numpy.full((5, 5, channels), 1 / (25 * channels), numpy.float32)

# %% [markdown]
# The layer can hold them in place of its random ones. A padding of half the kernel keeps the size.


# %%
def answer(kernel):
    size = len(kernel)
    layer = Conv2d(channels, 1, size, padding=size // 2)
    layer.params["weight"] = kernel[None]
    return layer.forward(some.x[:1])[0, :, :, 0]


maps = {"picture": some.images[0]}
maps["horizontal edges"] = answer(horizontal)
maps["blurred"] = answer(blur)
show_pictures("02_solutions", maps)

# %% [markdown]
# ## 3. The layer
#
# > Write it yourself: `lessons/exercises/conv.py`.
#
# `python -m minialex.gradcheck lessons/exercises/conv.py` says how far you are, and recognises the
# classic mistakes. The library's own is `minialex/layers/conv.py`: read it when yours is right.
