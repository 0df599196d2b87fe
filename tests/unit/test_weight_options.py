"""What commands make of WEIGHTS."""

from pathlib import Path

import pytest

from minialex.weight_options import default_out


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("run", "run/report.html"),
        ("run/", "run/report.html"),
        (".", "report.html"),
        ("run/checkpoint.npz", "run/report.html"),
        ("run/weights/step-00000007.npz", "run/weights/report-step-00000007.html"),
        ("nets/mine.v2.npz", "nets/report-mine.v2.html"),
        ("nets/theirs.pth", "report-theirs.pth.html"),
        ("nets/theirs.onnx", "report-theirs.onnx.html"),
        ("checkpoint.pth", "report-checkpoint.pth.html"),
        ("torchvision", "report-torchvision.html"),
        ("hub/some.net", "report-some.net.html"),
        ("hub/some.net/", "report-some.net.html"),
        ("hub/some.net/model.safetensors", "report-some.net.html"),
        ("hub/some.net/../some.net/.", "report-some.net.html"),
        ("exported", "exported/report.html"),
    ],
)
def test_no_weights_take_the_pictures_of_others(weights, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("run", "hub/some.net"):
        Path(folder).mkdir(parents=True)
    Path("hub/some.net/model.safetensors").touch()
    Path("exported").mkdir()
    for name in ("checkpoint.npz", "model.safetensors"):  # a run's
        Path("exported", name).touch()
    assert default_out(weights, "report", ".html") == Path(expected)
