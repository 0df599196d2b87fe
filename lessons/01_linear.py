# %% [markdown]
# # 01. A linear classifier, which has all of learning in it
#
# Ten kinds of clothes, and a picture: which kind is it? The simplest machine
# adds up the pixels, each times a weight, once for each class. AlexNet's last
# layer does the same with 4096 numbers that the layers before it computed from
# the pixels. Its loss, its gradient and the way it learns are those of this
# lesson.

# %%
import numpy

from minialex.layers import Linear, SoftmaxCrossEntropy
from minialex.lessons import figure, pictures, quick, seconds

# %% [markdown]
# ## A score for each class
#
# Lay the picture out as one row x. Each class k has a weight W[k, d] for every
# pixel x[d], and a bias b[k]. Its score is
#
#     s[k] = b[k] + Σ_d x[d] · W[k, d]
#
# The class with the highest score is the answer. For many pictures these are
# three loops, or one matrix product: S = X Wᵀ + b.


# %%
def scores(x, W, b):
    S = numpy.tile(b, (len(x), 1))
    for n in range(len(x)):
        for k in range(len(W)):
            for d in range(x.shape[1]):
                S[n, k] += x[n, d] * W[k, d]
    return S


some = pictures("fashion-mnist", 500 if quick else 10_000, 1000)
x, labels = some.x.reshape(len(some.x), -1), some.labels
rng = numpy.random.default_rng(0)
layer = Linear(x.shape[1], 10, weight_std=0.01, rng=rng)
W, b = layer.params["weight"], layer.params["bias"]
few, y = x[:20], labels[:20]
S = scores(few, W, b)
print(f"X {few.shape} @ Wᵀ {W.T.shape} + b {b.shape} = S {S.shape}")
print("largest difference from the loops:", abs(few @ W.T + b - S).max())
slow, fast = seconds(lambda: scores(few, W, b)), seconds(lambda: few @ W.T)
print(f"loops {slow * 1e3:.0f} ms, matrix product {fast * 1e3:.3f} ms")

# %% [markdown]
# ## Softmax and cross-entropy
#
# Probabilities are positive and add up to 1. So take exponentials, and divide
# by their sum:
#
#     p[k] = exp(s[k]) / Σ_j exp(s[j])
#
# Only differences between scores matter, so subtract the largest one first:
# exp(89) is infinite in float32. A picture of class y has the loss −log p[y]:
# 0 if you are sure and right, log 10 = 2.303 if you give all ten classes the
# same chance.


# %%
def softmax(S):
    e = numpy.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def mean_loss(S, y):
    return -numpy.log(softmax(S)[range(len(y)), y]).mean()


for s in ([2.0, 1.0, -1.0], [1002.0, 1001.0, 999.0], [0.0, 5.0, 0.0]):
    p, if_0 = softmax(numpy.array([s])), mean_loss(numpy.array([s]), [0])
    print(f"s {s}: p {p[0].round(3)}, loss if y = 0: {if_0:.3f}")

# %% [markdown]
# ## The gradient, by hand
#
# Which way should each score go? Put softmax into the loss:
#
#     L = −log p[y] = −s[y] + log Σ_j exp(s[j])
#
# Nudge s[k]. The first term changes only if k = y, with slope −1. The second
# has the slope exp(s[k]) / Σ_j exp(s[j]), which is p[k] again. So
#
#     ∂L/∂s[k] = p[k] − onehot[k]           onehot[k] is 1 if k = y, else 0
#
# The right score is pushed up by the probability it lacks, the others are
# pushed down by the probability they have. W[k, d] moves s[k] by x[d], b[k]
# moves it by 1. Hence
#
#     ∂L/∂W[k, d] = (p[k] − onehot[k]) · x[d],   ∂L/∂b[k] = p[k] − onehot[k]
#
# For many pictures take the mean; as a matrix product, dW = dSᵀ X. Do you
# believe it? Nudge single weights up and down and see how the loss changes.

# %%
p, dW = softmax(S), numpy.zeros(W.shape)
for n in range(20):
    for k in range(10):
        dW[k] += (p[n, k] - (k == y[n])) * few[n] / 20
dS = (p - numpy.eye(10)[y]) / 20
print("matrix form, largest difference:", abs(dS.T @ few - dW).max())
for k, d in ((0, 350), (3, 350), (6, 500), (9, 500)):
    nudge = numpy.zeros(W.shape)  # float64: lesson 03 shows why
    nudge[k, d] = 1e-5
    above, below = few @ (W + nudge).T + b, few @ (W - nudge).T + b
    slope = (mean_loss(above, y) - mean_loss(below, y)) / 2e-5
    print(f"W[{k}, {d}]: nudged {slope:+.8f}, by hand {dW[k, d]:+.8f}")

# %% [markdown]
# ## Gradient descent, and what it has learnt
#
# The gradient points to where the loss grows. So go the other way, in small
# steps: W ← W − lr · dW, with the learning rate lr. The layers in minialex
# compute what you just saw. Then look at the weights: each class has become a
# picture.

# %%
loss, losses, lr = SoftmaxCrossEntropy(), [], 12 / x.shape[1]  # by trial
for _ in range(51 if quick else 201):
    losses.append(loss.forward(layer.forward(x, train=True), labels))
    layer.backward(loss.backward())
    W -= lr * layer.grads["weight"]
    b -= lr * layer.grads["bias"]
print("loss at every 25th step:", numpy.round(losses[::25], 3))
with figure("01_weights", 8, 4) as drawing:
    drawing.suptitle("bright pixels count for a class (blue) or against it")
    for k, axes in enumerate(drawing.subplots(2, 5).flat):
        w = W[k].reshape(some.images.shape[1:]).mean(axis=2)
        axes.imshow(w / abs(w).max(), cmap="RdBu", vmin=-1, vmax=1)
        axes.set(title=some.class_names[k], xticks=[], yticks=[])

# %% [markdown]
# ## What it cannot do
#
# It has one template for each class, at one place. Move the pictures that it
# has learnt to the right (what leaves on one side comes back on the other): you
# would hardly notice. And shapes drawn at random places it can memorise at
# best.

# %%
answers = layer.forward(some.test_x.reshape(1000, -1)).argmax(axis=1)
print(f"not seen before: {(answers == some.test_labels).mean():.1%} right")
for m in range(7):
    moved = numpy.roll(some.x, m, axis=2).reshape(x.shape)
    share = (layer.forward(moved).argmax(axis=1) == labels).mean()
    print(f"learnt, but moved by {m} pixels: {share:.1%} right")

# %% [markdown]
# ## To take away
#
# - The gradient of softmax and cross-entropy is p − onehot.
# - Learning is: the loss, its gradient, a small step down; and again.
# - Weights for pixels learn where things are. Lesson 02 asks what is there.
#
# ### Exercises
#
# 1. Make lr ten times larger and ten times smaller. What do the losses do?
# 2. Start with all weights 0. Why does it still learn?
# 3. Write it yourself: lessons/exercises/softmax.py.
