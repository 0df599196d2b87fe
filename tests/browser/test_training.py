"""Weights of earlier moments, and a run under way."""

import json
import shutil

import numpy
from explore_page import assert_shares, assert_shown, tab
from explore_subjects import PICTURE, UNIT

from benchmarks.browser import serving
from minialex.inference import load


def test_the_slider_shows_the_answers_of_each_file_that_was_kept(page, run, pixels):
    page.open(picture=f"test/{PICTURE}", layer="conv1", unit="6,7,9")
    files = sorted((run / "weights").iterdir())
    epochs = ["before training", "after 0.50 epochs", "after 1 epoch", "after 1.50 epochs"]
    epochs += ["after 2 epochs"]  # the last that was kept is the newest, too
    moments = page.find("#moment").get_attribute("max")
    assert moments == "4"
    for number, (weights, epoch) in enumerate(zip([*files[:-1], run], epochs, strict=True)):
        page.find("#moment").fill(str(number))
        net = load(weights, backend_name="numpy")
        assert_shares(page.settle(), net.predict(pixels)[0], net.class_names)
        assert page.text("#moment-shown") == epoch
        assert_shown(page.text("#unit-body .sum button"), net.network.params["conv1.bias"][9])


def test_two_moments_are_compared(page, net, run, pixels):
    untrained = load(run / "weights" / "step-00000000.npz", backend_name="numpy")
    page.open(picture=f"test/{PICTURE}")
    page.labelled("Compare with").select_option("before training")
    (then,), (now,) = untrained.predict(pixels), net.predict(pixels)
    assert_shares(page.settle(), now, net.class_names)
    for answer in page.answers():
        assert_shown(answer.share_before, 100 * then[net.class_names.index(answer.name)])
    assert page.text("#answers-note").startswith("“Was”: with the other weights.")
    page.labelled("what has changed since the weights before training").check()
    page.settle()
    x = net.standardize(pixels[None])
    y, before = (each.network.layers["conv1"].forward(x)[0] for each in (net, untrained))
    numpy.testing.assert_allclose(page.shown("conv1"), y - before, atol=1e-4)


def test_weights_that_are_compared_with_themselves_differ_in_nothing(page):
    page.open(**UNIT)
    page.labelled("Compare with").select_option("before training")
    page.labelled("what has changed since the weights before training").check()
    page.find("#moment").fill("0")
    assert not page.settle().shown("conv1").any()
    assert page.labelled("what has changed since the weights before training").is_checked()
    page.find("#moment").fill("2")
    assert page.settle().shown("conv1").any()
    page.find("#moment").fill("0")
    page.labelled("Switch kernel 9 off").check()
    assert page.settle().text("#since") == ""
    assert page.text("#answers-note").startswith("“Was”: without the changes.")


def test_a_change_is_named_as_such_where_the_same_weights_are_compared_with(page):
    page.open(**UNIT)
    page.find("#moment").fill("1")
    page.labelled("Compare with").select_option("after 0.50 epochs")
    page.labelled("Switch kernel 9 off").check()
    assert page.settle().answers()[0].share_before
    assert page.text("#answers-note").startswith("“Was”: without the changes.")


def test_a_run_under_way_is_followed_without_a_reload(runs, chromium, pixels, tmp_path):
    run, early = runs
    folder = shutil.copytree(early, tmp_path / "run")
    then, now = (load(each, backend_name="numpy") for each in (early, run))
    with serving(folder) as (address, _), tab(chromium, address) as found:
        found.open(picture=f"test/{PICTURE}")
        assert_shares(found, then.predict(pixels)[0], then.class_names)
        found.panel("Training").click()

        def is_said(text):
            found.eventually(lambda: text in found.text("#training-now"))

        is_said("After 1 epoch of 2: loss ")
        kernels = found.find("#kernels").evaluate("(canvas) => canvas.toDataURL()")
        line = dict(step=12, epoch=1.2, loss=1.25, accuracy=0.5, learning_rate=1e-3)
        with open(folder / "losses.jsonl", "a") as losses:
            losses.write(json.dumps(line | {"images_per_second": 4321}) + "\n")
        is_said("After 1.20 epochs of 2: loss 1.250, 4,321 pictures a second")
        label = found.find("#loss-chart svg").get_attribute("aria-label")
        assert "training, as it came: 1.25" in label
        for name in ("step-00000015.npz", "step-00000020.npz"):
            shutil.copy(run / "weights" / name, folder / "weights")
        shutil.copy(run / "checkpoint.npz", folder / "new")
        (folder / "new").replace(folder / "checkpoint.npz")
        is_said("After 2 epochs of 2: loss ")
        found.eventually(lambda: found.find("#moment").get_attribute("max") == "4")
        assert found.find("#kernels").evaluate("(canvas) => canvas.toDataURL()") != kernels
        accuracy = now.progress["history"][-1]["test_accuracy"]
        assert f"{float(f'{100 * accuracy:.3g}'):g}% of the test pictures right" in found.text(
            "#about"
        )
        label = found.find("#accuracy-chart svg").get_attribute("aria-label")
        assert label.endswith(f"test: {float(f'{100 * accuracy:.3g}'):g}%")
        found.panel("Look inside").click()
        assert_shares(found.settle(), now.predict(pixels)[0], now.class_names)
        found.find("#moment").fill("2")
        assert_shares(found.settle(), then.predict(pixels)[0], then.class_names)
        assert found.complaints == []


def test_a_message_goes_with_what_it_was_about(refused):
    refused.open().give(b"")
    refused.message.wait_for()
    refused.panel("Training").click()
    refused.message.wait_for(state="hidden")
    refused.page.route("**/api/training", lambda route: route.abort(), times=1)
    refused.message.wait_for()
    assert refused.text("#message").startswith("The server does not answer")
    refused.message.wait_for(state="hidden")  # it answers again


def test_losses_that_are_far_from_0_fill_their_chart(page):
    history = [
        dict(epoch=epoch, train_loss=loss, test_loss=loss, train_accuracy=0.1, test_accuracy=0.2)
        for epoch, loss in enumerate((6.9, 6.3), 1)
    ]

    def answer(route):
        route.fulfill(json=route.fetch().json() | {"history": history, "losses": []})

    page.page.route("**/api/training", answer)
    page.open().panel("Training").click()
    page.find("#loss-chart svg").wait_for()
    for chart, expected in (("loss-chart", [6.2, 7]), ("accuracy-chart", [0, 20])):
        scale = [
            float(text.rstrip("%"))
            for text in page.find(f"#{chart} svg g text").all_text_contents()
        ]
        assert [scale[0], scale[-1]] == expected
