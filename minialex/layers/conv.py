"""Convolution as one matrix product: unroll the windows into rows (im2col), then multiply. Winograd's way is in winograd.py."""

from minialex import backend, kernels
from minialex.layers import winograd
from minialex.layers.init import Rng, initial_bias, initial_weight
from minialex.layers.layer import Layer, check_input, check_positive, check_shape
from minialex.layers.windows import col2im, im2col, output_size

ALGORITHMS = ("auto", "im2col", "winograd")


class Conv2d(Layer):
    """y[n, i, j, o] = b_o + Σ_{kh, kw, c} x[n, i·stride + kh, j·stride + kw, c] · w[o, kh, kw, c]

    With the windows of x as the rows of a matrix X (im2col) and the weights as W (O, KH·KW·C):
    Y = X Wᵀ + b;  dX = dY W, summed back into dx where windows overlap (col2im);  dW = dYᵀ X;  db = Σ dY.

    x: (N, H, W, in_channels), zeros around it where `padding` > 0; y: (N, OH, OW, out_channels) with
    OH = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1; weight: (O, KH, KW, C / groups); bias: (O,).
    With `groups` > 1 channels and filters are dealt into that many parts that do not see each other, as on the paper's two
    GPUs (Krizhevsky et al. 2012, section 3.5). `weight_std` None draws He's initial weights; `bias` is the initial bias.

    X is built for a few pictures at a time and never kept: for a batch of 128 conv2's would take 0.9 GB.

    `algorithm` "im2col" computes as said; "winograd" gives the same numbers, to rounding, with fewer multiplications
    (winograd.py), where ⌈kernel_size / stride⌉ is 3 or 5; "auto" takes Winograd's, forward, backward or both, where it is
    faster.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        algorithm: str = "auto",
        weight_std: float | None = None,
        bias: float = 0.0,
        rng: Rng | None = None,
    ):
        super().__init__()
        check_positive(in_channels=in_channels, out_channels=out_channels, groups=groups)
        check_positive(kernel_size=kernel_size, stride=stride)
        if padding < 0:
            raise ValueError(f"padding must be at least 0, got {padding}")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{groups} groups do not divide {in_channels} input and {out_channels} output channels"
            )
        self.in_channels, self.out_channels, self.kernel_size = (
            in_channels,
            out_channels,
            kernel_size,
        )
        self.stride, self.padding, self.groups = stride, padding, groups
        self.window = kernel_size, stride, padding
        self.algorithm = algorithm
        self.kept = {}  #: the weight transformed for Winograd's way, for the next batch that does not train; replicas share it
        if algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm is one of {', '.join(ALGORITHMS)}, got {algorithm!r}")
        if algorithm == "winograd" and not winograd.applies(self):
            raise ValueError(
                f"winograd needs kernel_size / stride, rounded up, to be 3 or 5, got {self}"
            )
        shape = (out_channels, kernel_size, kernel_size, in_channels // groups)
        self.params["weight"] = initial_weight(
            shape, kernel_size**2 * in_channels // groups, weight_std, rng
        )
        self.params["bias"] = initial_bias(out_channels, bias)

    def forward(self, x, train: bool = False):
        check_input(self, x, None, None, self.in_channels)
        y = self.buffer("y", x, (len(x), *self.output_shape(x.shape[1:])))
        keep = not train and not kernels.on_gpu(x)
        if self.uses_winograd(y, keep=keep):
            winograd.Winograd(self, y.shape[:3], keep).forward(x, y)
        else:
            self.im2col_forward(x, y)
        self.cache = x if train else None
        if train:
            self.kept.clear()
        return y

    def backward(self, dy):
        x = self.cached()
        dx = self.room_for_dx(dy, x.shape) if self.needs_input_gradient else None
        weight, dproduct = self.params["weight"], dy.reshape(-1, self.out_channels)
        self.grads["weight"] = self.buffer("dweight", weight, weight.shape)
        self.grads["bias"] = (
            backend.of(dy).ones(len(dproduct), dy.dtype) @ dproduct
        )  # adds up faster than sum(axis=0)
        if self.uses_winograd(dy, overlapping=dx is not None):
            winograd.Winograd(self, dy.shape[:3]).backward(x, dy, dx)
        else:
            self.im2col_backward(x, dy, dx)
        return dx

    def im2col_forward(self, x, y) -> None:
        weight, bias = self.grouped_weight(), self.params["bias"]
        for images in self.chunks(x):
            matmul(self.columns(x[images]), weight.transpose(0, 2, 1), out=self.grouped(y[images]))
            y[images] += bias

    def im2col_backward(self, x, dy, dx) -> None:
        weight, dweight = self.grouped_weight(), self.grads["weight"]
        dweight[...] = 0
        for images in self.chunks(x):
            columns, dproduct = self.columns(x[images]), self.grouped(dy[images])
            dweight += matmul(dproduct.transpose(0, 2, 1), columns).reshape(dweight.shape)
            if dx is not None:
                dcolumns = matmul(
                    dproduct, weight, out=columns
                )  # X has been used: its memory serves dX
                col2im(dcolumns, *self.window, dx[images], self.scratch)

    def uses_winograd(self, y, overlapping: bool = False, keep: bool = False) -> bool:
        """Whether to go Winograd's way for an output like y, where im2col would need col2im (`overlapping`) or not, and
        Winograd's may `keep` what it computes of the weight.

        Not on a GPU, which multiplies faster than it can fetch what Winograd's transforms move, unless told to.
        """
        if self.algorithm == "im2col" or not winograd.applies(self):
            return False
        if self.algorithm == "auto" and kernels.on_gpu(y):
            return False
        return self.algorithm == "winograd" or winograd.pays(self, y.shape[:3], overlapping, keep)

    def chunks(self, x) -> list[slice]:
        """Slices of so many pictures that their columns fit the workspace, on the CPU at least three times the weight's memory:
        each product copies the weight before it multiplies, which must not take too large a part of the time.
        """
        height, width, _ = self.output_shape(x.shape[1:])
        picture_bytes = height * width * self.kernel_size**2 * self.in_channels * x.itemsize
        room = backend.workspace_bytes(backend.of(x))
        if not kernels.on_gpu(x):
            room = max(room, 3 * self.params["weight"].nbytes)
        return backend.slices(len(x), picture_bytes, room)

    def columns(self, x):
        """The matrix X (n·OH·OW, KH·KW·C / groups) of each group for the pictures x (n, H, W, C), one after the other."""
        height, width = (output_size(side, *self.window) for side in x.shape[1:3])
        rows, numbers = (
            len(x) * height * width,
            self.kernel_size**2 * self.in_channels // self.groups,
        )
        out = self.scratch("columns", x, (self.groups, rows, numbers))
        return im2col(x, *self.window, self.groups, out, self.scratch)

    def grouped(self, y):
        """The view of the contiguous y (n, OH, OW, O) as a matrix for each group: (groups, n·OH·OW, O / groups)."""
        return y.reshape(-1, self.groups, self.out_channels // self.groups).transpose(1, 0, 2)

    def grouped_weight(self):
        """The weight as a matrix for each group: (groups, O / groups, KH·KW·C / groups)."""
        return self.params["weight"].reshape(self.groups, self.out_channels // self.groups, -1)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, self.in_channels)
        height, width = (
            output_size(side, self.kernel_size, self.stride, self.padding) for side in shape[:2]
        )
        return (height, width, self.out_channels)

    def macs(self, shape: tuple[int, ...]) -> int:
        height, width, _ = self.output_shape(shape)
        return height * width * self.params["weight"].size

    def __repr__(self) -> str:
        options = dict(stride=(self.stride, 1), padding=(self.padding, 0), groups=(self.groups, 1))
        options["algorithm"] = (self.algorithm, "auto")
        extras = [
            f"{name}={value}" for name, (value, default) in options.items() if value != default
        ]
        return f"Conv2d({', '.join([str(self.in_channels), str(self.out_channels), str(self.kernel_size), *extras])})"


def matmul(a, b, out=None):
    """a @ b for the matrices of each group. One group's go as two dimensions: of three CuPy copies what lies transposed."""
    xp = backend.of(a)
    if len(a) > 1:
        return xp.matmul(a, b, out=out)
    return xp.matmul(a[0], b[0], out=None if out is None else out[0])[None]
