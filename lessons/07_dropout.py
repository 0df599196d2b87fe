# %% [markdown]
# # 07. Dropout, a coin toss for every unit of fc6 and fc7
#
# AlexNet ends with three linear layers, fc6, fc7 and fc8 (*fully connected*): its *head*. The
# outputs of fc6 and fc7 are neither pixels nor scores: they are *hidden units*. These two layers
# hold most of its weights (lesson 08), enough to memorise pictures.
#
# Many nets that vote make fewer mistakes than one, but who trains many AlexNets? Section 4.2 trains
# one whose hidden units sit out at random.

# %%
import numpy

from minialex.gradcheck import differences
from minialex.layers import (
    Conv2d,
    Dropout,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from minialex.layers.splitmix64 import random_bits
from minialex.lessons import (
    pictures,
    quick,
    seconds,
    shipped,
    show_lines,
)
from minialex.model_parts import with_classifier
from minialex.network import Network
from minialex.optim import SGD

# %% [markdown]
# ## Toss a coin for each unit
#
# With probability $p$ a unit sits out, and its output $y$ is 0. Otherwise
#
# $$y = \frac{x}{1 - p}$$
#
# With $p = 0.5$ those who stay speak twice as loudly, as if for two. New coins are tossed for each
# picture at each step, but only in training. At test time, $y = x$.

# %%
x = numpy.arange(1.0, 9.0)
layer = Dropout(0.5, numpy.random.default_rng(0))
for step in range(3):
    print(f"step {step}: ", layer.forward(x, train=True))
print("testing:", layer.forward(x))

# %% [markdown]
# A coin is a number from 0 up to, but not including, 1. It depends on the unit's place and on a
# key, new at each step, and on nothing else. So all coins can be tossed at once, in any order, by
# threads or by a GPU, and fall the same way.


# %%
def dropout(x, p, rng):
    key = rng.integers(2**64, dtype="uint64")
    places = numpy.arange(x.size, dtype="uint64")
    coins = random_bits(key, places).reshape(x.shape) / 2**64
    y = numpy.zeros(x.shape)
    for place in numpy.ndindex(x.shape):
        if coins[place] >= p:
            y[place] = x[place] / (1 - p)
    return y


x = numpy.ones((100, 1000))
loops = dropout(x, 0.5, numpy.random.default_rng(1))
print("share of units that sit out:", (loops == 0).mean())

# %% [markdown]
# The library's layer does the same without the loop. It compares the random bits themselves, 64 for
# each unit, with $p \cdot 2^{64}$, and keeps the mask in its cache.

# %%
shipped(Dropout.forward)

# %% [markdown]
# The same key gives the same coins, with the loop and without.

# %%
layer = Dropout(0.5, numpy.random.default_rng(1))
print("equal to the loops:", (layer.forward(x, train=True) == loops).all())
rng = numpy.random.default_rng(1)
slow = seconds(lambda: dropout(x, 0.5, rng), repeat=1)
fast = seconds(lambda: layer.forward(x, train=True))
print(f"loops {slow * 1e3:.0f} ms, layer {fast * 1e3:.2f} ms")

# %% [markdown]
# ## The mean stays
#
# A unit of the next layer gets
#
# $$s = \sum_i w_i \cdot y_i$$
#
# which differs from mask to mask. But each $y_i$ is 0 with the probability $p$, and $x_i / (1 - p)$
# with $1 - p$: on average, $x_i$. So the mean of $s$ is the $s$ of test time.
#
# The paper does not divide in training; at test time it multiplies all $y$ by 0.5. We divide
# in training (*inverted* dropout) and have nothing to do later. It is the same net: halve all our
# $w$, and every sum is the paper's.
#
# With $p = 0.5$ a term of $s$ is 0 or twice $w_i \cdot x_i$: its mean, plus or minus
# $w_i \cdot x_i$. Here there are 400 such terms, of about ½ each.
#
# **Guess**: by how much does $s$ differ from mask to mask (lesson 00)? And how far is its mean over
# 10,000 masks from the $s$ of test time?

# %%
rng = numpy.random.default_rng(2)
x, w = rng.random(400), rng.standard_normal(400)
masks = (rng.random((10_000, 400)) >= 0.5).astype(float)
sums = {
    "paper": ((masks * x) @ w, (0.5 * x) @ w),
    "inverted": ((masks * x / 0.5) @ w, x @ w),
}
for name, (s, test) in sums.items():
    mean, spread = s.mean(), s.std()
    print(f"{name}: train {mean:.2f} ± {spread:.2f}, test {test:.2f}")

# %% [markdown]
# ## The way back
#
# With a mask $m$ of zeros and ones, $y$ is $x$ times a constant, and so
#
# $$y_i = x_i \cdot \frac{m_i}{1 - p} \qquad
# \mathrm{d}x_i = \mathrm{d}y_i \cdot \frac{m_i}{1 - p}$$
#
# The mask is that of this forward pass, which the layer has kept. Fresh coins would blame units
# that said nothing. Finite differences, with the same mask, judge three ways; here $\mathrm{d}y_i$
# is $w_i$.

# %%
true = differences(lambda: (masks[0] * x / 0.5) @ w, x)
ways = {
    "dy · mask / (1 − p)": w * masks[0] / 0.5,
    "dy · mask": w * masks[0],
    "fresh coins": w * masks[1] / 0.5,
}
for name, dx in ways.items():
    print(f"{name:<20} largest error {abs(dx - true).max():.1e}")

# %% [markdown]
# The layer has divided its mask already:

# %%
shipped(Dropout.backward)

# %% [markdown]
# ## Memorising, or not
#
# A few hundred pictures, two small convolutions, and AlexNet's head with 256 units instead of
# 4,096, which `with_classifier` puts after them: a net that can learn all of its pictures by heart.

# %%
train, epochs = (300, 15) if quick else (500, 50)
some = pictures("fashion-mnist", train, 500 if quick else 2000)
shape = some.x.shape[1:]


def make_net(p, rng):
    features = [
        ("conv1", Conv2d(shape[2], 16, 5, stride=2, padding=2, rng=rng)),
        ("relu1", ReLU()),
        ("pool1", MaxPool2d(3, stride=2)),
        ("conv2", Conv2d(16, 32, 3, padding=1, rng=rng)),
        ("relu2", ReLU()),
    ]
    net = with_classifier(features, shape, 10, rng, hidden=256)
    net.layers["dropout6"].p = p
    net.layers["dropout7"].p = p
    return net


# %% [markdown]
# An epoch shows the net all pictures once, in batches of 50.

# %%
loss = SoftmaxCrossEntropy()


def learn_for_an_epoch(net, sgd, rng):
    for batch in rng.permutation(train).reshape(-1, 50):
        logits = net.forward(some.x[batch], train=True)
        loss.forward(logits, some.labels[batch])
        net.backward(loss.backward())
        sgd.step()


def judge(logits):
    right = (logits.argmax(axis=1) == some.test_labels).mean()
    return loss.forward(logits, some.test_labels), right


# %% [markdown]
# After each epoch we measure two losses, one on the pictures that the net learns and one on others,
# both with all units.


# %%
def learn(p):
    rng = numpy.random.default_rng(0)
    net = make_net(p, rng)
    sgd, curves = SGD(net, lr=0.01), []
    for epoch in range(1, epochs + 1):
        learn_for_an_epoch(net, sgd, rng)
        train_loss = loss.forward(net.forward(some.x), some.labels)
        test_loss, right = judge(net.forward(some.test_x))
        curves.append((epoch, train_loss, test_loss))
        if epoch % 5 == 0:
            print(
                f"p = {p}, epoch {epoch:>2}: training {train_loss:.3f},",
                f"test {test_loss:.3f}, {right:.1%} right",
            )
    return net, numpy.transpose(curves)


# %% [markdown]
# The same initial weights, once with $p = 0$, once with $p = 0.5$.
#
# **Guess**: which net learns its pictures faster? And whose test loss turns round and climbs, as
# the net grows ever surer of its mistakes?

# %% seconds=35
_, plain = learn(0.0)
net, dropped = learn(0.5)

# %%
curves = {}
for name, run in (("p = 0", plain), ("p = 0.5", dropped)):
    epoch, train_loss, test_loss = run
    curves[f"training, {name}"] = (epoch, train_loss)
    curves[f"test, {name}"] = (epoch, test_loss)
    best = test_loss.argmin()
    print(
        f"{name}: lowest test loss {test_loss[best]:.3f},",
        f"after epoch {epoch[best]:.0f}",
    )
show_lines("07_overfitting", curves, x="epoch", y="loss")

# %% [markdown]
# ## One net, or very many that share weights
#
# Each mask makes another net. To use all units at once, says the paper, is "a reasonable
# approximation to taking the geometric mean of the predictive distributions" of all these nets.
# Is it like asking many? Let 64 of them vote. The maps after the convolutions are the same for all,
# so only the head, from `flatten` on, has to run 64 times.

# %%
layers = list(net.layers.items())
seam = list(net.layers).index("flatten")
convolutions = Network(layers[:seam], shape)
maps = convolutions.forward(some.test_x)
head = Network(layers[seam:], maps.shape[1:])

votes = []
for _ in range(64):
    # train=True: coins are tossed, and each mask is a vote
    e = numpy.exp(head.forward(maps, train=True).astype(float))
    votes.append(e / e.sum(axis=1, keepdims=True))
print("votes", numpy.shape(votes))

# %% [markdown]
# The geometric mean of $n$ numbers is the $n$-th root of their product, so its logarithm is the
# mean of their logarithms. `judge` takes scores; softmax takes their exponentials, and makes them
# add up to 1. So logarithms of probabilities will do as scores. The ordinary mean stands beside it.
# Each line has the loss, and the share that is right.
#
# **Guess**: how many votes does it take to do as well as all units do at once?

# %%
for n in (1, 4, 16, 64):
    geometric = judge(numpy.log(votes[:n]).mean(axis=0))
    ordinary = judge(numpy.log(numpy.mean(votes[:n], axis=0)))
    print(
        f"{n:>2} masks: geometric {geometric[0]:.3f} {geometric[1]:.1%},",
        f"ordinary {ordinary[0]:.3f} {ordinary[1]:.1%}",
    )
scaled = judge(head.forward(maps))
print(f"all units, once:    {scaled[0]:.3f} {scaled[1]:.1%}")

# %% [markdown]
# ## To take away
#
# - Training: half of the units, twice as loud; the same half on the way back.
# - Tests: all units, which is like asking all these nets at once.
# - Learning takes longer (twice as long in the paper), but so does becoming ever surer of mistakes.
#   The share that is right need not gain much: see above.
#
# ### Exercises
#
# 1. Forget to switch dropout off in tests: what does one mask cost, above?
# 2. Write it yourself: `lessons/exercises/dropout.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **Means and masks**: $s$ differs by 11 (inverted), which is about ½ times the root of 400, and
#   by half as much in the paper's way: more than $s$ itself. The mean of 10,000 masks is a hundred
#   times closer: −9.81 where tests have −9.95, and −4.91 where they have −4.97.
# - **Memorising**: the net without dropout learns faster. With Fashion-MNIST its training loss is
#   0.14 after 15 epochs; with dropout it is 0.37. Both test losses turn round, but the
#   one with dropout does so later, and climbs more slowly: 0.67 is the lowest without, after epoch
#   13, and 0.66 with dropout, after epoch 19. After 45 epochs they are 0.99 and 0.81. Yet dropout
#   only puts it off: after epoch 50 they are 0.99 and 0.95. In the end both nets are right 78% to
#   79% of the time.
# - **Votes**: in the loss, four. Their geometric mean has 0.93, all units have 0.95, a single mask
#   has 1.08. In the share that is right, all units (78.3%) are about as good as 64 votes (78.2%),
#   for a single forward pass. The ordinary mean is better in the loss, 0.67 with 64 votes: it is
#   sure only if most nets are. (Figures of Fashion-MNIST, on one machine. On another, losses
#   were up to 0.1 away after so many epochs.)
