"""What convolution and pooling share: where windows are, and the mistakes that both invite."""

import numpy

from minialex.grader.exercise import Mistake
from minialex.grader.trials import LayerTrial
from minialex.layers import Layer


class Windowed(Layer):
    """A layer over windows of a padded picture, as plain as can be, in steps that a mistake can
    replace."""

    #: The value of the padding.
    outside = 0.0

    def side(self, size: int) -> int:
        """How many windows fit along a side of `size` pixels."""
        return (size + 2 * self.padding - self.kernel_size) // self.stride + 1

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        H, W, C = shape
        return self.side(H), self.side(W), self.channels(C)

    def channels(self, C: int) -> int:
        """How many channels y has."""
        return C

    def pad(self, x: numpy.ndarray) -> numpy.ndarray:
        P, (N, H, W, C) = self.padding, x.shape
        # numpy.pad would take longer than everything else.
        padded = numpy.full((N, H + 2 * P, W + 2 * P, C), self.outside)
        padded[:, P : P + H, P : P + W] = x
        return padded

    def windows(self, padded: numpy.ndarray) -> tuple:
        """The index that turns padded pictures into windows (N, OH, OW, K, K, C)."""
        H, W = (size - 2 * self.padding for size in padded.shape[1:3])
        return self.index(self.side(H), self.side(W), self.stride)

    def windows_back(self, OH: int, OW: int) -> tuple:
        """The same index in backward."""
        return self.index(OH, OW, self.stride)

    def index(self, OH: int, OW: int, stride: int) -> tuple:
        rows, columns = (
            stride * numpy.arange(count)[:, None] + numpy.arange(self.kernel_size)
            for count in (OH, OW)
        )
        return slice(None), rows[:, None, :, None], columns[None, :, None, :]

    def scatter(self, dpadded: numpy.ndarray, index: tuple, dwindows: numpy.ndarray) -> None:
        """Adds the gradients of the windows, (N, OH, OW, K, K, C), to the pixels under them."""
        numpy.add.at(dpadded, index, dwindows)

    def arrange(self, y: numpy.ndarray) -> numpy.ndarray:
        """y, (N, OH, OW, O), as it is returned."""
        return y

    def cut(self, dpadded: numpy.ndarray) -> numpy.ndarray:
        """dpadded without its border."""
        P, (_, H, W, _) = self.padding, dpadded.shape
        return dpadded[:, P : H - P, P : W - P]


class WindowTrial(LayerTrial):
    """A layer over windows; its hints know where these overlap."""

    def hints(
        self, name: str, got: numpy.ndarray, right: numpy.ndarray, wrong: numpy.ndarray
    ) -> list[str]:
        if name == "dx":
            count = self.windows_over_each_pixel()
            for places, where in ((count > 1, "several windows"), (count == 1, "one window only")):
                if not places.all() and not wrong[~places].any():
                    return [
                        *super().hints(name, got, right, wrong),
                        f"All wrong numbers belong to pixels in {where}.",
                    ]
        return super().hints(name, got, right, wrong)

    def windows_over_each_pixel(self) -> numpy.ndarray:
        """How many windows each element of x is in."""
        plain = Windowed()
        for option in ("kernel_size", "stride", "padding"):
            setattr(plain, option, getattr(self.layer, option))
        padded = plain.pad(numpy.zeros(self.case.x.shape))
        index = plain.windows(padded)
        plain.scatter(padded, index, numpy.ones(padded[index].shape))
        return plain.cut(padded)


def windows_one_apart(self, padded):
    _, rows, columns, *_ = Windowed.windows(self, padded)
    return self.index(len(rows), columns.shape[1], 1)


def assign_windows(self, dpadded, index, dwindows):
    for i, j in numpy.ndindex(dwindows.shape[1:3]):
        dpadded[:, index[1][i, 0], index[2][0, j]] = dwindows[:, i, j]


def assign_taps(self, dpadded, index, dwindows):
    """The outer loop goes over the positions in a window, not over the windows."""
    for kh, kw in numpy.ndindex(dwindows.shape[3:5]):
        dpadded[:, index[1][:, :, kh, 0], index[2][:, :, 0, kw]] = dwindows[:, :, :, kh, kw]


def cut_on_one_side(self, dpadded):
    _, H, W, _ = dpadded.shape
    return dpadded[:, : H - 2 * self.padding, : W - 2 * self.padding]


ASSIGNED = (
    "assignment where windows overlap",
    "A pixel in several windows gets a gradient from each. With = only the last one stays; with "
    "+= they add up.",
)

FORWARD = [
    Mistake(
        "the output is one too small",
        "The number of windows is how many strides the first one can move, plus 1 for where it "
        "starts. The + 1 is missing.",
        side=lambda self, size: Windowed.side(self, size) - 1,
    ),
    Mistake(
        "the output size is rounded up",
        "A window that sticks out does not count: round down, as // does.",
        side=lambda self, size: -((size + 2 * self.padding - self.kernel_size) // -self.stride) + 1,
    ),
    Mistake(
        "padding is counted once in the output size",
        "There is a border on both sides: H grows by 2·padding.",
        side=lambda self, size: (size + self.padding - self.kernel_size) // self.stride + 1,
    ),
    Mistake(
        "padding is forgotten",
        "The layer gives what it would with padding=0.",
        side=lambda self, size: (size - self.kernel_size) // self.stride + 1,
        pad=lambda self, x: x,
        windows=lambda self, x: self.index(*map(self.side, x.shape[1:3]), self.stride),
    ),
    Mistake(
        "the output size ignores the stride",
        "This counts windows one pixel apart. With a stride of 2 there is only every second one.",
        side=lambda self, size: size + 2 * self.padding - self.kernel_size + 1,
    ),
    Mistake(
        "height and width are swapped",
        "Shapes are (N, H, W, C), rows first: OH comes from H, OW from W, and i counts rows.",
        output_shape=lambda self, shape: Windowed.output_shape(
            self, (shape[1], shape[0], shape[2])
        ),
        arrange=lambda self, y: y.transpose(0, 2, 1, 3),
    ),
    Mistake(
        "the stride is lost: windows lie one pixel apart",
        "Window i starts at row i·stride of the padded picture, not at row i; the same goes for "
        "columns.",
        windows=windows_one_apart,
    ),
]
BACKWARD = [
    Mistake(
        "the stride is lost on the way back",
        "In forward, window i starts at row i·stride. Its gradient belongs to the same pixels, not "
        "to those that start at row i.",
        windows_back=lambda self, OH, OW: self.index(OH, OW, 1),
    ),
    Mistake(*ASSIGNED, scatter=assign_windows),
    Mistake(*ASSIGNED, scatter=assign_taps),
    Mistake(
        "the border is still around dx",
        "x had none. The gradient of the padding belongs to no pixel: cut it off on all four "
        "sides.",
        cut=lambda self, dpadded: dpadded,
    ),
    Mistake(
        "the border is cut off dx on one side only",
        "The picture starts at row `padding` of the padded one: cut off that many rows before it "
        "and as many after it, and the same for columns. [:H, :W] keeps the border above and loses "
        "pixels below.",
        cut=cut_on_one_side,
    ),
]
