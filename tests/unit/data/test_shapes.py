"""The drawn figures: reproducible, correct, visible, and too hard for a linear classifier."""

import numpy
import pytest

from minialex.data import shapes


@pytest.fixture(scope="module")
def dataset():
    return shapes.load(seed=1, train_size=1500, test_size=700)


def test_shapes_are_32x32_colour_pictures_of_ten_classes(dataset):
    assert (dataset.name, dataset.num_classes, dataset.channels) == ("shapes", 10, 3)
    assert dataset.train.images.shape == (1500, 32, 32, 3)
    assert dataset.test.images.shape == (700, 32, 32, 3)
    assert dataset.train.images.dtype == numpy.uint8
    counts = numpy.bincount(dataset.train.labels, minlength=10)
    assert counts.min() > 100
    assert counts.max() < 200


def test_the_same_seed_draws_the_same_pictures(dataset):
    again = shapes.load(seed=1, train_size=1500, test_size=700)
    for some, others in ((dataset.train, again.train), (dataset.test, again.test)):
        numpy.testing.assert_array_equal(some.images, others.images)
        numpy.testing.assert_array_equal(some.labels, others.labels)


def test_the_test_set_and_other_seeds_have_different_pictures(dataset):
    other = shapes.load(seed=2, train_size=700, test_size=10)
    sets = [dataset.train.images[:700], dataset.test.images, other.train.images]
    assert len(numpy.unique(numpy.concatenate(sets).reshape(2100, -1), axis=0)) == 2100
    labels = [dataset.train.labels[:700], dataset.test.labels, other.train.labels]
    assert all((labels[i] != labels[i - 1]).mean() > 0.8 for i in range(3))


def test_labels_match_the_figures_drawn(monkeypatch):
    drawn = []
    figures = shapes.figures
    monkeypatch.setattr(
        shapes, "figures", lambda labels, rng: drawn.extend(labels) or figures(labels, rng)
    )
    dataset = shapes.load(train_size=1201, test_size=3)
    assert drawn == [*dataset.train.labels, *dataset.test.labels]


def figures_of(name, n):
    """n masks of one class, float 0..1, and their pixels' coordinates (y, x)."""
    label = list(shapes.FIGURES).index(name)
    masks = shapes.figures(numpy.full(n, label), numpy.random.default_rng(0)).astype(float) / 255
    return masks, numpy.indices(masks.shape[1:])


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("circle", 1.0),
        ("ring", 0.7),
        ("triangle", 0.55),
        ("square", 0.64),
        ("star", 0.42),
        ("cross", 0.53),
        ("heart", 0.67),
        ("crescent", 0.42),
        ("arrow", 0.36),
        ("hourglass", 0.36),
    ],
)
def test_a_figure_fills_its_share_of_the_circle_around_it(name, share):
    masks, (y, x) = figures_of(name, 40)
    shares = []
    for mask in masks:
        inside = mask > 0.5
        widths = numpy.hypot(y[inside][:, None] - y[inside], x[inside][:, None] - x[inside])
        shares.append(mask.sum() / (numpy.pi / 4 * (widths.max() + 0.7) ** 2))
    assert abs(numpy.mean(shares) - share) < 0.07


def test_a_ring_is_hollow_and_a_circle_is_not():
    for name, expected in (("ring", 0), ("circle", 1)):
        masks, (y, x) = figures_of(name, 40)
        for mask in masks:
            middle = round((y * mask).sum() / mask.sum()), round((x * mask).sum() / mask.sum())
            assert mask[middle] == expected


def test_figures_come_in_all_rotations_places_and_sizes():
    masks, (y, x) = figures_of("arrow", 400)
    area = masks.sum(axis=(1, 2))
    cy, cx = (masks * y).sum(axis=(1, 2)) / area, (masks * x).sum(axis=(1, 2)) / area
    dy, dx = y - cy[:, None, None], x - cx[:, None, None]
    long_axis = (
        numpy.arctan2(
            2 * (masks * dx * dy).sum(axis=(1, 2)), (masks * (dx**2 - dy**2)).sum(axis=(1, 2))
        )
        / 2
    )
    assert numpy.histogram(long_axis, 4, (-numpy.pi / 2, numpy.pi / 2))[0].min() > 70
    assert cy.std() > 2
    assert cx.std() > 2
    assert area.max() > 2 * area.min()


def test_a_figure_has_one_colour_that_stands_out():
    rng = numpy.random.default_rng(0)
    masks = shapes.figures(numpy.arange(200) % 10, rng)
    behind = shapes.backgrounds(200, rng)
    assert len(numpy.unique(behind.reshape(200, -1), axis=0)) == 200
    pictures = shapes.paint(masks, behind, rng).astype(int)
    for mask, before, picture in zip(masks, behind, pictures, strict=True):
        figure = picture[mask == 255]
        assert figure.std(axis=0).max() < 15  # the noise
        assert numpy.linalg.norm(figure.mean(axis=0) - before[mask == 255].mean(axis=0)) > 60
        assert numpy.abs(picture - before)[mask == 0].max() <= 16


def test_a_linear_classifier_cannot_tell_the_classes_apart(dataset):
    x, tests = (s.images.reshape(len(s), -1) / 128 - 1 for s in (dataset.train, dataset.test))
    answers = numpy.eye(10)[dataset.train.labels]
    weights = numpy.linalg.solve(x @ x.T + 1000 * numpy.eye(len(x)), answers)  # ridge regression
    accuracy = ((tests @ x.T @ weights).argmax(axis=1) == dataset.test.labels).mean()
    assert accuracy < 0.3
