"""Winograd's minimal filtering: convolution with small kernels for a third to a sixth of the multiplications."""

import functools
import math

import numpy

from minialex import backend
from minialex.layers.blocks import (
    kernel_blocks,
    to_blocks,
    to_pixels,
    weight_to_blocks,
    weight_to_pixels,
)

#: Where polynomials are evaluated, besides at ∞: small numbers and their reciprocals, with alternating signs, keep the
#: rounding errors small. With one point more they are ten times larger (benchmarks/README.md).
POINTS = (0, 1, -1, 1 / 2, -2, 2, -1 / 2)
ONE = POINTS.index(1)

#: OpenBLAS multiplies matrices without copying them first, up to a half faster, while that takes at most so many multiply-adds.
SMALL_PRODUCT = 10**6
#: With fewer rows than this in a product, fetching the weights takes too large a part.
ROWS = 100


class Winograd:
    """y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A: from each patch of a×a pixels of x a tile of m×m pixels of y, a = m + r − 1.

    Two polynomials are multiplied with one product a point: evaluate both there, multiply the values, interpolate.
    Convolving is multiplying polynomials; what a layer computes, with the kernel not mirrored, is the transpose of that: G
    evaluates the kernel (r×r), Bᵀ is the transposed interpolation, Aᵀ the transposed evaluation. In one dimension m outputs
    then cost m + r − 1 products instead of m·r, in two dimensions a² instead of m²·r². Over channels, P patches and O filters
    these products are matrix products, one for each of the a² pairs of points (k, l):

        V = Bᵀ x B, U = G w Gᵀ      y = Aᵀ M A,     M_kl = V_kl U_kl         (P, C) · (C, O)
        dM = A dy Aᵀ                dw = Gᵀ dU G,   dU_kl = dM_klᵀ V_kl      (O, P) · (P, C)

    The gradient of x is a convolution, too: of dy with the kernels mirrored, from O channels to C.

    Rows of pixels are transformed first, all of a picture's at once, since they overlap only from tile to tile. Then, for one
    k after the other, columns are transformed, multiplied and transformed back, so that V and M are only ever there for
    a of the a² pairs, and stay in the cache.

    With a stride of s, read blocks of s×s pixels wherever this says pixels of x, and r = ⌈K / s⌉ (blocks.py).

    Winograd, "Arithmetic complexity of computations" (1980), by the points of Toom and Cook; Lavin and Gray, "Fast algorithms
    for convolutional neural networks" (2016).

    conv: a Conv2d that it `applies` to; size: what comes out, (pictures, height, width). `keep`: U is kept for the next batch,
    which pays while the weight stays the same.
    """

    def __init__(self, conv, size: tuple[int, int, int], keep: bool = False):
        self.conv, self.scratch, self.keep, (_, height, width) = conv, conv.scratch, keep, size
        self.r, self.m = kernel_blocks(conv), tile_size(conv, size, keep)
        self.a = self.m + self.r - 1
        self.rows, self.columns = -(-height // self.m), -(-width // self.m)

    def forward(self, x, y) -> None:
        """Writes the convolution of x (N, H, W, C) into y (N, OH, OW, O)."""
        u = self.kept_point_weights() if self.keep else self.forward_point_weights()
        self.convolve(x, u, self.conv.padding, self.conv.stride, y, self.conv.params["bias"])

    def backward(self, x, dy, dx) -> None:
        """Writes the gradient of the weight into the layer's `grads` and that of x into dx, unless it is None."""
        self.weight_gradient(x, dy)
        if dx is not None:
            self.input_gradient(dy, dx)

    def convolve(self, x, u, padding: int, stride: int, y, bias=None) -> None:
        """Writes into y the convolution of x with the weight whose values at the points are u."""
        xp, (a, b, _) = backend.of(x), self.transforms(x)
        for images in self.chunks(x, y, stride):
            x_tiles = self.rows_to_points("x rows", b.T, x[images], padding, stride)
            y_rows, y_tiles = self.room_for_rows(y[images])
            v, v_tiles = self.room_for_values("v", x_tiles)
            products, product_tiles = self.room_for_values("m", y_tiles)
            for k in range(self.a):
                xp.matmul(b.T, x_tiles[k], out=v_tiles)
                xp.matmul(v, u[k], out=products)
                if bias is not None and k == ONE:
                    products[:, ONE] += bias.reshape(
                        len(products), 1, -1
                    )  # a constant's value at (1, 1) is itself
                xp.matmul(a.T, product_tiles, out=y_tiles[k])
            self.rows_from_points(a.T, y_rows, y[images])

    def weight_gradient(self, x, dy) -> None:
        """Writes the gradient of the weight into the layer's `grads`."""
        xp, (a, b, g), (_, stride, padding) = backend.of(x), self.transforms(x), self.conv.window
        groups, filters, r, _, channels = self.block_weight().shape
        du = self.scratch("u", x, (self.a, groups, self.a, filters, channels))
        part = self.scratch("part", x, du[0].shape)
        for images in self.chunks(x, dy, stride):
            x_tiles = self.rows_to_points("x rows", b.T, x[images], padding, stride)
            dy_tiles = self.rows_to_points("y rows", a, dy[images], 0)
            v, v_tiles = self.room_for_values("v", x_tiles)
            dm, dm_tiles = self.room_for_values("m", dy_tiles)
            for k in range(self.a):
                xp.matmul(b.T, x_tiles[k], out=v_tiles)
                xp.matmul(a, dy_tiles[k], out=dm_tiles)
                if images.start == 0:
                    xp.matmul(dm.transpose(0, 1, 3, 2), v, out=du[k])
                else:
                    du[k] += xp.matmul(dm.transpose(0, 1, 3, 2), v, out=part)
        half = self.scratch("half", x, (groups, filters, self.a, r, channels))
        xp.matmul(g.T, du.transpose(1, 3, 0, 2, 4), out=half)
        half = half.reshape(groups, filters, self.a, r * channels)
        dweight = self.scratch("dweight", x, (groups * filters, r, r, channels))
        xp.matmul(g.T, half, out=dweight.reshape(groups, filters, r, r * channels))
        self.conv.grads["weight"][...] = weight_to_pixels(dweight, stride, self.conv.kernel_size)

    def input_gradient(self, dy, dx) -> None:
        """Writes the gradient of x into dx: the convolution of dy with the kernels mirrored."""
        stride, padding, (n, height, width, c) = self.conv.stride, self.conv.padding, dx.shape
        blocks, margin = dx, self.r - 1 - padding
        if stride > 1:
            rows, columns = (-(-(padding + side) // stride) for side in (height, width))
            blocks, margin = (
                self.scratch("dx blocks", dx, (n, rows, columns, stride**2 * c)),
                self.r - 1,
            )
        back = Winograd(self.conv, blocks.shape[:3])
        mirrored = self.block_weight()[:, :, ::-1, ::-1].transpose(0, 2, 3, 1, 4)
        back.convolve(dy, back.point_weights(mirrored), margin, 1, blocks)
        if stride > 1:
            picture = to_pixels(blocks, stride, self.conv.groups)
            dx[...] = picture[:, padding : padding + height, padding : padding + width]

    def point_weights(self, weight):
        """U (a, groups, a, C, O) of the weight (groups, r, r, C, O)."""
        xp, weight = backend.of(weight), backend.of(weight).ascontiguousarray(weight)
        (groups, r, _, channels, filters), g = weight.shape, self.transforms(weight)[2]
        half = self.scratch("half", weight, (groups, self.a, r, channels * filters))
        xp.matmul(g, weight.reshape(groups, r, -1), out=half.reshape(groups, self.a, -1))
        u = self.scratch("u", weight, (self.a, groups, self.a, channels, filters))
        xp.matmul(g, half.transpose(1, 0, 2, 3), out=u.reshape(self.a, groups, self.a, -1))
        return u

    def forward_point_weights(self):
        """U of the layer's weight."""
        return self.point_weights(self.block_weight().transpose(0, 2, 3, 4, 1))

    def kept_point_weights(self):
        """U of the layer's weight, computed anew only where that has changed: to compare takes a tenth of the time."""
        weight, kept = self.conv.params["weight"], self.conv.kept
        m, of_weight, u = kept.get("u", (None, None, None))
        if (
            m != self.m
            or of_weight.dtype != weight.dtype
            or not numpy.array_equal(of_weight, weight)
        ):
            u = self.forward_point_weights().copy()
            kept["u"] = self.m, weight.copy(), u
        return u

    def rows_to_points(self, name: str, t, x, padding: int, stride: int = 1):
        """For each row of tiles t · its rows of pixels, t (o, i), where tiles have i×i pixels: of x (n, H, W, C) the view
        (o, groups, n, R, columns, i, C / groups) as tiles. With a stride the pixels are blocks, with stride²·C channels.

        What a tile has above or below the picture is 0 and left out of its product; left and right of it zeros are added. A
        padding below 0 cuts pixels off.
        """
        (o, i), xp, groups = t.shape, backend.of(x), self.conv.groups
        if stride > 1:
            x, padding = (
                to_blocks(self.fitted(x, padding, i, stride), stride, groups, self.scratch),
                0,
            )
        across, start = (self.columns - 1) * self.m + i, max(0, padding)
        x = x[:, max(0, -padding) :, max(0, -padding) :][:, :, : across - start]
        n, _, width, channels = x.shape
        rows = self.scratch(name, x, (o, n, self.rows, across, channels))
        rows[..., :start, :] = rows[..., start + width :, :] = 0
        for row in range(self.rows):
            top = row * self.m - start
            first = max(0, top)
            pixels = x[:, first : max(first, top + i)]
            count = pixels.shape[1]
            inside = rows[:, :, row, start : start + width].reshape(o, n, -1).transpose(1, 0, 2)
            xp.matmul(
                t[:, first - top : first - top + count],
                pixels.reshape(n, count, width * channels),
                out=inside,
            )
        step_o, step_n, step_r, step_w, step_c = rows.strides
        shape = (o, groups, n, self.rows, self.columns, i, channels // groups)
        steps = (
            step_o,
            channels // groups * step_c,
            step_n,
            step_r,
            self.m * step_w,
            step_w,
            step_c,
        )
        return xp.lib.stride_tricks.as_strided(rows, shape, steps)

    def rows_from_points(self, t, rows, y) -> None:
        """The way back, with t (m, a): writes y (n, OH, OW, O), which the last tiles may stick out of."""
        n, _, width, channels = y.shape
        rows = rows.reshape(self.a, n, self.rows, -1)[..., : width * channels]
        for row in range(self.rows):
            pixels = y[:, row * self.m : (row + 1) * self.m]
            out = pixels.reshape(n, -1, width * channels)
            backend.of(y).matmul(t[: out.shape[1]], rows[:, :, row].transpose(1, 0, 2), out=out)

    def room_for_rows(self, y):
        """Room for what rows_from_points takes for the pictures y, its view (a, groups, n, R, columns, m, O / groups)."""
        groups = self.conv.groups
        shape = (self.a, len(y), self.rows, self.columns, self.m, groups, y.shape[-1] // groups)
        rows = self.scratch("y rows", y, shape)
        return rows, rows.transpose(0, 5, 1, 2, 3, 4, 6)

    def room_for_values(self, name: str, tiles):
        """Room for the values (groups, a, P, C / groups) at a points of the `tiles`, views as rows_to_points returns them, and
        its view (groups, n, R, columns, a, C / groups).

        With an odd number of rows each, the matrices do not start at the same place of the cache.
        """
        (_, groups, *shape, _, channels), count = tiles.shape, math.prod(tiles.shape[2:5])
        values = self.scratch(name, tiles, (groups, self.a, count | 1, channels))[:, :, :count]
        return values, values.reshape(groups, self.a, *shape, channels).transpose(0, 2, 3, 4, 1, 5)

    def fitted(self, x, padding: int, side: int, stride: int):
        """The pictures x (n, H, W, C) with zeros around, or cut, to the whole blocks that tiles of `side` blocks cover."""
        height, width = (
            ((count - 1) * self.m + side) * stride for count in (self.rows, self.columns)
        )
        x = x[:, : height - padding, : width - padding]
        bottom, right = padding + x.shape[1], padding + x.shape[2]
        picture = self.scratch("picture", x, (len(x), height, width, x.shape[-1]))
        picture[:, :padding] = picture[:, :, :padding] = 0
        picture[:, bottom:] = picture[:, :, right:] = 0
        picture[:, padding:bottom, padding:right] = x
        return picture

    def transforms(self, x):
        """A (a, m), B (a, a) and G (a, r) in the module and dtype of x."""
        return transforms(self.m, self.r, backend.of(x), x.dtype)

    def block_weight(self):
        """The layer's weight as (groups, O / groups, r, r, stride²·C / groups)."""
        weight = weight_to_blocks(self.conv.params["weight"], self.conv.stride, self.scratch)
        return weight.reshape(self.conv.groups, -1, *weight.shape[1:])

    def chunks(self, x, y, stride: int = 1) -> list[slice]:
        """Slices of so many pictures that products are small and in the cache, or else of as many as there is room for."""
        xp, groups, tiles = backend.of(x), self.conv.groups, self.rows * self.columns
        channels, filters = stride**2 * x.shape[-1], y.shape[-1]
        values = tiles * self.a * (channels + filters) * x.itemsize
        small = SMALL_PRODUCT * groups**2 // (tiles * channels * filters)
        step = min(small, backend.workspace_bytes(xp) // values)
        if xp is numpy and step * tiles >= ROWS:
            return backend.slices(len(x), 1, step)
        return backend.slices(len(x), values * (self.m + 1), backend.temporary_bytes(xp))


@functools.lru_cache
def transforms(m: int, r: int, xp, dtype):
    """A (a, m), B (a, a) and G (a, r) for tiles of m and kernels of r, as arrays of the module xp.

    They are computed on the host in float64, once: the same numbers on a GPU, which would need another library to invert.
    """
    a, g, v = (evaluation(m + r - 1, count) for count in (m, r, m + r - 1))
    return [backend.to_device(t.astype(dtype), xp) for t in (a, numpy.linalg.inv(v), g)]


def evaluation(count: int, coefficients: int) -> numpy.ndarray:
    """The matrix that takes a polynomial's coefficients to its values at the first `count` − 1 POINTS and at ∞."""
    powers = [[float(p) ** k for k in range(coefficients)] for p in POINTS[: count - 1]]
    return numpy.array([*powers, [0.0] * (coefficients - 1) + [1.0]])


def applies(conv) -> bool:
    """Whether Winograd's way can compute this Conv2d."""
    return kernel_blocks(conv) in (3, 5)


def pays(conv, size: tuple[int, int, int], overlapping: bool = False, keep: bool = False) -> bool:
    """Whether Winograd's way is faster than im2col for an output of that size, (pictures, height, width).

    Where im2col only multiplies, Winograd's way must save an eighth of the work. Where it adds overlapping windows up again
    (col2im, for the input's gradient), which takes it longer than multiplying, as much work is faster. With one picture
    other cores help BLAS with im2col's one large product, not with many small ones: there it must save two fifths.
    benchmarks/README.md has the measurements.
    """
    pictures, height, width = size
    share = 1 if overlapping else 0.6 if pictures == 1 else 0.87
    direct = (
        pictures
        * height
        * width
        * conv.kernel_size**2
        * conv.in_channels
        * conv.out_channels
        // conv.groups
    )
    return cost(conv, tile_size(conv, size, keep), size, keep) < share * direct


def tile_size(conv, size: tuple[int, int, int], keep: bool = False) -> int:
    """The m whose tiles cover an output of that size, (pictures, height, width), at the lowest cost."""
    return min(
        range(2, len(POINTS) + 3 - kernel_blocks(conv)), key=lambda m: cost(conv, m, size, keep)
    )


def cost(conv, m: int, size: tuple[int, int, int], keep: bool = False) -> int:
    """What a batch costs with tiles of m×m, in multiply-adds of large products.

    Those of the transforms, with matrices of at most 8×8, take about twice as long. Each number of U takes as long as about
    25 to fetch it from beyond the cache, and as forty if it is not kept from the batch before, but computed.
    """
    (pictures, height, width), a, channels = (
        size,
        m + kernel_blocks(conv) - 1,
        conv.stride**2 * conv.in_channels,
    )
    weights = a**2 * channels * conv.out_channels // conv.groups
    tiles = pictures * -(-height // m) * -(-width // m)
    transforms = 2 * a**3 * channels + (a**2 * m + a * m**2) * conv.out_channels
    return tiles * (weights + 2 * transforms) + (25 if keep else 40) * weights
