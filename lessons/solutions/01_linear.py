# %% [markdown]
# # 01. A linear classifier: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.layers import Linear, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, show_lines

some = pictures("fashion-mnist", 500 if quick else 10_000, 1000)
x, labels = some.x.reshape(len(some.x), -1), some.labels

# %% [markdown]
# The lesson's loop, as a function of what the exercises change.


# %%
def learn(learning_rate, weight_std=0.01, steps=50):
    rng = numpy.random.default_rng(0)
    layer = Linear(x.shape[1], 10, weight_std=weight_std, rng=rng)
    loss, losses = SoftmaxCrossEntropy(), []
    for _ in range(steps):
        scores = layer.forward(x, train=True)
        losses.append(loss.forward(scores, labels))
        layer.backward(loss.backward())
        layer.params["weight"] -= learning_rate * layer.grads["weight"]
        layer.params["bias"] -= learning_rate * layer.grads["bias"]
    return losses


# %% [markdown]
# ## 1. The learning rate
#
# > Make the learning rate ten times larger and ten times smaller. What do the losses do?

# %%
usual = 12 / x.shape[1]
curves = {}
for factor in (0.1, 1, 10):
    losses = learn(factor * usual)
    curves[f"{factor} times"] = (range(50), losses)
    print(f"{factor:>4} times:", numpy.round(losses[::7], 2))
show_lines("01_rates", curves, "step", "loss")

# %% [markdown]
# Ten times smaller: the same path, ten times as slowly. Ten times larger: steps leap over the
# valley to its other side, and land higher than they were; the loss jumps up and down. The best
# rate is not far below the one at which that begins.

# %% [markdown]
# ## 2. All weights 0
#
# > Start with all weights 0. Why does it still learn?

# %%
for start, weight_std in (("random", 0.01), ("all 0", 0.0)):
    print(f"{start:<7}", numpy.round(learn(usual, weight_std)[::7], 3))

# %% [markdown]
# The gradient of $W_{k,d}$ is $(p_k - h_k) \cdot x_d$. Nothing in it is 0 because the weights are:
# all $p_k$ start as 0.1, and $h_k$ tells the classes apart, so the weights of different classes go
# different ways from the first step on.
#
# With two linear layers, one after the other, it would not work. The gradient of the first one's
# weights contains the second one's weights as a factor, which are 0, and the other way round. And
# if all weights are equal but not 0, the hidden units between them all get the same gradient and
# stay copies of each other. That is why weights start at random.

# %% [markdown]
# ## 3. The loss
#
# > Write it yourself: `lessons/exercises/softmax.py`.
#
# `python -m minialex.gradcheck lessons/exercises/softmax.py` says how far you are. The library's
# own is `minialex/layers/loss.py`: read it when yours is right.
