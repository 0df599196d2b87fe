# %% [markdown]
# # 10. Augmentation. Crops, mirrors, different light, and ten views
#
# With 61 million weights for 1.2 million pictures a net can memorise. The
# paper's first remedy (section 4.1): show a picture differently each time. A
# car two pixels to the left, in a mirror or at dusk is still a car.

# %%
import numpy

from minialex import fast, models, optim
from minialex.data.augment import offset, pad, random_views
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.data.lighting import Lighting
from minialex.evaluation import answer, over_views
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, seconds

# %% [markdown]
# ## Crops and mirrors
#
# The paper cuts 224×224 pixels out of 256×256, anywhere, and mirrors every
# other time: 2048 views, it says, 32·32·2. But from 0 to 32 there are 33 places
# for a corner. Small pictures first get a frame, 4 pixels of the mean colour,
# which leaves 9 places. Here it is with loops; then ArrayImages.read makes the
# same views:

# %%
some = pictures("cifar10", 256 if quick else 1000, 100 if quick else 1000)
fill = some.standardize.mean.round().astype("uint8")


def views(picture, tops, lefts, mirrors):
    framed, y = pad(picture, 4, fill), numpy.stack([picture] * len(tops))
    for n, i, j in numpy.ndindex(y.shape[:3]):
        column = y.shape[2] - 1 - j if mirrors[n] else j
        y[n, i, j] = framed[tops[n] + i, lefts[n] + column]
    return y  # (n, H, W, C)


print(f"views: {33**2 * 2:,} in the paper, {9**2 * 2} of a small picture")
train = ArrayImages(some.images, some.labels, fill=fill)
draws = random_views(8, numpy.random.default_rng(0))  # top, left: 0 to 1
places = offset(draws.top, 8), offset(draws.left, 8), draws.mirror  # 0 to 8
loops = views(some.images[0], *places)
print("equal to read:", (train.read([0] * 8, draws) == loops).all())
slow = seconds(lambda: views(some.images[0], *places))
read = seconds(lambda: train.read([0] * 8, draws))
print(f"eight views: loops {slow * 1e3:.1f} ms, read {read * 1e3:.2f} ms")
with figure("10_views", 9, 1.2) as drawing:
    ax = drawing.add_subplot(xticks=[], yticks=[], title="picture, 8 views")
    ax.imshow(numpy.hstack([some.images[0], *loops]))

# %% [markdown]
# ## Different light: the principal components of colour
#
# Take every pixel as a point (red, green, blue), from 0 to 1. The covariance
# matrix Σ says how any two channels vary together. Its eigenvectors,
# Σ p = λ p, are the axes of this cloud, and λ is the variance along each. In
# photographs p₁ runs from dark to light, p₂ from blue to orange. The paper adds
# α₁λ₁p₁ + α₂λ₂p₂ + α₃λ₃p₃ to all pixels, as if the light had changed; the α are
# drawn again each time, from N(0, 0.1²).

# %%
pixels = some.images.reshape(-1, 3) / 255
pixels -= pixels.mean(axis=0)
sigma = numpy.array([[(c * d).mean() for c in pixels.T] for d in pixels.T])
lam, p = (a[..., ::-1] for a in numpy.linalg.eigh(sigma))  # largest first
print("largest |Σ p − λ p|:", abs(sigma @ p - p * lam).max())
for i in range(3):
    print(f"λ {lam[i]:.4f}, {lam[i] / lam.sum():3.0%}, p", p[:, i].round(2))
with figure("10_components", 9, 2) as drawing:
    ax = drawing.add_subplot(xticks=[], yticks=[])
    ax.set_title("moved by 60 grey levels along −p₁ +p₁ −p₂ +p₂ −p₃ +p₃")
    moves = numpy.array([sign * 60 * v for v in p.T for sign in (-1, 1)])
    row = numpy.hstack(some.images[0] + moves[:, None, None])
    ax.imshow(row.clip(0, 255).astype("uint8"))

