"""Local response normalisation a few pictures at a time, while they are in the cache."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import kernels
from minialex.fast.layer import FastLayer
from minialex.layers import LocalResponseNorm
from minialex.layers.checks import check_input


class FastLocalResponseNorm(FastLayer, LocalResponseNorm):
    """Keeps x alone: backward computes s again, and has y_j / s_j as x_j / (s_j · s_jᵝ). On a GPU
    it keeps s and y, too."""

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
        y = self.room_for_y(x, x.shape, train and (self.y_needed or on_gpu))
        if on_gpu:
            s, channels, reach = memory.own(self, "s", x, x.shape), x.shape[-1], self.size // 2
            self.cache = (x, s, y) if train else None
            constants = (self.alpha, self.beta, self.k)
            kernels.lrn_forward(x, *constants, y, s, channels=channels, reach=reach)
            return y
        self.cache = x if train else None
        for n in memory.cache_slices(x):
            backend.of(x).divide(x[n], self.power(self.scale(x[n])), out=y[n])
        return y

    def gradient(self, dy: Array) -> Array:
        """dx for one group of channels in each pixel."""
        dx = self.memory.passed(dy, dy.shape)
        if backend.on_gpu(dy):
            x, s, y = self.cached()
            channels, reach = x.shape[-1], self.size // 2
            constants = (self.alpha, self.beta)
            kernels.lrn_backward(dy, x, y, s, *constants, dx, channels=channels, reach=reach)
            return dx
        x, xp = self.cached(), backend.of(dy)
        for n in self.memory.cache_slices(x):
            s = self.scale(x[n])
            own = xp.divide(dy[n], self.power(s), out=dx[n])
            share = xp.multiply(own, x[n], out=self.memory.scratch("share", x, s.shape))
            share /= s
            xp.multiply(self.window_sum(share), x[n], out=share)
            share *= 2 * self.alpha * self.beta
            own -= share
        return dx

    def scale(self, x: Array) -> Array:
        """s = k + α Σ x² of the channels around each one, in scratch memory."""
        xp, s = backend.of(x), self.memory.scratch("s", x, x.shape)
        xp.multiply(self.window_sum(xp.multiply(x, x, out=s)), self.alpha, out=s)
        s += self.k
        return s

    def window_sum(self, a: Array) -> Array:
        """Σ of a over the window around each channel, shape kept, in scratch memory.

        With zeros around each pixel's channels, all pixels can lie in one row: the sums then run
        over long stretches, and what a channel gets from beyond its pixel is 0. Sums of 2, 4, …
        neighbours are sums of two sums, so five take three additions.
        """
        c, half = a.shape[-1], self.size // 2
        if half == 0:
            return a
        padded = self.memory.scratch("padded", a, (*a.shape[:-1], c + 2 * half))
        padded[...] = 0
        padded[..., half : half + c] = a
        total = self.memory.scratch("total", a, padded.shape)
        add, row = backend.of(a).add, padded.reshape(-1)
        out = total.reshape(-1)[: row.size - 2 * half]
        sums, covered, width = row[: out.size], 1, 1
        while covered < self.size:
            longer = self.memory.scratch(f"sums of {2 * width}", a, (len(row) - width,))
            row, width = add(row[:-width], row[width:], out=longer), 2 * width
            if self.size & width:
                sums = add(sums, row[covered : covered + out.size], out=out)
                covered += width
        return total[..., :c]

    def power(self, s: Array) -> Array:
        """s^β. For the paper's β = 3/4, two square roots, several times as fast as a power."""
        if self.beta != 0.75:
            return s**self.beta
        xp = backend.of(s)
        root = xp.sqrt(s, out=self.memory.scratch("root", s, s.shape))
        root *= s
        return xp.sqrt(root, out=root)
