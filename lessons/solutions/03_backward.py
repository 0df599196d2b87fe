# %% [markdown]
# # 03. The backward pass of convolution: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.gradcheck import check_layer
from minialex.layers import Conv2d

# %% [markdown]
# ## 1. Another bug
#
# > Plant another bug in `Forgetful`: is it found, and in which array?
#
# Three bugs that are easily made. The stride is lost on the way back; the gradient of the weights
# is taken of one picture instead of all; and the bias gets a mean where it should get a sum.


# %%
class StrideLost(Conv2d):
    def backward(self, dy):
        dx = super().backward(dy)
        wrong = numpy.zeros_like(dx)
        dX = dy @ self.params["weight"].reshape(3, -1)
        for i, j in numpy.ndindex(dy.shape[1:3]):
            window = dX[:, i, j].reshape(-1, 3, 3, 2)
            wrong[:, i : i + 3, j : j + 3] += window
        return wrong


class OnePicture(Conv2d):
    def backward(self, dy):
        dx = super().backward(dy)
        others = numpy.concatenate([dy[:1], numpy.zeros_like(dy[1:])])
        super().backward(others)
        return dx


class MeanOfBias(Conv2d):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads["bias"] = dy.mean(axis=(0, 1, 2))
        return dx


# %% [markdown]
# Each is found, in the array where it is, and nowhere else.

# %%
rng = numpy.random.default_rng(0)
x = rng.standard_normal((2, 7, 6, 2))
for kind in (StrideLost, OnePicture, MeanOfBias):
    report = check_layer(kind(2, 3, 3, stride=2, rng=rng), x, rng)
    text = ", ".join(f"d{a.array} {a.error:.0e}" for a in report.worst)
    print(f"{kind.__name__}: passed {report.passed},", text)

# %% [markdown]
# Would all of them be found in other cases? With one picture `OnePicture` is right, with a stride
# of 1 `StrideLost` is, and with an output of one number `MeanOfBias` is. So a check takes several
# pictures, a stride, and sides that differ.

# %%
cases = {"one picture": (1, 2), "stride 1": (2, 1)}
for case, (pictures, stride) in cases.items():
    for kind in (StrideLost, OnePicture):
        layer = kind(2, 3, 3, stride=stride, rng=rng)
        report = check_layer(layer, x[:pictures], rng)
        print(f"{case}: {kind.__name__} passed {report.passed}")

# %% [markdown]
# ## 2. The layer
#
# > Complete `lessons/exercises/conv.py`: its backward has padding, too.
#
# Padding adds a frame to $x$ before the windows are cut out. So on the way back, add the windows up
# in an array that has the frame, and cut the frame off at the end: its gradient belongs to nobody.
#
# `python -m minialex.gradcheck lessons/exercises/conv.py` says how far you are. The library's own
# is `minialex/layers/conv.py`: read it when yours is right.
