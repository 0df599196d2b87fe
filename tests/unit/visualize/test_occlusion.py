"""Occlusion finds the pixel that the answer depends on, at the edges too."""

import numpy
import pytest

from minialex.visualize.occlusion import middles, occlusion


def seeing(row, column):
    """A network of two classes that looks at a single pixel.

    The probability of class 1 is e² / (1 + e²) if the pixel is 2, and 1/2 if it is 0.
    """
    return lambda x: numpy.stack([numpy.zeros(len(x)), x[:, row, column, 0]], axis=1)


SEEN, COVERED = numpy.exp(2) / (1 + numpy.exp(2)), 0.5


@pytest.mark.parametrize("spot", [(4, 6), (0, 0), (9, 3), (9, 9)])
@pytest.mark.parametrize(("square", "step"), [(1, 1), (3, 1), (4, 1), (3, 2), (5, 3), (10, 4)])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_the_probability_falls_where_the_square_covers_the_planted_pixel(
    spot, square, step, batch_size
):
    x = numpy.full((10, 10, 3), 2.0)
    found = occlusion(seeing(*spot), x, 1, square, step, batch_size)
    expected = numpy.empty((10, 10))
    for pixel in numpy.ndindex(10, 10):
        covers = True
        for place, wanted in zip(pixel, spot, strict=True):
            start = place // step * step
            middle = start + (min(step, 10 - start)) // 2
            covers &= middle - square // 2 <= wanted < middle - square // 2 + square
        expected[pixel] = COVERED if covers else SEEN
    numpy.testing.assert_allclose(found, expected)
    assert (x == 2).all()  # the picture itself is not painted over


def test_the_square_is_the_mean_colour_in_all_channels():
    shown = []
    x = numpy.arange(1.0, 28).reshape(3, 3, 3)

    def forward(batch):
        shown.extend(batch.copy())
        return numpy.zeros((len(batch), 2))

    occlusion(forward, x, 0, 1, 1, 4)
    assert len(shown) == 9
    for place, picture in zip(numpy.ndindex(3, 3), shown, strict=True):
        expected = x.copy()
        expected[place] = 0
        numpy.testing.assert_array_equal(picture, expected)


def test_progress_counts_every_place_once():
    class Bar:
        total = 0

        def update(self, n):
            self.total += n

    bar = Bar()
    occlusion(seeing(0, 0), numpy.zeros((10, 10, 1)), 1, 3, 2, 7, bar)
    assert bar.total == 25


@pytest.mark.parametrize(
    ("side", "step", "expected"),
    [(4, 1, [0, 1, 2, 3]), (9, 3, [1, 4, 7]), (8, 3, [1, 4, 7]), (7, 3, [1, 4, 6]), (5, 5, [2])],
)
def test_the_square_stops_in_the_middle_of_each_stretch(side, step, expected):
    assert middles(side, step) == expected
