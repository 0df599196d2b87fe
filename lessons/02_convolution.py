# %% [markdown]
# # 02. Convolution, first with loops, then as one matrix product
#
# A linear classifier (lesson 01) has a weight for every pixel: move the shoe by
# three pixels, and it has to be learnt all over again. A convolution looks at a
# small window, asks one question about it ("is there an edge?"), and asks the
# same question everywhere. This lesson writes it the way the formula says, sees
# that this is too slow, and finds the matrix product that is hidden in it.

# %%
import numpy

from minialex.layers import Conv2d
from minialex.layers.im2col import im2col, output_size
from minialex.lessons import figure, pictures, quick, seconds, shipped

# %% [markdown]
# ## A picture and a question
#
# A picture is an array (H, W, C): rows, columns, channels. A kernel is a small
# array (KH, KW, C) of weights. Lay the kernel on the picture, multiply the
# numbers that lie on top of each other, and add it all up: that is one number,
# the answer. The kernel below is positive on the left and negative on the
# right. It gives a large number where something bright ends on the right: a
# vertical edge.

# %%
some = pictures("fashion-mnist", 64, 1)
picture = some.x[0]  # (H, W, C)
edge = numpy.zeros((3, 3, picture.shape[2]), numpy.float32)
edge[:, 0], edge[:, 2] = 1, -1
print("picture", picture.shape, "kernel", edge.shape)
for column in (4, 11, 12, 23):
    window = picture[10:13, column : column + 3]
    print(f"row 10, column {column:>2}: {(window * edge).sum():+.2f}")

# %% [markdown]
# ## The formula, word for word
#
# A layer asks O questions, each with its own kernel, so its weights are an
# array (O, KH, KW, C). The output has a place for each window and a channel for
# each kernel:
#
#     y[n, i, j, o] = b[o] + Σ  x[n, i·stride + kh, j·stride + kw, c]
#                         kh,kw,c                    · w[o, kh, kw, c]
#
# With a stride of 2 the window moves two pixels at a time. Padding puts zeros
# around the picture, so that windows can also sit on its border. How many
# windows fit along a side of `size` pixels?
#
#     ⌊(size + 2·padding − kernel) / stride⌋ + 1


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
# Each channel of y is a map that shows where its question got a large answer.
# These kernels are random, as they are before training. Yet some maps already
# show outlines: a random kernel rarely answers both sides of an edge alike. The
# second picture is the answer to the edge kernel from above.

# %%
edges = convolve(x[:1], edge[None], numpy.zeros(1), stride=1, padding=1)
with figure("02_maps", 8, 2) as drawing:
    shown = {"picture": some.images[0], "vertical edges": edges[0, ..., 0]}
    shown |= {f"random kernel {k}": naive[0, ..., k] for k in range(3)}
    for axes, title in zip(drawing.subplots(1, 5), shown, strict=True):
        axes.imshow(shown[title], cmap="gray")
        axes.set_title(title, fontsize=9)
        axes.axis("off")

# %% [markdown]
# ## The matrix product inside
#
# The innermost sum runs over kh, kw and c. Lay out the window and the kernel,
# each as one long row of KH·KW·C numbers: the sum is their dot product. All dot
# products of one set of rows with another set of rows: that is a matrix
# product. So copy every window into a row of a matrix X (this is called
# im2col), write every kernel as a row of a matrix W, and
#
#     Y = X Wᵀ + b
#
# Every pixel is now copied up to KH·KW times, which sounds wasteful. But matrix
# products are what computers do best.

# %%
N, OH, OW, O = naive.shape
columns = numpy.empty((N, OH, OW, 5, 5, x.shape[3]), x.dtype)
padded = numpy.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
for i in range(OH):
    for j in range(OW):
        columns[:, i, j] = padded[:, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5]
X, W = columns.reshape(N * OH * OW, -1), weight.reshape(O, -1)
Y = (X @ W.T + bias).reshape(naive.shape)
print(f"X {X.shape} @ Wᵀ {W.T.shape} = Y {(X @ W.T).shape}")
print("largest difference from the loops:", abs(Y - naive).max())
print(f"X is {X.size / x.size:.1f} times as large as x")

# %% [markdown]
# ## The same without the loops over windows
#
# There are fewer places in a window than windows. So loop over those: for each
# of the 25 places, one slice of x holds the pixels that all windows have there.
# That is minialex/layers/im2col.py, and the layer multiplies what it returns.
# Both are printed below; the layer has one more axis, for groups (lesson 08).

# %%
fast_columns = im2col(x, 5, stride=2, padding=2).reshape(X.shape)
print("the same rows:", (fast_columns == X).all())
fast = layer.forward(x)
print("the layer's difference from the loops:", abs(fast - naive).max())
slow_time = seconds(lambda: convolve(x, weight, bias, 2, 2), repeat=1)
fast_time = seconds(lambda: layer.forward(x))
print(f"loops {slow_time * 1e3:.0f} ms, layer {fast_time * 1e3:.2f} ms")
shipped(im2col, Conv2d.forward)

# %% [markdown]
# ## To take away
#
# - A convolution is one small linear classifier, applied at every place. It
#   has few weights, because all places share them.
# - The output side is ⌊(size + 2·padding − kernel) / stride⌋ + 1.
# - im2col turns it into one matrix product: read conv.py now. X is large; lesson
#   14 builds it for a few pictures at a time.
#
# ### Exercises
#
# 1. AlexNet's first layer has 96 kernels of 11×11×3, stride 4, on 227×227
#    pixels. How large is y? How large is X for 128 pictures, in GB?
# 2. Write a kernel that finds horizontal edges, and one that blurs.
# 3. Write it yourself: lessons/exercises/conv.py. Lesson 03 has what its
#    backward pass needs.
