# %% [markdown]
# # 13. The same net on a GPU
#
# A GPU, the *card* for short, has thousands of small cores and very fast memory of its own. CuPy's
# functions have NumPy's names, so a layer is written once and runs on both. This lesson shows what
# does change, on your GPU or, if you have none, on the CPU.

# %%
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import numpy

from minialex import backend, models, optim
from minialex.fast.gpu.update_kernels import sgd
from minialex.layers import ReLU, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, seconds, shipped

# %% [markdown]
# ## One module or the other
#
# `backend.get` gives CuPy if a GPU works, else NumPy. A layer names neither: it asks the array.
# ReLU, for example:

# %%
shipped(ReLU.forward)
xp = backend.get("auto")
print(xp.__name__, "on the CPU: no GPU here" if xp is numpy else "on a GPU")

# %% [markdown]
# `net.to(xp)` moves a net's weights to the GPU, `to_device` moves an array, and `to_host` fetches
# one. Does the net give the same answers there?

# %%
some = pictures("cifar10", 128 if quick else 256, 16)
net = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
here = net.forward(some.test_x)
net.to(xp)
there = net.forward(backend.to_device(some.test_x, xp))
print("largest difference:", abs(backend.to_host(there) - here).max())

# %% [markdown]
# ## What travels, and how long it takes
#
# The path between the two memories is slow: about 25 GB/s, where a large card's own memory moves
# 3,000. So weights go over once and stay, and gradients never come back. All that a step sends is
# pictures, labels and a few numbers.

# %%
pixels = 128 * 227 * 227 * 3
sent = {
    "AlexNet's weights": 4 * models.build("alexnet").parameter_count(),
    "128 pictures": 4 * pixels,  # four bytes a number
    "as uint8": pixels,
}
for name, size in sent.items():
    milliseconds = 1e3 * size / 25e9
    print(f"{name:<20}{size / 1e6:8.1f} MB {milliseconds:8.2f} ms")

# %% [markdown]
# ## A call returns before the work is done
#
# Python only asks the card for work and moves on. Whatever needs a number waits for it: `float(x)`,
# `int(x)`, an `if`, `print`, `to_host`. While the card computes a step, the host can prepare the
# next batch, unless it asks for the loss each time.
#
# A thread can play the card to show this: `submit` returns at once, `result` waits.


# %%
def train(batches, read_each):
    start = time.perf_counter()
    for _ in range(batches):
        time.sleep(0.01)  # the host prepares a batch
        loss = card.submit(time.sleep, 0.01)  # the card computes
        if read_each:
            loss.result()
    loss.result()  # the last step's
    return time.perf_counter() - start


card = ThreadPoolExecutor(1)
batches = 5 if quick else 50

# %% [markdown]
# **Guess**: the host needs 10 ms for a batch, the card 10 ms for a step. How long do 50 batches
# take if each loss is read, and how long if only the last one is?

# %%
for read_each in (True, False):
    time_taken = train(batches, read_each)
    print(f"{batches} batches: {time_taken:.2f} s, each read: {read_each}")

# %% [markdown]
# If you time a call you must wait, too: with `synchronize`, which NumPy does not need. On a GPU the
# first of these times is only that of asking; on a CPU both are the same, give or take.


# %%
def wait_for_product():
    a @ a
    backend.synchronize(xp)


side = 500 if quick else 2000
a = xp.ones((side, side), numpy.float32)
asked = seconds(lambda: a @ a)
done = seconds(wait_for_product)
print(f"a product is asked for in {asked * 1e3:.1f} ms")
print(f"a product is done in {done * 1e3:.1f} ms")

# %% [markdown]
# ## A number that is still an array
#
# So a loss should stay on the card until somebody wants to see it. CuPy's `sum()` and `mean()` give
# arrays of shape $()$ for that. This loop, like `minialex/training.py`, collects losses and reads
# them together.

# %%
loss, optimizer, losses = SoftmaxCrossEntropy(), optim.Adam(net), []
for start in range(0, len(some.x), 64):
    batch = backend.to_device(some.x[start : start + 64], xp)
    labels = some.labels[start : start + 64]  # on the host
    logits = net.forward(batch, train=True)
    losses.append(loss.forward(logits, labels))
    net.backward(loss.backward())
    optimizer.step()
print(type(losses[0]))
print([round(float(each), 2) for each in losses])

# %% [markdown]
# Nor does the card say that a label is out of range, because its indices silently wrap around. So
# labels are checked beforehand, on the host.

# %%
try:
    loss.forward(logits, labels + 10)
except ValueError as error:
    print(error)

# %% [markdown]
# ## float64 by accident
#
# A GPU computes float64 at half the speed of float32 at best, and a cheap one at 1/64. A Python
# number takes the type of the array that it meets; NumPy's own numbers, and arrays, bring theirs.
#
# **Guess**: `x` is a float32 array. Which of these are float64: `x * 2 ** 0.5`,
# `x * numpy.sqrt(2)`, `x + xp.zeros(3)`, `x + xp.arange(3)`, `x / len(x)`, `x.mean()`? (`arange`
# makes 64-bit integers.)

