# %% [markdown]
# # 08. AlexNet: solutions
#
# Try each exercise before you read on.

# %%
from minialex.fast.gpu.footprint import picture_bytes
from minialex.models import build

net = build("alexnet")

# %% [markdown]
# ## 1. A mean instead of fc6 and fc7
#
# > Put one linear layer on each channel's mean after conv5: how many weights does it have?
#
# conv5 has 256 channels. Their means are 256 numbers, so a linear layer with 1,000 classes has
# $256 \cdot 1000$ weights, and 1,000 biases.

# %%
one_layer = 256 * 1000 + 1000
linear = 0
for name in ("fc6", "fc7", "fc8"):
    for array in net.layers[name].params.values():
        linear += array.size
print(f"one layer {one_layer:,}, fc6 to fc8 {linear:,}")
print(f"one in {linear / one_layer:.0f}")

# %% [markdown]
# The net would shrink from 61 million weights to 2.6 million. Later nets do just this (it is called
# *global average pooling*), and lose little; they have more convolutions before it.

# %%
convolutions = net.parameter_count() - linear
print(f"with the mean: {convolutions + one_layer:,} weights")

# %% [markdown]
# ## 2. A batch in 3 GB
#
# > How large a batch fits into 3 GB?
#
# Weights, gradients and velocities come first, with twelve bytes for each weight. What is left is
# for pictures.

# %%
left = 3e9 - 3 * 4 * net.parameter_count()
picture = picture_bytes(net)
print(f"{left / 1e9:.2f} GB for pictures of {picture / 1e6:.1f} MB")
print(f"a batch of {int(left / picture)}")

# %% [markdown]
# That is what must be there at once, as minialex's layers keep it. A real card also holds columns
# of im2col, the next batch, and what the driver takes. In 2012 one card had to do with half of the
# net. `python -m minialex.summary alexnet --batch-size 128` counts what training takes on a CPU.
