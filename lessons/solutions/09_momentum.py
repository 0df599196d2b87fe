# %% [markdown]
# # 09. SGD with momentum: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex import fast, models, optim
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, show_lines

# %% [markdown]
# ## 1. How high a rate momentum bears
#
# > In the valley $m = 0.9$ explodes from $\varepsilon = 2 \cdot (1 + m) / 100$ on. Try it, then
# > prove it.
#
# The lesson's descent, with the number of steps as an argument. $w_1$, the weight of the steep
# direction, starts at 1.


# %%
def descend(learning_rate, m, steps=400):
    w, v = numpy.array([-4.0, 1.0]), numpy.zeros(2)
    path = [w]
    for _ in range(steps):
        g = numpy.array([1, 100]) * w
        v = m * v - learning_rate * g
        w = w + v
        path.append(w)
    return numpy.array(path)


print("|w₁| after         100       200       400 steps")
for m in (0, 0.9):
    limit = 2 * (1 + m) / 100
    for learning_rate in (limit - 0.0001, limit, limit + 0.0001):
        steep = abs(descend(learning_rate, m)[:, 1])
        print(
            f"m = {m:<3} ε = {learning_rate:.4f}",
            *(f"{steep[step]:9.3g}" for step in (100, 200, 400)),
        )

# %% [markdown]
# A little below the limit $w_1$ shrinks, a little above it grows without end, and at the limit it
# does neither. With $m = 0.9$ the limit is 0.038, nearly twice plain descent's 0.02.
#
# **The proof.** Call the steepness $h$; along $w_1$ it is 100, and the gradient is $h \cdot w$. The
# velocity is the step last taken, $v_t = w_t - w_{t-1}$. So the rule without $v$ is
#
# $$w_{t+1} = w_t + m \cdot (w_t - w_{t-1}) - \varepsilon \cdot h \cdot w_t$$
#
# Which powers $w_t = r^t$ do this? Put them in, divide by $r^{t-1}$, and bring all to one side:
#
# $$q(r) = r^2 - (1 + m - \varepsilon \cdot h) \cdot r + m = 0$$
#
# Such an equation has two solutions, whose product is $m$. If they differ, every path is
# $a \cdot r_1^t + b \cdot r_2^t$, with $a$ and $b$ from the first two places. So $w$ shrinks if
# $|r|$ is below 1 for both, and explodes if it is above 1 for one (whose factor is not 0).
#
# - If they are complex, they are conjugates, of the same absolute value: $|r| = \sqrt{m}$, and $w$
#   shrinks.
# - If they are real, look at $q$ in two places: $q(1) = \varepsilon \cdot h$, which is positive,
#   and $q(-1) = 2 \cdot (1 + m) - \varepsilon \cdot h$. A parabola that opens upwards is negative
#   between its zeros and nowhere else.
#   - If $q(-1)$ is negative, −1 lies between the zeros. So one is below −1: $w$ explodes, and
#     changes sign in every step.
#   - If $q(-1)$ is positive, the zeros are both between −1 and 1, or both on one side of that. Then
#     their product would be above 1; but it is $m$. So $w$ shrinks.
#   - If $q(-1)$ is 0, one zero is −1 and the other $-m$: $w$ ends up leaping from one side to the
#     other, for ever.
#
# So the border is where $\varepsilon \cdot h$ is $2 \cdot (1 + m)$. (If the two are equal, both are
# $\sqrt{m}$ or $-\sqrt{m}$, and every path is $(a + b \cdot t) \cdot r^t$: that shrinks, too.)


# %%
def zeros(learning_rate, m, steepness):
    middle = 1 + m - learning_rate * steepness
    return numpy.roots([1, -middle, m])


for learning_rate in (0.0379, 0.038, 0.0381):
    r = zeros(learning_rate, 0.9, steepness=100)
    print(f"ε = {learning_rate:.4f}: zeros of q", r.round(4))

# %% [markdown]
# ## 2. Too much momentum
#
# > Try $m = 0.99$ in the valley, then in the net. What goes wrong?
#
# First the valley, with the lesson's $\varepsilon = 0.019$. We count the places more than 0.1 off,
# and print $|r|$ of the slower solution along the flat $w_0$: what is left of it after a step.

# %%
far = {}
for m in (0, 0.5, 0.75, 0.9, 0.99):
    off = abs(descend(0.019, m, 1000)).max(axis=1) > 0.1
    far[m] = off.sum()
    slower = abs(zeros(0.019, m, steepness=1)).max()
    print(
        f"m = {m:<4}  {far[m]:>3} places more than 0.1 off,",
        f"w₀ times {slower:.3f} a step",
    )

