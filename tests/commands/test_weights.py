"""Exported weights: minialex reads them again as the same net, and so do other programs."""

import argparse
import contextlib
import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder, random_pictures, web_server
from kills import killed_at
from torch_files import in_sequence, tensors, zipped

from minialex import models, optim, schedules, weights
from minialex.data.augment import centre_views
from minialex.errors import InputError
from minialex.inference import load
from minialex.io import safetensors_file, torch_file, torch_layout
from minialex.io import weights as weight_files
from minialex.io.checkpoint import save_checkpoint
from minialex.io.export import export
from minialex.io.identify import ZeroGenerator
from minialex.io.metadata import OPTIONS
from minialex.io.torch_pickle import Beside
from minialex.io.weights import HASH, URL, build_network, open_weights

CLASSES = [f"kind {i}" for i in range(4)]


def checkpoint(
    folder, model="alexnet-cifar", lrn=None, dataset="shapes", side=16, channels=3, **changes
):
    """A run's folder, with a net of random weights and biases for four classes."""
    chosen = dict(model=model, lrn=lrn, batch_size=5)
    source = dict(
        name=dataset,
        data_dir="/somewhere/private",
        image_size=None,
        seed=3,
        crop_padding=None,
        val_share=None,
    )
    rng = numpy.random.default_rng(1)
    network = models.of_run(chosen, len(CLASSES), side, channels, rng)
    for name, array in network.params.items():
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape, dtype=numpy.float32)
    progress = {
        "options": {**chosen, "out": "/somewhere/else"},
        "source": source,
        "classes": CLASSES,
        "pictures": [40, 20, side, side, channels],
    }
    progress |= {
        "mean": [120.5, 110.25, 99.1][:channels],
        "std": [60.1, 61.2, 59.3][:channels],
        "epochs": 4,
        "steps": 0,
    }
    folder.mkdir(exist_ok=True)
    save_checkpoint(
        folder / "checkpoint.npz",
        network,
        optim.SGD(network),
        schedules.Plateau(0.1),
        progress | changes,
    )
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return sorted((picture_folder(tmp_path_factory.mktemp("pictures")) / "val").rglob("*.png"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run's folder "run", where the test runs."""
    monkeypatch.chdir(tmp_path)
    return checkpoint(tmp_path / "run")


@pytest.fixture
def command(capsys):
    """Calls the command: (exit code, stdout, stderr)."""
    return lambda *arguments: call(weights.main, *arguments, capsys=capsys)


def answers(trained, files):
    """The net's logits for the pictures in the files, and what else decides what predict says."""
    pixels = trained.images(files).read(range(len(files)), centre_views(len(files)))
    logits = trained.engine.forward(trained.standardize(pixels))
    return logits.tolist(), trained.class_names, trained.image_size, trained.channels


@pytest.mark.parametrize(
    "run",
    [
        dict(),
        dict(lrn="before-pool"),
        dict(lrn="after-pool", dataset="folder"),
        dict(channels=1, side=28),
        dict(model="lenet", channels=1, side=28, dataset="fashion-mnist"),
        dict(model="alexnet-maxi", side=32),
    ],
)
def test_an_exported_file_is_as_good_as_the_run(run, pictures, tmp_path):
    folder = checkpoint(tmp_path / "run", **run)
    export(folder, tmp_path / "a.safetensors")
    before, after = (
        load(folder, backend_name="numpy", workers=1),
        load(tmp_path / "a.safetensors", backend_name="numpy", workers=1),
    )
    assert answers(after, pictures[:5]) == answers(before, pictures[:5])
    assert after.assumed is None
    assert after.options == {name: before.options[name] for name in OPTIONS}
    assert after.source == before.source | {"data_dir": None}
    assert (after.progress["epochs"], after.progress["steps"]) == (4, 0)


def test_an_exported_file_can_be_exported_again(folder, tmp_path):
    export("run", tmp_path / "a.safetensors")
    export(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_nothing_of_this_machine_is_exported(folder, tmp_path):
    for name in ("a.safetensors", "a.onnx"):
        export(folder, tmp_path / name)
        assert b"/somewhere" not in (tmp_path / name).read_bytes()


@pytest.mark.parametrize("write", [zipped, in_sequence])
def test_torch_s_files_and_safetensors_give_the_same_net(write, folder, pictures, tmp_path):
    folder = checkpoint(folder, side=32)
    found = torch_layout.to_torch(load(folder, backend_name="numpy", workers=1).network)
    write(tmp_path / "a.pth", *tensors(found))
    said, storages = tensors({f"module.{name}": tensor for name, tensor in found.items()})
    write(tmp_path / "b.pth", {"epoch": 1, "state_dict": said}, storages)
    safetensors_file.write(tmp_path / "a.safetensors", found, {"format": "pt"})
    answered = [
        answers(load(tmp_path / name, backend_name="numpy", workers=1), pictures[:3])
        for name in ("a.pth", "b.pth", "a.safetensors")
    ]
    assert answered[0] == answered[1] == answered[2]
    assert answered[0][1] == ["class 0", "class 1", "class 2", "class 3"]
    said = open_weights(tmp_path / "a.pth").assumed
    assert said.startswith(
        f"{tmp_path / 'a.pth'} does not say what it is for: "
        "assumed alexnet-cifar without LRN, pictures"
    )


def test_what_torch_puts_before_names_does_not_hide_them(tmp_path, monkeypatch):
    """By its shapes alone it could be alexnet-227 as well."""
    places = torch_layout.places(models.build("alexnet-224", rng=ZeroGenerator())).values()
    found = {
        f"module.{place.name}": numpy.broadcast_to(numpy.float32(0), place.shape)
        for place in places
    }
    (tmp_path / "a.pth").write_bytes(b"\x80\x02")
    monkeypatch.setattr(torch_file, "read", lambda path: (found, Beside()))
    assert open_weights(tmp_path / "a.pth").progress["options"]["model"] == "alexnet-224"


def test_a_checkpoint_of_the_usual_training_script_is_read(tmp_path):
    """As torch's ImageNet example writes it: only `features` was on several GPUs, and the epoch,
    the options and the optimiser are beside the weights."""
    torch = pytest.importorskip("torch", reason="needs torch to write the file")
    network = models.build("lenet", num_classes=3, rng=numpy.random.default_rng(0))
    tensors = torch_layout.to_torch(network)
    state = {
        name.replace("features.", "features.module."): torch.from_numpy(tensor)
        for name, tensor in tensors.items()
    }
    saved = {
        "epoch": 3,
        "arch": "lenet",
        "args": argparse.Namespace(lr=0.1),
        "best_acc1": torch.tensor(0.5),
        "loss": numpy.float64(0.25),
        "state_dict": state,
        "optimizer": torch.optim.SGD(map(torch.nn.Parameter, state.values()), 0.1).state_dict(),
    }
    torch.save(saved, tmp_path / "checkpoint.pth.tar")
    opened = open_weights(tmp_path / "checkpoint.pth.tar")
    assert "argparse.Namespace" in opened.assumed
    assert "only tensors were read" in opened.assumed
    built = build_network(opened)
    for name, param in network.params.items():
        assert numpy.array_equal(built.params[name], param), name


def test_onnx_says_the_same_and_how_to_ask_it(folder, tmp_path):
    """As somebody would use the file who knows nothing but what it says of itself."""
    export(checkpoint(folder, lrn="after-pool"), tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    pixels = random_pictures(3, 16)
    trained = load(folder, backend_name="numpy", workers=1)
    expected = trained.engine.forward(trained.standardize(pixels))
    assert (
        "float32 (N, 3, 16, 16), red, green, blue; pixels from 0 to 255, minus mean, divided by std"
        in model.doc_string
    )
    x = (pixels - numpy.array(json.loads(about["mean"]))) / numpy.array(json.loads(about["std"]))
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    logits = session.run(None, {"pictures": x.transpose(0, 3, 1, 2).astype(numpy.float32)})[0]
    assert abs(logits - expected).max() < 1e-5
    assert json.loads(about["classes"]) == CLASSES


@pytest.mark.parametrize("name", ["out.safetensors", "out.onnx"])
def test_the_command_says_what_it_wrote(name, folder, command, tmp_path):
    code, out, err = command("export", "run", name)
    size = (tmp_path / name).stat().st_size / 1e6
    assert (code, err) == (0, "")
    assert out == f"{name}: alexnet-cifar, 876,036 parameters, {size:.1f} MB\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "run"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "run", "there.onnx"], "there.onnx exists already: nothing is overwritten"),
        (
            ["export", "run", "a.pth"],
            ".safetensors or .onnx file to write, or of a folder, got a.pth",
        ),
        (["export", "run", "a-folder", "--uint8"], "only .onnx files can take uint8 pictures"),
        (["export", "run", "nowhere/a.onnx"], "there is no folder nowhere to write a.onnx into"),
        (
            ["export", "nowhere", "a.onnx"],
            "there is no checkpoint or other file of weights nowhere",
        ),
        (
            ["export", "text", "a.onnx"],
            "text holds no weights that can be read: expected a checkpoint (.npz), .pth",
        ),
        (
            ["export", "run", "a.onnx", "--model", "lenet"],
            "run has the weights of alexnet-cifar, not of --model lenet",
        ),
        (["export", "run", "a.onnx", "--model", "vgg"], "--model: invalid choice: 'vgg'"),
        (["inspect", "run", "a.onnx"], "invalid choice: 'inspect'"),
        (["export", "run"], "the following arguments are required: OUT"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, said, folder, command, tmp_path):
    for name in ("there.onnx", "text"):
        (tmp_path / name).write_text("text")
    code, out, err = command(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err
    assert (tmp_path / "there.onnx").read_text() == "text"
    assert not (tmp_path / "a.onnx").exists()


def change(path, **changes):
    """Rewrites what the .safetensors file says of itself; None takes an entry away."""
    found, metadata = safetensors_file.read(path)
    about = {
        name: value
        for name, value in (json.loads(metadata["minialex"]) | changes).items()
        if value is not None
    }
    safetensors_file.write(path, found, {"minialex": json.dumps(about)})


@pytest.mark.parametrize(
    "changes",
    [
        dict(format="minialex weights 2"),
        dict(format=None),
        dict(classes=None),
        dict(classes=[1, 2, 3, 4]),
        dict(classes=3),
        dict(mean=[1, 2]),
        dict(mean=[float("nan"), 1, 1]),
        dict(std=["a", "b", "c"]),
        dict(pictures=[]),
        dict(pictures=[16, 16, 4]),
        dict(pictures=[9000, 9000, 3]),
        dict(pictures=["16", "16", 3]),
        dict(options=[]),
        dict(options={}),
        dict(resize=8),
        dict(resize=1e9),
    ],
)
def test_damaged_metadata_are_refused(changes, folder, tmp_path):
    export(folder, tmp_path / "a.safetensors")
    change(tmp_path / "a.safetensors", **changes)
    with pytest.raises(
        InputError, match=r"what it says about itself is damaged, or not 'minialex weights 1'"
    ):
        open_weights(tmp_path / "a.safetensors")


#: What a run on drawn figures says of its data set.
SHAPES = dict(
    name="shapes", data_dir=None, image_size=None, seed=0, crop_padding=None, val_share=None
)


@pytest.mark.parametrize(
    "source",
    [
        "shapes",
        {},
        dict(name="shapes"),
        dict(SHAPES, name=["shapes"]),
        dict(SHAPES, image_size="16"),
        dict(SHAPES, val_share="0.1"),
    ],
)
def test_a_damaged_data_set_is_refused(source, folder, tmp_path):
    export(folder, tmp_path / "a.safetensors")
    change(tmp_path / "a.safetensors", source=source)
    with pytest.raises(InputError, match="is damaged: its data set is"):
        open_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize("text", ["", "no json", "[]", "3", "[" * 100_000])
def test_metadata_that_are_no_dict_are_refused(text, folder, tmp_path):
    export(folder, tmp_path / "a.safetensors")
    found, _ = safetensors_file.read(tmp_path / "a.safetensors")
    safetensors_file.write(tmp_path / "a.safetensors", found, {"minialex": text})
    with pytest.raises(InputError, match="what it says about itself is damaged"):
        open_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("name", "value"), [("model", "vgg"), ("model", ["a"]), ("lrn", "twice"), ("lrn", {})]
)
def test_unknown_options_in_metadata_are_refused(name, value, folder, tmp_path):
    export(folder, tmp_path / "a.safetensors")
    _, metadata = safetensors_file.read(tmp_path / "a.safetensors")
    change(
        tmp_path / "a.safetensors",
        options=json.loads(metadata["minialex"])["options"] | {name: value},
    )
    with pytest.raises(InputError, match="what it says about itself is damaged"):
        open_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(classes=["a", "b"]), "classifier.6.weight is (4, 512), expected (2, 512)"),
        (dict(pictures=[64, 64, 3]), "classifier.0.weight is (512, 384), expected (512, 6144)"),
    ],
)
def test_metadata_that_the_tensors_contradict_are_refused(changes, said, folder, tmp_path):
    export(folder, tmp_path / "a.safetensors")
    change(tmp_path / "a.safetensors", **changes)
    with pytest.raises(InputError, match="does not fit this network") as caught:
        load(tmp_path / "a.safetensors", backend_name="numpy", workers=1)
    assert said in str(caught.value)


def serve(monkeypatch, tmp_path, url, content):
    """Makes "torchvision" mean `content`, published at `url`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(weight_files, "URL", f"{url}lenet-12345678.pth")
    monkeypatch.setattr(weight_files, "HASH", f"sha256:{hashlib.sha256(content).hexdigest()}")


def test_torchvision_s_weights_are_downloaded_once(monkeypatch, tmp_path):
    content = zipped(
        tmp_path / "a.pth", *tensors(torch_layout.to_torch(models.build("lenet")))
    ).read_bytes()
    with web_server({"lenet-12345678.pth": content}) as (url, asked):
        serve(monkeypatch, tmp_path, url, content)
        for _ in range(2):
            found = open_weights("torchvision")
            assert found.path == tmp_path / "cache/weights/lenet-12345678.pth"
            assert found.progress["options"]["model"] == "lenet"
    assert asked == ["/lenet-12345678.pth"]


@pytest.mark.parametrize("files", [{}, {"lenet-12345678.pth": b"something else"}])
def test_without_them_it_says_what_to_do(files, monkeypatch, tmp_path):
    with web_server(files) as (url, _):
        serve(monkeypatch, tmp_path, url, b"as published")
        with pytest.raises(
            InputError, match=r"^cannot download .* and use --weights lenet-12345678\.pth$"
        ):
            open_weights("torchvision")
    assert list((tmp_path / "cache/weights").iterdir()) == []


def test_what_torch_has_downloaded_is_used_if_it_is_whole(monkeypatch, tmp_path):
    content = zipped(
        tmp_path / "a.pth", *tensors(torch_layout.to_torch(models.build("lenet")))
    ).read_bytes()
    kept = tmp_path / "torch/hub/checkpoints/lenet-12345678.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    with web_server({"lenet-12345678.pth": content}) as (url, asked):
        serve(monkeypatch, tmp_path, url, content)
        assert open_weights("torchvision").path == kept
        assert not asked
        kept.write_bytes(content[:-1])
        assert open_weights("torchvision").path != kept


def test_the_published_weights_are_pinned():
    """torch's way: the digits in the name are the beginning of the hash."""
    digits = URL.removesuffix(".pth").rpartition("-")[2]
    assert len(digits) == 8
    assert HASH.startswith(f"sha256:{digits}")
    assert len(HASH) == len("sha256:") + 64


@pytest.mark.parametrize("name", ["a.safetensors", "a.onnx", "a-folder"])
def test_trained_by_the_train_command_and_exported(name, tmp_path, pictures, command):
    run = trained_runs.trained(
        tmp_path / "run", *trained_runs.on_folder(pictures[0].parents[2]), "--max-steps", 1
    )
    assert command("export", run, tmp_path / name)[0] == 0
    assert answers(load(tmp_path / name), pictures) == answers(load(run), pictures)


@contextlib.contextmanager
def small_disk(size):
    """Within it the system lets no file become larger than so many bytes."""
    resource = pytest.importorskip("resource", reason="this system has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.safetensors", "a.safetensors"),
        ("a.onnx", "a.onnx"),
        ("a-folder", "a-folder/model.safetensors"),
    ],
)
def test_a_full_disk_is_said_with_the_file_s_name_and_nothing_is_left(
    name, file, folder, tmp_path, command
):
    before = sorted(tmp_path.rglob("*"))
    with small_disk(100_000):
        code, out, err = command("export", folder, tmp_path / name)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert str(tmp_path / file) in err
    assert ".part" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_card_that_cannot_be_written_takes_the_folder_with_it(
    folder, tmp_path, command, monkeypatch
):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    code, _, err = command("export", folder, tmp_path / "net")
    assert (code, err.count("\n")) == (2, 1), err
    assert f"No space left on device: '{tmp_path / 'net' / 'README.md'}'" in err
    assert not (tmp_path / "net").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
