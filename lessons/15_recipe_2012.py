# %% [markdown]
# # 15. The 2012 recipe, and where the paper and its program differ
#
# What was done in 2012, apart from the layers? Two towers, pixels of 0 to 255,
# odd initial weights and biases, rates, crops. The paper tells most of it. In
# 2025 the Computer History Museum published the program, and it differs.

# %%
import numpy

from minialex import models
from minialex.layers import Conv2d, LocalResponseNorm, MaxPool2d, ReLU
from minialex.layers.im2col import output_size
from minialex.lessons import figure, pictures, quick

# %% [markdown]
# ## Two towers
#
# The net did not fit into the 3 GB of a card, so two cards took half of each
# layer's kernels each (section 3.5). They exchange maps in a few places only;
# elsewhere a kernel sees only what is on its own card. Today this is called
# groups. Below, the first card's half of an input is changed. Does the second
# notice?

# %%
side, rng = 99 if quick else 227, numpy.random.default_rng(0)
net = models.build("alexnet", image_size=side, rng=rng, paper_init=True)
convs = {k: c for k, c in net.layers.items() if isinstance(c, Conv2d)}
notices, count = {}, net.parameter_count()
for name, layer in list(convs.items())[1:]:
    x = rng.standard_normal((1, 5, 5, layer.in_channels), numpy.float32)
    before = layer.forward(x)
    x[..., : layer.in_channels // 2] += 1
    changed = layer.forward(x) != before
    notices[name] = bool(changed[..., layer.out_channels // 2 :].any())
    print(name, layer.params["weight"].shape, "notices:", notices[name])
more = sum(c.params["weight"].size * (c.groups - 1) for c in convs.values())
print(f"{count:,} parameters; {count + more:,} if every kernel saw both")
with figure("15_towers", 9, 2.5) as drawing:
    axes = drawing.subplots(subplot_kw={"ylim": (-0.3, 1.3)})
    for i, name in enumerate(["pixels", *convs, "fc6", "fc7", "fc8"]):
        for tower in (0, 1):
            box = dict(boxstyle="round", fc=["skyblue", "orange"][tower])
            axes.text(i, tower, name, ha="center", va="center", bbox=box)
            for other in (0, 1):
                if i and (other == tower or notices.get(name, True)):
                    axes.plot([i - 1, i], [other, tower], "gray", zorder=0)
    axes.axis("off")

# %% [markdown]
# ## Why 0.01 needs pixels of 0 to 255
#
# All weights started from N(0, 0.01²), the biases of conv2, conv4, conv5, fc6
# and fc7 from 1, so that their ReLUs start alive (section 5). A sum of n inputs
# with such weights is about 0.01·√n times as large as they are: in conv1, with
# n = 363, a fifth. Pixels of 0 to 255 minus their mean are about 64 in size;
# divided by their standard deviation, as is usual now, about 1; and 1 is what
# the biases add. Below is how far apart four pictures are after each layer
# (standard deviation over the pictures), with either, and with He's weights,
# √(2/n), and biases of 0.

# %%
some = pictures("cifar10", 8, 4)
scale = -(-227 // some.images.shape[1])
large = some.test_images.repeat(scale, 1).repeat(scale, 2)[:, :side, :side]
centred = large.astype(numpy.float32) - some.images.mean((0, 1, 2))
standardised = some.standardize(large)


def spread(x):
    result = {}
    for name, layer in net.layers.items():
        x = layer.forward(x)
        if layer.params:
            result[name] = float(x.std(axis=0).mean())
    return result


spreads = {"0.01, 1": spread(standardised), "0.01, 64": spread(centred)}
maps = {}
for kind, x in (("1", standardised), ("64", centred)):
    maps[kind] = numpy.maximum(convs["conv1"].forward(x), 0)
for layer in net.layers.values():
    if layer.params:
        weight, bias = layer.params["weight"], layer.params["bias"]
        weight *= (2 / weight[0].size) ** 0.5 / weight.std()
        bias[...] = 0
spreads["He, 1"] = spread(standardised)
print(" " * 6, *(f"{kind:>10}" for kind in spreads))
for name in spreads["He, 1"]:
    print(f"{name:<6}", *(f"{s[name]:10.5f}" for s in spreads.values()))

# %% [markdown]
# ## What LRN does to such numbers
#
# LRN divides by s^0.75, s = k + α Σ a². With k = 2 and α = 1e-4 the squares
# count only where maps are large. The paper does not divide α by the window of
# 5. Its program does, and so do Caffe and PyTorch (with k = 1): their α is the
# paper's times 5. Here is the largest s of each, from b = a·s^-0.75 (lesson
# 06):

# %%
for kind, a in maps.items():
    for alpha in (1e-4, 1e-4 / 5):
        b = LocalResponseNorm(alpha=alpha).forward(a)
        s = (a[b > 0] / b[b > 0]).max() ** (4 / 3)
        print(f"pixels: about {kind:>2}, α = {alpha:.0e}: s up to {s:.4f}")

# %% [markdown]
# ## Where 55 comes from; what may swap places
#
# The paper says 224 pixels, and 55 windows of 11 with stride 4. They do not
# fit: 54.25 would. The program rounds up, with zeros beyond the edge; later
# nets round down and take 227 pixels, or pad with 2 zeros. And where the paper
# has conv1, ReLU, LRN, pool, the program has ReLU last. Pooling and ReLU may
# swap places (why?), LRN and ReLU may not: before ReLU, negative neighbours
# count.

# %%
print("224, rounded up:", numpy.ceil((224 - 11) / 4 + 1))
for size, zeros in ((224, 0), (227, 0), (224, 2)):
    print(f"{size}, padding {zeros}: {output_size(size, 11, 4, zeros)}")
relu, pool, norm = ReLU(), MaxPool2d(3, 2), LocalResponseNorm(alpha=0.1)
a = rng.standard_normal((2, 9, 9, 16), numpy.float32)
for layer in (pool, norm):
    after = relu.forward(layer.forward(a))
    difference = abs(after - layer.forward(relu.forward(a))).max()
    print(f"ReLU, {type(layer).__name__} swapped: {difference:.3f} apart")

# %% [markdown]
# ## The rest of the story
#
#                  paper                       program
#     conv3 to 5   weights of 0.01             0.03
#     biases       as weights                  twice the rate, no decay
#     rate         0.01, ÷10 three times       0.01, ÷10 at epochs 25, 51 and 79
#     crops        each picture its own        one place for 32 pictures
#     colours      PCA, each picture           then all ÷1.1; off near the end
# Both take 128 pictures a step, v ← 0.9·v − 0.0005·ε·w − ε·g, w ← w + v, and
# average ten views in tests. Result: top-1 error 40.7%, top-5 18.2%; in the
# ablations that came with the program top-1 is 42.0% without LRN, 41.1% without
# overlap in the pools, 41.8% if the towers never talk. With one view, later
# nets have 42.9% (Caffe) and 43.5% (torchvision). How much work is such a
# training run?

# %%
work = 90 * 1.28e6 * 2 * 3 * 724e6  # epochs, pictures, · +, back, products
print(f"{work / 1e11 / 86400:.0f} days at 100 GFLOP/s, as a core may have,")
print(f"{work / 5e13 / 3600:.1f} hours at 50 TFLOP/s, as a GPU may have")

# %% [markdown]
# ## To take away
#
# - Groups were two cards' towers; conv3 and the linear layers see both.
# - Initial weights, biases and the scale of pixels belong together.
# - What a paper leaves out matters too. Read the program if there is one.
#
# ### Exercises
#
# 1. How large must α be to do for standardised pixels what 1e-4 does for those
#    of 0 to 255?
# 2. Train it, if you have the pictures: python -m minialex.train --dataset
#    folder --data-dir IMAGENET --recipe 2012
