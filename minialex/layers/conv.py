"""Convolution as one matrix product: lay the windows out as rows (im2col), then multiply."""

from minialex.backend import Array
from minialex.layers.checks import check_input, check_positive, check_shape
from minialex.layers.im2col import col2im, im2col, output_size
from minialex.layers.init import Rng, initial_bias, initial_weight
from minialex.layers.layer import Layer


class Conv2d(Layer):
    """y[n, i, j, o] = b_o + Σ_{kh, kw, c} x[n, i·stride + kh, j·stride + kw, c] · w[o, kh, kw, c]

    With the windows of x as the rows of a matrix X (im2col) and the weights as W (O, KH·KW·C):

        Y = X Wᵀ + b      dX = dY W, added up in dx where windows overlap (col2im)
        dW = dYᵀ X        db = Σ dY

    x: (N, H, W, in_channels), with zeros around it where `padding` > 0;
    y: (N, OH, OW, out_channels) with OH = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1;
    weight: (O, KH, KW, C / groups); bias: (O,). With `groups` G > 1, channels and filters are dealt
    into G parts that do not see each other, as on the paper's two GPUs (Krizhevsky et al. 2012,
    section 3.5). `weight_std` None draws He's initial weights; `bias` is the initial bias.
    ValueError for sizes that do not fit together.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
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
            channels = f"{in_channels} input and {out_channels} output channels"
            raise ValueError(f"{groups} groups do not divide {channels}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        shape = (out_channels, kernel_size, kernel_size, in_channels // groups)
        fan_in = kernel_size**2 * in_channels // groups
        self.params["weight"] = initial_weight(shape, fan_in, weight_std, rng)
        self.params["bias"] = initial_bias(out_channels, bias)

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, self.in_channels)
        self.cache = x if train else None
        n, (oh, ow, filters) = len(x), self.output_shape(x.shape[1:])
        product = self.columns(x) @ self.grouped_weight().transpose(0, 2, 1)  # (G, N·OH·OW, O/G)
        return product.transpose(1, 0, 2).reshape(n, oh, ow, filters) + self.params["bias"]

    def backward(self, dy: Array) -> Array:
        x = self.cached()
        n, oh, ow, filters = dy.shape
        k, groups = self.kernel_size, self.groups
        dproduct = dy.reshape(n * oh * ow, groups, filters // groups).transpose(1, 0, 2)
        dweight = dproduct.transpose(0, 2, 1) @ self.columns(x)  # (G, O/G, KH·KW·C/G)
        self.grads["weight"] = dweight.reshape(self.params["weight"].shape)
        self.grads["bias"] = dy.sum(axis=(0, 1, 2))
        dcolumns = dproduct @ self.grouped_weight()  # (G, N·OH·OW, KH·KW·C/G)
        dcolumns = dcolumns.reshape(groups, n, oh, ow, k, k, -1).transpose(1, 2, 3, 4, 5, 0, 6)
        return col2im(dcolumns.reshape(n, oh, ow, k, k, -1), x.shape, self.stride, self.padding)

    def columns(self, x: Array) -> Array:
        """The windows of x as the rows of a matrix for each group: (G, N·OH·OW, KH·KW·C/G)."""
        columns = im2col(x, self.kernel_size, self.stride, self.padding)  # (N, OH, OW, KH, KW, C)
        n, oh, ow, kh, kw, channels = columns.shape
        columns = columns.reshape(n * oh * ow, kh * kw, self.groups, channels // self.groups)
        return columns.transpose(2, 0, 1, 3).reshape(self.groups, n * oh * ow, -1)

    def grouped_weight(self) -> Array:
        """The filters as the rows of a matrix for each group: (G, O/G, KH·KW·C/G)."""
        return self.params["weight"].reshape(self.groups, self.out_channels // self.groups, -1)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, self.in_channels)
        window = (self.kernel_size, self.stride, self.padding)
        return (output_size(shape[0], *window), output_size(shape[1], *window), self.out_channels)

    def macs(self, shape: tuple[int, ...]) -> int:
        height, width, _ = self.output_shape(shape)
        return height * width * self.params["weight"].size

    def __repr__(self) -> str:
        options = dict(stride=(self.stride, 1), padding=(self.padding, 0), groups=(self.groups, 1))
        given = [f"{name}={value}" for name, (value, usual) in options.items() if value != usual]
        sizes = (self.in_channels, self.out_channels, self.kernel_size)
        return f"Conv2d({', '.join([*map(str, sizes), *given])})"
