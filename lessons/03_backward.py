# %% [markdown]
# # 03. The backward pass of convolution, derived, written and checked
#
# To learn, a net must know about each weight: if it were a little larger, how would the loss
# change? The chain rule answers this for any net, one layer at a time. Here is convolution's part,
# and a way to make sure that a gradient is right.

# %%
import numpy

from minialex.gradcheck import check_layer
from minialex.layers import Conv2d, Tanh
from minialex.lessons import pictures, quick, seconds, shipped, show_lines

# %% [markdown]
# ## One window and one kernel
#
# Suppose the layers after this one tell us how fast the loss $L$ changes with $y$: that is
# $\mathrm{d}y$, the *upstream gradient*. Take one window of four pixels and one kernel:
#
# $$y = b + \sum_k x_k \cdot w_k$$
#
# Nudge $w_k$ by $\delta$: $y$ changes by $\delta \cdot x_k$, and $L$ by $\mathrm{d}y$ times that.
# The same goes for $x_k$ and $b$:
#
# $$\mathrm{d}w_k = \mathrm{d}y \cdot x_k \qquad \mathrm{d}x_k = \mathrm{d}y \cdot w_k \qquad
# \mathrm{d}b = \mathrm{d}y$$
#
# That is the chain rule: the upstream gradient times the layer's own slope.
#
# **Guess**: let $x = (1, 2, 3, 4)$, $w = (0.5, -1, 0, 2)$ and $\mathrm{d}y = 3$. By how much does
# $L$ change if `w[2]`, the 0, grows by 0.01?

# %%
x, w, dy = numpy.array([1.0, 2, 3, 4]), numpy.array([0.5, -1, 0, 2]), 3.0
nudged = w + numpy.array([0, 0, 0.01, 0])
change = dy * (x @ nudged - x @ w)
print("dw", dy * x, " dx", dy * w, " db", dy)
print(f"w[2] nudged by 0.01: L moves by {change:.4f}, dw[2] is {dy * x[2]}")

# %% [markdown]
# ## All windows: add up
#
# A kernel is used in every window; a pixel in every window that it lies in, by every kernel. A
# nudge acts through all of these uses, and they add up. With the row $u$ and the column $v$ inside
# the window:
#
# $$\mathrm{d}w_{o,u,v,c} = \sum_{n,i,j} \mathrm{d}y_{n,i,j,o} \cdot x_{n,\;si+u,\;sj+v,\;c}$$
#
# $$\mathrm{d}x_{n,h,l,c} = \sum_{o,i,j} \mathrm{d}y_{n,i,j,o} \cdot w_{o,\;h-si,\;l-sj,\;c}$$
#
# over the windows $i, j$ that contain the pixel $h, l$. (Window $i$ has the pixel $h = si + u$ at
# its row $u$; seen from the pixel, $u = h - si$.) And $\mathrm{d}b_o$ is the sum of all
# $\mathrm{d}y_{n,i,j,o}$.

# %% [markdown]
# There is no need to search for the windows that contain a pixel: visit all windows, as forward
# did, and add what each contributes. `numpy.ndindex` goes through all values of its indices: here,
# three loops in one line.


# %%
def backward(x, weight, dy, stride):
    dx, dw = numpy.zeros_like(x), numpy.zeros_like(weight)
    N, OH, OW, O = dy.shape
    K = weight.shape[1]
    for n, i, j in numpy.ndindex(N, OH, OW):
        top, left = i * stride, j * stride
        window = x[n, top : top + K, left : left + K]
        dwindow = dx[n, top : top + K, left : left + K]  # a view of dx
        for o in range(O):
            dw[o] += dy[n, i, j, o] * window
            dwindow += dy[n, i, j, o] * weight[o]
    return dx, dw, dy.sum(axis=(0, 1, 2))


# %% [markdown]
# For the upstream gradient, random numbers will do: the rule must hold for any.

# %%
x = pictures("fashion-mnist", 2 if quick else 8, 1).x
rng = numpy.random.default_rng(0)
layer = Conv2d(x.shape[3], 16, 5, stride=2, rng=rng)
weight, y = layer.params["weight"], layer.forward(x, train=True)
dy = rng.standard_normal(y.shape, dtype=numpy.float32)
dx, dw, db = backward(x, weight, dy, stride=2)
print(f"dy {dy.shape} -> dx {dx.shape}, dw {dw.shape}, db {db.shape}")