# %%
x = xp.ones(3, numpy.float32)
results = {
    "x * 2 ** 0.5": x * 2**0.5,
    "x * numpy.sqrt(2)": x * numpy.sqrt(2),
    "x + xp.zeros(3)": x + xp.zeros(3),
    "x + xp.arange(3)": x + xp.arange(3),
    "x / len(x)": x / len(x),
    "x.mean()": x.mean(),
}
for expression, result in results.items():
    print(f"{expression:<20}{result.dtype}")

# %% [markdown]
# ## Many small kernels, or one
#
# Each array operation starts a program on the card, a *kernel* (not one of a convolution's: the
# word has two meanings). Starting one takes Python a few microseconds, and most of the rest is
# fetching its operands from memory and writing the result. The function `kernel` runs an operation,
# and notes how many numbers it reads and writes for each weight.

# %%
moved = []


def kernel(operation, *inputs, out=None):
    y = operation(*inputs, out=out)
    numbers = y.size
    for array in inputs:
        numbers += numpy.size(array)
    moved.append(numbers // y.size)
    return y


# %% [markdown]
# The paper's update rule (lesson 09), with the weight decay $\lambda$, the momentum $m$ and the
# learning rate $\varepsilon$, is
#
# $$v \leftarrow m \cdot v - \varepsilon \cdot (g + \lambda \cdot w) \qquad w \leftarrow w + v$$
#
# Here it is with one operation a line; `out=` says where the result is written. The first line
# reads one number for each weight and writes one, so it moves two. (`weight_decay` itself is read
# once for all.)


# %%
def update(weight, grad, velocity, lr, momentum, weight_decay):
    decay = kernel(numpy.multiply, weight, weight_decay)
    descent = kernel(numpy.add, grad, decay)
    kernel(numpy.multiply, velocity, momentum, out=velocity)
    change = kernel(numpy.multiply, descent, lr)
    kernel(numpy.subtract, velocity, change, out=velocity)
    kernel(numpy.add, weight, velocity, out=weight)


# %% [markdown]
# **Guess**: how many numbers do these six operations move for each weight, all together? And how
# many would do, if the card could compute the whole rule at once?

# %%
rates = dict(lr=0.01, momentum=0.9, weight_decay=5e-4)
rng = numpy.random.default_rng(0)
start = rng.normal(size=(3, 1000)).astype(numpy.float32)
arrays = start.copy()  # a weight, its gradient, its velocity
update(*arrays, **rates)
print(f"{len(moved)} kernels move {moved}, together {sum(moved)}")

# %% [markdown]
# ## The same in one kernel
#
# In `minialex/fast/gpu/update_kernels.py` this rule is one kernel. The card runs its body once for
# each weight, on thousands of cores, and moves 5 numbers: weight, gradient and velocity in, weight
# and velocity out. Whatever is in between stays in a core.

# %%
print(sgd.inputs, "->", sgd.outputs)
print(textwrap.dedent(sgd.body).strip())

# %% [markdown]
# The body is C. Without its semicolons it happens to be Python, too, so a loop can play the card:
# `exec` runs a text as Python, and `core` holds its variables, for one weight at a time.

# %%
body = textwrap.dedent(sgd.body).replace(";", "")
weight, grad, velocity = start.copy()
for i in range(len(weight)):
    core = rates | dict(lr=[rates["lr"]])  # lr is an array in the kernel
    core |= dict(weight=weight[i], grad=grad[i], velocity=velocity[i])
    exec(body, core)
    weight[i] = core["weight"]
    velocity[i] = core["velocity"]
print("largest difference:", abs(weight - arrays[0]).max())

# %% [markdown]
# Max-pooling, LRN, im2col and col2im have kernels for the same reason. The layers of
# `minialex/fast` (lesson 14) run them; those of `minialex/layers` are array operations.
#
# Why does the learning rate come in an array of one number, `lr[0]`? All kernels of a step can be
# recorded once (a *CUDA graph*) and then started together, by one call instead of a hundred
# (`minialex/fast/gpu/replay.py`). Numbers among the arguments are recorded, too; what changes from
# step to step has to lie in memory.

# %% [markdown]
# ## To take away
#
# - The same code for both: ask the array for its module.
# - The card works while Python moves on; reading a number makes Python wait.
# - What it costs is kernels and memory traffic: `benchmarks/gpu_cost.py` counts both.
#
# ### Exercises
#
# 1. Find everything that waits in `minialex/training.py`. How often does each happen?
# 2. What does LRN's forward move, as array operations and as one kernel?
# 3. Write it yourself, without a GPU: `lessons/exercises/gpu.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **Fifty batches**: about 1 s if each loss is read: 50 times 20 ms, one after the other. About
#   half of that if only the last one is: while the card computes, the host prepares the next batch.
#   (Here it was 1.07 s and 0.52 s: waking up takes a little, too.)
# - **float64**: three. `numpy.sqrt(2)` is a float64, though it looks like a number; `xp.zeros(3)`
#   is one unless told otherwise; and `xp.arange(3)` holds 64-bit integers, which do not fit a
#   float32. Python's `2**0.5` and `len(x)` are harmless.
# - **Numbers moved**: 15, where 5 would do: weight, gradient and velocity are read once, weight and
#   velocity are written once. The other ten are results in between, written and read
#   again, and numbers that are fetched twice.
