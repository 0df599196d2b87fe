# %% [markdown]
# # 09. SGD with momentum and weight decay, and when to lower the rate
#
# A backward pass says which way is downhill. But how far should we go? A step too short, and
# nothing happens for days; a little too long, and the loss explodes. Two weights show why, and lead
# to the paper's rule (section 5).
#
# A step takes the gradient of one batch, not of all pictures, and which pictures are in it is
# chance. Hence the name: *stochastic gradient descent*, SGD.

# %%
from types import SimpleNamespace

import numpy

from minialex import fast, models, optim, schedules
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, seconds, shipped

# %% [markdown]
# ## A narrow valley
#
# Take a loss of two weights, flat along $w_0$, steep along $w_1$:
#
# $$L = \frac{w_0^2 + 100 \cdot w_1^2}{2}$$
#
# Its gradient is $g = (w_0, 100 \cdot w_1)$. Plain descent with the learning rate $\varepsilon$,
# $w \leftarrow w - \varepsilon \cdot g$, is
#
# $$w_0 \leftarrow (1 - \varepsilon) \cdot w_0 \qquad
# w_1 \leftarrow (1 - 100 \cdot \varepsilon) \cdot w_1$$
#
# With $\varepsilon$ above 2/100, $w_1$ grows without end; below that, $w_0$ loses less than 2% a
# step. The steep direction dictates the rate, and the flat one pays for it.

# %%
for learning_rate in (0.001, 0.019, 0.0205):
    flat, steep = 1 - learning_rate, 1 - 100 * learning_rate
    print(
        f"ε = {learning_rate}: w₀ times {flat:.4f},",
        f"w₁ times {steep:+.2f}",
    )

# %% [markdown]
# Momentum remembers:
#
# $$v \leftarrow m \cdot v - \varepsilon \cdot g \qquad w \leftarrow w + v$$
#
# Put $v$ into itself again and again: it is the latest plain step, $-\varepsilon \cdot g$, plus $m$
# times the one before, plus $m^2$ times the one before that, and so on. If all gradients agree,
# these add up to $c = 1 + m + m^2 + \ldots$ steps in one. As $c = 1 + m \cdot c$, this is
# $1 / (1 - m)$: 10 with $m = 0.9$. Gradients that flip cancel out. With $m = 0$ it is plain
# descent.


# %%
def descend(learning_rate, m):
    w, v = numpy.array([-4.0, 1.0]), numpy.zeros(2)
    path = [w]
    for _ in range(400):
        g = numpy.array([1, 100]) * w
        v = m * v - learning_rate * g
        w = w + v
        path.append(w)
    return numpy.array(path)


# %% [markdown]
# Here are four paths of 400 steps from $(-4, 1)$ towards $(0, 0)$: three plain ones, with the rates
# above, and one with the second of these and $m = 0.9$. We count the places at which a weight is
# still more than 0.1 off.
#
# **Guess**: which of the three plain paths arrive in 400 steps? And how many times faster is
# momentum?

# %%
paths, far = {}, []
for learning_rate, m in ((0.001, 0), (0.019, 0), (0.0205, 0), (0.019, 0.9)):
    path = descend(learning_rate, m)
    far.append((abs(path).max(axis=1) > 0.1).sum())
    name = f"ε = {learning_rate}, m = {m}"
    paths[name] = path
    print(f"{name:<18} {far[-1]:>3} of 401 places more than 0.1 off")

# %% [markdown]
# On a map of the loss, the first 80 places of each path:

# %%
x, y = numpy.meshgrid(numpy.linspace(-5, 3), numpy.linspace(-2, 2))
with figure("09_valley", 10, 2.8) as drawing:
    for number, (name, path) in enumerate(paths.items(), start=1):
        axes = drawing.add_subplot(1, 4, number, title=name, ylim=(-2, 2))
        axes.contour(x, y, x**2 + 100 * y**2, [4, 16, 50, 150, 360])
        axes.plot(path[:80, 0], path[:80, 1], "r.-", markersize=3)
        axes.set(xlabel="w₀", ylabel="w₁")

