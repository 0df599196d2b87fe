"""Pictures, and the options of a short run on them."""

import pytest
from data_helpers import picture_folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """An image folder of 40 training and 20 test pictures, 16×16, in two classes."""
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def small(pictures):
    """Options of a run of ten steps in two epochs, with dropout, crops and mirroring."""
    return [
        *("--dataset", "folder", "--data-dir", pictures, "--image-size", 16),
        *("--model", "alexnet-cifar", "--workers", 2, "--batch-size", 8, "--epochs", 2),
        *("--augment", "crop,mirror", "--log-every", 2, "--lr", 0.001),
    ]