# %% [markdown]
# ## The gradients of the weights, as a matrix product
#
# Forward was $Y = X W^\top + b$, with a window in each row of $X$: row $r$ of $Y$ is a window, its
# column $o$ a kernel.
#
# $$Y_{r,o} = b_o + \sum_q X_{r,q} \cdot W_{o,q}$$
#
# So $W_{o,q}$ acts through all rows, and $X_{r,q}$ through all kernels:
#
# $$\mathrm{d}W_{o,q} = \sum_r \mathrm{d}Y_{r,o} \cdot X_{r,q} \qquad
# \mathrm{d}X_{r,q} = \sum_o \mathrm{d}Y_{r,o} \cdot W_{o,q}$$
#
# These are products of matrices again:
#
# $$\mathrm{d}W = \mathrm{d}Y^\top X \qquad \mathrm{d}X = \mathrm{d}Y\,W$$
#
# and $\mathrm{d}b$ is the sum of the rows of $\mathrm{d}Y$. (If you forget them: only one order
# fits the shapes.)

# %%
X = layer.columns(x)[0]  # the layer's rows, of its first and only group
W, dY = weight.reshape(16, -1), dy.reshape(-1, 16)
print(f"dYᵀ {dY.T.shape} @ X {X.shape} = dW {W.shape}")
print("against the loops, dw:", abs(dY.T @ X - dw.reshape(16, -1)).max())

# %% [markdown]
# ## The gradient of the pixels: col2im
#
# $\mathrm{d}X$ has a row for each window, so a pixel is in several rows. Adding them up, each where
# its window lay, is called *col2im*.

# %%
dX = (dY @ W).reshape(*dy.shape[:3], 5, 5, -1)
folded = numpy.zeros_like(x)
for i, j in numpy.ndindex(dy.shape[1:3]):
    folded[:, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5] += dX[:, i, j]
print("against the loops, dx:", abs(folded - dx).max())

# %% [markdown]
# The layer's own lines are these products; `G` counts its groups (lesson 08).

# %%
shipped(Conv2d.backward)

# %%
print("the layer's dx:", abs(layer.backward(dy) - dx).max())
slow = seconds(lambda: backward(x, weight, dy, 2), repeat=1)
fast = seconds(lambda: layer.backward(dy))
print(f"loops {slow * 1e3:.0f} ms, layer {fast * 1e3:.2f} ms")

# %% [markdown]
# ## A slope can be measured
#
# Nudge a weight by $\varepsilon$, up and down: the slope is
#
# $$\frac{L(w + \varepsilon) - L(w - \varepsilon)}{2 \varepsilon}$$
#
# Try it with $L = w^3$, whose slope is $3 w^2$: it gives $3 w^2 + \varepsilon^2$. The
# $\varepsilon^2$ is an error, so make $\varepsilon$ small. But both values of $L$ are rounded, by
# about $10^{-7}$ of themselves in float32 and $10^{-16}$ in float64, and that is divided by
# $2 \varepsilon$: so do not make it too small. If $\varepsilon$ is large, the error $\varepsilon^2$
# is the larger one; if it is small, rounding is.

# %% [markdown]
# To see both, take a small net: a convolution and a tanh, a smooth function that bends (lesson 04);
# without it $L$ would be a straight line in $w$, and no $\varepsilon$ would be too large. As the
# loss take $L = \sum r \cdot y$ with random $r$: then the upstream gradient is $r$. The gradients
# from `backward`, in float64, are what the slopes will be compared with.

# %%
tanh, conv = Tanh(), Conv2d(2, 3, 3, stride=2, rng=rng).astype("float64")
x, r = rng.standard_normal((2, 7, 6, 2)), rng.standard_normal((2, 3, 2, 3))
tanh.forward(conv.forward(x, train=True), train=True)
conv.backward(tanh.backward(r))
w, known = conv.params["weight"], conv.grads["weight"]

# %% [markdown]
# Everything must be in the number format that is tried, the bias too: a single float64 would make
# all that follows float64 (lesson 00).


