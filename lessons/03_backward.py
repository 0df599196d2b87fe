# %% [markdown]
# # 03. The backward pass of convolution, derived, written and proven
#
# To learn, a net must know about each weight: if it were a little larger, how
# would the loss change? The chain rule answers this for any net, one layer at a
# time. Here is convolution's part, and a way to make sure that a gradient is
# right.

# %%
import numpy

from minialex.gradcheck import check_layer
from minialex.layers import Conv2d, Tanh
from minialex.lessons import figure, pictures, quick, seconds, shipped

# %% [markdown]
# ## One window and one kernel
#
# Suppose the layers after this one tell us how fast the loss L changes with y:
# that is dy, the upstream gradient. Take one window of four pixels and one
# kernel: y = b + Σ_k x[k] · w[k]. Nudge w[k] by δ: y changes by δ · x[k], and L
# by dy times that. The same goes for x[k] and b:
#
#     dw[k] = dy · x[k]        dx[k] = dy · w[k]        db = dy
#
# That is the chain rule: the upstream gradient times your own slope.

# %%
x, w, dy = numpy.array([1.0, 2, 3, 4]), numpy.array([0.5, -1, 0, 2]), 3.0
change = dy * (x @ (w + 0.01 * numpy.eye(4)[2]) - x @ w)
print("dw", dy * x, " dx", dy * w, " db", dy)
print(f"w[2] nudged by 0.01: L moves by {change:.4f}, dw[2] is {dy * x[2]}")

# %% [markdown]
# ## All windows: add up
#
# A kernel is used in every window; a pixel in every window that it lies in, by
# every kernel. A nudge acts through all of these uses, and they add up:
#
#     dw[o, kh, kw, c] = Σ_nij dy[n, i, j, o] · x[n, i·stride + kh, …, c]
#     dx[n, h, w, c] = Σ_oij dy[n, i, j, o] · w[o, h − i·stride, …, c]
#
# over the windows i, j that contain pixel h, w; and db[o] = Σ_nij dy. No need
# to search for them: visit all windows, as forward did, and add what each
# contributes.


# %%
def backward(x, weight, dy, stride):
    dx, dw = numpy.zeros_like(x), numpy.zeros_like(weight)
    N, OH, OW, O, K = *dy.shape, weight.shape[1]
    for n, i, j in numpy.ndindex(N, OH, OW):
        top, left = i * stride, j * stride
        window = x[n, top : top + K, left : left + K]
        dwindow = dx[n, top : top + K, left : left + K]  # a view of dx
        for o in range(O):
            dw[o] += dy[n, i, j, o] * window
            dwindow += dy[n, i, j, o] * weight[o]
    return dx, dw, dy.sum(axis=(0, 1, 2))


x = pictures("fashion-mnist", 2 if quick else 8, 1).x
rng = numpy.random.default_rng(0)
layer = Conv2d(x.shape[3], 16, 5, stride=2, rng=rng)
weight, y = layer.params["weight"], layer.forward(x, train=True)
dy = rng.standard_normal(y.shape, dtype=numpy.float32)  # as if upstream
dx, dw, db = backward(x, weight, dy, stride=2)
print(f"dy {dy.shape} -> dx {dx.shape}, dw {dw.shape}, db {db.shape}")

# %% [markdown]
# ## The same as matrix products
#
# Forward was Y = X Wᵀ + b, with a window in each row of X. The sums above are
#
#     dW = dYᵀ X        dX = dY W        db = the sum of the rows of dY
#
# (The shapes fit in no other way.) dX has a row for each window, so a pixel is
# in several rows. Adding them up, each where its window lay, is called col2im.
# The layer's own lines, at the end, are these products; G counts its groups.

# %%
X = layer.columns(x)[0]  # the layer's rows, of its first and only group
W, dY = weight.reshape(16, -1), dy.reshape(-1, 16)
print(f"dYᵀ {dY.T.shape} @ X {X.shape} = dW {W.shape}")
dX, folded = (dY @ W).reshape(*dy.shape[:3], 5, 5, -1), numpy.zeros_like(x)
for i, j in numpy.ndindex(dy.shape[1:3]):
    folded[:, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5] += dX[:, i, j]
