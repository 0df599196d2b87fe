"""Somebody's own arrays as a data set: which are taken, how they are scaled, what is refused."""

import numpy
import pytest

from minialex.data import from_arrays
from minialex.data.arrays import as_pictures
from minialex.data.augment import centre_views

RNG = numpy.random.default_rng(0)
X = RNG.integers(0, 256, (6, 5, 5, 3), dtype=numpy.uint8)
Y = [0, 1, 2, 0, 1, 2]


def pixels(images):
    return images.read(range(len(images)), centre_views(len(images)))


def test_uint8_pictures_stay_as_they_are():
    dataset = from_arrays(X, Y, X[:2], Y[:2])
    numpy.testing.assert_array_equal(pixels(dataset.train), X)
    numpy.testing.assert_array_equal(pixels(dataset.test), X[:2])
    assert dataset.class_names == ["0", "1", "2"]
    assert dataset.pixel_range is None


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (-1.0, 1.0), (0, 16), (1000, 65535)])
def test_the_training_range_becomes_0_to_255_for_both_parts(low, high):
    """A test part scaled by its own range would look unlike what was trained on."""
    x = low + (high - low) * (X[..., 0] / 255)
    x[0, 0, 0], x[0, 0, 1] = low, high
    dataset = from_arrays(x, Y, x[3:] / 2 + low / 2, Y[3:])
    expected = numpy.round(255 * (x - low) / (high - low))[..., None]
    numpy.testing.assert_allclose(pixels(dataset.train), expected, atol=1)
    numpy.testing.assert_allclose(pixels(dataset.test), expected[3:] / 2, atol=1)
    assert dataset.pixel_range == (low, high)


def test_test_pixels_beyond_the_training_range_are_clipped_and_do_not_wrap_around():
    x = X / 255
    dataset = from_arrays(x, Y, 3 * x - 1, Y)
    numpy.testing.assert_allclose(
        pixels(dataset.test), (255 * (3 * x - 1)).round().clip(0, 255), atol=2
    )


def test_pictures_of_one_colour_are_no_division_by_zero():
    x = numpy.full((6, 5, 5), 0.5)
    dataset = from_arrays(x, Y, x, Y)
    assert (pixels(dataset.train) == 0).all()


@pytest.mark.parametrize("kind", [bool, numpy.int64, numpy.uint16, numpy.float16, list])
def test_any_kind_of_number_is_taken(kind):
    x = X[..., 0] > 127
    x[0, 0, :2] = False, True
    x = x.tolist() if kind is list else x.astype(kind)
    dataset = from_arrays(x, Y, x, Y)
    numpy.testing.assert_array_equal(
        pixels(dataset.train)[..., 0], 255 * numpy.asarray(x, numpy.uint8)
    )


def test_labels_may_be_names_in_any_order():
    names = ["dog", "cat", "bee", "dog", "cat", "bee"]
    dataset = from_arrays(X, names, X[:2], names[:2])
    assert dataset.class_names == ["bee", "cat", "dog"]
    assert dataset.train.labels.tolist() == [2, 1, 0, 2, 1, 0]
    assert dataset.test.labels.tolist() == [2, 1]


def test_class_names_say_in_which_order_names_are_numbered():
    order = ["dog", "bee", "cat", "elk"]
    dataset = from_arrays(X[:2], ["cat", "dog"], X[:1], ["elk"], order)
    assert dataset.class_names == order
    assert dataset.train.labels.tolist() == [2, 0]
    assert dataset.test.labels.tolist() == [3]


def test_names_may_be_bytes_and_numbers_must_be_few():
    x = numpy.zeros((4, 4, 4), numpy.uint8)
    assert from_arrays(x, numpy.array([b"cat", b"dog"] * 2)).class_names == ["cat", "dog"]
    with pytest.raises(ValueError, match="expected labels up to 100,000 without class_names"):
        from_arrays(x, [0, 1, 2, 20_000_000])


def test_without_test_pictures_a_share_of_each_class_is_held_out():
    x, y = numpy.arange(20, dtype=numpy.uint8)[:, None, None].repeat(9, 1).reshape(20, 3, 3), [0, 1]
    dataset = from_arrays(x, y * 10, val_share=0.2, seed=4)
    trained, tested = (
        images.images[:, 0, 0, 0].tolist() for images in (dataset.train, dataset.test)
    )
    assert sorted(trained + tested) == list(range(20))
    assert dataset.test.labels.tolist() == [number % 2 for number in tested]
    assert numpy.bincount(dataset.test.labels).tolist() == [2, 2]
    dataset = from_arrays(X[:3], ["cat", "cat", "dog"])
    assert dataset.class_names == ["cat", "dog"]
    assert (dataset.train.labels.tolist(), dataset.test.labels.tolist()) == ([0, 1], [0])


