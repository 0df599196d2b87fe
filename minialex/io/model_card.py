"""Describes exported weights to people and to Hugging Face's libraries: README.md, config.json,
preprocessor_config.json."""

import json
from collections.abc import Sequence
from typing import Any

from minialex import __version__
from minialex.data.folder_images import shorter_side
from minialex.network import Network

#: Up to so many classes are listed.
LISTED = 100


def files(called: str, about: dict[str, Any], network: Network, scores: dict) -> dict[str, str]:
    """{name: content} of the files that describe the weights in model.safetensors.

    called: the model's name. about: what the weights' metadata say (see metadata.py). scores: the
    last epoch's line of a run's history, {} if there is none.
    """
    described = {
        "config.json": config(called, about),
        "preprocessor_config.json": preprocessor(about),
    }
    texts = {
        name: json.dumps(content, indent=2, allow_nan=False) + "\n"
        for name, content in described.items()
    }
    return {"README.md": card(called, about, network, scores), **texts}


def config(called: str, about: dict[str, Any]) -> dict[str, Any]:
    """The model and its classes, as transformers names them."""
    names = about["classes"]
    return {
        "model_type": "minialex",
        "architectures": [called],
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
    }


def preprocessor(about: dict[str, Any]) -> dict[str, Any]:
    """What pictures go through, as transformers names it. A mean picture is left out: only
    model.safetensors has it."""
    *_, side, channels = about["pictures"]
    from_photographs = about["source"] and about["source"]["name"] == "folder"
    resize = about.get("resize", shorter_side(side) if from_photographs else side)
    height, width = (resize, resize) if isinstance(resize, int) else resize
    shorter = isinstance(resize, int)
    found: dict[str, Any] = {
        "do_resize": True,
        "size": {"shortest_edge": resize} if shorter else {"height": height, "width": width},
        "resample": 2,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
    }
    if len(about["mean"]) == channels:
        found |= {
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [number / 255 for number in about["mean"]],
            "image_std": [number / 255 for number in about["std"]],
        }
    return found


def card(called: str, about: dict[str, Any], network: Network, scores: dict) -> str:
    """The model card: what the weights are, how good, for which classes and pictures."""
    height, width, channels = network.input_shape
    colours = "red, green, blue" if channels == 3 else "grey"
    lines = [
        "---",
        "library_name: minialex",
        "pipeline_tag: image-classification",
        "tags: [alexnet, image-classification]",
        "---",
        "",
        f"# {called}",
        "",
        f"{network.parameter_count():,} parameters; exported by minialex {__version__}.",
        "",
        *trained_lines(about, scores),
        "## Use",
        "",
        "```python",
        "import minialex",
        "",
        'network = minialex.load("FOLDER")  # this one',
        'network.classify(["picture.jpg"])',
        "```",
        "",
        "`model.safetensors` has the names and the layout of torchvision's AlexNet; its metadata "
        "name the `torch.nn` module of each layer.",
        "",
        "## Pictures",
        "",
        f"{height}×{width} pixels, {colours}, from 0 to 255, minus {mean_in_words(about)}, divided "
        f"by {numbers_in_words(about['std'])}. `preprocessor_config.json` says it for programs.",
        "",
        "## Classes",
        "",
        *class_lines(about["classes"]),
    ]
    return "\n".join(lines) + "\n"


def trained_lines(about: dict[str, Any], scores: dict) -> list[str]:
    """What is known of the training and its result."""
    lines = []
    if about["source"]:
        name = about["source"]["name"]
        lines.append(f"Trained on the data set {name}, {about['epochs']} epochs.")
    if scores:
        tested = f"top-1 {scores['test_accuracy']:.2%}, top-5 {scores['test_top5']:.2%}"
        lines.append(f"On the test pictures after the last epoch: {tested}.")
    return [*lines, ""] if lines else []


def mean_in_words(about: dict[str, Any]) -> str:
    """The mean of each channel; a mean picture is only called so."""
    *_, channels = about["pictures"]
    if len(about["mean"]) != channels:
        return "a mean picture (in the metadata of `model.safetensors`)"
    return numbers_in_words(about["mean"])


def numbers_in_words(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers)


def class_lines(names: Sequence[str]) -> list[str]:
    """The first classes, a line for each, and how many more there are."""
    lines = [f"{number}. {name}" for number, name in enumerate(names[:LISTED])]
    more = len(names) - LISTED
    return lines + ([f"\nand {more:,} more: see `config.json`"] if more > 0 else [])
