# %% [markdown]
# # 07. Dropout, a coin toss for every hidden unit
#
# fc6 and fc7 hold most of AlexNet's weights (lesson 08): enough to memorise
# pictures. Many nets that vote make fewer mistakes than one, but who trains
# many AlexNets? Section 4.2 trains one whose hidden units sit out at random.

# %%
import numpy

from minialex.gradcheck import differences
from minialex.layers import Conv2d, Dropout, MaxPool2d, ReLU
from minialex.layers.loss import SoftmaxCrossEntropy
from minialex.layers.splitmix64 import random_bits
from minialex.lessons import figure, pictures, quick, seconds, shipped
from minialex.model_parts import with_classifier
from minialex.network import Network
from minialex.optim import SGD

# %% [markdown]
# ## Toss a coin for each unit
#
# With probability p, y is 0; otherwise it is x / (1 − p): at p = 1/2 those who
# stay speak twice as loudly, as if for two. New coins are tossed for each
# picture at each step, but only in training. In tests, y is x.
#
# A coin is a number in [0, 1) that depends on the unit's place and on a key,
# new at each step, and on nothing else. So all coins can be tossed at once, in
# any order, by threads or by a GPU, and fall the same way.


# %%
def dropout(x, p, rng):
    key = rng.integers(2**64, dtype="uint64")
    coins = random_bits(key, numpy.arange(x.size, dtype="uint64")) / 2**64
    y = numpy.zeros_like(x)
    for index, coin in zip(numpy.ndindex(x.shape), coins, strict=True):
        if coin >= p:
            y[index] = x[index] / (1 - p)
    return y


x, layer = numpy.arange(1.0, 9.0), Dropout(0.5, numpy.random.default_rng(0))
for i in range(3):
    print(f"step {i}: ", layer.forward(x, train=True))
print("testing:", layer.forward(x))
x, seed = numpy.ones((100, 1000)), numpy.random.default_rng
fast = Dropout(0.5, seed(1)).forward(x, train=True)
print("equal to the loops:", (dropout(x, 0.5, seed(1)) == fast).all())
print(
    f"loops {seconds(lambda: dropout(x, 0.5, seed(1)), 1) * 1e3:.0f} ms,",
    f"layer {seconds(lambda: layer.forward(x, train=True)) * 1e3:.2f} ms:",
)
shipped(Dropout.forward)

# %% [markdown]
# ## The mean stays; and the way back
#
# The next layer gets s = Σ w·y, which differs from mask to mask (± below). The
# paper does not divide in training; in tests it multiplies all y by 0.5. We
# divide in training ("inverted" dropout) and have nothing to do in tests: the
# same net, with w half as large. Does the mean of s over 10,000 masks fit?
#
# Backward: y is x times a constant, so dx = dy · mask / (1 − p), with the mask
# of this forward pass, which the layer keeps. Fresh coins would blame units
# that said nothing. Finite differences, with the same mask, judge three ways.

# %%
rng = numpy.random.default_rng(2)
x, w = rng.random(400), rng.standard_normal(400)
masks = 1.0 * (rng.random((10000, 400)) >= 0.5)
for name, s, test in (
    ("paper", masks * x @ w, 0.5 * x @ w),
    ("inverted", masks / 0.5 * x @ w, x @ w),
):
    print(f"{name}: train {s.mean():.2f} ± {s.std():.2f}, test {test:.2f}")
true = differences(lambda: masks[0] / 0.5 * x @ w, x)
ways = {
    "dy · mask / (1 − p)": w * masks[0] / 0.5,
    "dy · mask": w * masks[0],
    "fresh coins": w * masks[1] / 0.5,
}
for name, dx in ways.items():
    print(f"{name:<20} largest error {abs(dx - true).max():.1e}")

# %% [markdown]
# ## Memorising, or not
#
# A few hundred pictures, AlexNet's head with 256 units instead of 4096, the
# same initial weights; once with p = 0, once with 1/2. All losses are measured
# with all units. Which net learns its pictures faster? And whose test loss
# turns round and climbs, as the net grows ever surer of its mistakes?

# %%
train, epochs = (300, 15) if quick else (500, 50)
some = pictures("fashion-mnist", train, 500 if quick else 2000)
loss, shape = SoftmaxCrossEntropy(), some.x.shape[1:]


def judge(logits):
    right = (logits.argmax(axis=1) == some.test_labels).mean()
    return loss.forward(logits, some.test_labels), right


def learn(p):
    rng = numpy.random.default_rng(0)
    features = [
        ("conv1", Conv2d(shape[2], 16, 5, stride=2, padding=2, rng=rng)),
        ("relu1", ReLU()),
        ("pool1", MaxPool2d(3, stride=2)),
        ("conv2", Conv2d(16, 32, 3, padding=1, rng=rng)),
        ("relu2", ReLU()),
    ]
    net = with_classifier(features, shape, 10, rng, hidden=256)
    net.layers["dropout6"].p = net.layers["dropout7"].p = p
    sgd, curves = SGD(net, lr=0.01), []
    for epoch in range(1, epochs + 1):
        for batch in rng.permutation(train).reshape(-1, 50):
            logits = net.forward(some.x[batch], train=True)
            loss.forward(logits, some.labels[batch])
            net.backward(loss.backward())
            sgd.step()
        of_train = loss.forward(net.forward(some.x), some.labels)
        of_test, right = judge(net.forward(some.test_x))
        curves.append((epoch, of_train, of_test))
        if epoch % 5 == 0:
            print(
                f"p = {p}, epoch {epoch:>2}: training {of_train:.3f},",
                f"test {of_test:.3f}, {right:.1%} right",
            )
    return net, numpy.transpose(curves)


(_, plain), (net, dropped) = learn(0.0), learn(0.5)
with figure("07_overfitting", 8, 3.2) as drawing:
    axes = drawing.subplots()
    for run, p, color in ((plain, 0, "C1"), (dropped, "½", "C0")):
        axes.plot(run[0], run[1], color + ":", label=f"training, p = {p}")
        axes.plot(run[0], run[2], color, label=f"test, p = {p}")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend()

# %% [markdown]
# ## One net, or very many that share weights
#
# Each mask makes another net. The paper: to use all units at once is "a
# reasonable approximation to taking the geometric mean of the predictive
# distributions" of all these nets. Let 1, 4, 16, 64 vote, and see.

# %%
layers, seam = list(net.layers.items()), list(net.layers).index("flatten")
maps = Network(layers[:seam], shape).forward(some.test_x)
head, votes = Network(layers[seam:], maps.shape[1:]), []
for _ in range(64):
    p = numpy.exp(head.forward(maps, train=True).astype(float))
    votes.append(p / p.sum(axis=1, keepdims=True))
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
# - Learning takes longer (twice as long in the paper), but the net is less sure
#   of its mistakes. The share that is right need not gain much: see above.
#
# ### Exercises
#
# 1. Forget to switch dropout off in tests: what does one mask cost, above?
# 2. Write it yourself: lessons/exercises/dropout.py.