@pytest.mark.parametrize(
    "changes, said",
    [
        (
            dict(pictures=X[:, :4]),
            "expected square pictures (N, S, S, C) with C = 1 or 3, got (6, 4, 5, 3)",
        ),
        (dict(pictures=X[..., :2]), "C = 1 or 3, got (6, 5, 5, 2)"),
        (dict(pictures=X.transpose(0, 3, 1, 2)), "C = 1 or 3, got (6, 3, 5, 5)"),
        (dict(pictures=X[0, 0]), "expected pictures (N, S, S, C), got (5, 3)"),
        (dict(pictures=X.astype(str)), "expected pictures as numbers, got <U3"),
        (dict(pictures=numpy.full((6, 5, 5), numpy.nan)), "expected finite pixels, got NaN"),
        (dict(pictures=numpy.full((6, 5, 5), 1e300)), "expected pixels up to 1e+30, got 1e+300"),
        (dict(test_pictures=X * -1e300, pictures=X * 1.0), "expected pixels up to 1e+30, got -"),
        (dict(pictures=X * 1e-40), "expected pixels in a range, got 0 to 2.55e-38"),
        (dict(pictures=numpy.array(3)), "expected pictures, got a single number"),
        (dict(pictures=X[:, :0, :0]), "of at least one pixel, got (6, 0, 0, 3)"),
        (dict(pictures=X[:0], labels=[]), "expected at least one picture, got none"),
        (dict(test_pictures=X[:, :4, :4]), "expected pictures (N, 5, 5, 3), got (6, 4, 4, 3)"),
        (dict(test_pictures=X[..., 0]), "expected pictures (N, 5, 5, 3), got (6, 5, 5)"),
        (dict(test_pictures=X / 255), "expected pixels from 0 to 255, got 0"),
        (dict(labels=Y[:5]), "expected 6 labels, one per picture, got 5"),
        (dict(labels=numpy.eye(6, dtype=int)), "expected labels (N,), got (6, 6)"),
        (
            dict(labels=[0.0, 1, 2, 0, 1, 2]),
            "expected labels as whole numbers or names, got float64",
        ),
        (dict(labels=[-1, 0, 1, 2, 0, 1]), "expected labels from 0 to 2, got -1 to 2"),
        (dict(class_names=["a", "b"]), "expected labels from 0 to 1, got 0 to 2"),
        (dict(test_labels=None), "test_pictures and test_labels go together"),
        (dict(test_pictures=None), "test_pictures and test_labels go together"),
        (dict(test_labels=[3] * 6), "expected labels from 0 to 2, got 3 to 3"),
        (
            dict(labels=["a", "b"] * 3, test_labels=["c"] * 6),
            "the label 'c' is not one of the classes a, b",
        ),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_does_not_fit_is_refused_with_what_was_expected(changes, said):
    given = dict(pictures=X, labels=Y, test_pictures=X, test_labels=Y) | changes
    with pytest.raises(ValueError) as caught:
        from_arrays(**given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "shape, expected",
    [
        ((2, 5, 5, 3), (5, 5, 3)),
        ((5, 5, 3), (5, 5, 3)),  # one picture
        ((2, 5, 5, 1), (5, 5, 1)),
        ((2, 5, 5), (5, 5, 1)),
        ((5, 5, 1), (5, 5, 1)),
        ((5, 5), (5, 5, 1)),
        ((5, 5, 5), (5, 5, 1)),  # five grey pictures, not one with five channels
        ((3, 3, 3), (3, 3, 3)),  # one picture in colour, not three grey ones
        ((3, 3, 3), (3, 3, 1)),
    ],
)
def test_one_picture_or_many_of_the_expected_size(shape, expected):
    x = RNG.integers(0, 256, shape, dtype=numpy.uint8)
    got = as_pictures(x, None, expected)
    assert got.shape[1:] == expected
    numpy.testing.assert_array_equal(got.ravel(), x.ravel())
