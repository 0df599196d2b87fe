"""Local response normalisation: each unit is damped by the activity of its neighbours in channel
order."""

from minialex import backend
from minialex.backend import Array
from minialex.layers.checks import check_input
from minialex.layers.layer import Layer


class LocalResponseNorm(Layer):
    """y_i = x_i · s_i^−β,  s_i = k + α Σ_{j ∈ W(i)} x_j²,  W(i) = [i − size//2, i + size//2]

    dx_i = dy_i · s_i^−β − 2αβ x_i Σ_{j ∈ W(i)} dy_j · x_j · s_j^−(β+1)

    W(i) is cut off at the first and the last channel; x_i is in the window of every j in W(i),
    hence the sum in dx. Krizhevsky et al. 2012, section 3.3, with the paper's k=2, size=5, α=1e-4,
    β=0.75 as defaults. α is not divided by `size`, as the paper writes it; torch, Caffe and ONNX
    divide. x, y: (N, H, W, C); `size` is odd, else ValueError.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0):
        super().__init__()
        if size < 1 or size % 2 == 0:
            raise ValueError(f"LocalResponseNorm needs an odd window size, got {size}")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, None)
        s = self.k + self.alpha * self.window_sum(x * x)
        self.cache = (x, s) if train else None
        return x * s**-self.beta

    def backward(self, dy: Array) -> Array:
        x, s = self.cached()
        shared = self.window_sum(dy * x * s ** -(self.beta + 1))
        return dy * s**-self.beta - 2 * self.alpha * self.beta * x * shared

    def window_sum(self, a: Array) -> Array:
        """Σ of a over the window around each channel: (N, H, W, C) -> (N, H, W, C)."""
        channels, half = a.shape[-1], self.size // 2
        padded = backend.of(a).zeros((*a.shape[:-1], channels + 2 * half), a.dtype)
        padded[..., half : half + channels] = a
        return sum(padded[..., shift : shift + channels] for shift in range(self.size))

    def __repr__(self) -> str:
        paper = f"alpha={self.alpha:g}, beta={self.beta:g}, k={self.k:g}"
        return f"LocalResponseNorm({self.size}, {paper})"
