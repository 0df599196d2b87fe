# %% [markdown]
# # 02. Convolution, first with loops, then as one matrix product
#
# A linear classifier (lesson 01) has a weight for every pixel: move the shoe by three pixels, and
# it has to be learnt all over again. A convolution looks at a small window, asks one question about
# it ("is there an edge?"), and asks the same question everywhere. This lesson writes it the way the
# formula says, sees that this is too slow, and finds the matrix product that is hidden in it.

# %%
import numpy

from minialex.layers import Conv2d
from minialex.layers.im2col import im2col, output_size, place
from minialex.lessons import (
    pictures,
    quick,
    seconds,
    shipped,
    show_pictures,
)

# %% [markdown]
# ## A picture and a question
#
# A picture is an array $(H, W, C)$: rows, columns, channels. A *kernel* is a small array
# $(K_H, K_W, C)$ of weights. Lay the kernel on the picture, multiply the numbers that lie on top of
# each other, and add up the products: that is one number, the answer.

# %%
some = pictures("fashion-mnist", 64, 1)
picture = some.x[0]
edge = numpy.zeros((3, 3, picture.shape[2]), numpy.float32)
edge[:, 0], edge[:, 2] = 1, -1
print("picture", picture.shape, "kernel", edge.shape)
print(edge[:, :, 0])

# %% [markdown]
# This kernel is positive on the left and negative on the right. It gives a large number where
# something bright ends on the right: a vertical edge.

# %%
for column in (4, 11, 12, 23):
    window = picture[10:13, column : column + 3]
    print(f"row 10, column {column:>2}: {(window * edge).sum():+.2f}")

# %% [markdown]
# ## The formula, word for word
#
# A layer asks $O$ questions, each with its own kernel, so its weights are an array
# $(O, K_H, K_W, C)$. The output has a place for each window and a channel for each kernel. With the
# stride $s$, by which the window moves,
#
# $$y_{n,i,j,o} = b_o + \sum_{u,v,c} x_{n,\;si+u,\;sj+v,\;c} \cdot w_{o,u,v,c}$$
#
# where $u$ and $v$ are the row and the column inside the window. (Mathematicians turn the kernel
# round first; without that, they speak of *cross-correlation*. Nets learn their kernels, so it
# makes no difference.) What `padding` does comes below.


