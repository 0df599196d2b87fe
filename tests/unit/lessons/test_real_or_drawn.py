"""Which pictures lessons use: real ones if they are on the machine, else drawn shapes."""

import pytest
from mnist_files import write

from minialex import lessons
from minialex.errors import InputError


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    """lessons.pictures, where $MINIALEX_DATA is tmp_path and no other data set is in reach."""
    monkeypatch.setenv("MINIALEX_DATA", str(tmp_path))
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("minialex.lessons.real_or_drawn.DEBIAN", tmp_path / "nowhere")
    return lessons.pictures


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("cifar10", 20_000, 2000), ("cifar10", 1, 1), ("fashion-mnist", 500, 3000)],
)
def test_as_many_shapes_are_drawn_as_a_lesson_asks_for(pictures, capsys, name, train, test):
    some = pictures(name, train, test)
    assert capsys.readouterr().out == (
        f"{name} is not on this machine (lessons/README.md): drawn shapes instead.\n"
    )
    assert some.name == "shapes"
    assert some.images.shape == some.x.shape == (train, 32, 32, 3)
    assert some.test_images.shape == some.test_x.shape == (test, 32, 32, 3)
    assert (len(some.labels), len(some.test_labels)) == (train, test)
    assert 50 < some.standardize.std.min() < some.standardize.std.max() < 90


def test_a_data_set_with_too_few_pictures_is_an_error(pictures, tmp_path):
    write(tmp_path)
    expected = (
        r"expected 13 training and 2 test pictures or more, "
        r"fashion-mnist on this machine has 12 and 5$"
    )
    with pytest.raises(InputError, match=expected):
        pictures("fashion-mnist", 13, 2)


def test_real_pictures_are_used_if_they_are_found(pictures, tmp_path, capsys):
    write(tmp_path)
    some = pictures("fashion-mnist", 2, 1)
    assert capsys.readouterr().out == "The pictures are real: fashion-mnist.\n"
    assert (some.name, some.x.shape[0], some.test_x.shape[0]) == ("fashion-mnist", 2, 1)
    assert abs(some.x - some.standardize(some.images)).max() == 0
