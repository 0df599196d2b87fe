"""Grades lessons/exercises/conv.py: the plain convolution, its cases, the classic mistakes."""

import numpy

from minialex.grader import conv_and_pool
from minialex.grader.conv_and_pool import Windowed, WindowTrial
from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.trials import LayerCase


class Conv2d(Windowed):
    """Convolution over an array of all windows, (N, OH, OW, K, K, C)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ):
        super().__init__()
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def channels(self, C: int) -> int:
        return self.out_channels

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        self.cache = padded = self.pad(x)
        return self.arrange(
            self.add_bias(
                self.fit(padded[self.windows(padded)], self.ungrouped(self.params["weight"]))
            )
        )

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        padded = self.cache
        index, weight = self.windows_back(*dy.shape[1:3]), self.ungrouped(self.params["weight"])
        self.grads = {
            "weight": self.grouped(self.dweight(dy, padded[index])),
            "bias": self.dbias(dy),
        }
        dpadded = numpy.zeros_like(padded)
        self.scatter(dpadded, index, self.dwindows(dy, weight))
        return self.cut(dpadded)

    def fit(self, windows: numpy.ndarray, weight: numpy.ndarray) -> numpy.ndarray:
        """Σ over kh, kw, c of window · weight."""
        return numpy.einsum("nijklc,oklc->nijo", windows, weight)

    def add_bias(self, y: numpy.ndarray) -> numpy.ndarray:
        return y + self.params["bias"]

    def dwindows(self, dy: numpy.ndarray, weight: numpy.ndarray) -> numpy.ndarray:
        """The gradient of each window, (N, OH, OW, K, K, C)."""
        return numpy.einsum("nijo,oklc->nijklc", dy, weight)

    def dweight(self, dy: numpy.ndarray, windows: numpy.ndarray) -> numpy.ndarray:
        return numpy.einsum("nijo,nijklc->oklc", dy, windows)

    def dbias(self, dy: numpy.ndarray) -> numpy.ndarray:
        return dy.sum(axis=(0, 1, 2))

    def ungrouped(self, weight: numpy.ndarray) -> numpy.ndarray:
        """Weights (O, K, K, C) that are 0 for the channels of other groups."""
        whole = numpy.zeros((*weight.shape[:3], self.in_channels))
        for filters, channels in self.shares():
            whole[filters, ..., channels] = weight[filters]
        return whole

    def grouped(self, whole: numpy.ndarray) -> numpy.ndarray:
        """Picks the weights of each filter's own group.

        (O, K, K, C) -> (O, K, K, C / groups)
        """
        return numpy.concatenate(
            [whole[filters, ..., channels] for filters, channels in self.shares()]
        )

    def shares(self) -> list[tuple[slice, slice]]:
        """Which filters and which channels make up each group."""
        O, C = self.out_channels // self.groups, self.in_channels // self.groups
        return [(slice(g * O, (g + 1) * O), slice(g * C, (g + 1) * C)) for g in range(self.groups)]


def cases(rng: numpy.random.Generator) -> list[LayerCase]:
    """From easy to hard; the last one has groups."""
    return [
        case(rng, (2, 4, 5), 1, 1, 2),
        case(rng, (2, 4, 5), 2, 3, 3),
        case(rng, (2, 5, 7), 2, 3, 3, stride=2),
        case(rng, (3, 6, 5), 1, 2, 2, stride=3),
        case(rng, (2, 3, 5), 2, 3, 3, padding=1),
        case(rng, (2, 5, 4), 2, 3, 3, stride=2, padding=1),
        case(rng, (2, 3, 4), 4, 6, 2, groups=2),
    ]


def case(
    rng: numpy.random.Generator,
    pictures: tuple[int, int, int],
    C: int,
    O: int,
    K: int,
    **options: int,
) -> LayerCase:
    """A case with `pictures` (N, H, W) of C channels, and O filters K×K."""
    params = {
        "weight": rng.standard_normal((O, K, K, C // options.get("groups", 1))),
        "bias": rng.standard_normal(O),
    }
    return LayerCase((C, O, K), options, rng.standard_normal((*pictures, C)), params)


def shares_of_first_channels(self):
    (_, first), *_ = shares = Conv2d.shares(self)
    return [(filters, first) for filters, _ in shares]


def shares_in_turn(self):
    return [
        (filters, slice(g, None, self.groups)) for g, (filters, _) in enumerate(Conv2d.shares(self))
    ]


ASSIGNED_PRODUCTS = (
    "assignment where accumulation is needed",
    "y[n, i, j, o] is a sum over kh, kw and c. With = each product replaces the one before; with "
    "+= they add up.",
)
BIAS_TOO_OFTEN = (
    "the bias is added more than once",
    "It is outside the sum over kh, kw and c: once for each number of y.",
)
FORWARD = [
    *conv_and_pool.FORWARD,
    Mistake(
        "the kernel is flipped",
        "In mathematics a convolution flips its kernel. Networks do not: they multiply "
        "padded[…, i·stride + kh, …] by weight[o, kh, …], both counted from the top left.",
        fit=lambda self, windows, weight: Conv2d.fit(self, windows, weight[:, ::-1, ::-1]),
    ),
    Mistake(
        "the kernel's rows and columns are swapped",
        "weight is (O, KH, KW, C): kh goes with the row of the picture, kw with the column.",
        fit=lambda self, windows, weight: Conv2d.fit(self, windows, weight.transpose(0, 2, 1, 3)),
    ),
    Mistake(
        "the window is off by one: its last row and column are missing",
        "kh goes from 0 to KH − 1 and kw from 0 to KW − 1, and range(KH) already stops before KH.",
        fit=lambda self, windows, weight: Conv2d.fit(
            self, windows[..., :-1, :-1, :], weight[:, :-1, :-1]
        ),
    ),
    Mistake(
        *ASSIGNED_PRODUCTS,
        fit=lambda self, windows, weight: Conv2d.fit(
            self, windows[..., -1:, -1:, :], weight[:, -1:, -1:]
        ),
    ),
    Mistake(
        *ASSIGNED_PRODUCTS,
        fit=lambda self, windows, weight: Conv2d.fit(
            self, windows[..., -1:, -1:, -1:], weight[:, -1:, -1:, -1:]
        ),
    ),
    Mistake(
        "products are averaged",
        "y is the sum over kh, kw and c, not the mean.",
        fit=lambda self, windows, weight: Conv2d.fit(self, windows, weight) / weight[0].size,
    ),
    Mistake(
        "the bias is forgotten",
        "Each filter's bias is added to its whole map.",
        add_bias=lambda self, y: y,
    ),
    Mistake(
        *BIAS_TOO_OFTEN, add_bias=lambda self, y: y + self.params["bias"] * self.kernel_size**2
    ),
    Mistake(
        *BIAS_TOO_OFTEN,
        add_bias=lambda self, y: y + self.params["bias"] * self.params["weight"][0].size,
    ),
    Mistake(
        "every filter sees the first group's channels",
        "The filters of group g see channels g·C/groups to (g + 1)·C/groups. (Lesson 15.)",
        shares=shares_of_first_channels,
    ),
    Mistake(
        "groups take channels in turn",
        "With 2 groups, the first has the first half of the channels and the second the other "
        "half. (Lesson 15.)",
        shares=shares_in_turn,
    ),
]
BACKWARD = [
    *conv_and_pool.BACKWARD,
    Mistake(
        *conv_and_pool.ASSIGNED,
        scatter=conv_and_pool.assign_windows,
        dwindows=lambda self, dy, weight: Conv2d.dwindows(self, dy[..., -1:], weight[-1:]),
    ),
    Mistake(
        "only the last filter's part is in dx",
        "All filters look at the same pixels: the gradients from all of them add up.",
        dwindows=lambda self, dy, weight: Conv2d.dwindows(self, dy[..., -1:], weight[-1:]),
    ),
    Mistake(
        "the kernel is flipped on the way back",
        "dy[n, i, j, o] · weight[o, kh, kw, c] goes to the pixel in row i·stride + kh, the one "
        "that forward used. Books flip the kernel when they loop over the pixels of dx and "
        "gather; when you loop over windows, flip nothing.",
        dwindows=lambda self, dy, weight: Conv2d.dwindows(self, dy, weight[:, ::-1, ::-1]),
    ),
    Mistake(
        "the kernel's rows and columns are swapped on the way back",
        "weight is (O, KH, KW, C): weight[o, kh, kw, c] goes to the pixel in row i·stride + kh and "
        "column j·stride + kw.",
        dwindows=lambda self, dy, weight: Conv2d.dwindows(self, dy, weight.transpose(0, 2, 1, 3)),
    ),
    Mistake(
        "only the last picture counts",
        "All pictures of the batch use the same weights and biases: their gradients add up over n.",
        dweight=lambda self, dy, windows: Conv2d.dweight(self, dy[-1:], windows[-1:]),
        dbias=lambda self, dy: Conv2d.dbias(self, dy[-1:]),
    ),
    Mistake(
        "only the last window counts: assignment where accumulation is needed",
        "Every window of every picture uses the same weights and biases: their gradients add up "
        "over n, i and j, with +=.",
        dweight=lambda self, dy, windows: Conv2d.dweight(
            self, dy[-1:, -1:, -1:], windows[-1:, -1:, -1:]
        ),
        dbias=lambda self, dy: Conv2d.dbias(self, dy[-1:, -1:, -1:]),
    ),
    Mistake(
        "gradients are divided by the number of pictures",
        "The loss takes the mean over the batch, once, and dy already includes it. A layer only "
        "sums.",
        dweight=lambda self, dy, windows: Conv2d.dweight(self, dy, windows) / len(dy),
        dbias=lambda self, dy: Conv2d.dbias(self, dy) / len(dy),
    ),
    Mistake(
        "the bias's gradient is a mean",
        "A bias is added to every number of its map, in every picture: the gradients add up.",
        dbias=lambda self, dy: dy.mean(axis=(0, 1, 2)),
    ),
    Mistake(
        "the bias's gradient is summed over pictures only",
        "All rows and columns share the bias, too: sum over n, i and j, which leaves one number "
        "per filter.",
        dbias=lambda self, dy: dy.sum(axis=0),
    ),
    Mistake(
        "the bias's gradient is summed over rows and columns only",
        "All pictures share the bias, too: sum over n, i and j, which leaves one number per "
        "filter.",
        dbias=lambda self, dy: dy.sum(axis=(1, 2)),
    ),
]
EXERCISE = Exercise(
    "conv",
    Conv2d,
    WindowTrial,
    cases,
    {
        "output_shape": Stage("02", conv_and_pool.FORWARD),
        "forward": Stage("02", FORWARD),
        "backward": Stage("03", BACKWARD),
    },
    optional=frozenset({"groups"}),
)
