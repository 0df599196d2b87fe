"""Weights in a file that is not a run's checkpoint."""

from pathlib import Path

import numpy

from minialex.io import torch_layout
from minialex.network import Network


class WeightFile:
    """Weights in a file that is not a run's checkpoint.

    tensors    by torch's names, in torch's layout
    progress   a checkpoint's progress as far as it is known, the rest None; "resize" says that
               pictures are prepared as torchvision does it (data/torchvision_images.py)
    assumed    what the file does not say and is assumed, in a sentence, or None
    """

    def __init__(
        self,
        path: Path,
        tensors: dict[str, numpy.ndarray],
        progress: dict,
        assumed: str | None = None,
    ):
        self.path, self.tensors, self.progress, self.assumed = path, tensors, progress, assumed

    def restore_weights(self, network: Network) -> None:
        """Copies the weights into the network; InputError, before anything is changed, if they do
        not fit."""
        torch_layout.load_into(network, self.tensors, str(self.path))
