# %% [markdown]
# # 07. Dropout: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.layers import Conv2d, MaxPool2d, ReLU, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick
from minialex.model_parts import with_classifier
from minialex.network import Network
from minialex.optim import SGD

# %% [markdown]
# ## 1. One mask in the test
#
# > Forget to switch dropout off in tests: what does one mask cost, above?
#
# The lesson's pictures, and its net with 256 hidden units.

# %%
train, epochs = (300, 10) if quick else (500, 50)
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
# It learns as in the lesson, once with dropout and once without.

# %%
loss = SoftmaxCrossEntropy()


def learn(p):
    rng = numpy.random.default_rng(0)
    net = make_net(p, rng)
    sgd = SGD(net, lr=0.01)
    for _ in range(epochs):
        for batch in rng.permutation(train).reshape(-1, 50):
            logits = net.forward(some.x[batch], train=True)
            loss.forward(logits, some.labels[batch])
            net.backward(loss.backward())
            sgd.step()
    return net


# %% seconds=35
nets = {0.5: learn(0.5), 0.0: learn(0.0)}

# %% [markdown]
# To forget it is to call `forward` with `train=True` in the test. One mask is a matter of luck, so
# we take 16, and for each the loss and the share that is right. As in the lesson the convolutions,
# which have no dropout, run once.


# %%
def log_probabilities(logits):
    logits = logits.astype(float)
    largest = logits.max(axis=1, keepdims=True)
    e = numpy.exp(logits - largest)
    return logits - largest - numpy.log(e.sum(axis=1, keepdims=True))


def halves(net):
    layers = list(net.layers.items())
    seam = list(net.layers).index("flatten")
    maps = Network(layers[:seam], shape).forward(some.test_x)
    return maps, Network(layers[seam:], maps.shape[1:])


def judge(logits):
    right = (logits.argmax(axis=1) == some.test_labels).mean()
    return loss.forward(logits, some.test_labels), right


# %%
maps, head = halves(nets[0.5])
votes = []
for _ in range(16):
    votes.append(log_probabilities(head.forward(maps, train=True)))
votes = numpy.array(votes)
single = numpy.array([judge(vote) for vote in votes])
all_units = judge(head.forward(maps))
mean, spread = single.mean(axis=0), single.std(axis=0)
print(f"one mask:  loss {mean[0]:.3f} ± {spread[0]:.3f},", end=" ")
print(f"right {mean[1]:.1%} ± {spread[1]:.1%}")
print(f"all units: loss {all_units[0]:.3f}, right {all_units[1]:.1%}")
answers = votes.argmax(axis=2)
differ = (answers[0] != answers[1]).mean()
print(f"two masks differ in {differ:.1%} of their answers")

# %% [markdown]
# With Fashion-MNIST a mask costs 0.2 in the loss, and three of a hundred right answers (drawn
# shapes: 0.65, and seven of a hundred). And the test becomes a lottery: with another mask the same
# net gives another answer to every fifth picture (every second shape). The last epochs jump about,
# and computers round differently: where the lesson was written, all units had 0.95 and a mask cost
# 0.13.
#
# Why does it cost anything? The lesson compared one mask with a vote of many. Let $p_{m,c}$ be the
# probability that mask $m$ gives to class $c$, and $a_c$ the mean of its logarithm over $n$ masks:
#
# $$a_c = \frac{\sum_m \log p_{m,c}}{n}$$
#
# For the right class, $-a_c$ is the mean of the losses of the single masks. The vote, the geometric
# mean of the probabilities, is
#
# $$G_c = \frac{e^{a_c}}{Z} \qquad Z = \sum_c e^{a_c}$$
#
# where $Z$ makes the ten of them add up to 1. So its loss is
#
# $$-\log G_c = -a_c + \log Z$$
#
# and a single mask costs $-\log Z$ more, on average. That is never negative: in each class the
# geometric mean is at most the ordinary one, and the ordinary means add up to 1, so $Z$ is never
# above 1, and is 1 only if all masks agree. What one mask costs is how much masks disagree,
# whatever the label is. All units at once do about as well as the vote, as the lesson has shown.
# Here is the cost from the losses, and from $Z$.

# %%
geometric = judge(votes.mean(axis=0))
Z = numpy.exp(votes.mean(axis=0)).sum(axis=1)
print(f"16 masks, geometric mean: loss {geometric[0]:.4f}")
print(f"one mask costs {mean[0] - geometric[0]:.4f} more")
print(f"mean of -log Z {-numpy.log(Z).mean():.4f}, largest Z {Z.max():.4f}")

# %% [markdown]
# Would the net that learnt without dropout bear a mask?

# %%
plain_maps, plain_head = halves(nets[0.0])
for name in ("dropout6", "dropout7"):
    plain_head.layers[name].p = 0.5
plain = []
for _ in range(16):
    plain.append(judge(plain_head.forward(plain_maps, train=True)))
plain_mean = numpy.mean(plain, axis=0)
plain_all = judge(plain_head.forward(plain_maps))
print(f"one mask:  loss {plain_mean[0]:.3f}, right {plain_mean[1]:.1%}")
print(f"all units: loss {plain_all[0]:.3f}, right {plain_all[1]:.1%}")

# %% [markdown]
# No: it loses 23 of a hundred right answers (Fashion-MNIST; with drawn shapes 20). Its units rely
# on each other, and half of them are missing. That is what dropout prevents: a unit "cannot rely on
# the presence of particular other neurons" (section 4.2).

# %% [markdown]
# ## 2. The layer
#
# > Write it yourself: `lessons/exercises/dropout.py`.
#
# Forward multiplies each number by a constant, which is 0 or $1 / (1 - p)$; so backward multiplies
# by the same constants. Keep them in `self.cache`: the mistakes to watch for are new coins in
# backward, and a divisor in only one of the two.
#
# `python -m minialex.gradcheck lessons/exercises/dropout.py` says how far you are. The library's
# own is `minialex/layers/dropout.py`: read it when yours is right.