print("against the loops, dw:", abs(dY.T @ X - dw.reshape(16, -1)).max())
print("against the loops, dx:", abs(folded - dx).max())
print("the layer's dx:", abs(layer.backward(dy) - dx).max())
slow = seconds(lambda: backward(x, weight, dy, 2), repeat=1)
fast = seconds(lambda: layer.backward(dy))
print(f"loops {slow * 1e3:.0f} ms, layer {fast * 1e3:.2f} ms; the layer:")
shipped(Conv2d.backward)

# %% [markdown]
# ## A slope can be measured
#
# Nudge a weight by ε, up and down: the slope is (L(w + ε) − L(w − ε)) / 2ε,
# with an error of about ε². So make ε small. But both values of L are rounded,
# and that error is divided by 2ε: so don't. Which ε is best in float32, and
# which in float64?

# %%
tanh, conv = Tanh(), Conv2d(2, 3, 3, stride=2, rng=rng).astype("float64")
x, r = rng.standard_normal((2, 7, 6, 2)), rng.standard_normal((2, 3, 2, 3))
tanh.forward(conv.forward(x, train=True), train=True)
conv.backward(tanh.backward(r))  # L = Σ r · y
w, known = conv.params["weight"], conv.grads["weight"]  # by backward
nudges, errors = 0.1 ** numpy.arange(1, 10), {"float32": [], "float64": []}
with figure("03_epsilon", 6, 3.5) as drawing:
    axes = drawing.subplots()
    for dtype, found in errors.items():
        for epsilon in nudges:
            slopes = numpy.zeros(w.shape)
            for at in numpy.ndindex(w.shape):
                for sign in (1, -1):
                    conv.params["weight"] = w.astype(dtype)
                    conv.params["weight"][at] += sign * epsilon
                    y = tanh.forward(conv.forward(x.astype(dtype)))
                    L = (y * r.astype(dtype)).sum()
                    slopes[at] += sign * L / (2 * epsilon)
            found.append(abs(slopes - known).mean() / abs(known).mean())
        print(dtype, "errors", " ".join(f"{error:.0e}" for error in found))
        axes.loglog(nudges, found, "o-", label=dtype)
    axes.set(xlabel="ε", ylabel="relative error of the slope")
    axes.legend()

# %% [markdown]
# ## Proof, and a bug
#
# check_layer does this for every single number, in float64, with ε = 10⁻⁵.
# Would it find the classic mistake, = instead of +=? Nothing crashes, and all
# shapes are right. But it takes windows that overlap: with stride 3 no pixel is
# used twice.


# %%
class Forgetful(Conv2d):
    def backward(self, dy):
        dx, s = super().backward(dy), self.stride
        dX = dy @ self.params["weight"].reshape(3, -1)
        for i, j in numpy.ndindex(dy.shape[1:3]):
            window = dX[:, i, j].reshape(-1, 3, 3, 2)
            dx[:, s * i : s * i + 3, s * j : s * j + 3] = window
        return dx


for kind, stride in ((Conv2d, 2), (Forgetful, 2), (Forgetful, 3)):
    report = check_layer(kind(2, 3, 3, stride=stride, rng=rng), x, rng)
    text = ", ".join(f"d{a.array} {a.error:.0e}" for a in report.worst)
    print(kind.__name__, f"stride {stride}: passed {report.passed},", text)

# %% [markdown]
# ## To take away
#
# - The upstream gradient times your own slope; several uses add up.
# - Y = X Wᵀ gives dW = dYᵀ X and dX = dY W, which col2im adds up into dx.
# - Trust no unchecked gradient: python -m minialex.gradcheck checks them all.
#
# ### Exercises
#
# 1. Plant another bug in Forgetful: is it found, and in which array?
# 2. Complete lessons/exercises/conv.py: its backward has padding, too.
