"""The nearest pictures equal brute force; a duplicate comes first, a picture never finds itself."""

import types
from pathlib import Path

import numpy
import pytest
from data_helpers import numbered_images, random_pictures
from pngs import assert_nothing_is_cut_off, figure_of, texts_of

from minialex import backend, figures, models
from minialex.data.augment import Standardize
from minialex.visualize.nearest import hidden, in_batches, nearest, neighbours, themselves
from minialex.visualize.subjects import Subjects


def flat(x):
    return x.reshape(len(x), -1)


def split(pictures, size):
    """Batches (numbers, pictures)."""
    for start in range(0, len(pictures), size):
        yield numpy.arange(start, min(start + size, len(pictures))), pictures[start : start + size]


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_the_nearest_by_brute_force(size, rng):
    x, candidates = rng.standard_normal((3, 2, 2, 3)), rng.standard_normal((20, 2, 2, 3))
    numbers, distances = nearest(flat, x, split(candidates, size), 5, [-1] * 3)
    all_distances = numpy.array([[((a - b) ** 2).sum() ** 0.5 for b in candidates] for a in x])
    order = all_distances.argsort(axis=1)[:, :5]
    numpy.testing.assert_array_equal(numbers, order)
    numpy.testing.assert_allclose(distances, numpy.take_along_axis(all_distances, order, axis=1))


def test_a_planted_duplicate_comes_first_but_not_the_picture_itself(rng):
    candidates = rng.standard_normal((20, 2, 2, 3))
    candidates[13] = candidates[4]
    x = candidates[[4, 7]]
    numbers, distances = nearest(flat, x, split(candidates, 6), 3, [4, -1])
    assert (numbers[0, 0], distances[0, 0]) == (13, 0)
    assert 4 not in numbers[0]
    assert (numbers[1, 0], distances[1, 0]) == (7, 0)


def test_missing_neighbours_are_infinitely_far(rng):
    candidates = rng.standard_normal((3, 2, 2, 3))
    numbers, distances = nearest(flat, candidates[:1], split(candidates, 2), 5, [0])
    assert set(numbers[0, :2]) == {1, 2}
    assert numpy.isinf(distances[0, 2:]).all()


def test_features_in_memory_that_is_reused_are_copied(rng):
    """The output of a layer may only be valid until its next forward."""
    memory = numpy.empty((20, 12))

    def features_of(x):
        memory[: len(x)] = flat(x)
        return memory[: len(x)]

    x, candidates = rng.standard_normal((2, 2, 2, 3)), rng.standard_normal((20, 2, 2, 3))
    numbers, _ = nearest(features_of, x, split(candidates, 7), 4, [-1, -1])
    numpy.testing.assert_array_equal(
        numbers, nearest(flat, x, split(candidates, 7), 4, [-1, -1])[0]
    )


@pytest.mark.parametrize(
    ("model", "name", "size"),
    [("alexnet-cifar", "fc7", 512), ("lenet", "fc4", 84), ("alexnet-mini", "pool3", 2048)],
)
def test_the_space_is_the_input_of_the_last_layer(model, name, size, xp, rng):
    network = models.build(model, rng=rng).to(xp)
    x = xp.asarray(rng.standard_normal((2, *network.input_shape), dtype="float32"))
    space, before = hidden(network)
    features = before.forward(x)
    assert (space, features.shape) == (name, (2, size))
    last = list(network.layers.values())[-1]
    logits = backend.to_host(last.forward(features)).copy()
    numpy.testing.assert_allclose(logits, backend.to_host(network.forward(x)), rtol=1e-5, atol=1e-6)


def test_all_pictures_are_read_once_and_standardised():
    images = numbered_images(10)
    parts = list(in_batches(images, 4, Standardize([0, 0, 0], [1, 1, 1])))
    assert [len(numbers) for numbers, _ in parts] == [4, 4, 2]
    for numbers, x in parts:
        assert x.dtype == numpy.float32
        numpy.testing.assert_array_equal(x, images.images[numbers])


def test_a_picture_is_found_among_the_others_by_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = Subjects(
        None, ["a", "b", "c"], [None] * 3, [Path("a.png"), Path("x/../b.png"), Path("c.png")]
    )
    images = types.SimpleNamespace(paths=[tmp_path / "y" / ".." / "b.png", str(tmp_path / "a.png")])
    assert themselves(chosen, images) == [1, 0, -1]
    assert themselves(chosen, numbered_images(3)) == [-1] * 3


@pytest.mark.parametrize("class_names", [["a very long name of a class indeed", "b"], None])
def test_neighbours_stand_beside_the_picture_with_class_and_distance(class_names):
    images = numbered_images(9)
    images.labels = numpy.arange(9) % 2
    chosen = Subjects(random_pictures(2), ["picture 3", "picture 4"], [0, 1], [])
    numbers, distances = (
        numpy.array([[8, 1, 4, 0, 2, 5], [3, 6, -1, -1, -1, -1]]),
        numpy.linspace(0, 11, 12).reshape(2, 6),
    )
    distances[1, 2:] = numpy.inf
    figure = figure_of(neighbours, chosen, images, numbers, distances, class_names, "fc7")
    rows = [figure.axes[:7], figure.axes[7:]]
    for row, picture, near in zip(rows, chosen.pictures, numbers, strict=True):
        numpy.testing.assert_array_equal(row[0].images[0].get_array(), picture)
        for axes, number in zip(row[1:], near, strict=True):
            assert bool(axes.images) == (number >= 0)
            if number >= 0:
                numpy.testing.assert_array_equal(axes.images[0].get_array(), images.images[number])
    first = rows[0][2]
    assert texts_of(first)[1] == "1.00"
    if class_names:
        assert texts_of(rows[0][1]) == ["a very long name o…", "0.00"]
        assert (rows[0][1].texts[0].get_color(), first.texts[0].get_color()) == (
            figures.RIGHT,
            figures.WRONG,
        )
    else:
        assert texts_of(rows[0][1]) == ["picture 8", "0.00"]
    assert_nothing_is_cut_off(figure)
