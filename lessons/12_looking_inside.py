# %% [markdown]
# # 12. Looking inside: kernels, maps, saliency, occlusion, neighbours
#
# A trained net is a pile of numbers that is right more often than not. What has it learnt to look
# for? Where does it look? What does it find alike? Each question takes a few lines of NumPy.

# %%
import numpy

from minialex import fast, models, optim
from minialex.evaluation import log_softmax
from minialex.layers import Flatten, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, seconds, show_pictures
from minialex.network import Network

# %% [markdown]
# ## A net to look into
#
# We train `alexnet-mini` for less than a minute, and start conv1 at a hundredth of its usual
# weights: then what it learns does not hide in the noise of the start. (The engine trains the net's
# own arrays.)

# %%
some = pictures("cifar10", 1280 if quick else 10_240, 200 if quick else 500)
net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
net.params["conv1.weight"] *= 0.01
kernels = [net.params["conv1.weight"].copy()]

# %% seconds=19
engine, adam = fast.prepare(net, workers=2), optim.Adam(net)
criterion = SoftmaxCrossEntropy()
steps_per_epoch = len(some.x) // 64
for step in range(4 * steps_per_epoch):
    start = step % steps_per_epoch * 64
    x, labels = some.x[start : start + 64], some.labels[start : start + 64]
    loss, _ = engine.step(x, labels, criterion)
    engine.update(adam)
    if step % 80 == 0:
        print(f"step {step:>3}: loss {loss:.2f}")
kernels.append(net.params["conv1.weight"])

# %% [markdown]
# ## The kernels of the first layer
#
# conv1 sees colours, so its kernels are small pictures themselves (the paper's figure 3). To show
# many of them in one, put them in rows, with gaps of one pixel.


# %%
def sheet(tiles, columns):
    gaps = [(0, 0), (0, 1), (0, 1), (0, 0)]  # for (n, h, w, 3) or (n, h, w)
    tiles = numpy.pad(tiles, gaps[: tiles.ndim])
    rows = []
    for start in range(0, len(tiles), columns):
        rows.append(numpy.hstack(tiles[start : start + columns]))
    return numpy.vstack(rows)


# %% [markdown]
# Scale each kernel so that its largest weight is 1 or −1, and draw −1 black, 0 grey and 1 white in
# each colour.
#
# **Guess**: what will the 48 kernels look like, before training and after?

# %%
sheets, before_and_after = {}, ("conv1 before", "conv1 after")
for name, weight in zip(before_and_after, kernels, strict=True):
    largest = abs(weight).max(axis=(1, 2, 3), keepdims=True)
    sheets[name] = sheet(0.5 + weight / largest / 2, columns=8)
print("kernels", kernels[0].shape)
show_pictures("12_kernels", sheets)

# %% [markdown]
# ## What each layer makes of a picture
#
# Take four new pictures that the net gets right.

# %%
right = net.forward(some.test_x).argmax(axis=1) == some.test_labels
x, labels = some.test_x[right][:4], some.test_labels[right][:4]
images = some.test_images[right][:4]
names = [some.class_names[label] for label in labels]
print(f"{right.mean():.1%} of new pictures right, among them", names)

# %% [markdown]
# Send the first one through, layer by layer, and keep the six maps of each layer that have the
# largest answers.
#
# **Guess**: after a ReLU many numbers are 0: a unit that finds nothing says nothing. Are there more
# zeros in the first layers, or in the last?

# %%
y, maps = x[:1], {names[0]: images[0]}
for name, layer in net.layers.items():
    y = layer.forward(y)
    if name.startswith("relu") and y.ndim == 4:
        print(f"{name}: {y.shape[1:]}, {(y == 0).mean():.0%} zeros")
        largest = y[0].max(axis=(0, 1)).argsort()[-6:]
        maps[name] = sheet(y[0].transpose(2, 0, 1)[largest], columns=3)

# %% [markdown]
# In the figure deeper maps are coarser, and less like the picture: they say what is where, not how
# it looks.

# %%
show_pictures("12_maps", maps)

# %% [markdown]
# ## Saliency: which pixels does the answer depend on?
#
# Training asks how the loss changes with each weight. Ask how the logit $s_k$ of a class $k$
# changes with each pixel:
#
# $$\mathrm{d}x_{i,j,c} = \frac{\partial s_k}{\partial x_{i,j,c}}$$
#
# Start the backward pass with 1 at that logit and 0 at the others, and do not stop at conv1's
# weights: go on to the picture.

# %%
logits = net.forward(x, train=True)
dlogits = numpy.zeros_like(logits)
dlogits[range(4), labels] = 1
dx = net.backward(dlogits)
print("dlogits", dlogits.shape, "-> dx", dx.shape)

# %% [markdown]
# Without a backward pass you would nudge each pixel up and down, like this one:

# %%
row, column, red = 16, 8, 0
nudged = numpy.stack([x[0], x[0]])
nudged[0, row, column, red] += 0.01
nudged[1, row, column, red] -= 0.01
up, down = net.forward(nudged)[:, labels[0]]
slope = (up - down) / 0.02
print(f"nudged {slope:+.5f}, backward {dx[0, row, column, red]:+.5f}")

# %% [markdown]
# ## Occlusion: what if it could not see that?
#
# A gradient speaks of tiny changes. So cover 8×8 pixels with 0, which is the mean colour of
# standardised pixels, at every place in turn, and ask for the probability of the class: one forward
# pass for each place. Where it falls, the net has lost its clue.


# %%
def chances_when_covered(picture, label):
    side = len(picture)
    covered = numpy.stack([picture] * side**2)
    for n, (i, j) in enumerate(numpy.ndindex(side, side)):
        top, left = max(0, i - 4), max(0, j - 4)
        covered[n, top : i + 4, left : j + 4] = 0
    p = numpy.exp(log_softmax(net.forward(covered)))
    return p[:, label].reshape(side, side)


