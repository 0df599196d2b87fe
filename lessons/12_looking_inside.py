# %% [markdown]
# # 12. Looking inside. Kernels, maps, saliency, occlusion, neighbours
#
# A trained net is a pile of numbers that is right more often than not. What has
# it learnt to look for? Where does it look? What does it find alike? Each
# question takes a few lines of NumPy.

# %%
import numpy

from minialex import fast, models, optim
from minialex.evaluation import log_softmax
from minialex.layers import Dropout, Flatten, SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, seconds
from minialex.network import Network

# %% [markdown]
# ## The kernels of the first layer
#
# conv1 sees colours, so its kernels are small pictures (the paper's figure 3).
# We train alexnet-mini for about a minute, and start conv1 at a hundredth of
# its usual weights: then what it learns does not hide in the noise of the
# start.

# %%
some = pictures("cifar10", 1280 if quick else 10_240, 200 if quick else 500)
net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
net.params["conv1.weight"] *= 0.01
kernels = [net.params["conv1.weight"].copy()]
engine, adam = fast.prepare(net, workers=2), optim.Adam(net)
for i in range(0, 4 * len(some.x), 64):
    batch = slice(i % len(some.x), i % len(some.x) + 64)
    x, labels = some.x[batch], some.labels[batch]
    loss, _ = engine.step(x, labels, SoftmaxCrossEntropy())
    engine.update(adam)
    if i % 5120 == 0:
        print(f"step {i // 64:>3}: loss {loss:.2f}")


def sheet(tiles, columns):  # (n, h, w, ...): in rows, with gaps
    tiles = numpy.pad(tiles, [(0, 0), (0, 1), (0, 1), (0, 0)][: tiles.ndim])
    rows = numpy.split(tiles, len(tiles) // columns)
    return numpy.vstack([numpy.hstack(row) for row in rows])


def show(name, width, height, rows, images, titles):
    with figure(name, width, height) as drawing:
        panels = drawing.subplots(rows, len(images) // rows).flat
        for ax, image, title in zip(panels, images, titles, strict=True):
            ax.imshow(image, cmap="gray")
            ax.set(title=title, xticks=[], yticks=[])


kernels.append(net.params["conv1.weight"])
scaled = [w / abs(w).max(axis=(1, 2, 3), keepdims=True) for w in kernels]
sheets = [sheet(0.5 + w / 2, 12) for w in scaled]
show("12_kernels", 9, 2, 1, sheets, ["conv1 before", "conv1 after"])

# %% [markdown]
# ## What each layer makes of a picture
#
# Send a picture through, layer by layer, and keep what comes out. After a ReLU
# many numbers are 0: a unit that finds nothing says nothing. The figure shows
# the six maps of each layer with the largest answers. Deeper maps are coarser,
# and less like the picture: they say what is where, not how it looks.

# %%
layers = [(n, l) for n, l in net.layers.items() if type(l) is not Dropout]
net = Network(layers, net.input_shape)  # no dropout, but a backward pass
right = net.forward(some.test_x).argmax(axis=1) == some.test_labels
print(f"{right.mean():.1%} of new pictures right")
x, labels = some.test_x[right][:4], some.test_labels[right][:4]
images = some.test_images[right][:4]
names = [some.class_names[label] for label in labels]
y, maps = x[:1], {names[0]: images[0]}
for name, layer in net.layers.items():
    y = layer.forward(y)
    if name.startswith("relu") and y.ndim == 4:
        print(f"{name}: {y.shape[1:]}, {(y == 0).mean():.0%} zeros")
        largest = y[0].max(axis=(0, 1)).argsort()[-6:]
        maps[name] = sheet(y[0].transpose(2, 0, 1)[largest], 3)
show("12_maps", 9, 2, 1, maps.values(), maps)

# %% [markdown]
# ## Saliency: which pixels does the answer depend on?
#
# Training asks how the loss changes with each weight. Ask how a class's logit
# changes with each pixel: start the backward pass with 1 at that logit and 0 at
# the others, and end it one layer later, at the picture. Without a backward
# pass you would nudge each pixel up and down, like this one:

# %%
dlogits = numpy.zeros_like(net.forward(x, train=True))
dlogits[range(4), labels] = 1
dx = net.backward(dlogits)  # (4, H, W, C)
nudged = numpy.stack([x[0], x[0]])
nudged[:, 16, 8, 0] += 0.01, -0.01  # row 16, column 8, red
up, down = net.forward(nudged)[:, labels[0]]
print(f"nudged {(up - down) / 0.02:+.5f}, backward {dx[0, 16, 8, 0]:+.5f}")

# %% [markdown]
# ## Occlusion: what if it could not see that?
#
# A gradient speaks of tiny changes. So cover 8×8 pixels with grey, at every
# place in turn, and ask for the probability of the class: one forward pass for
# each place. Where it falls, dark in the figure, the net has lost its clue.

# %%
where, side = [*images, *abs(dx).max(axis=3)], x.shape[1]
titles = [*names, *["saliency"] * 4]
for picture, label in zip(x, labels, strict=True):
    covered = numpy.stack([picture] * side**2)
    for n, (i, j) in enumerate(numpy.ndindex(side, side)):
        covered[n, max(0, i - 4) : i + 4, max(0, j - 4) : j + 4] = 0
    p = numpy.exp(log_softmax(net.forward(covered)))[:, label]
    where.append(p.reshape(side, side))
    titles.append(f"p: {p.min():.0%} to {p.max():.0%}")
    print(f"{some.class_names[label]}, covered: {titles[-1]}")
show("12_where", 7, 6, 3, where, titles)

# %% [markdown]
# ## Neighbours: what does the net find alike?
#
# The logits are computed from the numbers before the last layer. Call two
# pictures alike if these are close (the paper's figure 4): squared distances in
# loops, then all at once as |a|² + |b|² − 2 a·b. How many of the six nearest
# have the same class, by the net and by pixels? In the figure they follow the
# picture in question.


# %%
def loops(a, b):
    return [[((u - v) ** 2).sum() for v in b] for u in a]


def at_once(a, b):
    return (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T


alike, same = {}, {}
for by, part in ("net", layers[:-1]), ("pixels", [("flatten", Flatten())]):
    numbers = Network(part, net.input_shape).forward
    a, b = numbers(some.test_x), numbers(some.x[:2000])
    near = at_once(a, b).argsort(axis=1)[:, :6]
    same[by] = (some.labels[near] == some.test_labels[:, None]).mean()
    print(f"by {by}: {same[by]:.1%} of the nearest have the same class")
    error = abs(at_once(a[:4], b) / loops(a[:4], b) - 1).max()
    print(f"at once differs from the loops by {error:.0e} of the distance")
    rows = [[images[i], *some.images[near[right][i]]] for i in range(4)]
    alike[f"the six nearest by {by}"] = sheet(numpy.concatenate(rows), 7)
slow, fast = (seconds(lambda f=f: f(a[:4], b), 1) for f in (loops, at_once))
print(f"loops {slow * 1e3:.0f} ms, at once {fast * 1e3:.1f} ms")
show("12_neighbours", 9, 3, 1, alike.values(), alike)

# %% [markdown]
# ## To take away
#
# - conv1 has learnt edges and colours; deeper maps say what is where.
# - A backward pass answers "what if this changed?" for any number, even pixels.
# - python -m minialex.visualize draws all this for a run of yours (--help).
#
# ### Exercises
#
# 1. Leave out the trick with conv1. What in the kernels is learnt, and what is
#    noise?
# 2. Climb: add a little of dx to x, again and again. What does the net call it?
