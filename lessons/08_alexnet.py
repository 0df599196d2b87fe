# %% [markdown]
# # 08. AlexNet, put together and counted
#
# Lessons 02 to 07 made all the parts. Here they become the net of 2012, whole
# and untrained. We count, and send a picture through.

# %%
import numpy

from minialex.data.dataset import resized
from minialex.fast.gpu.footprint import picture_bytes
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
)
from minialex.layers.lrn import LocalResponseNorm
from minialex.lessons import figure, pictures
from minialex.models import build
from minialex.network import Network

# %% [markdown]
# ## A list of layers (section 3.5)
#
# Five convolutions and three linear layers have weights. Read the list slowly:
# it is all there is. In the output, follow the sides 227, 55, 27, 13, 6: fewer
# and fewer places, more and more channels, until fc6 looks at everything.

# %%
rng = numpy.random.default_rng(0)
halves = dict(groups=2, rng=rng)
pieces = [
    ("conv1", Conv2d(3, 96, 11, stride=4, rng=rng)),
    ("relu1", ReLU()),
    ("norm1", LocalResponseNorm()),
    ("pool1", MaxPool2d(3, stride=2)),
    ("conv2", Conv2d(96, 256, 5, padding=2, **halves)),
    ("relu2", ReLU()),
    ("norm2", LocalResponseNorm()),
    ("pool2", MaxPool2d(3, stride=2)),
    ("conv3", Conv2d(256, 384, 3, padding=1, rng=rng)),
    ("relu3", ReLU()),
    ("conv4", Conv2d(384, 384, 3, padding=1, **halves)),
    ("relu4", ReLU()),
    ("conv5", Conv2d(384, 256, 3, padding=1, **halves)),
    ("relu5", ReLU()),
    ("pool5", MaxPool2d(3, stride=2)),
    ("flatten", Flatten()),
    ("fc6", Linear(6 * 6 * 256, 4096, rng=rng)),
    ("relu6", ReLU()),
    ("dropout6", Dropout(0.5)),
    ("fc7", Linear(4096, 4096, rng=rng)),
    ("relu7", ReLU()),
    ("dropout7", Dropout(0.5)),
    ("fc8", Linear(4096, 1000, weight_std=0.01, rng=rng)),
]
net = Network(pieces, (227, 227, 3))
shapes, work = net.shapes(), net.macs()
weights = {}
for name, layer in pieces:
    weights[name] = sum(array.size for array in layer.params.values())
print(f"{'layer':<8} {'output':<14} {'weights':>10} {'multiply-adds':>14}")
for name, shape in shapes.items():
    print(f"{name:<8} {shape!s:<14} {weights[name]:>10,} {work[name]:>14,}")

# %% [markdown]
# ## Where does 55 come from?
#
# The paper's pictures are 224×224, and (224 − 11) / 4 + 1 = 54.25. The original
# program rounds up: its last windows stick out of the picture. Others take 227
# pixels, or pad 224 by 2 and round down. The paper lists 253,440 neurons for
# conv1, and 622,312 in all; its abstract says 650,000. Which is right?

# %%
for side, padding in ((224, 0), (227, 0), (224, 2)):
    places = (side + 2 * padding - 11) / 4 + 1
    print(side, "padded by", padding, "->", places)
names = [name for name in weights if weights[name]]
neurons = [numpy.prod(shapes[name]) for name in names]
print(f"neurons: conv1 {neurons[0]:,}, all {sum(neurons):,}")

# %% [markdown]
# ## Where the weights are, and where the work is
#
# A kernel works at every place, a linear layer's weight only once. So most
# weights are in fc6, and most work is in the convolutions. Compared with LeNet
# (1998), AlexNet is said to have "10 times the parameters, 250 times the
# computation". Is that true?

# %%
total, macs = net.parameter_count(), sum(work.values())
with figure("08_counts", 8, 2.8) as drawing:
    left, right = drawing.subplots(1, 2)
    left.barh(names, [weights[name] / 1e6 for name in names])
    right.barh(names, [work[name] / 1e6 for name in names])
    left.set(title="million weights", ylim=(8, -1))
    right.set(title="million multiply-adds", ylim=(8, -1))