@pytest.mark.parametrize("name", ["a.safetensors", "a.onnx", "a-folder"])
def test_an_export_that_is_killed_has_written_all_or_nothing(name, folder, tmp_path):
    def written(out):
        files = sorted(file for file in [out, *out.rglob("*")] if file.is_file())
        return {str(file.relative_to(out)): file.read_bytes() for file in files}

    whole, out, moment = tmp_path / "whole" / name, tmp_path / name, 0
    whole.parent.mkdir()
    export(folder, whole)
    while killed_at(moment, "export", folder, out, command=weights.main) is None:
        assert not out.exists() or written(out) == written(whole)
        if out.is_dir():
            shutil.rmtree(out)
        out.unlink(missing_ok=True)  # then it can be written anew
        moment += 1
    assert written(out) == written(whole)
    assert moment >= 2


@pytest.mark.parametrize("name", ["a.safetensors", "a.onnx", "a-folder/model.safetensors"])
def test_others_may_read_what_was_exported_as_they_may_read_other_files(name, folder, tmp_path):
    export(folder, tmp_path / Path(name).parts[0])
    (tmp_path / "other").write_text("")
    assert (tmp_path / name).stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("mean", [[120.5, 110.25, 99], "a picture"])
def test_an_onnx_file_can_take_uint8_pictures(mean, folder, pictures, tmp_path):
    if mean == "a picture":
        mean = numpy.random.default_rng(0).uniform(90, 130, (24, 24, 3)).tolist()
    checkpoint(tmp_path / "run", side=24, mean=mean)
    export("run", tmp_path / "a.onnx", uint8=True)
    trained = load("run")
    pixels = trained.images(pictures[:3]).read(range(3), centre_views(3))
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    (logits,) = session.run(["logits"], {"pictures": pixels})
    assert pixels.dtype == numpy.uint8
    assert logits == pytest.approx(numpy.array(answers(trained, pictures[:3])[0]), abs=1e-4)
    assert answers(load(tmp_path / "a.onnx"), pictures) == answers(trained, pictures)


