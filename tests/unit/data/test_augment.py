"""Views and standardisation, compared with their definitions pixel by pixel."""

import json

import numpy
import pytest
from data_helpers import random_pictures, views

from minialex.data import augment
from minialex.data.augment import (
    AUGMENTATIONS,
    Standardize,
    Views,
    apply_cutout,
    centre_views,
    crop_padded,
    mirrored,
    offset,
    random_views,
    ten_views,
)
from minialex.data.lighting import IMAGENET

ALL = [name for name in AUGMENTATIONS if name != "lighting"]


@pytest.mark.parametrize("room", [0, 1, 8, 29])
def test_every_offset_is_equally_likely(room):
    # 100 evenly spaced fractions for each offset.
    fractions = (numpy.arange(100 * (room + 1)) + 0.5) / (100 * (room + 1))
    counts = numpy.bincount(offset(fractions, room), minlength=room + 1)
    assert counts.tolist() == [100] * (room + 1)


def test_offsets_at_the_edges_and_in_the_centre():
    assert offset(0.0, 8) == 0
    assert offset(0.5, 8) == 4
    assert offset(1.0, 8) == 8


def test_crop_padded_equals_a_shifted_window():
    fill, p = (1, 2, 3), 2
    images = random_pictures(1, size=5)
    for top in range(2 * p + 1):
        for left in range(2 * p + 1):
            crop = crop_padded(images, views((top + 0.5) / 5, (left + 0.5) / 5), p, fill)
            for y in range(5):
                for x in range(5):
                    row, column = y + top - p, x + left - p
                    inside = 0 <= row < 5 and 0 <= column < 5
                    expected = images[0, row, column] if inside else fill
                    assert crop[0, y, x].tolist() == list(expected), (top, left, y, x)


@pytest.mark.parametrize("left", [[0.99, 0.5, 0.3], [0.5, 0.5, 0.5]])
def test_crop_padded_crops_each_picture_at_its_own_position(left):
    images = random_pictures(3)
    mixed = Views(numpy.array([0.0, 0.5, 0.99]), numpy.array(left), numpy.zeros(3, bool))
    crops = crop_padded(images, mixed, 2, 9)
    for i in range(3):
        alone = crop_padded(images[i : i + 1], views(mixed.top[i], mixed.left[i]), 2, 9)
        numpy.testing.assert_array_equal(crops[i], alone[0])


def test_centre_views_do_not_change_pictures():
    images = random_pictures(4)
    numpy.testing.assert_array_equal(crop_padded(images, centre_views(4), 2, 9), images)
    numpy.testing.assert_array_equal(mirrored(images, centre_views(4)), images)


def test_only_the_chosen_pictures_are_mirrored():
    images = random_pictures(3)
    before = images.copy()
    flipped = mirrored(
        images, Views(numpy.full(3, 0.5), numpy.full(3, 0.5), numpy.array([False, True, False]))
    )
    numpy.testing.assert_array_equal(flipped[[0, 2]], before[[0, 2]])
    numpy.testing.assert_array_equal(flipped[1], numpy.fliplr(before[1]))
    numpy.testing.assert_array_equal(images, before)


def test_random_crops_and_mirrors_are_uniform_and_independent():
    v = random_views(20_000, numpy.random.default_rng(0), crop=True, mirror=True)
    for drawn in (v.top, v.left):
        assert drawn.min() >= 0
        assert drawn.max() < 1
        counts = numpy.histogram(drawn, 10, (0, 1))[0]
        assert counts.min() > 1800
        assert counts.max() < 2200
    assert 0.48 < v.mirror.mean() < 0.52
    correlation = numpy.corrcoef([v.top, v.left, v.mirror]) - numpy.eye(3)
    assert numpy.abs(correlation).max() < 0.03


def test_random_views_without_crop_or_mirror():
    only_mirror = random_views(100, numpy.random.default_rng(0), crop=False, mirror=True)
    assert (only_mirror.top == 0.5).all()
    assert (only_mirror.left == 0.5).all()
    assert only_mirror.mirror.any()
    only_crop = random_views(100, numpy.random.default_rng(0), crop=True, mirror=False)
    assert not only_crop.mirror.any()
    assert len(numpy.unique(only_crop.top)) == 100
    assert only_crop.cutout is None


