# %% [markdown]
# # 06. Local response normalisation: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.layers import LocalResponseNorm
from minialex.lessons import show_lines

# %% [markdown]
# ## 1. A channel on its own
#
# > For a channel on its own, which $x$ gives the largest $y$? Why is it not infinite, as long as
# > $\beta$ is larger than ½?
#
# Alone, a channel damps only itself:
#
# $$y = \frac{x}{(k + \alpha \cdot x^2)^\beta}$$
#
# At the top the slope is 0. The slope of $y$ is $1 / s^\beta$ less the cross term of the channel
# with itself, with $s = k + \alpha \cdot x^2$:
#
# $$\frac{1}{s^\beta} - \frac{2 \cdot \alpha \cdot \beta \cdot x^2}{s^{\beta + 1}}$$
#
# It is 0 where $s = 2 \cdot \alpha \cdot \beta \cdot x^2$, that is, where
#
# $$x^2 = \frac{k}{\alpha \cdot (2 \beta - 1)}$$
#
# With $k = 2$, $\alpha = 1$ and $\beta = 0.75$ this is $x = 2$.

# %%
layer = LocalResponseNorm(alpha=1)
x = numpy.linspace(0, 12, 121)
y = layer.forward(x.reshape(1, 1, -1, 1)).ravel()
print(f"largest y {y.max():.3f}, at x = {x[y.argmax()]:.1f}")

# %% [markdown]
# For a large $x$ the 2 in $s$ hardly counts, and $y$ is about $x / x^{2 \beta}$. With $\beta$ above
# ½ that falls: whoever shouts very loud damps itself to silence. With $\beta = ½$ it stays level,
# and below that it grows for ever.

# %%
curves = {}
for beta in (0.4, 0.5, 0.75):
    layer = LocalResponseNorm(alpha=1, beta=beta)
    y = layer.forward(x.reshape(1, 1, -1, 1)).ravel()
    curves[f"β = {beta}"] = (x, y)
show_lines("06_alone", curves, "x", "y")

# %% [markdown]
# ## 2. The layer
#
# > Write it yourself: `lessons/exercises/lrn.py`.
#
# `python -m minialex.gradcheck lessons/exercises/lrn.py` says how far you are. The library's own is
# `minialex/layers/lrn.py`: read it when yours is right.
