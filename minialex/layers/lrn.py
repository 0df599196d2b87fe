"""Local response normalisation: each unit is damped by the activity of its neighbours in channel order."""

from minialex import backend, kernels
from minialex.layers.layer import Layer, check_input


class LocalResponseNorm(Layer):
    """y_i = x_i · s_i^−β,  s_i = k + α Σ_{j ∈ W(i)} x_j²,  W(i) = [i − size//2, i + size//2] cut to the channels.

    dx_i = dy_i · s_i^−β − 2αβ x_i Σ_{j ∈ W(i)} dy_j · y_j / s_j    (x_i is in the window of every j in W(i))

    Krizhevsky et al. 2012, section 3.3, with the paper's k=2, size=5, α=1e-4, β=0.75 as defaults. α is not divided
    by `size`, as the paper writes it; torch, Caffe and ONNX divide. x, y: (N, H, W, C); `size` is odd.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0):
        super().__init__()
        if size < 1 or size % 2 == 0:
            raise ValueError(f"LocalResponseNorm needs an odd window size, got {size}")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x, train: bool = False):
        check_input(self, x, None, None, None)
        y = self.buffer("y", x, x.shape)
        s = self.buffer("s", x, x.shape) if train or kernels.on_gpu(x) else None
        self.cache = (x, s, y) if train else None
        if kernels.on_gpu(x):
            kernels.lrn_forward(
                x, self.alpha, self.beta, self.k, y, s, channels=x.shape[-1], reach=self.size // 2
            )
            return y
        for n in backend.in_cache(x):
            s_n = s[n] if train else self.scratch("s", x, x[n].shape)
            self.scale(x[n], s_n)
            backend.of(x).divide(x[n], self.power(s_n), out=y[n])
        return y

    def backward(self, dy):
        x, s, y = self.cached()
        dx = self.room_for_dx(dy, dy.shape)
        if kernels.on_gpu(dy):
            kernels.lrn_backward(
                dy, x, y, s, self.alpha, self.beta, dx, channels=x.shape[-1], reach=self.size // 2
            )
            return dx
        for n in backend.in_cache(x):
            shared = self.window_sum(dy[n] * y[n] / s[n]) * x[n]
            shared *= 2 * self.alpha * self.beta
            backend.of(dy).divide(dy[n], self.power(s[n]), out=dx[n])
            dx[n] -= shared
        return dx

    def scale(self, x, s) -> None:
        """Writes s = k + α Σ_window x² into `s`."""
        s[...] = self.window_sum(x * x)
        s *= self.alpha
        s += self.k

    def window_sum(self, a):
        """Σ of a over the window around each channel, shape kept, in scratch memory.

        With zeros around each pixel's channels all pixels can be laid in one row: shifted along it, the sums run over long
        stretches, and what a channel gets from beyond its pixel is 0.
        """
        c, half = a.shape[-1], self.size // 2
        padded = self.scratch("padded", a, (*a.shape[:-1], c + 2 * half))
        padded[...] = 0
        padded[..., half : half + c] = a
        total = self.scratch("total", a, padded.shape)
        row, sums = padded.reshape(-1), total.reshape(-1)
        reached = row.size - 2 * half
        sums[:reached] = row[:reached]
        for shift in range(1, self.size):
            sums[:reached] += row[shift : shift + reached]
        return total[..., :c]

    def power(self, s):
        """s^β. For the paper's β = 3/4 two square roots do it, several times faster than a general power."""
        if self.beta != 0.75:
            return s**self.beta
        xp = backend.of(s)
        root = xp.sqrt(s, out=self.scratch("root", s, s.shape))
        root *= s
        return xp.sqrt(root, out=root)

    def __repr__(self) -> str:
        return f"LocalResponseNorm({self.size}, alpha={self.alpha:g}, beta={self.beta:g}, k={self.k:g})"