def test_cutouts_are_uniform_and_change_no_other_draws():
    with_cutout = random_views(20_000, numpy.random.default_rng(0), cutout=True)
    without = random_views(20_000, numpy.random.default_rng(0))
    assert (with_cutout.top == without.top).all() and (with_cutout.mirror == without.mirror).all()
    counts = numpy.histogram2d(*with_cutout.cutout.T, bins=4, range=[(0, 1), (0, 1)])[0]
    assert counts.min() > 1100  # of 1,250 expected
    assert counts.max() < 1400


def test_other_augmentations_are_off_by_default():
    plain = random_views(10, numpy.random.default_rng(0))
    assert plain.angle is plain.gain is plain.shift is plain.cutout is None


@pytest.mark.parametrize("name", ["cutout", "rotation", "brightness", "colour"])
def test_other_augmentations_do_not_change_crops_and_mirrors(name):
    plain = random_views(50, numpy.random.default_rng(0))
    more = random_views(50, numpy.random.default_rng(0), **{name: True}, lighting=IMAGENET)
    assert (
        (more.top == plain.top).all()
        and (more.left == plain.left).all()
        and (more.mirror == plain.mirror).all()
    )


def test_angles_are_uniform_in_both_directions():
    angles = random_views(20_000, numpy.random.default_rng(0), rotation=True).angle
    counts = numpy.histogram(angles, 10, (-10, 10))[0]
    assert counts.sum() == 20_000
    assert 1800 < counts.min() <= counts.max() < 2200


def test_brightness_multiplies_all_channels_by_one_factor():
    drawn = random_views(20_000, numpy.random.default_rng(0), brightness=True)
    assert drawn.gain.shape == (20_000, 1)
    counts = numpy.histogram(drawn.gain, 10, (0.6, 1.4))[0]
    assert counts.sum() == 20_000
    assert 1800 < counts.min() <= counts.max() < 2200
    assert drawn.shift is None


def test_a_colour_temperature_scales_red_and_blue_inversely():
    gain = random_views(20_000, numpy.random.default_rng(0), colour=True).gain
    assert gain.shape == (20_000, 3)
    numpy.testing.assert_allclose(gain[:, 0] * gain[:, 2], 1)
    assert (gain[:, 1] == 1).all()
    counts = numpy.histogram(numpy.log(gain[:, 0]), 10, (-0.2, 0.2))[0]
    assert counts.sum() == 20_000
    assert 1800 < counts.min() <= counts.max() < 2200


def test_brightness_and_colour_together_are_independent():
    gain = random_views(20_000, numpy.random.default_rng(0), brightness=True, colour=True).gain
    brightness, warmth = gain[:, 1], numpy.log(gain[:, 0] / gain[:, 2]) / 2
    assert 0.6 < brightness.min() < 0.61 < 1.39 < brightness.max() < 1.4
    assert abs(warmth).max() < 0.2
    assert abs(numpy.corrcoef(brightness, warmth)[0, 1]) < 0.03


def test_lighting_draws_a_new_shift_for_each_picture():
    drawn = random_views(
        100, numpy.random.default_rng(0), crop=False, mirror=False, lighting=IMAGENET
    )
    numpy.testing.assert_array_equal(drawn.shift, IMAGENET.shifts(100, numpy.random.default_rng(0)))
    assert len(numpy.unique(drawn.shift, axis=0)) == 100


def test_a_subset_of_views():
    drawn = random_views(
        9, numpy.random.default_rng(0), **dict.fromkeys(ALL, True), lighting=IMAGENET
    )
    for chosen in (slice(2, 5), [7, 1], numpy.arange(9) % 2 == 0):
        some = drawn[chosen]
        assert len(some) == len(numpy.arange(9)[chosen])
        for name, array in vars(drawn).items():
            numpy.testing.assert_array_equal(getattr(some, name), array[chosen])
    assert centre_views(3)[:2].cutout is None