# %% [markdown]
# **Guess**: a square of 8×8 covers a sixteenth of the picture. How low can it bring the probability
# of the right class?

# %%
chances = []
for n in range(4):
    chances.append(chances_when_covered(x[n], labels[n]))
    low, high = chances[n].min(), chances[n].max()
    print(f"{names[n]}, covered: p from {low:.0%} to {high:.0%}")

# %% [markdown]
# The pictures; below them saliency, bright where the logit depends on the pixel; and at the bottom
# occlusion, dark where the square hurts most.

# %%
where = {}
for n in range(4):
    where[f"{n}: {names[n]}"] = images[n]
for n in range(4):
    where[f"{n}: saliency"] = abs(dx[n]).max(axis=2)
for n in range(4):
    where[f"{n}: occlusion"] = chances[n]
show_pictures("12_where", where, columns=4)

# %% [markdown]
# ## Neighbours: what does the net find alike?
#
# The logits are computed from the numbers before the last layer. Call two pictures alike if these
# are close (the paper's figure 4). The squared distances of many from many can be computed with
# loops, or all at once. Multiplied out, $(a - b) \cdot (a - b)$ is
#
# $$|a - b|^2 = |a|^2 + |b|^2 - 2\,a \cdot b$$
#
# A column of $|a|^2$ plus a row of $|b|^2$ is broadcast to a table; `a @ b.T` has all the dot
# products.


# %%
def with_loops(a, b):
    distances = numpy.empty((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            distances[i, j] = ((a[i] - b[j]) ** 2).sum()
    return distances


def at_once(a, b):
    a_squared, b_squared = (a**2).sum(axis=1), (b**2).sum(axis=1)
    return a_squared[:, None] + b_squared - 2 * (a @ b.T)


# %% [markdown]
# `a` are the new pictures, `b` two thousand that the net has learnt from; first by pixels, then by
# the numbers before the last layer.

# %%
views = {"pixels": Network([("flatten", Flatten())], net.input_shape)}
layers = list(net.layers.items())[:-1]
views["net"] = Network(layers, net.input_shape)
distances = {}
for by, view in views.items():
    a, b = view.forward(some.test_x), view.forward(some.x[:2000])
    distances[by] = at_once(a, b)
    few = with_loops(a[:4], b)
    error = abs(distances[by][:4] / few - 1).max()
    print(f"by {by}, {a.shape[1]} numbers for each picture:")
    print(f"at once differs from the loops by {error:.0e} of the distance")
slow = seconds(lambda: with_loops(a[:4], b))
quickly = seconds(lambda: at_once(a, b))
print(f"loops, for 4 pictures: {slow * 1e3:.0f} ms")
print(f"at once, for all {len(a)}: {quickly * 1e3:.0f} ms")

# %% [markdown]
# Take the six nearest to each new picture.
#
# **Guess**: how many of them have the same class, by pixels and by the net? By chance it would be a
# tenth.

# %%
near, same = {}, {}
for by in views:
    near[by] = distances[by].argsort(axis=1)[:, :6]
    alike = some.labels[near[by]] == some.test_labels[:, None]
    same[by] = alike.mean()
    print(f"by {by}: {same[by]:.1%} of the nearest have the same class")

# %% [markdown]
# In the figure they follow the picture in question.

# %%
neighbours = {}
for by in views:
    rows = []
    for n, nearest in enumerate(near[by][right][:4]):
        rows.append(images[n])
        rows.extend(some.images[nearest])
    title = f"the six nearest by {by}"
    neighbours[title] = sheet(numpy.array(rows), columns=7)
show_pictures("12_neighbours", neighbours)

# %% [markdown]
# ## All of this, by hand
#
# `python -m minialex.explore runs/shapes-alexnet-cifar` opens a page where you can do it unit by
# unit (see lesson 02).
#
# - Show the gradients of the logit of a class: the leftmost maps are the saliency of the pixels,
#   for each colour. Press a weight in any layer, and see its gradient proven by two more forward
#   passes.
# - Cover a square of the picture. Predict where it hurts the answer most, then drag it there.
# - Which kernel of conv1 does the answer depend on most? Guess from the maps, switch it off, look.
# - Train with `--keep-weights` and move the slider from *before training* to the end: after how
#   much training do the maps of conv1 stop changing, and when those of conv5?

# %% [markdown]
# ## To take away
#
# - conv1 has learnt edges and colours; deeper maps say what is where.
# - A backward pass answers "what if this changed?" for any number, even pixels.
# - `python -m minialex.visualize` draws all this for a run of yours (`--help`).
#
# ### Exercises
#
# 1. Leave out the trick with conv1. What in the kernels is learnt, and what is noise?
# 2. Climb: take the $\mathrm{d}x$ of another class, and add a little of it to $x$, again and again.
#    When does the net call it that?

# %% [markdown]
# ## Answers to the guesses
#
# - **Kernels**: coloured noise before. After training, pixels that lie side by side are alike: with
#   CIFAR-10 there are edges and stripes, light beside dark, and patches of one colour.
# - **Zeros**: in the last. With CIFAR-10 they are 47%, 61% and 79%: the deeper a layer, the more
#   special its questions, and the rarer a picture that answers them.
# - **Covered**: with CIFAR-10 from 89% to 8%, for the second automobile, where the square covers
#   the middle of the picture. The first one is never below 83%: the net has more than one clue.
# - **Neighbours**: with CIFAR-10, 20.9% by pixels and 35.7% by the net. By pixels, pictures are
#   near if they are equally bright in the same places: the six nearest to the red automobile are
#   animals. By the net, the first two are red automobiles, too.