# %% [markdown]
# ## One formula, many answers
#
# The formula adds a variance to a colour: square metres to metres. So it
# depends on the unit, and means pixels from 0 to 1. Here is what one draw of α
# adds to red, green and blue, in grey levels, the way different people have
# programmed it. The program of 2012 has √λ, "color_stdevs": the same in every
# unit, but more.

# %%
alpha, added = 0.1 * numpy.random.default_rng(6).standard_normal(3), {}
shipped = Lighting.of_covariance(sigma * 255**2)
added["the paper, 0 to 1"] = 255 * p @ (alpha * lam)
added["Lighting"] = shipped.shifts(1, numpy.random.default_rng(6))[0]
added["√λ for λ"] = 255 * p @ (alpha * lam**0.5)
added["p in rows: wrong"] = 255 * p.T @ (alpha * lam)
added["255 left out: wrong"] = p @ (alpha * lam)
added["λ of 0 to 255: wrong"] = p @ (alpha * lam * 255**2)
for name, colour in added.items():
    print(f"{name:<21}", *(f"{level:+9.2f}" for level in colour))

# %% [markdown]
# ## Few pictures, with and without
#
# The same net and the same thousand pictures twenty times: as they are, then
# with crops and mirrors. Which of the two has the lower loss on the pictures it
# learns from, and which on new ones? Where does a curve turn?

# %%
unseen = ArrayImages(some.test_images, some.test_labels, fill=fill)
centres, curves = Batches(unseen, 250, some.standardize), {}
with figure("10_overfitting", 9, 3.5) as drawing:
    ax = drawing.add_subplot(xlabel="epoch, from 0", ylabel="loss")
    for name, on in ("as they are", False), ("crops and mirrors", True):
        net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
        engine, loss = fast.prepare(net, workers=2), SoftmaxCrossEntropy()
        adam, curve = optim.Adam(net, lr=0.001), []
        seen = Batches(train, 64, some.standardize, 0, crop=on, mirror=on)
        for epoch in range(5 if quick else 20):
            losses = []
            for x, labels in seen.epoch(epoch):
                losses.append(engine.step(x, labels, loss)[0])
                engine.update(adam)
            tested = answer(engine, centres).scores()
            curve.append((numpy.mean(losses), tested["loss"]))
        own, new = curves[name] = numpy.transpose(curve)  # (2, epochs)
        print(
            f"{name:<17} own {own[-1]:.2f}, new {new[-1]:.2f} (lowest "
            f"{new.min():.2f}), right {tested['accuracy']:.1%}"
        )
        (line,) = ax.plot(new, label=f"{name}: new pictures")
        ax.plot(own, "--", color=line.get_color(), label=f"{name}: own")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# ## Ten views at test time
#
# The paper asks ten times, at the four corners and the centre, each also in the
# mirror, and averages the probabilities: 37.5% of errors instead of 39.0%
# (section 6). First one picture by hand, then all of them; with a thousand
# pictures, accuracy is uncertain by 1.5%.

# %%
places = [0, 0, 8, 8, 4] * 2, [0, 8, 0, 8, 4] * 2, [False] * 5 + [True] * 5
ten = views(some.test_images[0], *places)
answers = numpy.exp(engine.forward(some.standardize(ten)))
answers /= answers.sum(axis=1, keepdims=True)
print("the right class:", answers[:, some.test_labels[0]].round(2))
crops = Batches(unseen, 250, some.standardize, test_views="ten-crop")
x, labels = next(crops.epoch(0))
mean = numpy.exp(over_views(engine.forward(x), len(labels)))[0]
print("largest difference:", abs(answers.mean(axis=0) - mean).max())
for name, batches in {"centre": centres, "ten views": crops}.items():
    tested = answer(engine, batches).scores()
    print(f"{name:<10}", {k: round(v, 4) for k, v in tested.items()})

# %% [markdown]
# ## To take away
#
# - A view that keeps the class is a new picture for free.
# - Overfitting: the loss on new pictures rises while the loss on the net's own
#   falls.
#
# ### Exercises
#
# 1. Change the light of each picture of a batch and train with it. Does it
#    help?
# 2. How many pictures must there be until crops and mirrors gain nothing?
