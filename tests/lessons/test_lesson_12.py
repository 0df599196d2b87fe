"""Lesson 12's claims: noise turns into kernels, maps, slopes of a logit, occlusion, neighbours."""

import re

import numpy
import pytest


def alike(kernels):
    """The correlation of pixels that lie side by side in kernels (48, 5, 5, 3)."""
    return numpy.corrcoef(kernels[:, :, 1:].ravel(), kernels[:, :, :-1].ravel())[0, 1]


def test_what_it_finds_inside(run_lesson):
    made, printed = run_lesson("12", quick=True)
    before, after = made["kernels"]
    assert abs(alike(before)) < 0.1, "noise"
    assert alike(after) > 0.4, "edges and colours"

    shapes = [((16, 16, 48), 1), ((8, 8, 96), 2), ((8, 8, 128), 3)]
    for shape, i in shapes:
        assert (
            20 < int(re.search(rf"relu{i}: {re.escape(str(shape))}, (\d+)% zeros", printed)[1]) < 95
        )
    tiles = made["maps"]["relu1"]
    assert tiles.shape == (2 * 17, 3 * 17)
    relu1 = made["net"].layers["relu1"].forward(made["net"].layers["conv1"].forward(made["x"][:1]))
    assert tiles.max() == relu1.max() == tiles[17:, 34:].max(), (
        "the map with the largest answer comes last"
    )

    nudged, backward = (
        float(number) for number in re.search(r"nudged ([-+]\S+), backward (\S+)", printed).groups()
    )
    assert backward == pytest.approx(nudged, rel=0.05, abs=1e-3)
    assert backward != 0

    net, x, labels = made["net"], made["x"], made["labels"]
    covered = x[:1].copy()
    covered[0, 6:14, 16:24] = 0
    logits = numpy.asarray(net.forward(covered)[0], numpy.float64)
    share = numpy.exp(logits[labels[0]]) / numpy.exp(logits).sum()
    assert made["chances"][0][10, 20] == pytest.approx(share, rel=1e-3)

    assert made["same"]["net"] > made["same"]["pixels"] + 0.1
    differences = re.findall(r"differs from the loops by (\d\S*) of the distance", printed)
    errors = [float(difference) for difference in differences]
    assert len(errors) == 2 and max(errors) < 1e-3
    near, some = made["near"]["pixels"], made["some"]
    asked = made["images"][0].astype(int)
    distances = ((some.images[:2000].astype(int) - asked) ** 2 / some.standardize.std**2).sum(
        axis=(1, 2, 3)
    )
    assert distances[near[made["right"]][0]] == pytest.approx(numpy.sort(distances)[:6], rel=1e-3)


def test_solutions_what_is_noise_and_climbing(run_lesson):
    made, printed = run_lesson("12", quick=True, solutions=True)
    without = made["parts"]["without"]
    assert abs(alike(without["start"])) < 0.1 and abs(alike(without["end"])) < 0.2
    assert alike(without["difference"]) > 0.3
    assert without["difference"].std() < 0.5 * without["start"].std()
    shares = made["shares"]
    assert shares["without", "start"] > 0.2 > shares["with the trick", "start"]
    trick = shares["with the trick", "end"]
    assert shares["with the trick", "difference"] == pytest.approx(trick, abs=0.1)

    up, difference = (
        int(share) for share in re.findall(r"^(\d+)% are called the other", printed, re.MULTILINE)
    )
    assert up <= difference and difference > 75
    assert made["images"].dtype == made["new_images"].dtype == numpy.uint8
    changes = numpy.sqrt((made["change"] ** 2).mean(axis=(1, 2, 3)))
    assert 0.2 < numpy.median(changes) < 10
    assert int(re.search(r"shuffled: (\d+)% keep", printed)[1]) > 85
    assert numpy.median(made["aimed"]) > 10 * numpy.median(made["random"])
