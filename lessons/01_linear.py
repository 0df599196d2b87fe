# %% [markdown]
# # 01. A linear classifier, which has all of learning in it
#
# Ten kinds of clothes, and a picture: which kind is it? The simplest machine adds up the pixels,
# each times a weight, once for each class. AlexNet's last layer does the same with 4,096 numbers
# that the layers before it computed from the pixels. Its loss, its gradient and the way it learns
# are those of this lesson.

# %%
import numpy

from minialex.layers import Linear, SoftmaxCrossEntropy
from minialex.lessons import pictures, quick, seconds, show_pictures

# %% [markdown]
# ## A score for each class
#
# Lay the picture out as one row $x$. Each class $k$ has a weight $W_{k,d}$ for every pixel $x_d$,
# and a bias $b_k$. Its score is
#
# $$s_k = b_k + \sum_d x_d \cdot W_{k,d}$$
#
# The class with the highest score is the answer. For many pictures these are three loops.


# %%
def scores(x, W, b):
    S = numpy.tile(b, (len(x), 1))
    for n in range(len(x)):
        for k in range(len(W)):
            for d in range(x.shape[1]):
                S[n, k] += x[n, d] * W[k, d]
    return S


# %% [markdown]
# Ten classes, random weights, and twenty pictures to try it on. The layer `Linear` holds the
# weights; later it will compute, too.

# %%
some = pictures("fashion-mnist", 500 if quick else 10_000, 1000)
x, labels = some.x.reshape(len(some.x), -1), some.labels
rng = numpy.random.default_rng(0)
layer = Linear(x.shape[1], 10, weight_std=0.01, rng=rng)
W, b = layer.params["weight"], layer.params["bias"]
few, y = x[:20], labels[:20]
S = scores(few, W, b)
print("pictures", few.shape, "weights", W.shape, "scores", S.shape)

# %% [markdown]
# The innermost sum is a dot product: a row of $x$ with a row of $W$. All rows of one array with all
# rows of another: that is one matrix product.
#
# $$S = X W^\top + b$$

# %%
print(f"X {few.shape} @ Wᵀ {W.T.shape} + b {b.shape} = S {S.shape}")
print("largest difference from the loops:", abs(few @ W.T + b - S).max())
slow, fast = seconds(lambda: scores(few, W, b)), seconds(lambda: few @ W.T)
print(f"loops {slow * 1e3:.0f} ms, matrix product {fast * 1e3:.3f} ms")

# %% [markdown]
# ## Softmax: from scores to probabilities
#
# Probabilities are positive and add up to 1. So take exponentials, and divide by their sum:
#
# $$p_k = \frac{e^{s_k}}{\sum_j e^{s_j}}$$
#
# Only differences between scores matter: subtracting $m$ from all scores divides the top and the
# bottom of the fraction by the same $e^m$, and nothing changes. So subtract the largest score
# first, since $e^{89}$ is infinite in float32.


# %%
def softmax(S):
    e = numpy.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


for s in ([2.0, 1.0, -1.0], [1002.0, 1001.0, 999.0], [0.0, 5.0, 0.0]):
    print(f"s {s}: p {softmax(numpy.array([s]))[0].round(3)}")

# %% [markdown]
# ## Cross-entropy: how wrong is that?
#
# A picture of class $y$ has the loss
#
# $$L = -\log p_y$$
#
# which is 0 if you are sure and right, and grows without bound the surer you are of something else.
#
# In the code, two lists as an index go in pairs: `p[range(N), y]` takes `p[0, y[0]]`, `p[1, y[1]]`
# and so on, the probability of each right class. And $\log$ is the natural logarithm.
#
# **Guess**: what is the loss of a machine that knows nothing, and gives each of ten classes the
# same chance?


# %%
def mean_loss(S, y):
    return -numpy.log(softmax(S)[range(len(y)), y]).mean()


print(f"knows nothing: {mean_loss(numpy.zeros((1, 10)), [3]):.3f}")
sure = numpy.array([[5.0, 0.0, 0.0]])
print(f"sure and right: {mean_loss(sure, [0]):.3f}")
print(f"sure and wrong: {mean_loss(sure, [1]):.3f}")

# %% [markdown]
# ## The gradient of the scores, by hand
#
# Change one score and leave all others as they are: how fast the loss changes is an ordinary
# derivative. The round $\partial$ in $\partial L / \partial s_k$ says that the others stand still.
# All these slopes together, in an array of the shape of $S$, are the *gradient*, and we write it
# $\mathrm{d}S$; for the weights, $\mathrm{d}W$.
#
# Which way should each score go? Put softmax into the loss. As $\log (a / b) = \log a - \log b$,
#
# $$L = -\log p_y = -s_y + \log \sum_j e^{s_j}$$
#
# Nudge $s_k$. The first term changes only if $k = y$, with slope $-1$. As for the second: $\log u$
# has the slope $1 / u$, and $u = \sum_j e^{s_j}$ changes with $s_k$ in one term only, with the
# slope $e^{s_k}$. The chain rule multiplies both: $e^{s_k} / \sum_j e^{s_j}$, which is $p_k$ again.
# So
#
# $$\frac{\partial L}{\partial s_k} = p_k - h_k$$
#
# where $h_k$ is 1 for the right class $k = y$, and 0 for all others (*one-hot*). The right score is
# pushed up by the probability it lacks, the others are pushed down by the probability they have.