@pytest.mark.parametrize(
    "centre, rows, columns",
    [
        # 8 rows and 14 columns: a square of 2x2 pixels that starts one pixel before the centre.
        ((0.5, 0.5), (3, 5), (6, 8)),
        ((0.0, 0.0), (0, 1), (0, 1)),
        ((0.999, 0.999), (6, 8), (12, 14)),
        ((0.0, 0.5), (0, 1), (6, 8)),
    ],
)
def test_a_cutout_is_a_quarter_of_the_height_and_clipped_at_the_edge(centre, rows, columns):
    x = numpy.ones((2, 8, 14, 3), numpy.float32)
    with_cutout = views(n=2)
    with_cutout.cutout = numpy.array([centre, centre])
    apply_cutout(x, with_cutout)
    expected = numpy.ones((8, 14, 3))
    expected[slice(*rows), slice(*columns)] = 0
    for picture in x:
        numpy.testing.assert_array_equal(picture, expected)


def test_views_without_cutout_change_nothing():
    x = numpy.ones((2, 8, 8, 3), numpy.float32)
    apply_cutout(x, views(n=2))
    assert (x == 1).all()


def test_standardize_computes_its_formula_in_float32():
    x = numpy.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=numpy.uint8)
    mean, std = numpy.array([100.5, 20.25, 0.0]), numpy.array([50.0, 2.5, 70.0])
    y = Standardize(mean, std)(x)
    assert y.dtype == numpy.float32
    numpy.testing.assert_allclose(y, (x - mean) / std, rtol=1e-5, atol=1e-5)


def test_a_picture_can_be_the_mean():
    rng = numpy.random.default_rng(0)
    x = rng.integers(0, 256, (3, 4, 4, 3), dtype=numpy.uint8)
    mean, std = rng.uniform(0, 255, (4, 4, 3)), numpy.array([50.0, 2.5, 70.0])
    standardize = Standardize(mean, std)
    numpy.testing.assert_allclose(standardize(x), (x - mean) / std, rtol=1e-5, atol=1e-4)
    numpy.testing.assert_allclose(standardize.mean, mean.mean(axis=(0, 1)), rtol=1e-6)
    again = Standardize(**json.loads(json.dumps(standardize.to_json())))
    assert again.to_json() == standardize.to_json()
    numpy.testing.assert_array_equal(again(x), standardize(x))


@pytest.mark.parametrize(
    "gain", [None, [[2.0], [0.5], [1.0]], [[1.25, 1.0, 0.8], [1.0, 1.0, 1.0], [0.5, 0.25, 2.0]]]
)
@pytest.mark.parametrize("shift", [None, [[1.0, -2.0, 3.5], [0.0, 0.0, 0.0], [-100.0, 0.0, 300.0]]])
def test_colours_change_before_the_mean_is_subtracted(gain, shift, monkeypatch):
    monkeypatch.setattr(augment, "CACHE_BYTES", 2 * 4 * 4 * 5 * 3)  # two pictures at a time
    x = numpy.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=numpy.uint8)
    mean, std = numpy.array([100.5, 20.25, 0.0]), numpy.array([50.0, 2.5, 70.0])
    recoloured = views(n=3)
    recoloured.gain = None if gain is None else numpy.array(gain)
    recoloured.shift = None if shift is None else numpy.array(shift)
    y = Standardize(mean, std)(x, recoloured)
    assert y.dtype == numpy.float32
    for i in range(3):
        changed = x[i] * (1 if gain is None else numpy.array(gain[i])) + (
            0 if shift is None else numpy.array(shift[i])
        )
        numpy.testing.assert_allclose(y[i], (changed - mean) / std, rtol=1e-5, atol=1e-4)


def test_views_without_colour_changes_leave_every_bit():
    x = random_pictures(3)
    standardize = Standardize([100.5, 20.25, 0.0], [50.0, 2.5, 70.0])
    numpy.testing.assert_array_equal(standardize(x, views(n=3)), standardize(x))


def test_standardize_refuses_another_number_of_channels():
    with pytest.raises(ValueError, match=r"1 channels.* 3"):
        Standardize([1, 2, 3], [1, 1, 1])(numpy.zeros((2, 4, 4, 1), numpy.uint8))


def test_the_ten_views_are_those_of_the_paper():
    """3×3 crops of a 5×5 picture: four corners, the centre, all mirrored; then the next picture."""
    views = ten_views(2)
    corners = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    assert list(zip(offset(views.top, 2), offset(views.left, 2), strict=True)) == corners * 4
    assert views.mirror.tolist() == ([False] * 5 + [True] * 5) * 2