def test_a_folder_describes_the_weights(pictures, tmp_path, command):
    """As Hugging Face's libraries want it; a reader without minialex's metadata finds all, too."""
    options = trained_runs.on_folder(pictures[0].parents[2])
    run = trained_runs.trained(tmp_path / "run", *options, "--image-size", 32)
    code, out, _ = command("export", run, tmp_path / "net")
    assert code == 0 and f"{tmp_path / 'net'}: alexnet-cifar, " in out
    card = (tmp_path / "net" / "README.md").read_text(encoding="utf-8")
    accuracy = trained_runs.last_epoch(run)["test_accuracy"]
    assert "Trained on the data set folder, 2 epochs." in card
    assert f"top-1 {accuracy:.2%}" in card
    assert "0. even\n1. odd\n" in card
    tensors, _ = safetensors_file.read(tmp_path / "net" / "model.safetensors")
    safetensors_file.write(tmp_path / "net" / "model.safetensors", tensors, {})
    again, before = load(tmp_path / "net"), load(run)
    assert again.class_names == before.class_names
    assert again.progress["mean"] == pytest.approx(before.progress["mean"])
    assert again.progress["std"] == pytest.approx(before.progress["std"])
    assert again.progress["resize"] == 36  # 256 / 227 times as long, as in training


def test_help_shows_examples(command):
    code, out, _ = command("--help")
    assert code == 0
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 80
