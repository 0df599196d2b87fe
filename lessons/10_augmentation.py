# %% [markdown]
# # 10. Augmentation: crops, mirrors, different light, and ten views
#
# With 61 million weights for 1.2 million pictures a net can memorise. The paper's first remedy
# (section 4.1): show a picture differently each time. A car two pixels to the left, in a mirror or
# at dusk is still a car.

# %%
import numpy

from minialex import fast, models, optim
from minialex.data.augment import (
    crop_padded,
    mirrored,
    offset,
    pad,
    random_views,
)
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.data.lighting import Lighting
from minialex.evaluation import evaluate, over_views
from minialex.layers import SoftmaxCrossEntropy
from minialex.lessons import (
    pictures,
    quick,
    seconds,
    shipped,
    show_lines,
    show_pictures,
)

# %% [markdown]
# ## Crops: how many views does a picture have?
#
# The paper cuts 224×224 pixels out of 256×256, anywhere, and mirrors half of the time. That makes
# 2048 views of a picture, it says: 32·32·2.
#
# **Guess**: how many are there really?

# %%
corners = [corner for corner in range(256) if corner + 224 <= 256]
print(f"views in the paper: {len(corners) ** 2 * 2:,}")

# %% [markdown]
# From 0 to 32 there are 33 places for a corner. Our pictures have 32×32 pixels, too few to cut any
# off. So they first get a frame, 4 pixels wide, of the mean colour, which gives 9 places for a
# corner along each side: from 0 to 8, and 4 is the centre.

# %%
some = pictures("cifar10", 256 if quick else 1000, 100 if quick else 1000)
fill = some.standardize.mean.round().astype("uint8")
picture = some.images[0]
print("mean colour", fill)
print("picture", picture.shape, "framed", pad(picture, 4, fill).shape)
print(f"views of a small picture: {9 * 9 * 2}")

# %% [markdown]
# ## A view, pixel by pixel
#
# The framed picture is $f$. A view of $W$ columns, with its corner at row $t$ and column $l$, is on
# the left; its mirror image, which reads the columns backwards, is on the right:
#
# $$y_{i,j,c} = f_{t+i,\;l+j,\;c} \qquad y_{i,j,c} = f_{t+i,\;l+W-1-j,\;c}$$
#
# With loops:


# %%
def views(picture, tops, lefts, mirrors):
    framed = pad(picture, 4, fill)
    H, W, C = picture.shape
    y = numpy.empty((len(tops), H, W, C), numpy.uint8)
    for n in range(len(tops)):
        for i in range(H):
            for j in range(W):
                column = W - 1 - j if mirrors[n] else j
                y[n, i, j] = framed[tops[n] + i, lefts[n] + column]
    return y


# %% [markdown]
# For training the views are drawn at random: `random_views` draws two numbers between 0 and 1 for
# the corner, which `offset` turns into 0 to 8, and tosses a coin for the mirror. In the figure the
# corners are above the views.

# %%
draws = random_views(8, numpy.random.default_rng(0))
tops, lefts = offset(draws.top, 8), offset(draws.left, 8)
loops = views(picture, tops, lefts, draws.mirror)
shown = {"picture": picture}
for n in range(8):
    title = f"{n}: ({tops[n]}, {lefts[n]})"
    if draws.mirror[n]:
        title += ", mirror"
    shown[title] = loops[n]
show_pictures("10_views", shown)

# %% [markdown]
# The library needs no loop over pixels: a crop is a slice, and a mirror image has the stride −1.

# %%
shipped(crop_padded, mirrored)

# %% [markdown]
# `ArrayImages.read` calls these two. Does it make the same views, and how long does it take?

# %%
train = ArrayImages(some.images, some.labels, fill=fill)
print("equal to read:", (train.read([0] * 8, draws) == loops).all())
slow = seconds(lambda: views(picture, tops, lefts, draws.mirror))
quickly = seconds(lambda: train.read([0] * 8, draws))
print(f"loops {slow * 1e3:.1f} ms, read {quickly * 1e3:.2f} ms")

# %% [markdown]
# ## Different light: how colours vary together
#
# Take every pixel as a point (red, green, blue), from 0 to 1, and subtract the mean. The
# *covariance* $S$ says how any two channels $c$ and $d$ vary together, over all $M$ pixels:
#
# $$S_{c,d} = \frac{\sum_m x_{m,c} \cdot x_{m,d}}{M}$$

# %%
pixels = some.images.reshape(-1, 3) / 255
pixels -= pixels.mean(axis=0)
S = numpy.empty((3, 3))
for c in range(3):
    for d in range(3):
        S[c, d] = (pixels[:, c] * pixels[:, d]).mean()
print(S.round(4))

