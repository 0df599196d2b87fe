# %% [markdown]
# # 09. SGD with momentum and weight decay, and when to lower the rate
#
# A backward pass says which way is downhill. But how far should we go? A step
# too short, and nothing happens for days; a little longer, and the loss
# explodes. Two weights show why, and lead to the paper's rule (section 5).

# %%
from types import SimpleNamespace

import numpy

from minialex import fast, models, optim, schedules
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, seconds

# %% [markdown]
# ## A narrow valley
#
# Take a loss of two weights, L = ½ (w₀² + 100·w₁²): flat along w₀, steep along
# w₁. Its gradient is g = (w₀, 100·w₁). Plain descent, w ← w − ε·g, multiplies
# w₀ by 1 − ε and w₁ by 1 − 100·ε in each step. With ε above 2/100, w₁ grows
# without end; below that, w₀ loses less than 2% a step. The steep direction
# dictates the rate, and the flat one pays for it.
#
# Momentum remembers: v ← m·v − ε·g, then w ← w + v. Gradients that agree add
# up, to 1 + m + m² + … = 1/(1 − m) steps in one: 10 with m = 0.9. Gradients
# that flip cancel out. Here are four paths of 400 steps from (−4, 1) to (0, 0):

# %%
x, y = numpy.meshgrid(numpy.linspace(-5, 3), numpy.linspace(-2, 2))
far = []
with figure("09_valley", 10, 2.8) as drawing:
    for lr, m in [(0.001, 0), (0.019, 0), (0.0205, 0), (0.019, 0.9)]:
        w, v = numpy.array([-4.0, 1.0]), numpy.zeros(2)
        path = [w]
        for _ in range(400):
            v = m * v - lr * numpy.array([1, 100]) * w
            w = w + v
            path.append(w)
        far.append(sum(abs(w).max() > 0.1 for w in path))
        title = f"ε = {lr}, m = {m}"
        print(f"{title:<18} {far[-1]:>3} of 401 places more than 0.1 off")
        ax = drawing.add_subplot(1, 4, len(far), title=title, ylim=(-2, 2))
        ax.contour(x, y, x**2 + 100 * y**2, [4, 16, 50, 150, 360])
        ax.plot(*numpy.transpose(path[:80]), "r.-", ms=3, lw=1)
        ax.set(xlabel="w₀", ylabel="w₁")

# %% [markdown]
# ## The paper's rule, word by word
#
# $$v \leftarrow 0.9 \cdot v - 0.0005 \cdot ε \cdot w - ε \cdot g
# \qquad w \leftarrow w + v$$
#
# - $0.9 \cdot v$: nine tenths of the last step are taken again.
# - $ε \cdot g$: the slope, averaged over a batch (128 pictures in the paper).
# - $0.0005 \cdot ε \cdot w$: weight decay, a leak towards 0, the slope of
#   $½ \cdot 0.0005 \cdot w^2$. "It reduces the model's training error", says the
#   paper.
#
# An optimiser sees only arrays, so random ones will do. First with loops, then
# optim.SGD:


# %%
def sgd_loops(w, g, v, lr, momentum=0.9, weight_decay=0.0005):
    for i in range(len(w)):
        v[i] = momentum * v[i] - weight_decay * lr * w[i] - lr * g[i]
        w[i] = w[i] + v[i]


w, g = numpy.random.default_rng(0).standard_normal((2, 10_000))
v = numpy.zeros(10_000)
net = SimpleNamespace(params={"w": w.copy()}, grads={"w": g})
sgd = optim.SGD(net, lr=0.01, momentum=0.9, weight_decay=0.0005)
for _ in range(3):
    loops = seconds(lambda: sgd_loops(w, g, v, lr=0.01), repeat=1)
    whole = seconds(sgd.step, repeat=1)
print("largest difference:", abs(w - net.params["w"]).max())
print(f"loops {loops * 1e3:.1f} ms, optim.SGD {whole * 1e3:.3f} ms a step")

