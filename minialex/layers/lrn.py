"""Local response normalisation: each unit is damped by the activity of its neighbours in channel
order."""

from minialex import backend
from minialex.backend import Array
from minialex.layers.checks import check_input, check_positive, check_shape
from minialex.layers.layer import Layer


class LocalResponseNorm(Layer):
    """y_i = x_i · s_i^−β,  s_i = k + α Σ_{j ∈ W(i)} x_j²,  W(i) = [i − size//2, i + size//2]

    dx_i = dy_i · s_i^−β − 2αβ x_i Σ_{j ∈ W(i)} dy_j · x_j · s_j^−(β+1)

    W(i) is cut off at the first and the last channel; x_i is in the window of every j in W(i),
    hence the sum in dx. Krizhevsky et al. 2012, section 3.3, with the paper's k=2, size=5, α=1e-4,
    β=0.75 as defaults. α is not divided by `size`, as the paper writes it; torch, Caffe and ONNX
    divide. x, y: (N, H, W, C); `size` is odd, else ValueError.

    With `groups` G > 1, W(i) also ends where another of G equal parts of the channels begins, as in
    the original program, whose two GPUs normalised each its own half.
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        groups: int = 1,
    ):
        super().__init__()
        check_positive(groups=groups)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"LocalResponseNorm needs an odd window size, got {size}")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self.groups = groups

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
        parts = a.reshape(*a.shape[:-1], self.groups, -1)  # (N, H, W, G, C/G)
        channels, half = parts.shape[-1], self.size // 2
        padded = backend.of(a).zeros((*parts.shape[:-1], channels + 2 * half), a.dtype)
        padded[..., half : half + channels] = parts
        windows = (padded[..., shift : shift + channels] for shift in range(self.size))
        return sum(windows).reshape(a.shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, None)
        if shape[-1] % self.groups:
            raise ValueError(f"{self.groups} groups do not divide {shape[-1]} channels")
        return tuple(shape)

    def __repr__(self) -> str:
        paper = f"alpha={self.alpha:g}, beta={self.beta:g}, k={self.k:g}"
        groups = f", groups={self.groups}" if self.groups != 1 else ""
        return f"LocalResponseNorm({self.size}, {paper}{groups})"
