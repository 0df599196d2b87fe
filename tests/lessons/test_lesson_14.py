"""Lesson 14's claims: the same numbers every way, fewer products, rounding errors, the choice."""

import re

import numpy
from lesson_runs import both_sizes
from rich.console import Console

from minialex.fast import choose, memory, stage
from minialex.lessons.markdown import text_lines
from minialex.lessons.source import find

SHIPPED, PART_BYTES = memory.CACHE_BYTES, stage.PART_BYTES


@both_sizes
def test_what_it_claims(run_lesson, quick):
    made, printed = run_lesson("14", quick)
    texts_fit_a_terminal(printed)
    memory_is_used_again(made)
    threads_share_the_convolutions_and_relus_move(printed)
    parts_take_less_memory(made, printed)
    winograd_is_convolution(made, printed)
    larger_tiles_take_fewer_products_and_round_more(printed)
    small_batches_take_less_winograd(printed)
    assert len(made["losses"]) >= 2
    assert max(made["losses"]) - min(made["losses"]) < 1e-4


def texts_fit_a_terminal(printed):
    """With 24 lines: a text, its code, what that prints, an empty line and the prompt for Enter;
    and above them, if it asks, the empty line and the prompt for a guess."""
    cells = [cell for cell in find("14").cells if cell.kind == "markdown"]
    assert sum(cell.text.startswith("## ") for cell in cells) == 15
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        assert printed.startswith(shown(cell))
        end = printed.index(shown(following), 1) if following else len(printed)
        screen, printed = printed[:end], printed[end:]
        if "shipped(naive_winograd)" not in screen:  # which is long
            assert len(screen.strip("\n").splitlines()) + 2 + 2 * cell.asks <= 24, screen


def shown(cell):
    return "\n".join(text_lines(cell.text, Console(width=80, highlight=False)))


def memory_is_used_again(made):
    assert made["rows"].transpose(0, 5, 3, 4, 1, 2).shape == made["columns"].shape
    assert memory.CACHE_BYTES == SHIPPED
    assert made["sizes"][0] < SHIPPED < made["sizes"][-1]
    assert not numpy.shares_memory(made["dx"], made["dy"])
    assert numpy.shares_memory(made["next_dx"], made["dy"])


def threads_share_the_convolutions_and_relus_move(printed):
    lines = printed.splitlines()
    split = "conv1 pool1 relu1 conv2 pool2 relu2 conv3 relu3 conv4 relu4 conv5 pool5 relu5"
    assert lines[lines.index("a share of the batch each:") + 1] == split
    assert lines[lines.index("the whole batch:") + 1].startswith("flatten fc6 relu6 dropout6")
    assert "shares of 5 pictures: [slice(0, 2, None), slice(2, 5, None)]" in lines

    notes = dict(re.findall(r"^(\w+), \w+: (.*)$", printed, re.MULTILINE))
    assert list(notes) == ["conv1", *(f"relu{k}" for k in range(1, 8))]
    assert notes["conv1"] == "no gradient of the pictures"
    assert notes["relu1"] == "behind pool1, where fewer numbers are left, in place"
    assert notes["relu3"] == "in place"


def parts_take_less_memory(made, printed):
    found = re.findall(r"^pictures at a time: (\d+) (\d+) (\d+) ", printed, re.MULTILINE)
    at_once, in_parts = ([int(size) for size in sizes] for sizes in found)
    assert at_once == [64] * 3
    assert in_parts[0] < in_parts[1] < in_parts[2] == 64
    assert made["taken"][1] < made["taken"][0] - 100e6
    assert stage.PART_BYTES == PART_BYTES


def winograd_is_convolution(made, printed):
    six, four = (
        numpy.array(line.split()[2:], float)
        for line in printed.splitlines()
        if line.startswith(("six prod", "four prod"))
    )
    assert len(six) == 2 and abs(six - four).max() < 1e-12
    matrices = re.search(r"^with matrices (\S+) (\S+)$", printed, re.MULTILINE)
    assert abs(six - numpy.array(matrices.groups(), float)).max() < 1e-12
    assert "def naive_winograd(" in printed, "the shipped code"
    by_product, by_tiles = made["results"]["im2col"], made["results"]["winograd"]
    assert by_product is not by_tiles
    assert abs(by_product - by_tiles).max() < 1e-5 * abs(by_product).max()
    assert made["blocks"].shape == (1, 57, 57, 48) and made["apart"] < 1e-12
    assert "products: 432, then 94" in printed


def larger_tiles_take_fewer_products_and_round_more(printed):
    found = re.findall(
        r"^(\d)×\1: (\S+) products each, error (\S+), in float64 (\S+)$", printed, re.MULTILINE
    )
    sides, products, single, double = numpy.array(found, float).T
    assert sides.tolist() == [2, 3, 4, 5, 6]
    assert products.tolist() == [4.0, 2.78, 2.25, 1.96, 1.78]
    assert single[0] < 2e-7 < 1e-6 < single[-1] < 1e-5
    assert double.max() < 1e-12


def small_batches_take_less_winograd(printed):
    way = r"(winograd|im2col)"
    rows = re.findall(
        rf"^(conv\d)  128: (\S+) {way} {way}  1: (\S+) {way} {way}$", printed, re.MULTILINE
    )
    assert [row[0] for row in rows] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    for _, share, forward, backward, share_of_one, *_ in rows:
        assert float(share) < 0.5 and float(share) < float(share_of_one)
        assert forward == backward == "winograd"
    assert [row[5] for row in rows] == ["winograd"] * 2 + ["im2col"] * 3
    assert [row[6] for row in rows] == ["winograd"] * 4 + ["im2col"]


def test_solutions_tiles_of_5x5_kernels_and_the_rule_of_one_picture(run_lesson):
    made, printed = run_lesson("14", quick=True, solutions=True)
    assert "64 products for 16 answers, the definition 400" in printed
    assert made["apart"] < 1e-12
    errors = made["errors"]
    assert 3e-7 < errors[2] < errors[4] < 1e-5

    table, kept = made["table"], made["kept"]
    for name in ("conv3", "conv4", "conv5"):
        (m4, share4, way4), (m2, share2, way2), (_, alone, way) = (
            table[name, pictures] for pictures in (4, 2, 1)
        )
        assert (m4, m2, way4, way2, way) == (3, 2, "winograd", "winograd", "im2col")
        assert share4 < share2 < choose.SHARE < alone
        assert choose.SHARE_OF_ONE_PICTURE < kept[name][1] < choose.SHARE
        assert kept[name][2] == "im2col"
        im2col, winograd = made["products"][name]
        assert winograd < choose.WORTH_SHARING < im2col
    for name in ("conv1", "conv2"):
        assert table[name, 1][1] < choose.SHARE_OF_ONE_PICTURE
        assert table[name, 1][2] == kept[name][2] == "winograd"