print(f"fc6: {weights['fc6'] / total:.0%} of {total:,} weights")
print(
    f"convolutions: {sum(work[name] for name in names[:5]) / macs:.0%}",
    f"of {macs:,} multiply-adds",
)
lenet = build("lenet", rng=rng)
print(
    f"LeNet times {total / lenet.parameter_count():.0f} in weights,",
    f"times {macs / sum(lenet.macs().values()):.0f} in work",
)

# %% [markdown]
# ## Two groups, for two cards
#
# The paper's two cards had 3 GB each, and each held half of the channels.
# conv2, conv4 and conv5 see only what is on their own card: two groups, half of
# the weights and half of the work. Silence the second half of conv2's input:
# which half of the kernels notices? And would the net, as minialex trains it,
# fit on one card?

# %%
conv2, x = net.layers["conv2"], rng.standard_normal((1, 27, 27, 96))
before = conv2.forward(x)
x[..., 48:] = 0
changed = (conv2.forward(x) != before).any(axis=(0, 1, 2))
print("notice:", changed[:128].sum(), "and", changed[128:].sum(), "of 128")
print(
    f"weights, gradients, velocity {3 * 4 * total / 1e9:.2f} GB,",
    f"128 pictures {128 * picture_bytes(net) / 1e9:.2f} GB",
)

# %% [markdown]
# ## A picture goes through
#
# The weights are random, but drawn as He et al. do, which keeps the spread of
# the numbers that go through. Untrained, all 1000 classes seem equally likely:
# a loss near log 1000 = 6.91.

# %%
some = pictures("cifar10", 1, 1)
start = some.standardize(resized(some.images, 227))
x, maps = start, {"picture": some.images[0]}
for name, layer in pieces:
    x = layer.forward(x)
    if name in names:
        print(f"spread after {name} {x.std():.2f}")
    elif name in ("relu1", "relu2", "relu5"):
        maps[name] = x[0, ..., 0]
print(f"mean loss {numpy.log(numpy.exp(x).sum()) - x.mean():.2f}")

# %% [markdown]
# ## How far a number sees: its receptive field
#
# A number in conv1 sees 11 pixels. Each layer adds (kernel − 1) times the
# distance of its inputs in pixels, and each stride multiplies that distance.
# Backward from one place of pool5 agrees. But how large is the square that half
# of dx comes from?

# %%
field, distance = 1, 1
for name, layer in pieces[:15]:
    if isinstance(layer, Conv2d | MaxPool2d):
        field += (layer.kernel_size - 1) * distance
        distance *= layer.stride
        print(f"{name} sees {field}×{field}")
features = Network(pieces[:15], net.input_shape)
dy = numpy.zeros_like(features.forward(start, train=True))
dy[0, 2, 2] = 1  # the place whose field is pixels 0 to 194
dx = abs(features.backward(dy)).sum(axis=(0, 3))
rows = numpy.flatnonzero(dx.max(axis=1) > 1e-5 * dx.max())
middle = [dx[97 - r : 98 + r, 97 - r : 98 + r].sum() for r in range(98)]
half = 2 * numpy.searchsorted(middle, dx.sum() / 2) + 1
print(f"dx: rows {rows[0]} to {rows[-1]}, half from {half}×{half}")
maps["what pool5 sees"] = dx
with figure("08_picture", 10, 2.3) as drawing:
    for axes, name in zip(drawing.subplots(1, 5), maps, strict=True):
        axes.imshow(maps[name], cmap="gray")
        axes.set(title=name, xticks=[], yticks=[])

# %% [markdown]
# ## To take away
#
# - Eight layers have weights: fc6 has most of them, but the convolutions do
#   most of the work.
# - A place in pool5 can see 195 pixels, and sees best in the middle.
#
# ### Exercises
#
# 1. Put one linear layer on each channel's mean after conv5: how many weights
#    has it?
# 2. How large a batch fits into 3 GB?