# %% [markdown]
# ## PyTorch's rule beside it
#
# PyTorch keeps the rate out of v:  v ← 0.9·v + 0.0005·w + g;  w ← w − ε·v. As
# long as ε is constant the steps are the same: the paper's v is −ε times this
# one. But when ε drops to a tenth, PyTorch's steps drop at once; the paper's v
# still holds nine tenths of the old step. Here g = 1, and ε drops to 0.001
# after 60 steps.

# %%
lengths, shown = {}, (1, 2, 60, 61, 62, 100)
print("length of step", *(f"{i:>6}" for i in shown))
for rule in ("paper", "torch"):
    w, g, lengths[rule] = numpy.zeros(1), numpy.ones(1), []
    net = SimpleNamespace(params={"w": w}, grads={"w": g})
    sgd = optim.SGD(net, 0.01, weight_decay=0, rule=rule)
    for i in range(100):
        sgd.lr, before = 0.01 if i < 60 else 0.001, w[0]
        sgd.step()
        lengths[rule].append(before - w[0])
    print(f"{rule:<14}", *(f"{lengths[rule][i - 1]:.4f}" for i in shown))

# %% [markdown]
# ## When to lower the rate
#
# A batch's gradient is an estimate, so at a constant rate the weights end up
# rattling about. A lower rate settles them, but lowered too early it is merely
# slow. The paper divided ε by 10 whenever the validation error stalled, three
# times in 90 epochs: "plateau". The other schedules ask for no error. Printed
# is the rate of every third epoch.

# %%
with figure("09_schedules", 10, 2.6) as drawing:
    for i, name in enumerate(["plateau", "step", "exponential", "cosine"]):
        schedule, rates = schedules.build(name, lr=0.01, epochs=20), []
        for epoch in range(20):
            rates += [schedule(epoch + part / 10) for part in range(10)]
            schedule.observe(max(10 - epoch, 0))
        print(f"{name:<12}", *(f"{rate:.6f}" for rate in rates[5::30]))
        ax = drawing.add_subplot(1, 4, i + 1, title=name, ylim=(5e-6, 2e-2))
        ax.semilogy(numpy.arange(200) / 10, rates)
        ax.set(xlabel="epoch", ylabel="ε")

# %% [markdown]
# ## On a real net
#
# The same net four times, same weights, same batches: plain; plain with ten
# times the rate, which is what momentum comes to on an even slope; with
# momentum; with momentum and cosine. Is momentum only a larger rate? Compare 2
# and 3.

# %%
n, epochs = (512, 3) if quick else (5120, 4)
some, means = pictures("cifar10", n, 1), []
runs = [(0.01, 0, "constant"), (0.1, 0, "constant")]
runs += [(0.01, 0.9, "constant"), (0.01, 0.9, "cosine")]
with figure("09_training", 8, 3.5) as drawing:
    ax = drawing.add_subplot(xlabel="step", ylabel="loss", ylim=(1, 4))
    for lr, m, name in runs:
        net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
        engine, losses = fast.prepare(net, workers=2), []
        sgd, rate = optim.SGD(net, lr, m), schedules.build(name, lr, epochs)
        for i in range(0, n * epochs, 64):
            sgd.lr, batch = rate(i / n), slice(i % n, i % n + 64)
            x, labels = some.x[batch], some.labels[batch]
            losses.append(engine.step(x, labels, SoftmaxCrossEntropy())[0])
            engine.update(sgd)
        means.append(numpy.reshape(losses, (epochs, -1)).mean(axis=1))
        label = f"ε {lr}, m {m}, {name}"
        print(f"{label:<23} epoch loss", *(f"{x:.2f}" for x in means[-1]))
        ax.plot(numpy.convolve(losses, [0.1] * 10, "valid"), label=label)
    ax.legend()

# %% [markdown]
# ## To take away
#
# - The steepest direction limits the rate; momentum adds up what agrees. It
#   gathers speed over ten or twenty steps: a tenfold rate leaps from the first.
# - Weight decay is a leak towards 0.
# - Start with as high a rate as is stable, end low. The paper's rule coasts.
#
# ### Exercises
#
# 1. In the valley m = 0.9 explodes from ε = 2·(1 + m)/100 on. Try it, then
#    prove it.
# 2. Try m = 0.99 in the valley, then in the net. What goes wrong?