# %% [markdown]
# Of these, 0.75 is the best. From there on more momentum makes it slower, and with 0.99 it is
# slower than without any. Look at $q$ again. Its zeros are complex where
# $(1 + m - \varepsilon \cdot h)^2 < 4m$; with $h = 1$ that is where
#
# $$m > (1 - \sqrt{\varepsilon})^2 = (1 - \sqrt{0.019})^2 = 0.743$$
#
# A weight with complex zeros swings to and fro, and after each step $\sqrt{m}$ of the swing is
# left, at any rate and any steepness. $1 - m$ is the friction. To get from 4 to 0.1 takes about
# $\log 40 / (-\log \sqrt{m})$ steps: 70 with 0.9, and 734 with 0.99.

# %%
lines = {}
for m in (0.75, 0.9, 0.99):
    lines[f"m = {m}"] = range(201), descend(0.019, m, 200)[:, 0]
show_lines("09_swings", lines, "step", "w₀")

# %% [markdown]
# Now the net: the lesson's pictures, initial weights and batches. If all gradients agree,
# $m = 0.99$ makes a hundred steps of one, where 0.9 makes ten. So it gets the same rate first, and
# then a tenth of it.

# %%
n, epochs = (512, 3) if quick else (5120, 4)
some = pictures("cifar10", n, 1)
criterion = SoftmaxCrossEntropy()


def learn(learning_rate, m):
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
    engine = fast.prepare(net, workers=2)
    sgd = optim.SGD(net, learning_rate, m)
    losses = []
    for start in [*range(0, n, 64)] * epochs:
        batch = slice(start, start + 64)
        loss, _ = engine.step(some.x[batch], some.labels[batch], criterion)
        engine.update(sgd)
        losses.append(loss)
    return engine, sgd, numpy.reshape(losses, (epochs, -1)).mean(axis=1)


# %% seconds=30
runs = {}
for learning_rate, m in ((0.01, 0.9), (0.01, 0.99), (0.001, 0.99)):
    runs[learning_rate, m] = learn(learning_rate, m)
    means = runs[learning_rate, m][2]
    label = f"ε = {learning_rate}, m = {m}"
    print(f"{label:<19} epoch loss", *(f"{mean:.2f}" for mean in means))

# %% [markdown]
# With the lesson's rate it does not explode: in a valley, by exercise 1, 0.99 bears even a slightly
# higher rate than 0.9. But with CIFAR-10 it gets stuck at a loss of 1.8, and 0.9 comes down to
# 1.27. With a tenth of the rate it reaches 1.33: it learns, and nothing is gained. (Drawn shapes:
# 1.41, 0.59 and 0.61.)
#
# What is wrong is the memory. The velocity holds the last gradient once, the one before it $m$
# times, then $m^2$ times: their ages are $m / (1 - m)$ steps on average, 9 with 0.9 and 99 with
# 0.99. An epoch has 80 steps here. Most of what $v$ holds was said of weights that the net has long
# left.
#
# How much is that? Suppose that from now on there were no gradients and no decay. The net would
# roll on by $m \cdot v$, then by $m^2 \cdot v$ and so on, $m / (1 - m) \cdot v$ in all. Let it. How
# far it rolls, and how large its weights are, is the root of the sum of squares over all weights.


# %%
def length(arrays):
    return sum((array**2).sum() for array in arrays) ** 0.5


def roll(engine, sgd):
    m, before = sgd.momentum, length(engine.params.values())
    for name, w in engine.params.items():
        w += m / (1 - m) * sgd.state[f"velocity.{name}"]
    return m / (1 - m) * length(sgd.state.values()), before


# %%
x, labels = some.x[:1024], some.labels[:1024]
rolls = {}
for (learning_rate, m), (engine, sgd, _) in runs.items():
    before = criterion.forward(engine.forward(x), labels)
    distance, weights = roll(engine, sgd)
    after = criterion.forward(engine.forward(x), labels)
    rolls[learning_rate, m] = distance, before, after
    print(
        f"ε = {learning_rate:<5}, m = {m:<4}: rolls {distance:5.2f},",
        f"weights {weights:.1f}, loss {before:.2f} -> {after:.2f}",
    )

# %% [markdown]
# Each velocity was right only together with the gradients that would have stopped it: all losses
# rise. With 0.9 the net rolls by 3% of the size of its weights; with 0.99 and the same rate by 36%
# (CIFAR-10), and the weights have grown to 1.7 times the size. The lower rate is gentler: it takes
# smaller steps, but a hundred of them to gather speed, and a hundred to brake, of the 320 that it
# has.

# %% [markdown]
# ## 3. The optimiser
#
# > Write it yourself: `lessons/exercises/momentum.py`.
#
# The idea: each weight has a velocity that outlives the step, and both are changed in place, as the
# net holds the same arrays. The mistake to watch for: the decay has the rate as a factor,
# $0.0005 \cdot \varepsilon \cdot w$, and the velocity has it, too, so that a lower rate does not
# brake what is already under way. PyTorch's rule looks much the same until the rate drops.
#
# `python -m minialex.gradcheck lessons/exercises/momentum.py` says how far you are. The library's
# own is `SGD` in `minialex/optim.py`: read it when yours is right.
