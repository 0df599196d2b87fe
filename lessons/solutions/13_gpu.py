# %% [markdown]
# # 13. The same net on a GPU: solutions
#
# Try each exercise before you read on.

# %%
import math
import shutil
import textwrap

import numpy

from minialex import models, optim, standin
from minialex.data import shapes
from minialex.fast.gpu.kernels import lrn_forward
from minialex.layers import LocalResponseNorm
from minialex.lessons import shipped
from minialex.training import Trainer

# %% [markdown]
# ## 1. What waits in training.py
#
# > Find everything that waits in `minialex/training.py`. How often does each happen?
#
# What waits is what needs a number or an array from the card: `float(x)`, `int(x)`, an `if`,
# `to_host`. The file has one method in which that is wanted:

# %%
shipped(Trainer.read)

# %% [markdown]
# Two numbers of each step, the loss and the right answers: with $n$ steps $2n$ numbers. On a card
# `train_epoch` calls `read` once an epoch, behind the last step. The first `float` waits until the
# card has done everything asked of it so far; then the other numbers are there, too, and each only
# has to travel to the host. On a CPU `read` is called after each step, as there is nothing to wait
# for. (`python -m minialex.train` calls it every hundred steps, too, to print the loss.)
#
# The other waits are in functions that the file calls:
#
# - `scores`, for the test: `answer` in `evaluation.py` fetches the logits of each batch, as the
#   scores are computed on the host. Once for each test batch
# - `save`: `check_weights` asks for the largest weight of each array, `float(abs(array).max())`,
#   and `check_optimizer` for the largest number of what the optimiser keeps for it;
#   `save_checkpoint` then fetches all of these. For Adam, with two means, this makes six waits for
#   each array of weights
# - `predict` fetches the logits of 64 pictures at a time
# - where many processes train one net (lesson 16), `totals` waits for the others in each step, and
#   before saving `collect` fetches all weights once more, to see that they are the same everywhere

# %% [markdown]
# `minialex.standin` is an array module that plays the card on a CPU, and counts how often Python
# would wait (docs/gpu.md). So train on it, five steps of 64 pictures, and test with two batches.
# (It compiles the card's kernels with `g++`. Where there is none, the next cell shows nothing.)


# %%
def count_waits():
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
    drawn = shapes.load(train_size=320, test_size=128)
    trainer = Trainer(net.to(standin), drawn)
    waits = {}
    with standin.accounting() as account:
        after_each = [account.waits for _ in trainer.train_epoch()]
    waits["after each of five steps"] = after_each
    with standin.accounting() as account:
        trainer.evaluate()
    waits["in a test of two batches"] = account.waits
    with standin.accounting() as account:
        trainer.save("runs/lessons/13_solutions.npz")
    waits[f"saving, {len(net.params)} arrays of weights"] = account.waits
    return waits


waits = count_waits() if shutil.which("g++") else {}
for what, often in waits.items():
    print(f"{what:<35}{often}")

# %% [markdown]
# One wait is indirect. `for x, labels in batches` waits for the thread that prepares the next
# batch; and that thread, in `data/upload.py`, for the card, where it is three batches ahead. So if
# the card is slower than the host, Python waits here in every step. It does no harm: the card has
# work in store.
#
# Some lines only look as if they waited. The `int` in `step` is of `len(labels)`, part of a shape,
# which the host knows. The accuracy in the bar is made of Python numbers that `read` has added up,
# and `check_finite` gets such numbers. `optimizer.lr` is one on its way *to* the card.
#
# What would all this be for lesson 11's net: 20,000 pictures, 64 a step, tested on 2,000, and saved
# after each epoch?

# %%
net = models.build("alexnet-cifar")
arrays = len(net.params)
kept = 1 + len(optim.Adam.state_names)  # a weight and its two means
in_an_epoch = {
    "losses and right answers, at once": 2 * math.ceil(20_000 / 64),
    "logits in the test": math.ceil(2000 / 64),
    "largest weights": arrays,
    "arrays that are saved": arrays * kept,
}
for what, often in in_an_epoch.items():
    print(f"{what:<35}{often}")

# %% [markdown]
# So 313 steps run without waiting for a number. In the test there is one wait for each batch: from
# the moment that its logits are there until Python has asked for the next forward, the card has
# nothing to do.

# %% [markdown]
# ## 2. LRN in one kernel
#
# > What does LRN's forward move, as array operations and as one kernel?
#
# Count as the lesson does, in numbers for each number of $x$: an operation of two arrays moves
# three, and one of an array and a number moves two. These are the layer's lines:

# %%
shipped(LocalResponseNorm.forward, LocalResponseNorm.window_sum)

# %% [markdown]
# `x * x` moves 3. Zeros are written, a little more than 1, for the two more channels at both ends;
# the squares are copied into them, 2. Five windows are added up; since `sum` starts with the number
# 0, these move 2, 3, 3, 3 and 3. Then $\alpha$ times that, 2; $k$ plus that, 2; the power, 2; and
# $x$ times that, 3. Together 29.
#
# Let the stand-in count, too: it notes the bytes of each kernel. Random numbers with the 96
# channels of AlexNet's first LRN will do.

# %%
rng = numpy.random.default_rng(0)
numbers = rng.standard_normal((2, 13, 13, 96), dtype=numpy.float32)
x = standin.asarray(numbers)
with standin.accounting() as account:
    LocalResponseNorm().forward(x)
moved = []
for launch in account.log:
    read, written = launch.read / x.nbytes, launch.written / x.nbytes
    moved.append(read + written)
    print(f"{launch.name:<9} reads {read:.2f}, writes {written:.2f}")
print(f"{len(moved)} kernels move {sum(moved):.2f} numbers for each of x")

# %% [markdown]
# And as one kernel (`minialex/fast/gpu/kernels.py`):

# %%
print(lrn_forward.inputs, "->", lrn_forward.outputs)
print(textwrap.dedent(lrn_forward.body).strip())

# %% [markdown]
# It reads $x$ and writes $y$ and $s$: 3 numbers. Each core reads five neighbours, but so do the
# cores beside it: what one has fetched from memory, the others find in the cache. ($s$ is for
# backward. The kernel keeps it rather than adding up the squares again.)
#
# Twelve kernels move 29 numbers, one moves 3, a tenth. What is that for the first LRN of AlexNet,
# with 128 pictures and the lesson's 3,000 GB/s?

# %%
bytes_of_x = 4 * 128 * 55 * 55 * 96
for name, times in (("twelve kernels", sum(moved)), ("one kernel", 3)):
    size = times * bytes_of_x
    milliseconds = 1e3 * size / 3000e9
    print(f"{name:<15}{size / 1e9:5.2f} GB {milliseconds:5.2f} ms")

# %% [markdown]
# ## 3. Five functions
#
# > Write it yourself, without a GPU: `lessons/exercises/gpu.py`.
#
# The one idea: what is on the card stays there, and what has to come from the host is sent once, in
# the dtype of what it meets. Collect losses and add them up on the card; add through an index that
# occurs twice with `add.at`, as `+=` keeps one of the values; and look at labels while they are on
# the host, since an index out of range wraps around on the card.
#
# The mistake to watch for is the one that gives right numbers: `float(loss)` in the loop, or a
# float64 from the host, which makes everything float64 that it meets. The grader's stand-in counts
# waits, and looks at dtypes.
#
# `python -m minialex.gradcheck lessons/exercises/gpu.py` says how far you are. The library's own
# are spread over `minialex/training.py`, `minialex/data/upload.py` and `minialex/layers/loss.py`.
