# %% [markdown]
# # 17. Reading the program of 2012 beside the paper: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex import fast, models
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import pictures, quick

# %% [markdown]
# ## 1. The largest answer
#
# > All numbers of a map are $a$. At which $a$ does `PlaceNorm` return the most?
#
# With $c = 0.001$ it returns $y = a \cdot (1 + c \cdot a^2)^{-0.75}$, and
#
# $$\frac{\mathrm{d}y}{\mathrm{d}a} = (1 + c \cdot a^2)^{-1.75} \cdot
# (1 + c \cdot a^2 - 1.5 \cdot c \cdot a^2)$$
#
# This is 0 where $0.5 \cdot c \cdot a^2 = 1$, at $a = \sqrt{2 / c} = 44.7$. There $s = 3$: the
# answer is 44.7 divided by $3^{0.75}$, 19.6.

# %%
a = numpy.linspace(0, 200, 200_001)
y = a / (1 + 0.001 * a**2) ** 0.75
best = a[y.argmax()]
print(f"largest: {y.max():.2f}, at {best:.1f}")

# %% [markdown]
# So among equals, a larger number may come out smaller. LRN over channels does the same, with the
# paper's constants from $a = 89$ on.

# %% [markdown]
# ## 2. Biases at 0.2
#
# > Let biases learn at 0.2 throughout. When does it show: at first, or once the rate has dropped?
#
# The lesson's run again, with the biases' rate as a choice, and the mean loss of each epoch.

# %%
some = pictures("cifar10", 256 if quick else 2048, 1)
rates = (0.01, 0.001) if quick else (0.01, 0.01, 0.01, 0.01, 0.001, 0.0001)


def losses_with(update):
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
    engine = fast.prepare(net, workers=2)
    velocities = {}
    for name, w in engine.params.items():
        velocities[name] = numpy.zeros_like(w)
    order, means = numpy.random.default_rng(0), []
    for rate in rates:
        losses = []
        for batch in order.permutation(len(some.x)).reshape(-1, 64):
            x, labels = some.x[batch], some.labels[batch]
            loss, _ = engine.step(x, labels, SoftmaxCrossEntropy())
            update(engine.params, engine.grads, velocities, rate)
            losses.append(loss)
        means.append(float(numpy.mean(losses)))
    return means


def with_biases_at(bias_rate):
    def update(weights, gradients, velocities, rate):
        for name, w in weights.items():
            bias = name.endswith("bias")
            step = bias_rate if bias else rate
            decay = 0 if bias else 0.0005
            v = velocities[name]
            v *= 0.9
            v -= step * (gradients[name] + decay * w)
            w += v

    return update


# %% seconds=15
by_rate = {}
for bias_rate in (0.02, 0.2):
    losses = by_rate[bias_rate] = losses_with(with_biases_at(bias_rate))
    print(f"{bias_rate:<4}", *(f"{loss:.3f}" for loss in losses))

# %% [markdown]
# Once the rate has dropped. With CIFAR-10 the first four epochs are much alike, and end at 1.48 and
# 1.47. Then the weights nearly stand still while the biases go on learning: 1.41 with 0.2 where
# 0.02 has 1.48, and 1.25 against 1.29 in the last epoch. So biases that learn 20 or 2,000 times
# faster than the weights do no harm here: there are few of them, 1 in 600 numbers of this net.

# %% [markdown]
# ## 3. A number that is large enough
#
# > From which $\delta$ on can the code as it stands never take the root of a negative number?
#
# The code takes the root of $S - G + \delta$. A mean of squares is never less than the square of
# the mean: $S \ge G^2$. So $S - G \ge G^2 - G$, which is smallest at $G = 0.5$, where it is −0.25.
# From $\delta = 0.25$ on no such root is taken, whatever the gradients are. (The running means
# start at 0, as if there had been gradients of 0 before; that changes nothing.)

# %%
G = numpy.linspace(-2, 2, 40_001)
print("smallest G² - G:", (G**2 - G).min())

# %% [markdown]
# With $\delta = 0.25$ the root is about 0.5 for every weight of a net whose gradients are small. So
# the rule is the plain one, with twice the rate.


# %%
class Scaled:
    def __init__(self, delta):
        self.delta, self.means, self.squares = delta, {}, {}

    def __call__(self, weights, gradients, velocities, rate):
        for name, w in weights.items():
            g, v = gradients[name], velocities[name]
            mean = 0.9 * self.means.get(name, 0) + 0.1 * g
            square = 0.9 * self.squares.get(name, 0) + 0.1 * g * g
            self.means[name], self.squares[name] = mean, square
            v *= 0.9
            v -= rate * g / numpy.sqrt(square - mean + self.delta)
            w += v


def plain(weights, gradients, velocities, rate):
    for name, w in weights.items():
        v = velocities[name]
        v *= 0.9
        v -= 2 * rate * gradients[name]
        w += v


# %% seconds=14
ends = {}
for name, update in (("code", Scaled(0.25)), ("plain", plain)):
    ends[name] = losses_with(update)
    print(f"{name:<5}", *(f"{loss:.3f}" for loss in ends[name]))

# %% [markdown]
# It learns, but nothing is left of its idea: no weight's step is scaled by how much its gradient
# varies.

# %% [markdown]
# ## 4. The bump
#
# > All four curves have a bump where the rate drops. Where does it come from?
#
# The rule of 2012 coasts (lesson 09). When $\varepsilon$ drops, $v$ still holds nine tenths of the
# last step, then $0.9^2$ of it, and so on: nine more of the old steps, where each new gradient has
# a tenth of its former say and cannot turn them. The weights overshoot. PyTorch's rule keeps
# $\varepsilon$ out of $v$, which comes to multiplying $v$ by what $\varepsilon$ was multiplied by.


# %%
def coasting(weights, gradients, velocities, rate):
    for name, w in weights.items():
        v = velocities[name]
        v *= 0.9
        v -= rate * (gradients[name] + 0.0005 * w)
        w += v


class Scaling:
    def __init__(self):
        self.rate = rates[0]

    def __call__(self, weights, gradients, velocities, rate):
        for v in velocities.values():
            v *= rate / self.rate
        self.rate = rate
        coasting(weights, gradients, velocities, rate)


# %% seconds=14
bumps = {}
for name, update in (("coasting", coasting), ("scaled", Scaling())):
    bumps[name] = losses_with(update)
    print(f"{name:<8}", *(f"{loss:.3f}" for loss in bumps[name]))

# %% [markdown]
# The fifth number is that of the first epoch with the lower rate. With CIFAR-10 it is 1.49 with the
# bump, no better than the fourth, and 1.31 without. The last is 1.31 against 1.23.
