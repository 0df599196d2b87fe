"""What is faster: the rule by which convolutions choose their algorithm, and its constants.

All of them were measured; benchmarks/README.md has the figures, and `python -m
benchmarks.algorithms` measures again. On a GPU, which multiplies faster than it can fetch what
Winograd's transforms move, every convolution takes im2col.
"""

from minialex.fast.space_to_depth import kernel_blocks
from minialex.layers import Conv2d

#: A product of this many multiply-adds takes a core a fifth of a millisecond, longer than it takes
#: to wake another thread.
WORTH_SHARING = 10**7

#: OpenBLAS multiplies matrices without copying them first, up to a half faster, while the product
#: takes at most this many multiply-adds.
SMALL_PRODUCT = 10**6

#: With fewer rows than this in a product, fetching the weights takes too large a part of the time.
ROWS = 100

#: Winograd's tiles, with the kernel's reach, cover at most 8×8 pixels: beyond that float32 rounds
#: too much.
LARGEST_PATCH = 8

#: Winograd's share of im2col's multiply-adds must be below this: 0.87 where im2col only multiplies;
#: 1 where it adds overlapping windows up again (col2im), which takes longer than multiplying; 0.6
#: for a single picture, where all cores share im2col's one large product, but not many small ones.
SHARE, SHARE_WITH_COL2IM, SHARE_OF_ONE_PICTURE = 0.87, 1.0, 0.6

#: A multiply-add of a Winograd transform, a product with a matrix of at most 8×8, takes as long as
#: two of a large product.
TRANSFORM = 2

#: Fetching one transformed weight from beyond the cache takes as long as 25 multiply-adds;
#: transforming it for this batch, as long as 40.
KEPT_WEIGHT, FRESH_WEIGHT = 25, 40

#: im2col multiplies at least this many times the weight's memory of columns at a time: each product
#: copies the weight first, which must not take too large a part of the time.
COLUMNS_TO_WEIGHT = 3

Size = tuple[int, int, int]  #: a convolution's output: pictures, height, width


def algorithm(
    conv: Conv2d, size: Size, on_gpu: bool, overlapping: bool = False, kept: bool = False
) -> str:
    """ "winograd" or "im2col": the faster one for an output of `size`.

    overlapping   whether im2col would have to add overlapping windows up again (backward with dx)
    kept          whether Winograd's transformed weight is kept from batch to batch
    """
    return "winograd" if not on_gpu and winograd_pays(conv, size, overlapping, kept) else "im2col"


def winograd_applies(conv: Conv2d) -> bool:
    """Whether Winograd convolution can compute this layer."""
    return kernel_blocks(conv) in (3, 5)


def winograd_pays(conv: Conv2d, size: Size, overlapping: bool = False, kept: bool = False) -> bool:
    """Whether Winograd convolution is faster than im2col for an output of `size`."""
    if not winograd_applies(conv):
        return False
    pictures, height, width = size
    without_col2im = SHARE_OF_ONE_PICTURE if pictures == 1 else SHARE
    share = SHARE_WITH_COL2IM if overlapping else without_col2im
    weights = conv.kernel_size**2 * conv.in_channels * conv.out_channels // conv.groups
    cost = winograd_cost(conv, winograd_tile(conv, size, kept), size, kept)
    return cost < share * pictures * height * width * weights


def winograd_tile(conv: Conv2d, size: Size, kept: bool = False) -> int:
    """The m whose tiles of m×m pixels cover an output of `size` at the lowest cost."""
    tiles = range(2, LARGEST_PATCH + 2 - kernel_blocks(conv))
    return min(tiles, key=lambda m: winograd_cost(conv, m, size, kept))


def winograd_cost(conv: Conv2d, m: int, size: Size, kept: bool = False) -> int:
    """What an output of `size` costs with tiles of m×m, in multiply-adds of large products."""
    (pictures, height, width), a = size, m + kernel_blocks(conv) - 1
    channels = conv.stride**2 * conv.in_channels
    weights = a**2 * channels * conv.out_channels // conv.groups
    tiles = pictures * -(-height // m) * -(-width // m)
    transforms = 2 * a**3 * channels + (a**2 * m + a * m**2) * conv.out_channels
    weight = KEPT_WEIGHT if kept else FRESH_WEIGHT
    return tiles * (weights + TRANSFORM * transforms) + weight * weights
