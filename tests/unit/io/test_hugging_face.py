"""Folders as Hugging Face's libraries write them."""

import json
import shutil

import numpy
import pytest
from data_helpers import refusal

from minialex import models
from minialex.io import safetensors_file, torch_layout
from minialex.io.weights import build_network, open_weights

CLASSES = ["cat", "dog", "fish"]


@pytest.fixture
def network():
    return models.build("lenet", num_classes=3, rng=numpy.random.default_rng(0))


def config(folder, **about):
    (folder / "config.json").write_text(json.dumps(about))


def in_shards(folder, tensors, count):
    """Writes the tensors into so many files, and the list of them."""
    names = list(tensors)
    shards = [names[i::count] for i in range(count)]
    files = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    weight_map = {}
    for file, part in zip(files, shards, strict=True):
        safetensors_file.write(folder / file, {name: tensors[name] for name in part}, {})
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def same(opened, network):
    built = build_network(opened)
    for name, param in network.params.items():
        assert numpy.array_equal(built.params[name], param), name


def test_tensors_and_names_of_classes_are_read(network, tmp_path):
    tensors = torch_layout.to_torch(network)
    safetensors_file.write(tmp_path / "model.safetensors", tensors, {})
    config(tmp_path, id2label=dict(enumerate(CLASSES)), architectures=["LeNet"])
    opened = open_weights(tmp_path)
    assert opened.progress["classes"] == CLASSES
    same(opened, network)


@pytest.mark.parametrize("count", [1, 3])
def test_tensors_in_several_files_are_read(count, network, tmp_path):
    in_shards(tmp_path, torch_layout.to_torch(network), count)
    config(tmp_path, label_names=CLASSES)
    opened = open_weights(tmp_path)
    assert opened.progress["classes"] == CLASSES
    same(opened, network)


def test_what_the_library_writes_is_read(network, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch and huggingface_hub to write files")
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub to write files")
    tensors = torch_layout.to_torch(network)
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    hub.save_torch_state_dict(state, tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    same(open_weights(tmp_path), network)


def test_pictures_are_prepared_as_transformers_says(network, tmp_path):
    safetensors_file.write(tmp_path / "model.safetensors", torch_layout.to_torch(network), {})
    about = dict(image_mean=[0.5], image_std=[0.25], rescale_factor=1 / 255)
    config = tmp_path / "preprocessor_config.json"
    config.write_text(json.dumps(about | {"size": {"shortest_edge": 40}}))
    opened = open_weights(tmp_path)
    assert opened.progress["mean"] == pytest.approx([127.5])
    assert opened.progress["std"] == pytest.approx([63.75])
    assert opened.progress["resize"] == 40
    assert "assumed lenet;" in opened.assumed
    config.write_text(json.dumps({"size": {"height": 36, "width": 48}}))
    opened = open_weights(tmp_path)
    assert opened.progress["resize"] == [36, 48]
    assert "with pixel values in 0..1" in opened.assumed


@pytest.mark.parametrize(
    "about",
    [
        {"size": {"shortest_edge": 20}},  # smaller than the crop
        {"size": {"height": 5000, "width": 40}},
        {"size": {"shortest_edge": "large"}},
        {"image_mean": [1e9], "image_std": [1]},
        {"image_mean": [0.5], "image_std": [0.5], "rescale_factor": 0},
        {"image_mean": [0.5], "image_std": [0.5], "rescale_factor": -1},
        {"image_mean": [10**400], "image_std": [1]},
    ],
)
def test_a_preparation_that_cannot_be_is_refused(about, network, tmp_path):
    safetensors_file.write(tmp_path / "model.safetensors", torch_layout.to_torch(network), {})
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(about))
    assert "preprocessor_config.json that cannot be followed" in refusal(open_weights, tmp_path)


def test_pictures_that_are_not_normalised(network, tmp_path):
    safetensors_file.write(tmp_path / "model.safetensors", torch_layout.to_torch(network), {})
    about = dict(do_normalize=False, image_mean=[0.5], image_std=[0.5])
    config = tmp_path / "preprocessor_config.json"
    config.write_text(json.dumps(about))
    opened = open_weights(tmp_path)
    assert (opened.progress["mean"], opened.progress["std"]) == ([0], pytest.approx([255]))
    config.write_text(json.dumps(about | dict(do_normalize=True, do_rescale=False)))
    opened = open_weights(tmp_path)
    assert (opened.progress["mean"], opened.progress["std"]) == ([0.5], [0.5])


def test_a_pointer_instead_of_a_file_is_named(tmp_path):
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "a Git LFS pointer" in refusal(open_weights, tmp_path)


@pytest.mark.parametrize(
    "about",
    [{}, {"id2label": {"0": "cat"}}, {"id2label": {"0": 1, "1": 2, "2": 3}}, {"id2label": []}],
)
def test_names_that_do_not_fit_are_not_believed(about, network, tmp_path):
    safetensors_file.write(tmp_path / "model.safetensors", torch_layout.to_torch(network), {})
    config(tmp_path, **about)
    assert open_weights(tmp_path).progress["classes"] == ["class 0", "class 1", "class 2"]


def test_a_part_of_a_network_asks_for_its_folder(network, tmp_path):
    for count in (10, 3):
        in_shards(tmp_path, torch_layout.to_torch(network), count)
        message = refusal(open_weights, tmp_path / f"model-00002-of-{count:05}.safetensors")
        assert message.endswith(f"is one of {count} files of a network: give its folder")
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    assert "names model-00002-of-00003.safetensors, which is missing" in refusal(
        open_weights, tmp_path
    )


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": {"a": 1}}', "[" * 100_000])
def test_a_damaged_list_of_files_is_refused_in_one_line(content, network, tmp_path):
    in_shards(tmp_path, torch_layout.to_torch(network), 2)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content)
    message = refusal(open_weights, tmp_path)
    assert message.startswith(f"{index} is damaged")


def test_a_list_that_points_elsewhere_finds_nothing(network, tmp_path):
    """Only files in the folder are read."""
    (tmp_path / "net").mkdir()
    in_shards(tmp_path / "net", torch_layout.to_torch(network), 1)
    name = "model-00001-of-00001.safetensors"
    shutil.move(tmp_path / "net" / name, tmp_path / name)
    index = tmp_path / "net" / "model.safetensors.index.json"
    index.write_text(index.read_text().replace(name, f"../{name}"))
    assert f"names {name}, which is missing" in refusal(open_weights, tmp_path / "net")
