"""The tables of classes and of severities: what they show, in which order, how wide they are."""

import numpy

from minialex.evaluation import Answers
from minialex.evaluation_output import class_table, severity_table


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


def test_severities_are_columns_and_corruptions_rows():
    """Two pictures of each: of corruption c, severity s, as many are wrong as this says."""
    wrong = {"fog": [0, 0, 1, 1, 2], "saturate": [0, 1, 0, 1, 0], "snow": [2, 0, 0, 0, 0]}
    places = [int(i < n) for row in wrong.values() for n in row for i in range(2)]
    count = len(places)
    zeros = numpy.zeros(count)
    answers = Answers(numpy.arange(count), zeros, zeros, zeros, zeros, numpy.array(places))
    heading, *lines = severity_table(answers, list(wrong)).splitlines()
    assert heading.split() == ["corruption", "severity", "1", "2", "3", "4", "5", "mean"]
    assert [line.split() for line in lines] == [
        ["fog", "100.00%", "100.00%", "50.00%", "50.00%", "0.00%", "60.00%"],
        ["snow", "0.00%", "100.00%", "100.00%", "100.00%", "100.00%", "80.00%"],
        ["mean", "of", "these", "2", "50.00%", "100.00%", "75.00%", "75.00%", "50.00%", "70.00%"],
        ["saturate", "100.00%", "50.00%", "100.00%", "50.00%", "100.00%", "80.00%"],
    ]
    ends = {len(line) for line in (heading, *lines)}
    assert len(ends) == 1 and ends.pop() <= 80