# %%
p = softmax(S)
one_hot = numpy.eye(10)[y]
print("picture 0, of class", y[0])
print("probabilities", p[0].round(2))
print("gradient     ", (p - one_hot)[0].round(2))

# %% [markdown]
# ## The gradient of the weights
#
# Adding 1 to $W_{k,d}$ adds $x_d$ to $s_k$, and adding 1 to $b_k$ adds 1. Hence
#
# $$\frac{\partial L}{\partial W_{k,d}} = (p_k - h_k) \cdot x_d \qquad
# \frac{\partial L}{\partial b_k} = p_k - h_k$$
#
# For many pictures take the mean. As a matrix product: $\mathrm{d}W = \mathrm{d}S^\top X$.

# %%
dW = numpy.zeros(W.shape)
for n in range(20):
    for k in range(10):
        dW[k] += (p[n, k] - one_hot[n, k]) * few[n] / 20
dS = (p - one_hot) / 20
print("matrix form, largest difference:", abs(dS.T @ few - dW).max())

# %% [markdown]
# Do you believe it? Nudge single weights up and down by a little, and see how the loss changes:
# that is the slope, without any derivation.

# %%
for k, d in ((0, 350), (3, 350), (6, 500), (9, 500)):
    nudge = numpy.zeros(W.shape)  # float64: lesson 03 shows why
    nudge[k, d] = 1e-5
    above = mean_loss(few @ (W + nudge).T + b, y)
    below = mean_loss(few @ (W - nudge).T + b, y)
    slope = (above - below) / 2e-5
    print(f"W[{k}, {d}]: nudged {slope:+.8f}, by hand {dW[k, d]:+.8f}")

# %% [markdown]
# ## Gradient descent
#
# Change each weight by a small amount $c$, and the loss changes by about the sum of all
# $\mathrm{d}W \cdot c$. With $c = -\varepsilon \cdot \mathrm{d}W$ no term of that sum is positive,
# so the loss falls, if the *learning rate* $\varepsilon$ is small enough:
#
# $$W \leftarrow W - \varepsilon \cdot \mathrm{d}W$$
#
# The layers in minialex compute what you just saw. A layer has two methods. `forward(x)` returns
# $y$; with `train=True` it also keeps what it needs for the way back. `backward(dy)` takes the
# gradient of $y$, leaves those of its weights in `layer.grads`, and returns that of $x$. The loss
# comes last, so its `backward()` takes nothing. `W` is the layer's own array: `W -= …` changes the
# layer.

# %%
loss, losses = SoftmaxCrossEntropy(), []
learning_rate = 12 / x.shape[1]  # by trial
for _ in range(51 if quick else 201):
    losses.append(loss.forward(layer.forward(x, train=True), labels))
    layer.backward(loss.backward())
    W -= learning_rate * layer.grads["weight"]
    b -= learning_rate * layer.grads["bias"]
print("loss at every 25th step:", numpy.round(losses[::25], 3))

# %% [markdown]
# ## What it has learnt
#
# There is a weight for each pixel and class, so the weights of a class are a picture, too. Bright
# pixels count for the class where its weights are blue, and against it where they are red.

# %%
templates = {}
for k, name in enumerate(some.class_names):
    templates[name] = W[k].reshape(some.images.shape[1:]).mean(axis=2)
show_pictures("01_weights", templates, columns=5, signed=True)

# %% [markdown]
# ## What it cannot do
#
# It has one template for each class, at one place. Move the pictures that it has learnt to the
# right (what leaves on one side comes back on the other): you would hardly notice.
#
# **Guess**: how many of the moved pictures does it still get right?

# %%
answers = layer.forward(some.test_x.reshape(1000, -1)).argmax(axis=1)
print(f"not seen before: {(answers == some.test_labels).mean():.1%} right")
for pixels in range(7):
    moved = numpy.roll(some.x, pixels, axis=2).reshape(x.shape)
    share = (layer.forward(moved).argmax(axis=1) == labels).mean()
    print(f"learnt, but moved by {pixels} pixels: {share:.1%} right")

# %% [markdown]
# ## To take away
#
# - The gradient of softmax and cross-entropy is $p - h$: what was said, minus what was right.
# - Learning is: the loss, its gradient, a small step down; and again.
# - Weights for pixels learn where things are. Lesson 02 asks what is there.
#
# ### Exercises
#
# 1. Make the learning rate ten times larger and ten times smaller. What do the losses do?
# 2. Start with all weights 0. Why does it still learn?
# 3. Write it yourself: `lessons/exercises/softmax.py`.

# %% [markdown]
# ## Answers to the guesses
#
# - **Knowing nothing** means a loss of $-\log 0.1 = \log 10 = 2.303$. Keep that number in
#   mind: it is about where training with ten classes should start.
# - **Moved pictures**: with Fashion-MNIST 81% are right where they were learnt, 60% after two
#   pixels to the right, and a quarter after six. The shapes that minialex draws lie at random
#   places, and can only be learnt by heart.