# %%
def convolve(x, weight, bias, stride, padding):
    x = numpy.pad(x, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    N, H, W, _ = x.shape
    O, KH, KW, _ = weight.shape
    OH, OW = (H - KH) // stride + 1, (W - KW) // stride + 1
    y = numpy.empty((N, OH, OW, O), x.dtype)
    for n in range(N):
        for i in range(OH):
            for j in range(OW):
                top, left = i * stride, j * stride
                window = x[n, top : top + KH, left : left + KW]
                for o in range(O):
                    y[n, i, j, o] = (window * weight[o]).sum() + bias[o]
    return y


# %% [markdown]
# With a stride of 2 the window moves two pixels at a time. *Padding* puts zeros around the picture,
# so that windows can also sit on its border. Along a side of $H$ pixels, with a kernel of $K$ and
# a padding of $p$, there are
#
# $$\left\lfloor \frac{H + 2p - K}{s} \right\rfloor + 1$$
#
# windows, where $\lfloor\ \rfloor$ rounds down: a window that would stick out is left out.
#
# **Guess**: how many is that for 28 pixels, a kernel of 5, a padding of 2, and a stride of 2?

# %%
x = some.x[: 2 if quick else 8]
rng = numpy.random.default_rng(0)
layer = Conv2d(x.shape[3], 16, 5, stride=2, padding=2, rng=rng)
weight, bias = layer.params["weight"], layer.params["bias"]
naive = convolve(x, weight, bias, stride=2, padding=2)
side = output_size(x.shape[1], 5, stride=2, padding=2)
print(f"x {x.shape}, weight {weight.shape} -> y {naive.shape}; side {side}")

# %% [markdown]
# ## Sixteen questions, sixteen maps
#
# Each channel of $y$ is a map that shows where its question got a large answer. These kernels are
# random, as they are before training. Yet some maps already show outlines: a random kernel rarely
# answers both sides of an edge alike. The second picture is the answer to the edge kernel from
# above.

# %%
# edge[None] has a first axis of size 1: one kernel
edges = convolve(x[:1], edge[None], numpy.zeros(1), stride=1, padding=1)
maps = {"picture": some.images[0], "vertical edges": edges[0, ..., 0]}
for kernel in range(3):
    maps[f"random kernel {kernel}"] = naive[0, ..., kernel]
show_pictures("02_maps", maps)

# %% [markdown]
# ## The matrix product inside
#
# The sum runs over $u$, $v$ and $c$. Lay out the window and the kernel, each as one long row of
# $K_H \cdot K_W \cdot C$ numbers: the sum is their dot product. All dot products of one set of rows
# with another set of rows: that is a matrix product. So copy every window into a row of a matrix
# $X$ (this is called *im2col*), write every kernel as a row of a matrix $W$, and
#
# $$Y = X W^\top + b$$

# %%
N, OH, OW, O = naive.shape
padded = numpy.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
columns = numpy.empty((N, OH, OW, 5, 5, x.shape[3]), x.dtype)
for i in range(OH):
    for j in range(OW):
        columns[:, i, j] = padded[:, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5]
X, W = columns.reshape(N * OH * OW, -1), weight.reshape(O, -1)

Y = (X @ W.T + bias).reshape(naive.shape)
print(f"X {X.shape} @ Wᵀ {W.T.shape} = Y {(X @ W.T).shape}")
print("largest difference from the loops:", abs(Y - naive).max())

# %% [markdown]
# Every pixel is copied into each window that it lies in, which sounds wasteful. But matrix products
# are what computers do best.
#
# **Guess**: a window has 25 pixels here, and moves by 2. How many times as large as $x$ is $X$?

# %%
print(f"X is {X.size / x.size:.1f} times as large as x")

# %% [markdown]
# ## The same without the loops over windows
#
# There are fewer places in a window than windows. So loop over places: for each of the 25,
# one slice of $x$ holds the pixels that all windows have there. That is what the library does.
# (`value` is what padding consists of: 0, except in max-pools.)

# %%
shipped(im2col, place)

# %% [markdown]
# And the layer multiplies what `im2col` returns: `self.columns` calls it and makes rows of the
# windows. The first axis counts groups (lesson 08), of which there is one here. With three axes `@`
# multiplies matrix by matrix along the first, and `transpose(0, 2, 1)` is a ᵀ for each.

# %%
shipped(Conv2d.forward)

# %% [markdown]
# Do they compute the same numbers, and how long do they take?

# %%
fast_columns = im2col(x, 5, stride=2, padding=2).reshape(X.shape)
print("the same rows:", (fast_columns == X).all())
fast = layer.forward(x)
print("the layer's difference from the loops:", abs(fast - naive).max())
slow_time = seconds(lambda: convolve(x, weight, bias, 2, 2), repeat=1)
fast_time = seconds(lambda: layer.forward(x))
print(f"loops {slow_time * 1e3:.0f} ms, layer {fast_time * 1e3:.2f} ms")

# %% [markdown]
# ## Point at a unit
#
# `python -m minialex.train` leaves a small AlexNet in `runs/shapes-alexnet-cifar`, and
#
#     python -m minialex.explore runs/shapes-alexnet-cifar
#
# opens a page with everything that it makes of a picture (`pip install -e '.[explore]'` installs
# what that needs). Open conv1 by its name and tick *Let me predict it first*.
#
# - Go to row 0, column 0 of any map. Its window of 5×5 reaches two pixels beyond the edge: how many
#   of its 25 places are padding? Predict $y$ from what is left: the products of red, green and
#   blue, their sum, and the bias. A guess from the largest of them will do. Look.
# - Choose the *Blank* picture, which is the mean colour everywhere. What is each unit of conv1 now,
#   whatever its kernel looks like?
# - Click on the large map, and go one column to the right with the arrow key. By how many pixels
#   does the window move?

# %% [markdown]
# ## To take away
#
# - A convolution is one small linear classifier, applied at every place. It has few weights,
#   because all places share them.
# - There are $\lfloor (H + 2p - K) / s \rfloor + 1$ places along a side.
# - im2col turns it into one matrix product. $X$ is large; lesson 14 builds it for a few pictures at
#   a time.
#
# ### Exercises
#
# 1. AlexNet's first layer has 96 kernels of 11×11×3, stride 4, on 227×227 pixels. How large is $y$?
#    How large is $X$ for 128 pictures, in GB?
# 2. Write a kernel that finds horizontal edges, and one that blurs.
# 3. Write it yourself: `lessons/exercises/conv.py`. Lesson 03 has what its backward pass needs.

# %% [markdown]
# ## Answers to the guesses
#
# - **Windows**: $\lfloor (28 + 4 - 5) / 2 \rfloor + 1 = 14$ along each side. That is half of 28: a
#   padding of $(K - 1) / 2$ keeps the size, and the stride halves it.
# - **The size of X**: $14 \cdot 14 \cdot 25 / (28 \cdot 28) = 6.25$. A pixel lies in 25 windows if
#   they move by 1, and on average in a quarter as many if they move by 2 along both sides.
# - **Point at a unit**: in the corner 16 of 25 places are padding, two rows and two columns. On the
#   blank picture each unit is its bias: the network sees zeros, for the mean is subtracted. The
#   window moves by one pixel, the stride.
