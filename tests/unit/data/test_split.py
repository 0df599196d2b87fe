"""Held-out pictures: how many of each class, and that the choice is the same everywhere."""

import numpy
import pytest

from minialex.data.split import stratified

#: Computed once, with NumPy 2.
KNOWN = [1, 8, 11, 21, 24, 26, 27, 34]


def counts(labels, chosen):
    names, numbers = numpy.unique(numpy.asarray(labels)[chosen], return_counts=True)
    return dict(zip(names.tolist(), numbers.tolist(), strict=True))


def test_every_class_gives_its_share_and_none_is_lost():
    labels = numpy.random.default_rng(0).permutation([0] * 100 + [1] * 55 + [2] * 20)
    train, test = stratified(labels, 0.1, seed=0)
    assert counts(labels, test) == {0: 10, 1: 6, 2: 2}  # round(5.5) is 6
    assert counts(labels, train) == {0: 90, 1: 49, 2: 18}
    assert sorted([*train, *test]) == list(range(175))
    assert (numpy.diff(train) > 0).all() and (numpy.diff(test) > 0).all()


@pytest.mark.parametrize(
    ("sizes", "share", "held"),
    [
        ([2, 3, 4], 0.1, {0: 1, 1: 1, 2: 1}),
        ([2, 3, 1000], 0.001, {0: 1, 1: 1, 2: 1}),
        ([2, 3, 10], 0.99, {0: 1, 1: 2, 2: 9}),
        ([1, 2], 0.5, {1: 1}),  # the only picture of a class is trained with
        ([1, 1], 0.5, {}),
    ],
)
def test_small_classes_are_in_both_parts(sizes, share, held):
    labels = numpy.repeat(numpy.arange(len(sizes)), sizes)
    train, test = stratified(labels, share, seed=3)
    assert counts(labels, test) == held
    assert len(train) + len(test) == len(labels)
    assert set(labels[train]) == set(labels)


def test_the_seed_decides_and_the_draw_is_not_the_beginning():
    labels = numpy.zeros(1000, int)
    train, test = stratified(labels, 0.1, seed=1)
    again = stratified(labels, 0.1, seed=1)
    numpy.testing.assert_array_equal(test, again[1])
    numpy.testing.assert_array_equal(train, again[0])
    assert set(test) != set(stratified(labels, 0.1, seed=2)[1])
    assert 300 < test.mean() < 700  # spread over all of them


def test_labels_may_be_names():
    labels = numpy.array(["cat", "dog"] * 10)
    _, test = stratified(labels, 0.2, seed=0)
    assert counts(labels, test) == {"cat": 2, "dog": 2}


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_other_shares_are_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        stratified(numpy.zeros(4), share, 0)


def test_the_choice_is_known():
    """Another version of NumPy, or another machine, must not choose others."""
    _, test = stratified(numpy.arange(40) % 2, 0.2, seed=3)
    assert test.tolist() == KNOWN


def test_no_pictures_have_no_parts():
    train, test = stratified(numpy.array([], int), 0.1, seed=0)
    assert len(train) == len(test) == 0
