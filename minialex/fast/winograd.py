"""Winograd convolution: small kernels for a third to a sixth of the multiplications."""

import math

from minialex import backend
from minialex.backend import Array
from minialex.fast import choose
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.memory import Memory
from minialex.fast.space_to_depth import (
    kernel_blocks,
    to_blocks,
    to_pixels,
    weight_to_blocks,
    weight_to_pixels,
)
from minialex.fast.winograd_transforms import ONE, transforms
from minialex.layers import Conv2d


class Winograd:
    """y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A: a patch of a×a pixels of x gives a tile of m×m pixels of y,
    a = m + r − 1.

    Two polynomials can be multiplied with one product a point: evaluate both there, multiply the
    values, interpolate. Multiplying polynomials is convolving; what a layer computes, with the
    kernel not mirrored, is the transpose of that: G evaluates the kernel (r×r), Bᵀ is the
    transposed interpolation, Aᵀ the transposed evaluation. In one dimension m outputs then cost
    m + r − 1 products instead of m·r, in two dimensions a² instead of m²·r². Over channels, P
    patches and O filters these products are matrix products, one for each of the a² pairs of
    points (k, l):

        V = Bᵀ x B, U = G w Gᵀ      y = Aᵀ M A,     M_kl = V_kl U_kl         (P, C) · (C, O)
        dM = A dy Aᵀ                dw = Gᵀ dU G,   dU_kl = dM_klᵀ V_kl      (O, P) · (P, C)

    The gradient of x is a convolution, too: of dy with the kernels mirrored, from O channels to C.

    naive_winograd (winograd_transforms.py) goes tile by tile. Here, rows of pixels are transformed
    first, all of a picture's at once, since they overlap only from tile to tile. Then columns are
    transformed, multiplied and transformed back for one k after the other, so that only a of the a²
    pairs of V and M exist at a time, and they stay in the cache.

    With a stride of s, read blocks of s×s pixels for pixels of x, and r = ⌈K / s⌉
    (space_to_depth.py).

    Winograd, "Arithmetic complexity of computations" (1980), with the points of Toom and Cook;
    Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016).

    conv: a layer that choose.winograd_applies to; memory: for what is computed on the way; size: of
    the output, (pictures, height, width); kept: where U is kept for the next batch, which pays
    while the weight stays the same. None keeps nothing.
    """

    def __init__(
        self, conv: Conv2d, memory: Memory, size: choose.Size, kept: KeptWeight | None = None
    ):
        _, height, width = size
        self.conv, self.memory, self.scratch, self.kept = conv, memory, memory.scratch, kept
        self.r, self.m = kernel_blocks(conv), choose.winograd_tile(conv, size, kept is not None)
        self.a = self.m + self.r - 1
        self.rows, self.columns = -(-height // self.m), -(-width // self.m)

    def forward(self, x: Array, y: Array) -> None:
        """Writes the convolution of x (N, H, W, C) into y (N, OH, OW, O)."""
        weight, bias = self.conv.params["weight"], self.conv.params["bias"]
        u = (
            self.forward_point_weights()
            if self.kept is None
            else self.kept.of(weight, self.m, self.forward_point_weights)
        )
        self.convolve(x, u, self.conv.padding, self.conv.stride, y, bias)

    def backward(self, x: Array, dy: Array, dx: Array | None, adds: bool = False) -> None:
        """Writes the gradient of the weight into the layer's `grads`, or `adds` it to what is
        there, and that of x into dx, unless it is None."""
        self.weight_gradient(x, dy, adds)
        if dx is not None:
            self.input_gradient(dy, dx)

    def convolve(
        self, x: Array, u: Array, padding: int, stride: int, y: Array, bias: Array | None = None
    ) -> None:
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
                    # at the point (1, 1) a constant has its own value
                    products[:, ONE] += bias.reshape(len(products), 1, -1)
                xp.matmul(a.T, product_tiles, out=y_tiles[k])
            self.rows_from_points(a.T, y_rows, y[images])

    def weight_gradient(self, x: Array, dy: Array, adds: bool) -> None:
        """Writes the gradient of the weight into the layer's `grads`, or `adds` it."""
        xp, (a, b, g) = backend.of(x), self.transforms(x)
        stride, padding = self.conv.stride, self.conv.padding
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
        dweight = weight_to_pixels(dweight, stride, self.conv.kernel_size)
        if adds:
            self.conv.grads["weight"] += dweight
        else:
            self.conv.grads["weight"][...] = dweight

    def input_gradient(self, dy: Array, dx: Array) -> None:
        """Writes the gradient of x into dx: the convolution of dy with the kernels mirrored."""
        stride, padding, (n, height, width, c) = self.conv.stride, self.conv.padding, dx.shape
        blocks, margin = dx, self.r - 1 - padding
        if stride > 1:
            rows, columns = (-(-(padding + side) // stride) for side in (height, width))
            blocks = self.scratch("dx blocks", dx, (n, rows, columns, stride**2 * c))
            margin = self.r - 1
        back = Winograd(self.conv, self.memory, blocks.shape[:3])
        mirrored = self.block_weight()[:, :, ::-1, ::-1].transpose(0, 2, 3, 1, 4)
        back.convolve(dy, back.point_weights(mirrored), margin, 1, blocks)
        if stride > 1:
            picture = to_pixels(blocks, stride, self.conv.groups)
            dx[...] = picture[:, padding : padding + height, padding : padding + width]

    def point_weights(self, weight: Array) -> Array:
        """U (a, groups, a, C, O) of the weight (groups, r, r, C, O)."""
        xp, weight = backend.of(weight), backend.of(weight).ascontiguousarray(weight)
        (groups, r, _, channels, filters), g = weight.shape, self.transforms(weight)[2]
        room = self.scratch if self.kept is None else fresh
        half = room("half", weight, (groups, self.a, r, channels * filters))
        xp.matmul(g, weight.reshape(groups, r, -1), out=half.reshape(groups, self.a, -1))
        u = room("u", weight, (self.a, groups, self.a, channels, filters))
        xp.matmul(g, half.transpose(1, 0, 2, 3), out=u.reshape(self.a, groups, self.a, -1))
        return u

    def forward_point_weights(self) -> Array:
        """U of the layer's weight."""
        return self.point_weights(self.block_weight().transpose(0, 2, 3, 4, 1))

    def rows_to_points(self, name: str, t: Array, x: Array, padding: int, stride: int = 1) -> Array:
        """t (o, i) times the rows of pixels of each row of tiles of i×i pixels, for pictures x (n,
        H, W, C): the view (o, groups, n, R, columns, i, C / groups), as tiles. With a stride,
        pixels are blocks with stride²·C channels.

        Above and below the picture a tile is 0, and its product leaves that out; on the left and
        right zeros are added. A negative padding cuts pixels off.
        """
        (o, i), xp, groups = t.shape, backend.of(x), self.conv.groups
        if stride > 1:
            picture = self.fitted(x, padding, i, stride)
            x, padding = to_blocks(picture, stride, groups, self.scratch), 0
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
            columns = t[:, first - top : first - top + count]
            xp.matmul(columns, pixels.reshape(n, count, width * channels), out=inside)
        step_o, step_n, step_r, step_w, step_c = rows.strides
        shape = (o, groups, n, self.rows, self.columns, i, channels // groups)
        group, column = channels // groups * step_c, self.m * step_w
        steps = (step_o, group, step_n, step_r, column, step_w, step_c)
        return xp.lib.stride_tricks.as_strided(rows, shape, steps)

    def rows_from_points(self, t: Array, rows: Array, y: Array) -> None:
        """The inverse, with t (m, a): writes y (n, OH, OW, O), which the last tiles may overlap."""
        n, _, width, channels = y.shape
        rows = rows.reshape(self.a, n, self.rows, -1)[..., : width * channels]
        for row in range(self.rows):
            pixels = y[:, row * self.m : (row + 1) * self.m]
            out = pixels.reshape(n, -1, width * channels)
            backend.of(y).matmul(t[: out.shape[1]], rows[:, :, row].transpose(1, 0, 2), out=out)

    def room_for_rows(self, y: Array) -> tuple[Array, Array]:
        """Room for what rows_from_points takes for the pictures y, and its view
        (a, groups, n, R, columns, m, O / groups)."""
        groups = self.conv.groups
        shape = (self.a, len(y), self.rows, self.columns, self.m, groups, y.shape[-1] // groups)
        rows = self.scratch("y rows", y, shape)
        return rows, rows.transpose(0, 5, 1, 2, 3, 4, 6)

    def room_for_values(self, name: str, tiles: Array) -> tuple[Array, Array]:
        """Room for the values (groups, a, P, C / groups) of `tiles`, as rows_to_points returns
        them, at the a points, and its view (groups, n, R, columns, a, C / groups).

        With an odd number of rows, the matrices do not all start at the same place in the cache.
        """
        (_, groups, *shape, _, channels), count = tiles.shape, math.prod(tiles.shape[2:5])
        values = self.scratch(name, tiles, (groups, self.a, count | 1, channels))[:, :, :count]
        return values, values.reshape(groups, self.a, *shape, channels).transpose(0, 2, 3, 4, 1, 5)

    def fitted(self, x: Array, padding: int, side: int, stride: int) -> Array:
        """The pictures x (n, H, W, C), padded with zeros or cut to the whole blocks that tiles of
        `side` blocks cover."""
        height, width = (((n - 1) * self.m + side) * stride for n in (self.rows, self.columns))
        x = x[:, : height - padding, : width - padding]
        bottom, right = padding + x.shape[1], padding + x.shape[2]
        picture = self.scratch("picture", x, (len(x), height, width, x.shape[-1]))
        picture[:, :padding] = picture[:, :, :padding] = 0
        picture[:, bottom:] = picture[:, :, right:] = 0
        picture[:, padding:bottom, padding:right] = x
        return picture

    def transforms(self, x: Array) -> list[Array]:
        """A (a, m), B (a, a) and G (a, r) in the module and dtype of x."""
        return transforms(self.m, self.r, backend.of(x), x.dtype)

    def block_weight(self) -> Array:
        """The layer's weight as (groups, O / groups, r, r, stride²·C / groups)."""
        weight = weight_to_blocks(self.conv.params["weight"], self.conv.stride, self.scratch)
        return weight.reshape(self.conv.groups, -1, *weight.shape[1:])

    def chunks(self, x: Array, y: Array, stride: int = 1) -> list[slice]:
        """Slices of few enough pictures for small products, in the cache, or else of as many as
        there is room for."""
        groups, tiles = self.conv.groups, self.rows * self.columns
        channels, filters = stride**2 * x.shape[-1], y.shape[-1]
        values = tiles * self.a * (channels + filters) * x.itemsize
        small = choose.SMALL_PRODUCT * groups**2 // (tiles * channels * filters)
        step = min(small, self.memory.workspace_bytes(x) // values)
        if not backend.on_gpu(x) and step * tiles >= choose.ROWS:
            return self.memory.slices(len(x), 1, step)
        return self.memory.slices(len(x), values * (self.m + 1), self.memory.temporary_bytes(x))


def fresh(name: str, like: Array, shape: tuple[int, ...]) -> Array:
    """New memory, for what outlasts the layer's work."""
    return backend.of(like).empty(shape, like.dtype)