# %%
def measured_slopes(w, dtype, epsilon):
    slopes = numpy.zeros(w.shape)
    conv.params["bias"] = numpy.zeros(3, dtype)
    for index in numpy.ndindex(w.shape):
        for sign in (1, -1):
            conv.params["weight"] = w.astype(dtype)
            conv.params["weight"][index] += sign * epsilon
            y = tanh.forward(conv.forward(x.astype(dtype)))
            L = (y * r.astype(dtype)).sum()
            slopes[index] += sign * L / (2 * epsilon)
    return slopes


# %% [markdown]
# **Guess**: the best $\varepsilon$ is about where both errors are equal. Where is that in float32,
# and where in float64?

# %%
nudges, errors = 0.1 ** numpy.arange(1, 10), {"float32": [], "float64": []}
for dtype, found in errors.items():
    for epsilon in nudges:
        slopes = measured_slopes(w, dtype, epsilon)
        found.append(abs(slopes - known).mean() / abs(known).mean())
    print(dtype, "errors", " ".join(f"{error:.0e}" for error in found))
curves = {dtype: (nudges, found) for dtype, found in errors.items()}
show_lines("03_epsilon", curves, "ε", "relative error of the slope", "log")

# %% [markdown]
# ## The check
#
# `check_layer` does this for every single number, in float64, with $\varepsilon = 10^{-5}$.

# %%
report = check_layer(Conv2d(2, 3, 3, stride=2, rng=rng), x, rng)
for array in report.worst:
    print(f"d{array.array}: error {array.error:.0e}")

# %% [markdown]
# ## A bug
#
# Would it find the classic mistake, `=` instead of `+=`? Nothing crashes, and all shapes are right.
# The class below calls the right backward first. Then it writes each window's gradient into `dx`
# once more, with `=`: what other windows had added there is lost. (Its sizes, 3 kernels of 3×3×2,
# are those of the check.)


# %%
class Forgetful(Conv2d):
    def backward(self, dy):
        dx, s = super().backward(dy), self.stride
        dX = dy @ self.params["weight"].reshape(3, -1)
        for i, j in numpy.ndindex(dy.shape[1:3]):
            window = dX[:, i, j].reshape(-1, 3, 3, 2)
            dx[:, s * i : s * i + 3, s * j : s * j + 3] = window
        return dx


# %% [markdown]
# **Guess**: its windows are 3×3. Is the bug found with a stride of 2? And with a stride of 3?

# %%
for kind, stride in ((Conv2d, 2), (Forgetful, 2), (Forgetful, 3)):
    report = check_layer(kind(2, 3, 3, stride=stride, rng=rng), x, rng)
    text = ", ".join(f"d{a.array} {a.error:.0e}" for a in report.worst)
    print(kind.__name__, f"stride {stride}: passed {report.passed},", text)

# %% [markdown]
# ## To take away
#
# - The upstream gradient times the layer's own slope; several uses add up.
# - $Y = X W^\top$ gives $\mathrm{d}W = \mathrm{d}Y^\top X$ and $\mathrm{d}X = \mathrm{d}Y\,W$,
#   which col2im adds up into $\mathrm{d}x$.
# - Trust no unchecked gradient: `python -m minialex.gradcheck` checks them all.
#
# ### Exercises
#
# 1. Plant another bug in `Forgetful`: is it found, and in which array?
# 2. Complete `lessons/exercises/conv.py`: its backward has padding, too.

# %% [markdown]
# ## Answers to the guesses
#
# - **One nudge**: by $\mathrm{d}y \cdot x_2 \cdot 0.01 = 3 \cdot 3 \cdot 0.01 = 0.09$. What the
#   weight itself is does not matter.
# - **The best** $\varepsilon$: $\varepsilon^2 = 10^{-7} / \varepsilon$ gives about 0.005, and with
#   $10^{-16}$ it gives 0.000005. Measured, it is $10^{-5}$ in float64, with ten digits right, and
#   between $10^{-2}$ and $10^{-3}$ in float32, with four. Larger ones miss the slope by
#   $\varepsilon^2$; smaller ones drown in rounding.
# - **The bug** is found with a stride of 2, where neighbouring windows share pixels. With a stride
#   of 3 no pixel is used twice, so there is nothing to add up, and `=` is right. A check is only as
#   good as its cases.
