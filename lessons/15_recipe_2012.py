# %% [markdown]
# # 15. The 2012 recipe, and where the paper and its program differ
#
# What was done in 2012, apart from the layers? Two towers, pixels of 0 to 255, odd initial weights
# and biases, rates, crops. The paper tells most of it. In 2025 the Computer History Museum
# published the program, and it differs.

# %%
import numpy

from minialex import models
from minialex.data.dataset import resized
from minialex.layers import Conv2d, LocalResponseNorm, MaxPool2d, ReLU
from minialex.layers.im2col import output_size
from minialex.lessons import figure, pictures, quick

# %% [markdown]
# ## Two towers
#
# The net did not fit into the 3 GB of a card, so each of two cards took half of every layer's
# kernels (section 3.5). They exchange maps in a few places only; elsewhere a kernel sees only what
# is on its own card. Today this is called *groups*.

# %%
side, rng = 99 if quick else 227, numpy.random.default_rng(0)
net = models.build("alexnet", image_size=side, rng=rng, paper_init=True)
convs = {}
for name, layer in net.layers.items():
    if isinstance(layer, Conv2d):
        convs[name] = layer
print(*convs)

# %% [markdown]
# Let the first half of a layer's input channels be on the first card. Change that half: the outputs
# on the first card change. If an output on the second card changes, too, then a kernel there sees
# both cards.
#
# **Guess**: for which of conv2, conv3, conv4 and conv5 does the second card notice?

