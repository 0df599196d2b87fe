"""Winograd's minimal filtering: convolution with small kernels for a third to a sixth of the multiplications."""

import functools
import itertools
from collections.abc import Iterator

import numpy

from minialex import backend
from minialex.layers.windows import im2col

#: Where polynomials are evaluated, besides at ∞: small numbers and their reciprocals, with alternating signs, keep the
#: rounding errors small. With one point more they are ten times larger (benchmarks/README.md).
POINTS = (0, 1, -1, 1 / 2, -2, 2, -1 / 2)


class Winograd:
    """y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A: from each patch of a×a pixels of x a tile of m×m pixels of y, a = m + r − 1.

    Two polynomials are multiplied with one product a point: evaluate both there, multiply the values, interpolate.
    Convolving is multiplying polynomials; what a layer computes, with the kernel not mirrored, is the transpose of that: G
    evaluates the kernel (r×r), Bᵀ is the transposed interpolation, Aᵀ the transposed evaluation. In one dimension m outputs
    then cost m + r − 1 products instead of m·r, in two dimensions a² instead of m²·r². Over channels, P patches and O filters
    these products are matrix products, one for each of the a² points k; backward is the chain rule through the same steps:

        V = Bᵀ x B        (a², P, C)          dx = B dV Bᵀ, added up where patches overlap
        U = G w Gᵀ        (a², O, C)          dw = Gᵀ dU G
        M_k = V_k U_kᵀ    (P, O)              dV_k = dM_k U_k,   dU_k = dM_kᵀ V_k
        y = Aᵀ M A        (P, m, m, O)        dM = A dy Aᵀ

    Winograd, "Arithmetic complexity of computations" (1980), by the points of Toom and Cook; Lavin and Gray, "Fast algorithms
    for convolutional neural networks" (2016).

    conv: a Conv2d with stride 1 and a kernel of 3 or 5; (pictures, height, width): the size of its output.
    """

    def __init__(self, conv, pictures: int, height: int, width: int):
        self.conv, self.scratch = conv, conv.scratch
        self.m = tile_size(conv, pictures, height, width)
        self.a = self.m + conv.kernel_size - 1
        self.rows, self.columns = -(-height // self.m), -(-width // self.m)

    def forward(self, x, y) -> None:
        """Writes the convolution of x (N, H, W, C) into y (N, OH, OW, O)."""
        xp, bias = backend.of(x), self.conv.params["bias"]
        a, b, _ = self.transforms(x)
        u = self.transformed_weight(transposed=True)
        for images in self.chunks(x):
            x_chunk, y_chunk = x[images], y[images]
            v, products = self.point_values("v", x_chunk), self.point_values("m", y_chunk)
            for pictures, tiles in self.pieces(x_chunk):
                self.to_points(b.T, self.patches(x_chunk[pictures]), v[:, tiles])
            for channels, filters in self.conv.each_group():
                xp.matmul(v[..., channels], u[..., filters], out=products[..., filters])
            for pictures, tiles in self.pieces(x_chunk):
                whole = self.joined(self.from_points(a.T, products[:, tiles]), y_chunk[pictures])
                xp.add(whole, bias, out=y_chunk[pictures])

    def backward(self, x, dy, dx) -> None:
        """Adds the gradient of the weight to the layer's `grads` and writes that of x into dx, unless it is None."""
        xp, dweight = backend.of(x), self.conv.grads["weight"]
        a, b, g = self.transforms(x)
        u = self.transformed_weight()
        for images in self.chunks(x):
            x_chunk, dy_chunk = x[images], dy[images]
            v, dproducts = self.point_values("v", x_chunk), self.point_values("m", dy_chunk)
            for pictures, tiles in self.pieces(x_chunk):
                self.to_points(b.T, self.patches(x_chunk[pictures]), v[:, tiles])
                self.to_points(a, self.cut(dy_chunk[pictures]), dproducts[:, tiles])
            for channels, filters in self.each_part(u):
                du = self.scratch("du", u, (self.a**2, filters.stop - filters.start, u.shape[2]))
                xp.matmul(dproducts[..., filters].transpose(0, 2, 1), v[..., channels], out=du)
                dweight[filters] += self.from_points(g.T, du)
            if dx is not None:
                for channels, filters in self.conv.each_group():
                    xp.matmul(dproducts[..., filters], u[:, filters], out=v[..., channels])  # v has been used: it serves dV
                for pictures, tiles in self.pieces(x_chunk):
                    self.add_up(self.from_points(b, v[:, tiles]), dx[images][pictures])

    def transforms(self, x):
        """A (a, m), B (a, a) and G (a, r) in the module and dtype of x."""
        return transforms(self.m, self.conv.kernel_size, backend.of(x), x.dtype)

    def transformed_weight(self, transposed: bool = False):
        """U (a², O, C / groups), or transposed (a², C / groups, O): as the right factor of a product that one is faster."""
        weight = self.conv.params["weight"]
        if transposed:
            weight = backend.of(weight).ascontiguousarray(weight.transpose(3, 1, 2, 0))
        u = self.scratch("u", weight, (self.a**2, len(weight), weight.shape[-1]))
        self.to_points(self.transforms(weight)[2], weight, u)
        return u

    def point_values(self, name: str, x):
        """Room for the values (a², P, C) of all tiles of the pictures x (n, H, W, C).

        With an odd number of rows each, the matrices do not start at the same place of the cache.
        """
        count = len(x) * self.rows * self.columns
        return self.scratch(name, x, (self.a**2, count | 1, x.shape[-1]))[:, :count]

    def to_points(self, t, tiles, out) -> None:
        """Writes t · tile · tᵀ for each tile and channel into `out`: (P, i, i, C) -> (o², P, C) with t (o, i).

        In `out` the values at each point are a matrix; only the second of the two products has to write in that order.
        """
        (o, i), (p, _, _, c), xp = t.shape, tiles.shape, backend.of(t)
        half = xp.matmul(t, tiles.reshape(p, i, i * c), out=self.scratch("half", tiles, (p, o, i * c)))
        xp.matmul(t, half.reshape(p, o, i, c), out=out.reshape(o, o, p, c).transpose(2, 0, 1, 3))

    def from_points(self, t, values):
        """t · tile · tᵀ for each tile and channel, from its values at the points: (i², P, C) -> (P, o, o, C) with t (o, i)."""
        (o, i), (_, p, c), xp = t.shape, values.shape, backend.of(t)
        tiles = values.reshape(i, i, p, c).transpose(2, 0, 1, 3)
        half = xp.matmul(t, tiles, out=self.scratch("half", values, (p, i, o, c)))
        out = self.scratch("tiles", values, (p, o, o * c))
        return xp.matmul(t, half.reshape(p, i, o * c), out=out).reshape(p, o, o, c)

    def patches(self, x):
        """The patches (P, a, a, C) of the pictures x (n, H, W, C), which overlap by r − 1 pixels: im2col with stride m."""
        picture = self.grid(x)
        picture[...] = 0
        self.inside(picture, x)[...] = x
        out = self.scratch("tiles", x, (len(x) * self.rows * self.columns, self.a, self.a, x.shape[-1]))
        covered = picture[:, : (self.rows - 1) * self.m + self.a, : (self.columns - 1) * self.m + self.a]
        return im2col(covered, self.a, self.m, 0, 1, out, self.scratch)

    def add_up(self, dpatches, dx) -> None:
        """Writes into dx (n, H, W, C) the sum of dpatches (P, a, a, C) over the patches that a pixel is in."""
        picture = self.grid(dx)
        picture[...] = 0
        tiles, dpatches = self.tiles(picture), dpatches.reshape(len(dx), self.rows, self.columns, self.a, self.a, -1)
        for i, j in itertools.product(range(0, self.a, self.m), repeat=2):  # a patch lies on 2×2 tiles or more
            part = dpatches[..., i : i + self.m, j : j + self.m, :]
            row, column, (height, width) = i // self.m, j // self.m, part.shape[3:5]
            tiles[:, row : row + self.rows, column : column + self.columns, :height, :width] += part
        dx[...] = self.inside(picture, dx)

    def cut(self, dy):
        """The pictures dy (n, OH, OW, O) cut into tiles (P, m, m, O), zeros where those stick out."""
        grid = self.grid(dy)
        grid[...] = 0
        grid[:, : dy.shape[1], : dy.shape[2]] = dy
        out = self.scratch("tiles", dy, (len(dy), self.rows, self.columns, self.m, self.m, dy.shape[-1]))
        out[...] = self.tiles(grid)[:, : self.rows, : self.columns]
        return out.reshape(-1, *out.shape[3:])

    def joined(self, tiles, y):
        """The tiles (P, m, m, O) joined to pictures, cut to the size of y (n, OH, OW, O)."""
        grid = self.grid(y)
        room = self.tiles(grid)[:, : self.rows, : self.columns]
        room[...] = tiles.reshape(room.shape)
        return grid[:, : y.shape[1], : y.shape[2]]

    def grid(self, x):
        """Room for the pictures x (n, H, W, C) in whole tiles, with as many beyond the last as patches reach into."""
        beyond = -(-(self.conv.kernel_size - 1) // self.m)
        height, width = ((count + beyond) * self.m for count in (self.rows, self.columns))
        return self.scratch("grid", x, (len(x), height, width, x.shape[-1]))

    def tiles(self, grid):
        """The view of `grid` (n, H, W, C) as tiles: (n, H / m, W / m, m, m, C)."""
        n, h, w, c = grid.shape
        return grid.reshape(n, h // self.m, self.m, w // self.m, self.m, c).transpose(0, 1, 3, 2, 4, 5)

    def inside(self, picture, x):
        """The view of `picture` where the pictures x lie."""
        p = self.conv.padding
        return picture[:, p : p + x.shape[1], p : p + x.shape[2]]

    def each_part(self, u) -> Iterator[tuple[slice, slice]]:
        """For so many filters of a group as dU has room for at once: the group's input channels, and the filters."""
        budget = backend.temporary_bytes(backend.of(u)) // 2
        for channels, filters in self.conv.each_group():
            for part in backend.slices(filters.stop - filters.start, u[:, 0].nbytes, budget):
                yield channels, slice(filters.start + part.start, filters.start + part.stop)

    def chunks(self, x) -> list[slice]:
        """Slices of so many pictures that neither V nor M takes more than a temporary should."""
        tiles, channels = self.rows * self.columns, max(self.conv.in_channels, self.conv.out_channels)
        budget = backend.temporary_bytes(backend.of(x))
        return backend.slices(len(x), tiles * self.a**2 * channels * x.itemsize, budget)

    def pieces(self, x) -> Iterator[tuple[slice, slice]]:
        """Slices of so many pictures that their patches fit the cache, with the slice of tiles that they are cut into."""
        tiles = self.rows * self.columns
        budget = backend.workspace_bytes(backend.of(x))
        for pictures in backend.slices(len(x), tiles * self.a**2 * x.shape[-1] * x.itemsize, budget):
            yield pictures, slice(pictures.start * tiles, pictures.stop * tiles)


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
    return conv.stride == 1 and conv.kernel_size in (3, 5)


def pays(conv, pictures: int, height: int, width: int, overlapping: bool) -> bool:
    """Whether Winograd's way is faster than im2col for a batch of that many pictures, with an output of that size.

    Where im2col only multiplies, Winograd's way must save more than a third of the work. Where it adds overlapping windows up
    again (col2im, for the input's gradient), which takes it longer than multiplying, even somewhat more work is faster.
    benchmarks/README.md has the measurements.
    """
    direct = height * width * conv.kernel_size**2 * conv.in_channels * conv.out_channels // conv.groups
    ours = cost(conv, tile_size(conv, pictures, height, width), pictures, height, width)
    return ours < (1.4 if overlapping else 0.62) * pictures * direct


def tile_size(conv, pictures: int, height: int, width: int) -> int:
    """The m whose tiles cover an output of that size at the lowest cost."""
    return min(range(2, len(POINTS) + 3 - conv.kernel_size), key=lambda m: cost(conv, m, pictures, height, width))


def cost(conv, m: int, pictures: int, height: int, width: int) -> int:
    """What a batch costs with tiles of m×m, in multiply-adds of large products.

    Those of the transforms, with matrices of at most 8×8, take about four times as long. Each number of U takes as long as
    about forty: computing it once a batch, and fetching it from beyond the cache.
    """
    a, weights = m + conv.kernel_size - 1, conv.in_channels * conv.out_channels // conv.groups
    tiles = pictures * -(-height // m) * -(-width // m)
    transforms = 2 * a**3 * conv.in_channels + (a**2 * m + a * m**2) * conv.out_channels
    return tiles * (a**2 * weights + 4 * transforms) + 40 * a**2 * weights
