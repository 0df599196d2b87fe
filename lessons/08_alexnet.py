# %% [markdown]
# # 08. AlexNet, put together and counted
#
# Lessons 02 to 07 made all the parts. Here they become the net of 2012, whole and untrained. We
# count, and send a picture through.

# %%
import numpy

from minialex.data.dataset import resized
from minialex.fast.gpu.footprint import picture_bytes
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
)
from minialex.lessons import figure, pictures, show_pictures
from minialex.models import build
from minialex.network import Network

# %% [markdown]
# ## A list of layers (section 3.5)
#
# Five convolutions and three linear layers have weights. Read the list slowly: it is all there is.
# It begins with large windows, a long stride and two pools.

# %%
rng = numpy.random.default_rng(0)
pieces = [
    ("conv1", Conv2d(3, 96, 11, stride=4, rng=rng)),
    ("relu1", ReLU()),
    ("norm1", LocalResponseNorm()),
    ("pool1", MaxPool2d(3, stride=2)),
    ("conv2", Conv2d(96, 256, 5, padding=2, groups=2, rng=rng)),
    ("relu2", ReLU()),
    ("norm2", LocalResponseNorm()),
    ("pool2", MaxPool2d(3, stride=2)),
]

# %% [markdown]
# Then three convolutions follow directly on one another, with small windows. What `groups=2` does
# comes below.

# %%
pieces += [
    ("conv3", Conv2d(256, 384, 3, padding=1, rng=rng)),
    ("relu3", ReLU()),
    ("conv4", Conv2d(384, 384, 3, padding=1, groups=2, rng=rng)),
    ("relu4", ReLU()),
    ("conv5", Conv2d(384, 256, 3, padding=1, groups=2, rng=rng)),
    ("relu5", ReLU()),
    ("pool5", MaxPool2d(3, stride=2)),
]

# %% [markdown]
# Three linear layers end it: two of 4,096 hidden units, with dropout, and one that gives a score to
# each of 1,000 classes.

