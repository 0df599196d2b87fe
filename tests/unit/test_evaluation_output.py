"""The table of classes: which are shown if there are many, and how wide it is."""

import numpy

from minialex.evaluation_output import class_table


def test_of_many_classes_the_worst_and_the_best_are_named():
    classes = 30
    matrix = numpy.diag(numpy.arange(classes))  # class k: k of 100 right
    matrix[:, 5] += 100 - numpy.arange(classes)  # all others taken for class 5
    matrix[7] = 0  # and no picture of class 7
    lines = class_table(matrix, [f"class {k}" for k in range(classes)]).splitlines()
    worst, best = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert worst[0].startswith("the worst") and best[0].startswith("the best")
    assert [line[:8].strip() for line in worst[1:]] == [
        f"class {k}" for k in (0, 1, 2, 3, 4, 6, 8, 9)
    ]
    assert [line[:8].strip() for line in best[1:]] == [
        f"class {k}" for k in (5, 29, 28, 27, 26, 25, 24, 23)
    ]
    assert worst[2].split() == ["class", "1", "1.00%", "100", "class", "5", "(99)"]
    assert best[1].split() == ["class", "5", "100.00%", "100"]


def test_long_names_stay_within_80_columns():
    matrix = numpy.array([[1, 10_000], [99_999, 1]])
    lines = class_table(matrix, ["a" * 100, "b" * 100]).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(
        line.startswith(letter * 27 + "…") for line, letter in zip(lines[1:], "ab", strict=True)
    )
