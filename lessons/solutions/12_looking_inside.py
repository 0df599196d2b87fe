# %% [markdown]
# # 12. Looking inside: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex import fast, models, optim
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, show_pictures

some = pictures("cifar10", 1280 if quick else 10_240, 200 if quick else 500)

# %% [markdown]
# ## 1. Without the trick
#
# > Leave out the trick with conv1. What in the kernels is learnt, and what is noise?
#
# Train the lesson's net twice, with conv1 at a hundredth of its usual weights and at the usual
# ones. Otherwise both start alike and see the same batches.


# %%
def trained(conv1):
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
    net.params["conv1.weight"] *= conv1
    start = net.params["conv1.weight"].copy()
    engine, adam = fast.prepare(net, workers=2), optim.Adam(net)
    for _ in range(4):
        for i in range(0, len(some.x), 64):
            batch = slice(i, i + 64)
            x, labels = some.x[batch], some.labels[batch]
            engine.step(x, labels, SoftmaxCrossEntropy())
            engine.update(adam)
    return net, start


def right_answers(net):
    answers = net.forward(some.test_x).argmax(axis=1)
    return answers == some.test_labels


# %% [markdown]
# What training adds to a kernel is what it is in the end minus what it was in the beginning. Is it
# noise? In noise, pixels that lie side by side have nothing to do with each other. So measure their
# correlation: 0 for noise, 1 if they are always equal.


# %%
def correlation(kernels):
    left, right = kernels[:, :, :-1], kernels[:, :, 1:]
    return numpy.corrcoef(left.ravel(), right.ravel())[0, 1]


# %% seconds=78
nets, parts = {}, {}
for name, conv1 in {"with the trick": 0.01, "without": 1}.items():
    net, start = trained(conv1)
    nets[name], end = net, net.params["conv1.weight"].copy()
    parts[name] = {"start": start, "end": end, "difference": end - start}
    print(f"{name}: {right_answers(net).mean():.1%} of new pictures right")
    for part, kernels in parts[name].items():
        spread, of_neighbours = kernels.std(), correlation(kernels)
        print(f"  {part:<11}spread {spread:.4f},", end=" ")
        print(f"correlation of neighbours {of_neighbours:+.2f}")

# %% [markdown]
# What is learnt is the difference; what was there in the beginning is noise. Without the trick,
# with CIFAR-10, the difference is a fifth as large as the noise, so the kernels in the end still
# look like noise. Take the noise away, and there are edges and colours again: neighbours have a
# correlation of 0.67. (Both nets get about 60% right. Of 500 pictures, 60.4% and 59.2% are six
# pictures apart: too few to say which net is better.) Here are the first 24 kernels of each.


# %%
def sheet(kernels):
    largest = abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    tiles = 0.5 + kernels / largest / 2
    tiles = numpy.pad(tiles, [(0, 0), (0, 1), (0, 1), (0, 0)])
    rows = []
    for first in range(0, 24, 6):
        rows.append(numpy.hstack(tiles[first : first + 6]))
    return numpy.vstack(rows)


sheets = {}
for part, kernels in parts["without"].items():
    sheets[f"without: {part}"] = sheet(kernels)
sheets["with the trick: end"] = sheet(parts["with the trick"]["end"])
show_pictures("12_solutions_kernels", sheets, columns=4)

# %% [markdown]
# Does the net need its noise? Put one part of conv1 in the place of the whole, and ask again.

# %% seconds=4
shares = {}
for name, net in nets.items():
    for part, kernels in parts[name].items():
        net.params["conv1.weight"][...] = kernels
        shares[name, part] = right_answers(net).mean()
        of_what = f"{name}, conv1 is the {part}:"
        print(f"{of_what:<41}{shares[name, part]:.1%} right")
    net.params["conv1.weight"][...] = parts[name]["end"]

# %% [markdown]
# With the trick, the difference is all that the net uses. Without it, with CIFAR-10, the noise
# alone gets 46% right, of 59%, and the difference alone only 15%. So the noise is of use: the
# layers after it have learnt to read what random kernels say. Nothing in the loss asks for it to
# go, and it stays. (With drawn shapes the noise alone gets 66%, the difference 51%, of 97%.)

# %% [markdown]
# ## 2. Climbing to another class
#
# > Climb: take the $\mathrm{d}x$ of another class, and add a little of it to $x$, again and again.
# > When does the net call it that?
#
# A step along $\mathrm{d}x$ raises the logit of the other class, by the most that a short step of
# its length can. Make all steps equally long: 0.01 for each number, as a root mean square. One unit
# of $x$ is the spread of the pixels, with CIFAR-10 62 to 66 grey levels of 255, so this is about
# 0.6 of one. After each step, what is blacker than black or whiter than white is cut off.

# %%
net, standardize = nets["with the trick"], some.standardize
black = standardize(numpy.zeros((1, 1, 1, 3), numpy.uint8))
white = standardize(numpy.full((1, 1, 1, 3), 255, numpy.uint8))


def climb(x, other, uphill, most=100):
    x, steps = x.copy(), numpy.zeros(len(x), int)
    left = numpy.arange(len(x))  # those that still climb
    while len(left) and steps.max() < most:
        answers = net.forward(x[left], train=True).argmax(axis=1)
        dx = net.backward(uphill[left])
        still = answers != other[left]
        left, dx = left[still], dx[still]
        length = numpy.sqrt((dx**2).mean(axis=(1, 2, 3), keepdims=True))
        x[left] = numpy.clip(x[left] + 0.01 * dx / length, black, white)
        steps[left] += 1
    return x, steps