# %%
pieces += [
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
print("as the library builds it:", repr(net) == repr(build("alexnet")))

# %% [markdown]
# The net knows the shape of each layer's output, and how many multiply-adds it takes for one
# picture: a number times a weight, added to a sum. A convolution has one for each weight of each
# kernel, at each place: conv1 $55 \cdot 55 \cdot 96 \cdot (11 \cdot 11 \cdot 3)$. A linear layer
# has one for each weight. Follow the sides 227, 55, 27, 13, 6: fewer and fewer places, more and
# more channels, until fc6 looks at everything.

# %%
shapes, work = net.shapes(), net.macs()
weights = {}
for name, layer in pieces:
    weights[name] = sum(array.size for array in layer.params.values())
names = [name for name in weights if weights[name]]

print(f"{'layer':<8} {'output':<14} {'weights':>10} {'multiply-adds':>14}")
for name, shape in shapes.items():
    print(f"{name:<8} {shape!s:<14} {weights[name]:>10,} {work[name]:>14,}")

# %% [markdown]
# ## Where does 55 come from?
#
# The paper's pictures are 224×224. With windows of 11 pixels and a stride of 4,
#
# $$\frac{224 - 11}{4} + 1 = 54.25$$
#
# The original program rounds up: its last windows stick out of the picture. Others take 227 pixels,
# or pad 224 by 2 and round down.

# %%
for side, padding in ((224, 0), (227, 0), (224, 2)):
    places = (side + 2 * padding - 11) / 4 + 1
    print(side, "padded by", padding, "->", places)

# %% [markdown]
# Each number of a layer's output, a unit (lesson 04), is what the paper calls a neuron. Count those
# of the layers that have weights. The paper lists 253,440 for conv1, and 622,312 in all; its
# abstract says 650,000.
#
# **Guess**: which is right?

# %%
neurons = [numpy.prod(shapes[name]) for name in names]
print(f"neurons: conv1 {neurons[0]:,}, all {sum(neurons):,}")

# %% [markdown]
# ## Where the weights are, and where the work is
#
# A kernel works at every place, a linear layer's weight only once for each picture.

# %%
with figure("08_counts", 8, 2.8) as drawing:
    left, right = drawing.subplots(1, 2)
    left.barh(names, [weights[name] / 1e6 for name in names])
    right.barh(names, [work[name] / 1e6 for name in names])
    left.set(title="million weights", ylim=(8, -1))
    right.set(title="million multiply-adds", ylim=(8, -1))

# %% [markdown]
# So most weights are in fc6, and most work is in the convolutions.

# %%
total, macs = net.parameter_count(), sum(work.values())
in_convolutions = sum(work[name] for name in names[:5])
print(f"fc6: {weights['fc6'] / total:.0%} of {total:,} weights")
share = in_convolutions / macs
print(f"convolutions: {share:.0%} of {macs:,} multiply-adds")

# %% [markdown]
# Compared with LeNet (1998), AlexNet is said to have "10 times the parameters, 250 times the
# computation". LeNet has 61,706 weights, and takes 0.4 million multiply-adds.
#
# **Guess**: is that true?

# %%
lenet = build("lenet", rng=rng)
lenet_macs = sum(lenet.macs().values())
print(
    f"LeNet times {total / lenet.parameter_count():.0f} in weights,",
    f"times {macs / lenet_macs:.0f} in work",
)

# %% [markdown]
# ## Two groups, for two cards
#
# The paper's net ran on two GPUs, or *cards*, with 3 GB each, and each held half of the channels.
# conv2, conv4 and conv5 see only what is on their own card: two groups, half of the weights and
# half of the work.
#
# **Guess**: the cell below silences the second half of conv2's input. Which half of its 256 kernels
# notices?

# %%
conv2 = net.layers["conv2"]
x = rng.standard_normal((1, 27, 27, 96))
before = conv2.forward(x)
x[..., 48:] = 0
changed = (conv2.forward(x) != before).any(axis=(0, 1, 2))
print("notice:", changed[:128].sum(), "and", changed[128:].sum(), "of 128")

# %% [markdown]
# Would the net, as minialex trains it, fit on one of those cards? In training each weight comes
# with a gradient and a velocity (lesson 09): three numbers of four bytes. And each picture of a
# batch needs memory for what the layers keep for the way back.

# %%
for_weights = 3 * 4 * total
for_pictures = 128 * picture_bytes(net)
print(f"weights, gradients, velocity {for_weights / 1e9:.2f} GB")
print(f"128 pictures {for_pictures / 1e9:.2f} GB")
print(f"together {(for_weights + for_pictures) / 1e9:.2f} GB")

# %% [markdown]
# As minialex keeps it, it would fit. The program of 2012 kept more, and its authors divided the
# net.

# %% [markdown]
# ## A picture goes through
#
# The weights are random, but drawn as He et al. draw them, which keeps the spread of the numbers
# that go through (lesson 04).

# %%
some = pictures("cifar10", 1, 1)
start = some.standardize(resized(some.images, 227))
x, outputs = start, {}
for name, layer in pieces:
    x = layer.forward(x)
    outputs[name] = x
    if name in names:
        print(f"spread after {name} {x.std():.2f}")

# %% [markdown]
# To an untrained net, all 1,000 classes seem equally likely. A class $y$ would have the loss
# $\log \sum_j e^{s_j} - s_y$ (lesson 01). Its mean over all classes is near
#
# $$\log 1000 = 6.91$$

# %%
scores = outputs["fc8"]
mean_loss = numpy.log(numpy.exp(scores).sum()) - scores.mean()
print(f"mean loss {mean_loss:.2f}")

# %% [markdown]
# ## How far a number sees: its receptive field
#
# A number in conv1 sees 11 pixels. Let a number of some layer see $f$ pixels, and let two
# neighbours there be $d$ pixels apart. A kernel of $K$ takes $K$ neighbours side by side, which see
# $(K - 1) \cdot d$ pixels more than one of them; and moving by a stride of $s$ places is moving by
# $s \cdot d$ pixels:
#
# $$f \leftarrow f + (K - 1) \cdot d \qquad d \leftarrow d \cdot s$$

# %%
field, distance = 1, 1
for name, layer in pieces[:15]:
    if isinstance(layer, Conv2d | MaxPool2d):
        field += (layer.kernel_size - 1) * distance
        distance *= layer.stride
        print(f"{name} sees {field}×{field}")

# %% [markdown]
# The way back agrees: begin with a gradient at one place of pool5 and see which pixels get any. The
# place is row 2, column 2. Places of pool5 are 32 pixels apart, and padding moves the first one out
# of the picture, by 64 pixels in all, so this one sees pixels 0 to 194.

# %%
features = Network(pieces[:15], net.input_shape)
dy = numpy.zeros_like(features.forward(start, train=True))
dy[0, 2, 2] = 1
dx = abs(features.backward(dy)).sum(axis=(0, 3))
rows = numpy.flatnonzero(dx.max(axis=1) > 1e-5 * dx.max())
print(f"dx: rows {rows[0]} to {rows[-1]}")

# %% [markdown]
# But not all of these pixels count alike.
#
# **Guess**: how large is the square, around the middle, that holds half of `dx`?

# %%
inside = []
for radius in range(98):
    square = slice(97 - radius, 98 + radius)
    inside.append(dx[square, square].sum())
half = 2 * numpy.searchsorted(inside, dx.sum() / 2) + 1  # first to hold it
print(f"half of dx comes from {half}×{half} pixels")

# %% [markdown]
# Here is the picture, the first map of some layers, and what a number of pool5 sees.

# %%
maps = {"picture": some.images[0]}
for name in ("relu1", "relu2", "relu5"):
    maps[name] = outputs[name][0, ..., 0]
maps["what pool5 sees"] = dx
show_pictures("08_picture", maps)

# %% [markdown]
# ## Point at a unit
#
# In the explorer (`python -m minialex.explore runs/shapes-alexnet-cifar`, see lesson 02) a frame on
# the picture shows what a unit sees, and a lighter square on each map between, how it comes about.
#
# - That net has other windows: conv1 5×5; pool1 and pool2 3×3 with a stride of 2; conv2 and conv3
#   3×3. How many pixels along a side does a unit in the middle of conv1 see, of conv2, of conv3?
#   Work it out as above, then point at one of each: its last line says what it depends on.
# - Does a unit in the corner of conv3 see as many? And one in the middle of pool5?

# %% [markdown]
# ## To take away
#
# - Eight layers have weights: fc6 has most of them, but the convolutions do most of the work.
# - A place in pool5 can see 195 pixels, and sees best in the middle.
#
# ### Exercises
#
# 1. Put one linear layer on each channel's mean after conv5: how many weights does it have?
# 2. How large a batch fits into 3 GB?

# %% [markdown]
# ## Answers to the guesses
#
# - **Neurons**: the abstract. conv1 has $55 \cdot 55 \cdot 96 = 290400$, and all layers together
#   659,272, which is 650,000 if you round down. 253,440 neurons would be 2,640 places of 96
#   channels, and 2,640 is no square.
# - **LeNet**: no. AlexNet has 988 times its weights, and takes 1,739 times its work.
# - **Groups**: all 128 kernels of the second half, and none of the first. Each group has weights
#   for its own 48 channels only.
# - **Half of the gradient** lies in 83×83 pixels, here with a picture of CIFAR-10: 18% of the area
#   that it can see. A pixel in the middle lies in many of the windows on the way to pool5, a pixel
#   on the border in few. With the drawn shapes it is 89×89.
# - **Point at a unit**: 5, 11 and 23 pixels; pool1 and pool2, between them, 7 and 15. Of the
#   field of a corner of conv3 12×12 pixels lie on the picture, the rest beyond its edge. In the
#   middle of pool5 it is the whole picture.