# %%
notices = {}
for name in ("conv2", "conv3", "conv4", "conv5"):
    layer = convs[name]
    x = rng.standard_normal((1, 5, 5, layer.in_channels), numpy.float32)
    before = layer.forward(x)
    x[..., : layer.in_channels // 2] += 1
    changed = layer.forward(x) != before
    second_card = changed[..., layer.out_channels // 2 :]
    notices[name] = bool(second_card.any())
    print(name, layer.params["weight"].shape, "notices:", notices[name])

# %% [markdown]
# A kernel that sees half of the channels has half of the weights: $5 \cdot 5 \cdot 48$ in conv2,
# not $5 \cdot 5 \cdot 96$.

# %%
count, more = net.parameter_count(), 0
for layer in convs.values():
    more += layer.params["weight"].size * (layer.groups - 1)
print(f"{count:,} parameters; {count + more:,} if every kernel saw both")

# %% [markdown]
# The whole net, as two towers. A line leads from what a layer sees to the layer: pixels are on both
# cards, and the linear layers see everything.


# %%
def draw_towers(axes):
    names = ["pixels", *convs, "fc6", "fc7", "fc8"]
    for column, name in enumerate(names):
        for tower, colour in enumerate(("skyblue", "orange")):
            box = dict(boxstyle="round", facecolor=colour)
            middle = dict(ha="center", va="center")
            axes.text(column, tower, name, bbox=box, **middle)
            for other in (0, 1):
                sees = other == tower or notices.get(name, True)
                if column > 0 and sees:
                    ends = [column - 1, column], [other, tower]
                    axes.plot(*ends, color="gray", zorder=0)
    axes.set(xlim=(-0.4, 8.4), ylim=(-0.3, 1.3))
    axes.axis("off")


with figure("15_towers", 9, 2.5) as drawing:
    draw_towers(drawing.add_subplot())

# %% [markdown]
# ## Why 0.01 needs pixels of 0 to 255
#
# All weights started from $N(0, 0.01^2)$, the biases of conv2, conv4, conv5, fc6 and fc7 from 1, so
# that their ReLUs start alive (section 5). A sum of $n$ inputs with such weights is about
# $0.01 \cdot \sqrt{n}$ times as large as the inputs are (lesson 00): in conv1, with $n = 363$, a
# fifth.
#
# Pixels of 0 to 255 minus their mean are about 64 in size. Divided by their standard deviation, as
# is usual now, they are about 1; and 1 is also what the biases add.

# %%
some = pictures("cifar10", 8, 4)
large = resized(some.test_images, side)
mean = some.images.mean(axis=(0, 1, 2))
centred = large.astype(numpy.float32) - mean
standardised = some.standardize(large)
print(f"standard deviation of pixels of 0 to 255: {centred.std():.1f}")
print(f"of standardised ones: {standardised.std():.2f}")

# %% [markdown]
# Send four pictures through the net. How far apart are they after each layer? Take the standard
# deviation over the pictures, for each number that comes out, and then the mean of those.


# %%
def spread(x):
    result = {}
    for name, layer in net.layers.items():
        x = layer.forward(x)
        if layer.params:
            result[name] = float(x.std(axis=0).mean())
    return result


# %% [markdown]
# One detail: minialex starts fc7 and fc8 from 0.005. Its dropout doubles what it lets through while
# training (lesson 07); the paper's halved everything at test time instead. So what comes out is as
# large as in the paper.
#
# **Guess**: four different pictures go in. Do the scores that come out of fc8 differ by more than
# 0.01, with pixels of size 1? And with pixels of size 64?

# %%
small, big = spread(standardised), spread(centred)
spreads = {"0.01, 1": small, "0.01, 64": big}
print("pixels of about 1  about 64")
for name in small:
    print(f"{name:<6} {small[name]:10.5f} {big[name]:9.5f}")

# %% [markdown]
# Before these weights are replaced, keep what conv1 and its ReLU compute from both: the next
# section needs it.

# %%
maps = {}
for kind, x in (("1", standardised), ("64", centred)):
    maps[kind] = numpy.maximum(convs["conv1"].forward(x), 0)

# %% [markdown]
# Weights by He et al. (lesson 04) have the standard deviation $\sqrt{2 / n}$, and all biases are 0.
# Now pixels of size 1 reach fc8.

# %%
for layer in net.layers.values():
    if layer.params:
        weight, bias = layer.params["weight"], layer.params["bias"]
        n = weight[0].size
        weight *= numpy.sqrt(2 / n) / weight.std()
        bias[...] = 0
spreads["He, 1"] = spread(standardised)
for name, value in spreads["He, 1"].items():
    print(f"{name:<6} {value:10.5f}")

# %% [markdown]
# ## What LRN does to such numbers
#
# LRN (lesson 06) makes $y$ of $x$, with a sum over neighbours:
#
# $$y = \frac{x}{s^{0.75}} \qquad s = k + \alpha \cdot \sum x^2$$
#
# With $k = 2$ and $\alpha = 10^{-4}$ the squares count only where maps are large. And the paper
# does not divide $\alpha$ by the window of 5. Its program does, and so do Caffe and PyTorch (with
# $k = 1$): to compute what the paper says they need five times its $\alpha$.
#
# By the formula, $s^{0.75} = x / y$, so $s = (x / y)^{4/3}$. Here is the largest $s$ of each.

# %%
for kind, x in maps.items():
    for alpha in (1e-4, 1e-4 / 5):
        y = LocalResponseNorm(alpha=alpha).forward(x)
        positive = y > 0
        s = (x[positive] / y[positive]).max() ** (4 / 3)
        print(f"pixels: about {kind:>2}, α = {alpha:.0e}: s up to {s:.4f}")

# %% [markdown]
# ## Where 55 comes from
#
# The paper says 224 pixels, and 55 windows of 11 with stride 4. As lesson 08 showed, they do not
# fit: it is 54.25. The program rounds up, with zeros beyond the edge. Later nets take 227 pixels,
# or pad with 2 zeros and round down.

# %%
print("224, rounded up:", numpy.ceil((224 - 11) / 4 + 1))
for size, zeros in ((224, 0), (227, 0), (224, 2)):
    windows = output_size(size, 11, stride=4, padding=zeros)
    print(f"{size}, padding {zeros}: {windows}")

# %% [markdown]
# ## What may swap places
#
# Where the paper has conv1, ReLU, LRN and pool, the program has ReLU last: conv1, LRN, pool, ReLU.
#
# **Guess**: may pooling and ReLU swap places, so that the result is the same? And LRN and ReLU?

# %%
relu, pool, norm = ReLU(), MaxPool2d(3, 2), LocalResponseNorm(alpha=0.1)
a = rng.standard_normal((2, 9, 9, 16), numpy.float32)
for layer in (pool, norm):
    relu_last = relu.forward(layer.forward(a))
    relu_first = layer.forward(relu.forward(a))
    difference = abs(relu_last - relu_first).max()
    print(f"ReLU, {type(layer).__name__} swapped: {difference:.3f} apart")

# %% [markdown]
# ## The rest of the story
#
#                  paper                       program
#     conv3 to 5   weights of 0.01             0.03
#     biases       learn as weights do         at a rate of 0.02, without decay
#     rate         0.01, ÷10 three times       0.01, ÷10 at epochs 25, 51 and 79
#     crops        each picture its own        32 pictures share a place
#     colours      PCA for each picture        then all ÷1.1; none near the end
#
# Both take 128 pictures a step, and average ten views in tests. With the gradient $g$ and the rate
# $\varepsilon$ both do
#
# $$v \leftarrow 0.9 \cdot v - 0.0005 \cdot \varepsilon \cdot w - \varepsilon \cdot g \qquad
# w \leftarrow w + v$$

# %% [markdown]
# The result: a top-1 error of 40.7%, and top-5 18.2%. *Ablations* take one part of a net away;
# those that came with the program have a top-1 error of 42.0% without LRN, 41.1% without overlap in
# the pools, and 41.8% if the towers never talk. With one view, later nets have 42.9% (Caffe) and
# 43.5% (torchvision, PyTorch's collection of nets).
#
# How much work is such a training run? There are 90 epochs of 1.28 million pictures, with 724
# million multiply-adds forward for each (lesson 08). A multiplication and an addition count as two
# operations. Each layer has one product on the way there, and two on the way back: one for the
# gradient of its weights, one for that of its input (lesson 03).
#
# **Guess**: how many days does it take on one CPU core, at 100 GFLOP/s?

# %%
epochs, images = 90, 1.28e6
multiply_adds = 724e6  # a picture's, forward: lesson 08
work = epochs * images * multiply_adds * 2 * 3
days, hours = work / 1e11 / 86400, work / 5e13 / 3600
print(f"{days:.0f} days at 100 GFLOP/s, as a core may have,")
print(f"{hours:.1f} hours at 50 TFLOP/s, as a GPU may have")

# %% [markdown]
# ## To take away
#
# - Groups were two cards' towers; conv3 and the linear layers see both.
# - Initial weights, biases and the scale of pixels belong together.
# - What a paper leaves out matters too. Read the program if there is one.
#
# ### Exercises
#
# 1. How large must $\alpha$ be to do for standardised pixels what 1e-4 does for those of 0 to 255?
# 2. Train it, if you have the pictures, in the folder `IMAGENET`:
#
#        python -m minialex.train IMAGENET --recipe 2012

# %% [markdown]
# ## Answers to the guesses
#
# - **Who notices**: only conv3. Each card's half of conv2, conv4 and conv5 sees 48, 192 and 192
#   channels, all on its own card.
# - **The scores**: with CIFAR-10, 0.00005 apart for pixels of size 1, and 0.002 for those of 64.
#   Whatever the picture, the scores hardly differ. From pixels of 64, conv2 makes about as much as
#   its biases add; from pixels of 1, a sixtieth of that. Weights by He et al. need no large pixels:
#   0.3 after fc8, and much the same in every layer from conv3 on. Drawn shapes give much the same.
# - **Swapping**: pooling and ReLU may. ReLU keeps the order of numbers, so the largest one stays
#   the largest, and it does not matter whether it is cut off at 0 before or after it has been
#   chosen. LRN and ReLU may not: before ReLU, negative neighbours count; after it, they are 0.
# - **A training run**: 58 days on a core. The same work is less than three hours for a GPU, if it
#   could be kept that busy. The two cards of 2012 took five to six days, the paper says.