# %% [markdown]
# Here are forty pictures that the net gets right. As the other class of each take the one with the
# second largest logit; `uphill`, where the backward pass starts, is 1 there and 0 elsewhere.

# %%
right = numpy.flatnonzero(right_answers(net))[: 20 if quick else 40]
x, labels = some.test_x[right], some.test_labels[right]
images, rows = some.test_images[right], numpy.arange(len(right))
logits = net.forward(x)
other = logits.argsort(axis=1)[:, -2]
uphill = numpy.zeros_like(logits)
uphill[rows, other] = 1

# %% [markdown]
# In the end make bytes of the pixels, as a picture in a file has them, and ask the net about those.
# How far are they from what they were, in grey levels?


# %%
def as_bytes(x):
    pixels = x * standardize.std + standardize.mean
    return pixels.round().astype(numpy.uint8)


def look(climbed, steps):
    new_images = as_bytes(climbed)
    answers = net.forward(standardize(new_images)).argmax(axis=1)
    change = new_images.astype(int) - images
    sizes = numpy.sqrt((change**2).mean(axis=(1, 2, 3)))
    largest = abs(change).max(axis=(1, 2, 3))
    print(f"{(answers == other).mean():.0%} are called the other class")
    print(f"{'of the pictures, below:':<30}   10%   50%   90%")
    measured = {"steps": steps, "grey levels, root mean square": sizes}
    measured["grey levels, largest"] = largest
    for what, numbers in measured.items():
        low, middle, high = numpy.quantile(numbers, [0.1, 0.5, 0.9])
        print(f"{what:<30} {low:5.1f} {middle:5.1f} {high:5.1f}")
    return new_images, answers, change


# %% [markdown]
# The columns say below what 10%, 50% and 90% of the pictures stay.

# %% seconds=11
climbed = look(*climb(x, other, uphill))

# %% [markdown]
# With CIFAR-10, half of the pictures take 6 steps or fewer, and change by less than 4 grey levels.
# But one in ten takes 82 steps and more, with 40 grey levels, and 12% are not called the other
# class in the end: what raises one logit may raise the right one as well. So climb up the
# difference of the two, with −1 at the right class.

# %% seconds=5
uphill[rows, labels] = -1
new_images, answers, change = look(*climb(x, other, uphill))

# %% [markdown]
# Now all of them arrive, half of them after 4 steps or fewer. Half of them change by less than 2.5
# grey levels of 255, and by less than 14.5 where they change most. Look at the first four. The
# change is drawn around grey, eight times as large as it is.

# %%
names = some.class_names
shown = {}
for n in range(4):
    shown[f"{n}: {names[labels[n]]}"] = images[n]
for n in range(4):
    shown[f"{n}: change, times 8"] = numpy.clip(128 + 8 * change[n], 0, 255)
for n in range(4):
    size = numpy.sqrt((change[n] ** 2).mean())
    print(f"{n}: {names[labels[n]]}, then {names[answers[n]]}:", end=" ")
    print(f"{size:.1f} grey levels, at most {abs(change[n]).max()}")
    shown[f'{n}: "{names[answers[n]]}"'] = new_images[n]
show_pictures("12_solutions_climbed", shown, columns=4)

# %% [markdown]
# We see the same pictures as before; the net sees others. (Szegedy and others 2014, "Intriguing
# properties of neural networks", found this and called them *adversarial examples*.)
#
# Is a net so easily disturbed? Take the same changes, but shuffle them: just as large, at random
# places.

# %%
rng = numpy.random.default_rng(0)
shuffled = rng.permuted(change.reshape(len(x), -1), axis=1)
noisy = numpy.clip(images + shuffled.reshape(change.shape), 0, 255)
answers = net.forward(standardize(noisy.astype(numpy.uint8))).argmax(axis=1)
print(f"shuffled: {(answers == labels).mean():.0%} keep their name")

# %% [markdown]
# All forty keep their name. So it is not the size of the change that does it, but its direction,
# and there is much room for a direction: a picture has 3,072 numbers. Let each of them change by
# one grey level. If all go uphill, their effects add up to $\sum |g|$, with the slopes $g$. If each
# goes up or down at random, most of it cancels, and about $\sqrt{\sum g^2}$ is left.

# %%
net.forward(x, train=True)
slopes = net.backward(uphill) / standardize.std
gap = logits[rows, labels] - logits[rows, other]
aimed = abs(slopes).sum(axis=(1, 2, 3))
random = numpy.sqrt((slopes**2).sum(axis=(1, 2, 3)))
print(f"the right logit leads by {numpy.median(gap):.2f} (median)")
print(f"one grey level, uphill:  {numpy.median(aimed):.2f}")
print(f"one grey level, random:  {numpy.median(random):.3f}")

# %% [markdown]
# With CIFAR-10, the right logit leads by 1.72. One grey level uphill makes up 0.50 of that, so
# three or four would do. One grey level at random makes up 0.013: it would take more than a
# hundred. (The argument is that of Goodfellow and others 2015, "Explaining and harnessing
# adversarial examples".) Drawn shapes, too, all arrive, half of them with less than 3.4 grey
# levels, and keep their name if the changes are shuffled.