# %% [markdown]
# ## The paper's rule, word by word
#
# $$v \leftarrow 0.9 \cdot v - 0.0005 \cdot \varepsilon \cdot w - \varepsilon \cdot g
# \qquad w \leftarrow w + v$$
#
# - $0.9 \cdot v$: nine tenths of the last step are taken again.
# - $\varepsilon \cdot g$: the slope, averaged over a batch (128 pictures in the paper).
# - $0.0005 \cdot \varepsilon \cdot w$: weight decay, a leak towards 0. It is what adding
#   $0.00025 \cdot w^2$ to the loss would give. A weight that no gradient asks for shrinks, so only
#   what many pictures need stays large. "It reduces the model's training error", says the paper.


# %%
def sgd_loops(w, g, v, learning_rate, momentum=0.9, weight_decay=0.0005):
    for i in range(len(w)):
        decay = weight_decay * learning_rate * w[i]
        v[i] = momentum * v[i] - decay - learning_rate * g[i]
        w[i] = w[i] + v[i]


# %% [markdown]
# The library's optimiser does it with whole arrays. Its other branch belongs to the next step.

# %%
shipped(optim.SGD.update)

# %% [markdown]
# An optimiser sees only arrays, so random ones will do: 10,000 weights, and three steps with the
# same gradient.

# %%
w, g = numpy.random.default_rng(0).standard_normal((2, 10_000))
v = numpy.zeros(10_000)
net = SimpleNamespace(params={"w": w.copy()}, grads={"w": g})
sgd = optim.SGD(net, lr=0.01, momentum=0.9, weight_decay=0.0005)
for _ in range(3):
    slow = seconds(lambda: sgd_loops(w, g, v, 0.01), repeat=1)
    whole = seconds(sgd.step, repeat=1)
print("largest difference:", abs(w - net.params["w"]).max())
print(f"loops {slow * 1e3:.1f} ms, optim.SGD {whole * 1e3:.3f} ms a step")

# %% [markdown]
# ## PyTorch's rule beside it
#
# PyTorch, today's most used library for nets, keeps the rate out of $v$:
#
# $$v \leftarrow 0.9 \cdot v + 0.0005 \cdot w + g \qquad w \leftarrow w - \varepsilon \cdot v$$
#
# As long as $\varepsilon$ is constant the steps are the same: the paper's $v$ is this one times
# $-\varepsilon$. But when $\varepsilon$ drops to a tenth, PyTorch's steps drop at once; the paper's
# $v$ still holds nine tenths of the old step.


# %%
def steps_of(rule):
    w, g = numpy.zeros(1), numpy.ones(1)
    net = SimpleNamespace(params={"w": w}, grads={"w": g})
    sgd = optim.SGD(net, 0.01, weight_decay=0, rule=rule)
    steps = []
    for i in range(100):
        sgd.lr = 0.01 if i < 60 else 0.001
        before = w[0]
        sgd.step()
        steps.append(before - w[0])
    return steps


# %% [markdown]
# Here $g = 1$ all the time, and $\varepsilon$ drops from 0.01 to 0.001 after 60 steps.
#
# **Guess**: the 60th step has the length 0.1. How long is the 61st with each rule?

# %%
lengths, shown = {}, (1, 2, 60, 61, 62, 100)
print("length of step", *(f"{number:>6}" for number in shown))
for rule in ("paper", "torch"):
    lengths[rule] = steps_of(rule)
    some_steps = [f"{lengths[rule][number - 1]:.4f}" for number in shown]
    print(f"{rule:<14}", *some_steps)

# %% [markdown]
# ## When to lower the rate
#
# A batch's gradient is an estimate, so at a constant rate the weights end up rattling about. A
# lower rate settles them, but lowered too early it is merely slow. The paper divided $\varepsilon$
# by 10 whenever the *validation* error, that of pictures kept aside, stalled: three times in 90
# epochs. This is "plateau".
#
# The other schedules need no error. "step" divides by ten after each third of the epochs;
# "exponential" multiplies by the same factor in every step; "cosine" goes up in a straight line for
# a while (*warm-up*), then down along half a cosine.
#
# Here the error falls for ten epochs, and then stalls. We print the rate in the middle of every
# third epoch.

# %%
rates = {}
for name in ("plateau", "step", "exponential", "cosine"):
    schedule = schedules.build(name, lr=0.01, epochs=20)
    rates[name] = []
    for epoch in range(20):
        for tenth in range(10):
            rates[name].append(schedule(epoch + tenth / 10))
        error = max(10 - epoch, 0)
        schedule.observe(error)
    print(f"{name:<12}", *(f"{rate:.6f}" for rate in rates[name][5::30]))

