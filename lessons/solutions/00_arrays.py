# %% [markdown]
# # 00. Arrays: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.layers import Linear
from minialex.lessons import pictures, shipped

images = pictures("cifar10", 128, 1).images

# %% [markdown]
# ## 1. Minus the mean of each picture
#
# > Why does `images - images.mean(axis=(1, 2))` fail, what does `keepdims=True` change, and what
# > would be worse with 32 pictures of 32×32?

# %%
means = images.mean(axis=(1, 2))
print("pictures", images.shape, "means", means.shape)
try:
    images - means
except ValueError as error:
    print(error)

# %% [markdown]
# Shapes are matched from the right. The 3 of the means meets the 3 channels, as it should; but then
# the 128 of the means, one for each picture, meets 32 columns. With `keepdims=True` the axes over
# which the mean was taken stay, with size 1, and everything meets what it should.

# %%
means = images.mean(axis=(1, 2), keepdims=True)
print("means", means.shape, "-> difference", (images - means).shape)

# %% [markdown]
# With 32 pictures there would be 32 means, which do fit the 32 columns. No error, and a wrong
# result: each *column* minus the mean of some picture.

# %%
few = images[:32]
wrong = few - few.mean(axis=(1, 2))
right = few - few.mean(axis=(1, 2), keepdims=True)
print("no error:", wrong.shape)
print("but off by up to", abs(wrong - right).max().round(1))

# %% [markdown]
# ## 2. Red and blue swapped, nothing copied
#
# > Swap red and blue in all pictures without copying. What are the strides?
#
# A slice with step −1 goes through the channels backwards. It starts at the last number of each
# pixel, two bytes further on, and its stride along the channels is −1.

# %%
swapped = images[..., ::-1]
print("shares memory:", numpy.shares_memory(swapped, images))
print("strides", images.strides, "->", swapped.strides)
print("one pixel", images[0, 5, 9], "->", swapped[0, 5, 9])

# %% [markdown]
# ## 3. Reading a layer
#
# > Read `minialex/layers/linear.py`: which line broadcasts, which makes a view?

# %%
shipped(Linear.forward, Linear.backward)

# %% [markdown]
# The bias is broadcast: `x @ weight.T` has the shape $(N, O)$ and the bias $(O)$, so it is added to
# each row. And `.T` makes a view, which swaps two strides; the product reads the same memory in
# another order.
