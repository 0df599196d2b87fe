# %% [markdown]
# # 13. The same net on a GPU
#
# A GPU has thousands of small cores and very fast memory of its own. CuPy's
# functions have NumPy's names, so a layer is written once and runs on both.
# What changes all the same is shown here, on your GPU or, if you have none, on
# the CPU.

# %%
import time
from concurrent.futures import ThreadPoolExecutor

import numpy

from minialex import backend, models, optim
from minialex.fast.gpu.update_kernels import sgd
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, seconds

# %% [markdown]
# ## One module or the other
#
# `backend.get` gives CuPy if a GPU works, else NumPy. A layer names neither: it
# asks the array. ReLU's forward is `backend.of(x).maximum(x, 0)`. `to` moves a
# net's weights to the GPU, `to_device` moves an array, and `to_host` fetches
# one.

# %%
xp = backend.get("auto")
print(xp.__name__, "on the CPU: no GPU here" if xp is numpy else "on a GPU")
some = pictures("cifar10", 128 if quick else 256, 16)
net = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
here = net.forward(some.test_x)
there = net.to(xp).forward(backend.to_device(some.test_x, xp))
print("largest difference:", abs(backend.to_host(there) - here).max())

# %% [markdown]
# ## What travels, and how far
#
# The path between the two memories is slow: about 25 GB/s, where a large card's
# own memory moves 3,000. So weights go over once and stay, and gradients never
# come back. All that a step sends are pictures, labels and a few numbers.

# %%
sent = {"AlexNet's weights": 4 * models.build("alexnet").parameter_count()}
sent |= {"128 pictures": 128 * 227**2 * 3 * 4, "as uint8": 128 * 227**2 * 3}
for name, size in sent.items():
    print(f"{name:<20}{size / 1e6:8.1f} MB {size / 25e6:8.2f} ms")

# %% [markdown]
# ## A call returns before the work is done
#
# Python only asks the card for work and moves on. Whatever needs a number waits
# for it: float(x), int(x), `if x`, print, to_host. While the card computes a
# step, the host can prepare the next batch, unless it asks for the loss each
# time. A thread can play the card to show this: `submit` returns at once,
# `result` waits. If you time a call you must wait, too: `synchronize`, which
# NumPy does not need.

# %%
card = ThreadPoolExecutor(1)
for read_each in (True, False):
    start, losses = time.perf_counter(), []
    for _ in range(5 if quick else 50):
        time.sleep(0.01)  # the host prepares a batch
        losses.append(card.submit(time.sleep, 0.01))  # the card computes
        if read_each:
            losses[-1].result()
    losses[-1].result()  # the last step's
    print(f"{time.perf_counter() - start:.2f} s, each read: {read_each}")
a = xp.ones((500 if quick else 2000,) * 2, numpy.float32)
for what, product in {
    "asked for": lambda: a @ a,
    "done": lambda: (a @ a, backend.synchronize(xp)),
}.items():
    print(f"a product is {what} in {1e3 * seconds(product):.1f} ms")

# %% [markdown]
# ## A number that is still an array
#
# So a loss should stay on the card until somebody wants to see it. CuPy's sum()
# and mean() give arrays of shape () for that, and training.py, like this loop,
# collects losses and reads them together. Nor does the card say that a label is
# out of range, because its indices silently wrap around: labels are checked
# beforehand.

# %%
loss, optimizer, losses = SoftmaxCrossEntropy(), optim.Adam(net), []
for i in range(0, len(some.x), 64):
    logits = net.forward(xp.asarray(some.x[i : i + 64]), train=True)
    losses.append(loss.forward(logits, some.labels[i : i + 64]))
    net.backward(loss.backward())
    optimizer.step()
print(type(losses[0]), [round(float(each), 2) for each in losses])

# %% [markdown]
# ## float64 by accident
#
# A GPU computes float64 at half the speed of float32 at best, a cheap one at
# 1/64. A Python number takes the type of the array that it meets; NumPy's own
# numbers, and arrays, bring theirs. Which of these is a surprise?

# %%
x = xp.ones(3, numpy.float32)
for text in ("x * 2 ** 0.5", "x * numpy.sqrt(2)", "x + xp.zeros(3)",
             "x + xp.arange(3)", "x / len(x)", "x.mean()"):  # fmt: skip
    print(f"{text:<20}{eval(text).dtype}")

# %% [markdown]
# ## Many small kernels, or one
#
# Each array operation starts a program on the card, a kernel. Starting one
# takes Python a few microseconds, and most of the rest is fetching its operands
# from memory and writing the result. `kernel` notes how many numbers are moved
# for each weight by the paper's update rule (lesson 09), one operation a line.


# %%
def kernel(operation, *inputs, out=None):
    y = operation(*inputs, out=out)
    moved.append(sum(numpy.size(array) for array in (*inputs, y)) // len(y))
    return y


def update(weight, grad, velocity, lr, momentum, weight_decay):
    decay = kernel(numpy.multiply, weight, weight_decay)
    descent = kernel(numpy.add, grad, decay)
    kernel(numpy.multiply, velocity, momentum, out=velocity)
    change = kernel(numpy.multiply, descent, lr)
    kernel(numpy.subtract, velocity, change, out=velocity)
    kernel(numpy.add, weight, velocity, out=weight)


rates, moved = dict(lr=0.01, momentum=0.9, weight_decay=5e-4), []
start = numpy.random.default_rng(0).normal(size=(3, 1000)).astype("float32")
arrays = start.copy()
update(*arrays, **rates)
print(f"{len(moved)} kernels move {moved}, together {sum(moved)}")

# %% [markdown]
# ## The same in one kernel
#
# In minialex/fast/gpu/update_kernels.py this rule is one kernel. The card runs
# its body once for each weight, on thousands of cores, and moves 5 numbers:
# whatever is in between stays in a core. The body is C and happens to be Python,
# so a loop can play the card. Max-pooling, LRN, im2col and col2im have kernels
# for the same reason; the layers of minialex/fast (lesson 14) run them, those of
# minialex/layers are array operations.
#
# The learning rate comes in an array of one number, lr[0]. All kernels of a step
# can be recorded once (a CUDA graph) and then started together, by one call
# instead of a hundred (minialex/fast/gpu/replay.py). Numbers among the arguments
# are recorded, too; what changes from step to step has to lie in memory.

# %%
print(sgd.inputs, "->", sgd.outputs, sgd.body)
weight, grad, velocity = start.copy()
for i in range(len(weight)):
    core = rates | {"lr": [rates["lr"]]}
    core |= dict(weight=weight[i], grad=grad[i], velocity=velocity[i])
    exec("if True:" + sgd.body.replace(";", ""), core)
    weight[i], velocity[i] = core["weight"], core["velocity"]
print("largest difference:", abs(weight - arrays[0]).max())

# %% [markdown]
# ## To take away
#
# - One code for both: ask the array for its module.
# - The card works while Python moves on; reading a number makes Python wait.
# - What it costs is kernels and memory traffic: benchmarks/gpu_cost.py counts
#   both.
#
# ### Exercises
#
# 1. Find everything that waits in minialex/training.py. How often does each
#    happen?
# 2. What does LRN's forward move, as array operations and as one kernel?
