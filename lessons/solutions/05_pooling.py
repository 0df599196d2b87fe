# %% [markdown]
# # 05. Pooling: solutions
#
# Try each exercise before you read on.

# %%
import numpy

from minialex.layers import AvgPool2d

# %% [markdown]
# ## 1. In how many windows
#
# > In how many 3×3 windows of stride 2 can a pixel lie? Which pixels lie in four?
#
# Along one side, window $i$ covers the rows $2i$, $2i + 1$ and $2i + 2$. An odd row lies in one
# window, an even one in two: it ends the one and begins the next. (Rows at the border have only
# one.) Both sides together: 1, 2 or 4. Those with an even row and an even column lie in four.

# %%
count = numpy.zeros((9, 9), int)
for top in range(0, 7, 2):
    for left in range(0, 7, 2):
        count[top : top + 3, left : left + 3] += 1
print(count)

# %% [markdown]
# A mean-pool counts by itself: it hands each of its nine pixels a ninth of the gradient. Give every
# window 9, and a pixel gets 1 from each window that it lies in.

# %%
pool = AvgPool2d(3, stride=2)
y = pool.forward(numpy.zeros((1, 9, 9, 1)), train=True)
dx = pool.backward(numpy.full_like(y, 9))
print("the same:", (dx[0, :, :, 0].round() == count).all())

# %% [markdown]
# ## 2. The layer
#
# > Write it yourself: `lessons/exercises/pool.py`, and the two errors of section 3.4:
# > `lessons/exercises/topk.py`.
#
# `python -m minialex.gradcheck lessons/exercises/pool.py` says how far you are. The library's own
# is `minialex/layers/pool.py`: read it when yours is right.