# %%
with figure("09_schedules", 10, 2.6) as drawing:
    for number, name in enumerate(rates, start=1):
        axes = drawing.add_subplot(1, 4, number, title=name)
        axes.semilogy(numpy.arange(200) / 10, rates[name])
        axes.set(xlabel="epoch", ylabel="ε", ylim=(5e-6, 2e-2))

# %% [markdown]
# ## On a real net
#
# A small AlexNet learns from CIFAR-10, always with the same initial weights and the same batches:
# `alexnet-mini`, three convolutions with pools and one linear layer.

# %%
n, epochs = (512, 3) if quick else (5120, 4)
some = pictures("cifar10", n, 1)

# %% [markdown]
# The engine, `fast.prepare`, computes what the net would, with two threads (lesson 14). The rate is
# set anew before each step.


# %%
def learn(learning_rate, m, schedule_name):
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
    engine = fast.prepare(net, workers=2)
    sgd = optim.SGD(net, learning_rate, m)
    rate = schedules.build(schedule_name, learning_rate, epochs)
    losses = []
    for epoch in range(epochs):
        for start in range(0, n, 64):
            sgd.lr = rate(epoch + start / n)
            batch = slice(start, start + 64)
            x, labels = some.x[batch], some.labels[batch]
            loss, _ = engine.step(x, labels, SoftmaxCrossEntropy())
            engine.update(sgd)
            losses.append(loss)
    return losses


# %% [markdown]
# Four runs: plain; plain with ten times the rate, which is what momentum comes to on an even slope;
# with momentum; with momentum and cosine.
#
# **Guess**: is momentum only a larger rate? Will the second and the third be alike?

# %% seconds=41
runs = [
    (0.01, 0, "constant"),
    (0.1, 0, "constant"),
    (0.01, 0.9, "constant"),
    (0.01, 0.9, "cosine"),
]
curves, means = {}, []
for learning_rate, m, schedule_name in runs:
    losses = learn(learning_rate, m, schedule_name)
    means.append(numpy.reshape(losses, (epochs, -1)).mean(axis=1))
    label = f"ε {learning_rate}, m {m}, {schedule_name}"
    curves[label] = losses
    print(f"{label:<23} epoch loss", *(f"{mean:.2f}" for mean in means[-1]))

# %% [markdown]
# The losses of single batches jump about, so the figure shows means over ten steps.

# %%
with figure("09_training", 8, 3.5) as drawing:
    axes = drawing.add_subplot(xlabel="step", ylabel="loss", ylim=(1, 4))
    for label, losses in curves.items():
        axes.plot(numpy.convolve(losses, [0.1] * 10, "valid"), label=label)
    axes.legend()

# %% [markdown]
# ## To take away
#
# - The steepest direction limits the rate; momentum adds up what agrees. It gathers speed over ten
#   or twenty steps, where a tenfold rate leaps from the first step on.
# - Weight decay is a leak towards 0.
# - Start with as high a rate as is stable, and end low. The paper's rule coasts.
#
# ### Exercises
#
# 1. In the valley $m = 0.9$ explodes from $\varepsilon = 2 \cdot (1 + m) / 100$ on. Try it, then
#    prove it.
# 2. Try $m = 0.99$ in the valley, then in the net. What goes wrong?
# 3. Write it yourself: `lessons/exercises/momentum.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **The valley**: of the plain paths only that with $\varepsilon = 0.019$ arrives, after 193
#   places. With 0.001, $w_0$ is still far off after 400 steps; with 0.0205, $w_1$ grows. Momentum
#   has 59 places: about three times as fast, not ten times. Where steps agree it gathers speed,
#   but then it overshoots and has to come back.
# - **The 61st step**: 0.0908 with the paper's rule, nine tenths of the old step and a new 0.001;
#   and 0.01 with PyTorch's. Forty steps after the drop the paper's are nearly there: 0.0113.
# - **Only a larger rate?** No. With CIFAR-10, a tenfold rate has a mean loss of 2.51 in the first
#   epoch, worse than knowing nothing (2.303); momentum has 1.96. After four epochs they are at
#   1.65 and 1.27. Cosine ends lowest, with 1.17. Drawn shapes give other losses.
