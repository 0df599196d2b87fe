"""Local response normalisation a few pictures at a time, while they are in the cache."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import kernels
from minialex.fast.layer import FastLayer
from minialex.layers import LocalResponseNorm
from minialex.layers.checks import check_input


class FastLocalResponseNorm(FastLayer, LocalResponseNorm):
    """Keeps x, s and y, so that backward has y_j / s_j where the plain layer takes a power
    again."""

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, None)
        return self.normalised(self.in_groups(x), train).reshape(x.shape)

    def backward(self, dy: Array) -> Array:
        return self.gradient(self.in_groups(dy)).reshape(dy.shape)

    def in_groups(self, x: Array) -> Array:
        """x with the channels of each group as a pixel of their own: (N, H, W·G, C/G)."""
        n, height, width, channels = x.shape
        return x.reshape(n, height, width * self.groups, channels // self.groups)

    def normalised(self, x: Array, train: bool) -> Array:
        """y for one group of channels in each pixel."""
        on_gpu, memory = backend.on_gpu(x), self.memory
        y = memory.own(self, "y", x, x.shape)
        s = memory.own(self, "s", x, x.shape) if train or on_gpu else None
        self.cache = (x, s, y) if train else None
        if on_gpu:
            channels, reach = x.shape[-1], self.size // 2
            constants = (self.alpha, self.beta, self.k)
            kernels.lrn_forward(x, *constants, y, s, channels=channels, reach=reach)
            return y
        for n in memory.cache_slices(x):
            s_n = s[n] if train else memory.scratch("s", x, x[n].shape)
            s_n[...] = self.window_sum(x[n] * x[n])
            s_n *= self.alpha
            s_n += self.k
            backend.of(x).divide(x[n], self.power(s_n), out=y[n])
        return y

    def gradient(self, dy: Array) -> Array:
        """dx for one group of channels in each pixel."""
        x, s, y = self.cached()
        dx = self.memory.gradient(dy, dy.shape)
        if backend.on_gpu(dy):
            channels, reach = x.shape[-1], self.size // 2
            constants = (self.alpha, self.beta)
            kernels.lrn_backward(dy, x, y, s, *constants, dx, channels=channels, reach=reach)
            return dx
        for n in self.memory.cache_slices(x):
            shared = self.window_sum(dy[n] * y[n] / s[n]) * x[n]
            shared *= 2 * self.alpha * self.beta
            backend.of(dy).divide(dy[n], self.power(s[n]), out=dx[n])
            dx[n] -= shared
        return dx

    def window_sum(self, a: Array) -> Array:
        """Σ of a over the window around each channel, shape kept, in scratch memory.

        With zeros around each pixel's channels, all pixels can lie in one row: the sums then run
        over long stretches, and what a channel gets from beyond its pixel is 0.
        """
        c, half = a.shape[-1], self.size // 2
        padded = self.memory.scratch("padded", a, (*a.shape[:-1], c + 2 * half))
        padded[...] = 0
        padded[..., half : half + c] = a
        total = self.memory.scratch("total", a, padded.shape)
        row, sums = padded.reshape(-1), total.reshape(-1)
        reached = row.size - 2 * half
        sums[:reached] = row[:reached]
        for shift in range(1, self.size):
            sums[:reached] += row[shift : shift + reached]
        return total[..., :c]

    def power(self, s: Array) -> Array:
        """s^β. For the paper's β = 3/4, two square roots, several times as fast as a power."""
        if self.beta != 0.75:
            return s**self.beta
        xp = backend.of(s)
        root = xp.sqrt(s, out=self.memory.scratch("root", s, s.shape))
        root *= s
        return xp.sqrt(root, out=root)
