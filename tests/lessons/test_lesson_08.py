"""Lesson 08's claims: its net is the shipped AlexNet, the counts, pool5's receptive field."""

import re

import numpy

from minialex.models import build


def test_counts_groups_forward_pass_and_receptive_field(run_lesson):
    made, text = run_lesson("08")
    net, shipped = made["net"], build("alexnet")
    assert repr(net) == repr(shipped)
    assert made["shapes"] == shipped.shapes() and made["work"] == shipped.macs()
    assert sum(made["weights"].values()) == made["total"] == 60_965_224
    assert made["weights"]["fc6"] > made["total"] / 2 and sum(made["neurons"]) == 659_272
    assert "fc6: 62% of 60,965,224 weights" in text
    assert "convolutions: 92% of 724,406,816 multiply-adds" in text

    lenet = build("lenet")
    in_weights, in_work = map(
        int, re.search(r"LeNet times (\d+) in weights, times (\d+) in work", text).groups()
    )
    assert abs(in_weights * lenet.parameter_count() / made["total"] - 1) < 0.01
    assert abs(in_work * sum(lenet.macs().values()) / 724_406_816 - 1) < 0.01

    assert not made["changed"][:128].any() and made["changed"][128:].all()

    spreads = [float(spread) for spread in re.findall(r"spread after \w+ ([\d.]+)", text)]
    assert len(spreads) == 8 and min(spreads) > 0.1 and max(spreads) < 3
    assert abs(float(re.search(r"mean loss ([\d.]+)", text)[1]) - numpy.log(1000)) < 0.2

    fields = dict(re.findall(r"(\w+) sees (\d+)×", text))
    assert list(map(int, fields.values())) == [11, 19, 51, 67, 99, 131, 163, 195]
    assert list(made["rows"][[0, -1]]) == [0, int(fields["pool5"]) - 1]
    assert 40 < made["half"] < 130