# %% [markdown]
# ## The principal components of colour
#
# In photographs the numbers off the diagonal are almost as large as those on it: where there is
# much red, there is mostly much green and blue, too. The pixels are a cloud of points, longer in
# some directions than in others.
#
# Look along a direction $p$ of length 1. A pixel $x$ lies at $x \cdot p$, and the mean of its
# square, the variance in this direction, is $p \cdot (S\,p)$. For some directions, $S\,p$ points
# the same way as $p$:
#
# $$S\,p = \lambda \cdot p$$
#
# These are the *eigenvectors* of $S$, at right angles to each other, and $\lambda$, the
# *eigenvalue*, is the variance along one. One of them is the direction of the largest variance of
# all. (That is algebra, which we take for granted; `eigh` finds them.)

# %%
lam, p = numpy.linalg.eigh(S)
lam, p = lam[::-1], p[:, ::-1]  # largest first; each p is a column
print(f"largest |S p - λ p|: {abs(S @ p - p * lam).max():.0e}")
for i in range(3):
    share = lam[i] / lam.sum()
    print(f"λ {lam[i]:.4f}, {share:3.0%} of all, p {p[:, i].round(2)}")

# %% [markdown]
# In photographs $p_1$ runs between dark and light, and has most of the variance; $p_2$ runs between
# blue and orange. Look at a picture that is moved along each of them by 60 grey levels.

# %%
moved = {}
for i, name in enumerate(("p₁", "p₂", "p₃")):
    for sign, mark in ((-1, "−"), (1, "+")):
        levels = picture + sign * 60 * p[:, i]
        moved[mark + name] = levels.clip(0, 255).astype("uint8")
show_pictures("10_components", moved, columns=6)

# %% [markdown]
# ## The paper's formula
#
# The paper adds one colour to all pixels of a picture, as if the light had changed:
#
# $$\alpha_1 \lambda_1 p_1 + \alpha_2 \lambda_2 p_2 + \alpha_3 \lambda_3 p_3$$
#
# The three $\alpha$ are drawn again each time, from $N(0, 0.1^2)$ (lesson 00).

# %%
alpha = 0.1 * numpy.random.default_rng(6).standard_normal(3)
added = {"the paper, 0 to 1": 255 * (p @ (alpha * lam))}
print("alpha", alpha.round(3))
colour = added["the paper, 0 to 1"].round(2)
print("red, green, blue:", colour, "grey levels")

# %% [markdown]
# The library's two lines are the same formula, for $n$ pictures. It gets the covariance of pixels
# from 0 to 255, and divides it by $255^2$.

# %%
shipped(Lighting.shifts)
lighting = Lighting.of_covariance(S * 255**2)
added["Lighting"] = lighting.shifts(1, numpy.random.default_rng(6))[0]
print("Lighting adds", added["Lighting"].round(2))

# %% [markdown]
# ## One formula, many answers
#
# The formula adds a variance to a colour: square metres to metres. So it depends on the unit, and
# is meant for pixels from 0 to 1. Here is what the same $\alpha$ adds to red, green and blue, in
# grey levels, the way different people have programmed it. The program of 2012 has $\sqrt\lambda$,
# "color_stdevs": that is the same in every unit, but a larger shift.
#
# **Guess**: what comes out if the formula gets pixels from 0 to 255, unchanged?

# %%
added["√λ for λ"] = 255 * (p @ (alpha * numpy.sqrt(lam)))
added["p in rows: wrong"] = 255 * (p.T @ (alpha * lam))
added["255 left out: wrong"] = p @ (alpha * lam)
added["λ of 0 to 255: wrong"] = p @ (alpha * lam * 255**2)
for name, (red, green, blue) in added.items():
    print(f"{name:<21} {red:+9.2f} {green:+9.2f} {blue:+9.2f}")

# %% [markdown]
# ## Few pictures, with and without
#
# Now an experiment: the same net learns from the same thousand pictures, twenty times from each.
# First as they are, then with crops and mirrors. After each epoch it is tested on pictures that it
# has never seen.
#
# `Batches` standardises the pictures and draws a new view of each in every epoch; the test sees
# their centres. (Adam is another optimiser, which lesson 11 explains. Nothing here depends on it.)

# %%
unseen = ArrayImages(some.test_images, some.test_labels, fill=fill)
centres = Batches(unseen, 250, some.standardize)


def learn(crops_and_mirrors, epochs):
    net = models.build("alexnet-mini", rng=numpy.random.default_rng(0))
    engine = fast.prepare(net, workers=2)
    adam, loss = optim.Adam(net, lr=0.001), SoftmaxCrossEntropy()
    augment = {"crop": crops_and_mirrors, "mirror": crops_and_mirrors}
    seen = Batches(train, 64, some.standardize, seed=0, **augment)
    own, new = [], []
    for epoch in range(epochs):
        losses = []
        for x, labels in seen.epoch(epoch):
            losses.append(engine.step(x, labels, loss)[0])
            engine.update(adam)
        own.append(numpy.mean(losses))
        new.append(evaluate(engine, centres)["loss"])
    return engine, numpy.array([own, new])


