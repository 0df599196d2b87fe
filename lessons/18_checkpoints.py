# %% [markdown]
# # 18. What a checkpoint holds, and why a resumed run can be the same to the bit
#
# Training may take days, and machines stop: by accident, or because somebody else needs them. A
# *checkpoint* is a file from which a run goes on. Weights alone make another run of it. What else
# must the file hold, so that nobody can tell that the run was ever stopped?

# %%
import json
import os
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy

from minialex import Trainer, data, models, optim, schedules
from minialex.io.checkpoint import save_checkpoint
from minialex.layers import Dropout, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, shipped, show_lines
from minialex.network import Network

# %% [markdown]
# ## A run
#
# A run is all that changes while it trains: the weights of a net, a velocity for each (lesson 09),
# a generator of random numbers, and how many epochs are done. The net is `alexnet-mini`, with
# dropout before its last layer (lesson 07). One generator with the seed 0 serves all that is left
# to chance: initial weights, the order of the pictures, which of them are mirrored, and dropout's
# coins.

# %%
n, size = (64, 16) if quick else (256, 32)  # pictures, and in a batch
some, loss = pictures("cifar10", n, 64), SoftmaxCrossEntropy()


def new_run(seed=0):
    rng = numpy.random.default_rng(seed)
    mini = models.build("alexnet-mini", rng=rng)
    layers = list(mini.layers.items())
    layers.insert(-1, ("dropout", Dropout(0.5, rng)))
    net = Network(layers, mini.input_shape)
    v = {name: numpy.zeros_like(w) for name, w in net.params.items()}
    run = SimpleNamespace(net=net, velocities=v, rng=rng, epoch=0)
    run.losses, run.lengths, run.overall = [], [], []
    return run


# %% [markdown]
# A step is the paper's rule of lesson 09. To compare runs later, it notes three numbers: the loss
# of the batch; the length of the step, the root of the sum of all $v^2$; and then the loss over all
# pictures, without coins.


# %%
def step(run, x, labels, rate):
    batch_loss, _ = run.net.step(x, labels, loss)
    squares = 0.0
    for name, w in run.net.params.items():
        v = run.velocities[name]
        v *= 0.9
        v -= rate * (run.net.grads[name] + 0.0005 * w)
        w += v
        squares += (v * v).sum()
    run.losses.append(batch_loss)
    run.lengths.append(numpy.sqrt(squares))
    run.overall.append(loss.forward(run.net.forward(some.x), some.labels))


# %% [markdown]
# Six epochs, each in an order of its own. The rate follows a cosine.

# %%
schedule = schedules.build("cosine", lr=0.01, epochs=6)


def train_epoch(run):
    order = run.rng.permutation(n)
    for start in range(0, n, size):
        batch = order[start : start + size]
        x = some.x[batch]
        mirrored = run.rng.random(len(x)) < 0.5
        x[mirrored] = x[mirrored, :, ::-1]
        rate = schedule(run.epoch + start / n)
        step(run, x, some.labels[batch], rate)
    run.epoch += 1


# %% [markdown]
# ## The file, and run A
#
# NumPy's `savez` writes arrays into one file, each under a name. Whatever is not an array goes into
# a text, as JSON. A generator's state is a few whole numbers, so it fits there.


# %%
def save(path, run):
    state = run.rng.bit_generator.state
    about = {"epoch": run.epoch, "generator": state}
    arrays = {f"weight/{name}": w for name, w in run.net.params.items()}
    for name, v in run.velocities.items():
        arrays[f"velocity/{name}"] = v
    numpy.savez(path, about=json.dumps(about), **arrays)


# %% [markdown]
# Run A goes straight through six epochs. After three it saves itself, and does not stop.

# %% seconds=10
temporary = tempfile.TemporaryDirectory()
path = Path(temporary.name) / "half.npz"
A = new_run()
while A.epoch < 6:
    train_epoch(A)
    if A.epoch == 3:
        save(path, A)
print(f"{path.name}: {path.stat().st_size:,} bytes")

# %% [markdown]
# ## Weights and an epoch's number
#
# To resume, start the same program again and overwrite what it has with what the file has: always
# the weights and the number of epochs, and other `pieces` if they are asked for.


# %%
def resume(path, *pieces):
    run = new_run()
    with numpy.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        for name, w in run.net.params.items():
            w[...] = file[f"weight/{name}"]
            if "velocities" in pieces:
                run.velocities[name][...] = file[f"velocity/{name}"]
    run.epoch = about["epoch"]
    if "generator" in pieces:
        run.rng.bit_generator.state = about["generator"]
    return run