# %% [markdown]
# **Guess**: which of the two has the lower loss on the pictures that it learns from, and which on
# new ones? Where does a curve turn?

# %% seconds=28
curves = {}
for name, on in (("as they are", False), ("crops and mirrors", True)):
    engine, curves[name] = learn(on, epochs=5 if quick else 20)
    own, new = curves[name]
    right = evaluate(engine, centres)["accuracy"]
    print(f"{name}: {right:.1%} of new pictures right")
    print(f"    loss on its own {own[-1]:.2f}, on new ones {new[-1]:.2f}")
    print(f"    the lowest on new ones was {new.min():.2f}")

# %% [markdown]
# The four curves, over the epochs. Where the loss on new pictures rises while the one on its own
# still falls, a net *overfits*: what it goes on to learn is true of its own pictures only.

# %%
lines = {}
for name, (own, new) in curves.items():
    lines[f"{name}: own pictures"] = range(1, len(own) + 1), own
    lines[f"{name}: new pictures"] = range(1, len(new) + 1), new
show_lines("10_overfitting", lines, "epoch", "loss")

# %% [markdown]
# ## Ten views at test time
#
# The paper asks ten times, at the four corners and the centre, each also in the mirror, and
# averages the probabilities: an error of 37.5% instead of 39.0% (section 6). One picture by hand,
# with the net that has just learnt from crops and mirrors:

# %%
tops, lefts = [0, 0, 8, 8, 4] * 2, [0, 8, 0, 8, 4] * 2
ten = views(some.test_images[0], tops, lefts, [False] * 5 + [True] * 5)
probabilities = numpy.exp(engine.forward(some.standardize(ten)))
probabilities /= probabilities.sum(axis=1, keepdims=True)
right_class = some.test_labels[0]
print("the right class:", probabilities[:, right_class].round(2))
print("on average:", probabilities.mean(axis=0)[right_class].round(2))

# %% [markdown]
# Ten answers about one picture. In the library `Batches` makes such views, ten in a row for each
# picture, and `over_views` returns the logarithms of their mean probabilities. Do they agree?

# %%
crops = Batches(unseen, 250, some.standardize, test_views="ten-crop")
x, labels = next(crops.epoch(0))
mean = numpy.exp(over_views(engine.forward(x), len(labels)))[0]
print("pictures", len(labels), "views", len(x))
difference = abs(probabilities.mean(axis=0) - mean).max()
print("largest difference:", difference)

# %% [markdown]
# Now all test pictures. An answer is 1 (right) or 0. If about half are right, its variance is about
# ¼, and the mean of 1,000 has the spread $\sqrt{0.25 / 1000}$: accuracy is uncertain by 1.6%.
#
# **Guess**: do ten views lower the loss of this net? Does it get more pictures right?

# %%
for name, batches in (("centre", centres), ("ten views", crops)):
    scores = evaluate(engine, batches)
    loss, right = scores["loss"], scores["accuracy"]
    print(f"{name:<9} loss {loss:.3f}, right {right:.1%}")

# %% [markdown]
# ## To take away
#
# - A view that keeps the class is almost a new picture, and it is free.
# - Overfitting: the loss on new pictures rises while the loss on the net's own falls.
#
# ### Exercises
#
# 1. Change the light of each picture of a batch and train with it. Does it help?
# 2. How many pictures must there be until crops and mirrors gain nothing?
# 3. Write it yourself: `lessons/exercises/lighting.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **Views in the paper**: $33 \cdot 33 \cdot 2 = 2178$. Cutting 224 of 256 pixels leaves 32 to
#   spare, so the corner lies at 0, 1, and so on to 32: 33 places along each side.
# - **Pixels from 0 to 255** make each $\lambda$ $255^2$ times as large, where the colour should be
#   255 times as large. So the shift is 255 times too large: with CIFAR-10, red loses 767 grey
#   levels. The picture is black.
# - **With and without**: as they are, the pictures are learnt by heart. With CIFAR-10 their loss
#   falls to 0.06, with crops and mirrors only to 1.19. On new pictures it is the other way round:
#   2.86, after the curve has turned at 1.72, against 1.65. Drawn shapes are easier:
#   0.04 and 0.41 on their own, 0.80 and 0.37 on new ones.
# - **Ten views**: with CIFAR-10 the loss falls from 1.652 to 1.607: ten answers are less often sure
#   and wrong than one. With the centre 45.0% are right, with ten views 42.7%, a difference that
#   a thousand pictures can hardly tell from chance. A corner is 4 of 32 pixels away from the centre
#   here, and 16 of 224 in the paper. (Drawn shapes: the loss even rises, from 0.372 to 0.454.)