def go_on(run):
    while run.epoch < 6:
        train_epoch(run)
    return run


# %% [markdown]
# How far is a resumed run from A? Compare the losses of its first two batches, the mean loss of
# each of the last three epochs, and at the end the loss over all pictures and the 32 bits of each
# weight.

# %%
after = 3 * (n // size)  # steps since the stop


def bits(net):
    weights = [w.ravel() for w in net.params.values()]
    return numpy.concatenate(weights).view("uint32")


def report(name, run):
    losses = run.losses[-after:]
    means = numpy.reshape(losses, (3, -1)).mean(axis=1)
    epochs = " ".join(f"{mean:.2f}" for mean in means)
    print(f"{name:<13} {losses[0]:.4f} {losses[1]:.4f}   {epochs}", end="")
    differ = (bits(run.net) != bits(A.net)).sum()
    print(f" {run.overall[-1]:10.2f} {differ:16,}")


header = "first batches     three epochs   over all   weights differ"
print(f"{'':<13} {header}")
report("A", A)

# %% [markdown]
# First without generator and velocities. The resumed run has A's weights and A's rate.
#
# **Guess**: will the loss of the first batch be A's? And the mean loss of the first epoch, will it
# be about as large as A's, larger, or smaller?

# %% seconds=5
report("weights only", go_on(resume(path)))

# %% [markdown]
# ## The generator
#
# A program that starts again starts its generator again, here with the seed 0. So the fourth epoch
# had the order of the first, the same pictures mirrored, and the same coins. The net had seen
# exactly this before, and began to learn it by heart. Another seed would give other coins, but not
# A's. So put the generator's state back, too. The velocities still start from 0.
#
# **Guess**: is the loss of the first batch A's now? And that of the second? How long is the first
# step: as long as A's, half as long, a quarter, a tenth?

# %% seconds=5
no_velocities = go_on(resume(path, "generator"))
report("no velocities", no_velocities)
long, short = A.lengths[-after], no_velocities.lengths[0]
print(f"length of the first step: A {long:.3f}, here {short:.3f}")

# %% [markdown]
# If all gradients agreed, a velocity would be ten times a single step (lesson 09). If they had one
# length and nothing to do with each other, their squares would add up instead (lesson 00), to
# $1 + m^2 + m^4 + \ldots = 1 / (1 - m^2)$ times the square of a single step: 2.3 times its length.
# The velocity that was lost lies between the two. Ten steps bring $1 - 0.9^{10}$, two thirds, of it
# back. The loss over all pictures shows it:

# %%
behind = numpy.subtract(no_velocities.overall, A.overall[-after:])
most = abs(behind).argmax()
print(f"loss over all pictures, less A's: {behind[most]:+.3f}", end="")
print(f" after {most + 1} steps, {behind[-1]:+.3f} at the end")
before, steps = A.overall[:after][-8:], range(-7, after + 1)
curves = {"A": (steps, before + A.overall[-after:])}
curves["no velocities"] = (steps, before + no_velocities.overall)
show_lines("18_kink", curves, "step since the stop", "loss over all")

# %% [markdown]
# ## The velocities
#
# With all pieces, every bit is the same:

# %% seconds=5
complete = go_on(resume(path, "generator", "velocities"))
report("complete", complete)

# %% [markdown]
# ## Chance without a memory
#
# Or save no generator: make a new one for each epoch, from a seed and the epoch's number. NumPy
# takes both together as a seed; another number gives a stream that has nothing to do with it. Then
# the number is enough. Two epochs straight through, and with a stop in between:


# %% seconds=5
def train_epoch_from_seed(run):
    fresh = numpy.random.default_rng((1, run.epoch))
    run.rng.bit_generator.state = fresh.bit_generator.state
    train_epoch(run)


straight, after_one = new_run(), path.with_name("one.npz")
train_epoch_from_seed(straight)
save(after_one, straight)
train_epoch_from_seed(straight)
stopped = resume(after_one, "velocities")
train_epoch_from_seed(stopped)
differ = (bits(stopped.net) != bits(straight.net)).sum()
print("weights that differ:", differ)

# %% [markdown]
# ## A schedule that remembers
#
# A cosine needs the number of epochs and no more. "Plateau" (lesson 09) divides the rate by 10
# whenever the error has not fallen for two epochs. It remembers the best error so far, since how
# many epochs there was none better, and how often it has divided.
#
# Below, the error falls for three epochs and then stalls. A run is stopped after six epochs and
# resumed with a new schedule, or with one whose `state` was put back.
#
# **Guess**: A trains the seventh epoch with the rate 0.001. What does the new schedule say?

# %%
errors, rates = [0.9, 0.7] + 8 * [0.6], {}
for kind in ("A", "new", "restored"):
    plateau, rates[kind] = schedules.build("plateau", 0.01, 10), []
    for epoch, error in enumerate(errors):
        if epoch == 6 and kind != "A":
            saved = json.dumps(plateau.state)
            plateau = schedules.build("plateau", 0.01, 10)
            if kind == "restored":
                plateau.state.update(json.loads(saved))
        rates[kind].append(plateau(epoch))
        plateau.observe(error)
    print(f"{kind:<8}", *(f"{rate:g}" for rate in rates[kind]))
print("saved:", saved)

# %% [markdown]
# ## The library's checkpoint
#
# It holds all this; `progress` says how far training has come. minialex draws orders and crops from
# the seed and the numbers of epoch and batch, so that a run may stop in the middle of an epoch.
# Dropout's generators are saved.

# %%
shipped(save_checkpoint)

# %% [markdown]
# `Trainer` is the library's loop. One trains for two epochs. Another takes four steps and saves
# itself. A third, with other weights and coins until then, goes on from the file, as
# `python -m minialex.train --resume` does.

# %%
arrays = some.images, some.labels, some.test_images, some.test_labels
dataset = data.from_arrays(*arrays, class_names=some.class_names)


def new_trainer(seed=0):
    net = new_run(seed).net
    plateau = schedules.build("plateau", 0.01, epochs=2)
    more = dict(batch_size=size, augment=["crop", "mirror"], workers=2)
    return Trainer(net, dataset, optim.SGD(net), plateau, **more)


whole, begun, resumed = new_trainer(), new_trainer(), new_trainer(1)
whole.fit(2)
under_way = begun.train_epoch()
for _ in range(4):
    next(under_way)
under_way.close()
begun.save(path.with_name("begun.npz"))
resumed.resume(path.with_name("begun.npz"))
resumed.fit(2)
differ = (bits(resumed.network) != bits(whole.network)).sum()
print("weights that differ:", differ)

# %% [markdown]
# ## On another machine
#
# There the resumed run may differ. A sum of floats is rounded at each addition, so it depends on
# the order (lesson 16), and another processor, library or number of threads may add up in another
# order. Here are 2,048 numbers, as many as each logit of our net has terms:

# %%
terms = numpy.random.default_rng(0).standard_normal(2048, "float32")
print(f"from the left   {numpy.cumsum(terms)[-1]:.9g}")
print(f"from the right  {numpy.cumsum(terms[::-1])[-1]:.9g}")

# %% [markdown]
# Suppose that the other machine rounds a single weight of conv1 the other way, once: let it be the
# next float32 when the run is resumed.
#
# **Guess**: how many of the 176,426 weights differ when the six epochs are over?

# %% seconds=5
other = resume(path, "generator", "velocities")
weight = other.net.params["conv1.weight"].ravel()  # a view
weight[0] = numpy.nextafter(weight[0], numpy.float32(1))
report("one bit", go_on(other))
apart = abs(bits(other.net).view("f4") - bits(A.net).view("f4"))
print(f"largest difference: {apart.max():.0e}")

# %% [markdown]
# That harms nothing. But a resume that forgets something small looks the same. So test it on one
# machine, where the difference must be 0.

# %% [markdown]
# ## What fewer digits lose
#
# Could the file be a text? Between a float32 and the next one lie at least $2^{-24}$, or 6e-8, of
# its size. Texts of nine digits are at most 1e-8 of it apart, so each float32 has a nearest text of
# its own. With six digits many must share one. float16, two bytes a number, has 11 bits instead of
# 24.
#
# **Guess**: how many of the weights come back unchanged from six digits: 90%, 30%, 3%?

# %%
saved = resume(path).net
weights, back = bits(saved).view("f4"), {}
for digits in (6, 8, 9):
    texts = [f"{weight:.{digits}g}" for weight in weights.tolist()]
    back[f"{digits} digits"] = numpy.array(texts, dtype="float32")
back["float16"] = weights.astype("float16").astype("float32")
for kind, read in back.items():
    error = abs(read - weights).mean() / abs(weights).mean()
    print(f"{kind}: {(read == weights).mean():.1%}, mean error {error:.0e}")

# %% [markdown]
# ## Inside the file
#
# An .npz file is a zip archive of .npy files, one for each array. An .npy file has ten bytes that
# say what it is and how long its header is, then the header, then the numbers as they lie in
# memory. `<f4` is a float of four bytes, lowest byte first.

# %%
with zipfile.ZipFile(path) as archive:
    print(*archive.namelist()[:3], "…")
    content = archive.read("weight/conv1.weight.npy")
length = int.from_bytes(content[8:10], "little")
print(content[:10], "->", length, "bytes of header:")
print(content[10 : 10 + length].decode().rstrip())
numbers = numpy.frombuffer(content, "<f4", offset=10 + length)
print("the same:", (numbers == saved.params["conv1.weight"].ravel()).all())

# %% [markdown]
# Python has a shorter way to write anything at all: `pickle`. But a pickle is a program, for a
# small machine inside Python that builds the objects again and may call any function on the way.
# Whoever loads one runs it. Checkpoints are passed on, so ours hold numbers and text, and
# `allow_pickle=False` says that nothing else is read. minialex never runs a pickle.

# %% [markdown]
# ## A crash while writing
#
# A crash may come in the middle of writing; whoever writes over the last checkpoint has then lost
# both. So write beside it, make sure that all is on the disk, then rename. `os.replace` does that
# in one go: whoever opens the file finds the old one or the new, never half of one.
# (`atomic_write` in `minialex/files.py` does this.)


# %%
def write(path, content):
    beside = path.with_name(path.name + ".part")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()  # from Python to the system
        os.fsync(file.fileno())  # from the system to the disk
    os.replace(beside, path)


# %% [markdown]
# Write the checkpoint so. Then a crash: the next one is written only half, beside it or over it.

# %%
kept, content = path.with_name("kept.npz"), path.read_bytes()
half = content[: len(content) // 2]
write(kept, content)
for name in ("kept.npz.part", "kept.npz"):
    path.with_name(name).write_bytes(half)
    try:
        print(f"half of {name}: resumed after epoch", resume(kept).epoch)
    except zipfile.BadZipFile as error:
        print(f"half of {name}: {error}")
temporary.cleanup()

# %% [markdown]
# ## To take away
#
# - A checkpoint holds all that changes: weights, velocities, the schedule's memory, how far the run
#   has come, and the states of generators, unless chance is drawn from seed and epoch.
# - Test it: on one machine a resumed run must be the same to the bit.
# - Numbers and text, no pickles. Write beside the old file, then rename.
#
# ### Exercises
#
# 1. Let A save itself in the middle of the fourth epoch, and resume from there. Why is the state of
#    the generator not enough? What else must be saved?
# 2. Round the weights in the file to float16, then the velocities instead. By how much does the
#    loss over all pictures differ from A's at the end? Which would you rather round?
# 3. Adam (lesson 11) divides its means by $1 - \beta^t$ after $t$ steps. Restore both means after
#    many steps, but not $t$: how long is the next step, compared with the right one?

# %% [markdown]
# ## Answers to the guesses
#
# - **Weights only**: no, and smaller. With CIFAR-10 the first batch has 1.99 instead of 1.91, and
#   the epoch 1.50 instead of 1.94, which looks good and is not: over all pictures the run ends at
#   1.92, A at 1.64. With drawn shapes the epoch has 2.04 instead of 2.15, and the end 2.16 instead
#   of 1.99.
# - **The first two batches**: the first is A's to the last digit, for it is computed before the
#   first step, with the same weights, pictures and coins. The second is not. The step was about a
#   quarter as long as A's: 0.022 instead of 0.079 with CIFAR-10, 0.018 instead of 0.084 with drawn
#   shapes. The run falls behind by up to 0.05.
# - **The seventh epoch**: 0.01, as in the beginning. And since it takes the first error that it
#   sees for the best one, it divides after the ninth epoch, A after the seventh.
# - **One bit**: where this was written, 14,668 with CIFAR-10, one in twelve, and 5,808 with drawn
#   shapes; by 3e-8 at most. Every gradient depends on every weight, so it spreads.
# - **Six digits**: 3.7%, one in 27: about 27 float32 numbers share each text.
