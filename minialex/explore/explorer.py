"""The explorer itself: answers what a page asks, and keeps what is likely to be asked again."""

import dataclasses
import inspect
import math
import textwrap
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy

from minialex.data.dataset import Dataset
from minialex.explore.losses import Losses
from minialex.explore.moments import LATEST, Moments, kernels
from minialex.explore.pictures import BLANK, TEST, Pictures
from minialex.explore.proof import prove
from minialex.explore.state import Question, State
from minialex.explore.unit import Explanation, explain
from minialex.explore.view import Gradients, View, as_laid_out, laid_out
from minialex.inference import TrainedNetwork
from minialex.layer_table import described
from minialex.layers import (
    Conv2d,
    Dropout,
    Layer,
    Linear,
    LocalResponseNorm,
    SoftmaxCrossEntropy,
)
from minialex.twin import is_shipped

#: Views that are kept: of AlexNet's 227 pixels each takes 8 MB.
KEPT_VIEWS = 16


class Explorer:
    """Answers what a page asks about a trained network.

    moments   the network, as it is and as it was
    dataset   where test pictures come from; None if there is none
    note      why there is none, in a sentence

    Any number of threads may ask at once; one at a time is answered.
    """

    def __init__(self, moments: Moments, dataset: Dataset | None = None, note: str | None = None):
        self.moments, self.note = moments, note
        self.pictures = Pictures(moments.network(LATEST), dataset)
        self.losses = Losses(moments.folder.losses) if moments.folder else None
        self.views: OrderedDict[State, View] = OrderedDict()
        self.gradients: Gradients | None = None  #: the last that were asked for
        self.lock = threading.Lock()

    def network(self) -> dict[str, Any]:
        """What the network is, for a page to lay out."""
        with self.lock:
            trained = self.moments.network(LATEST)
            shapes, network = trained.network.shapes(), trained.network
            return {
                "model": trained.model,
                "parameters": network.parameter_count(),
                "input": network.input_shape,
                "classes": trained.class_names,
                "mean": trained.standardize.mean.tolist(),
                "std": trained.standardize.std.tolist(),
                "has_mean_picture": trained.standardize.relief is not None,
                "layers": [
                    about_layer(name, layer, shapes[name]) for name, layer in network.layers.items()
                ],
                "softmax": source_of(SoftmaxCrossEntropy),
                "weights": str(self.moments.weights),
                "dataset": trained.source and trained.source["name"],
                "accuracy": accuracy(trained),
                "epochs": len(trained.progress.get("history", [])),
                "pictures": self.pictures.count,
                "first": f"{TEST}0" if self.pictures.count else BLANK,
                "notes": [note for note in (self.note, trained.assumed) if note],
                "moments": [dataclasses.asdict(moment) for moment in self.moments.moments()],
                "is_run": self.moments.folder is not None,
            }

    def sheet(self, start: int, count: int) -> list[dict[str, Any]]:
        """Some of the test pictures; see Pictures.sheet."""
        with self.lock:
            return self.pictures.sheet(start, count)

    def send(self, content: bytes) -> dict[str, Any]:
        """Takes a picture from a page: its name, and what to show beside it."""
        with self.lock:
            name = self.pictures.add(content)
            return {"name": name, **self.pictures.about(name)}

    def look(self, state: State) -> Explanation:
        """What every layer makes of the picture: the picture's "pixels", an array for each layer,
        and the "probabilities"."""
        with self.lock:
            view = self.view(state)
            arrays = {f"layer/{name}": as_laid_out(y) for name, y in view.outputs.items()}
            arrays |= {"pixels": view.picture, "probabilities": view.probabilities}
            return Explanation(self.pictures.about(state.picture), arrays)

    def look_back(self, state: State, question: Question) -> Explanation:
        """The gradients of every layer's output and of the picture, as `look` has the outputs; and
        which layer, if any, computes "otherwise" in training."""
        with self.lock:
            gradients = self.gradients_of(state, question)
            arrays = {f"layer/{name}": as_laid_out(dy) for name, dy in gradients.of_outputs.items()}
            about = {"otherwise": gradients.otherwise}
            return Explanation(about, arrays | {"picture": gradients.of_picture[0]})

    def explain(self, state: State, layer: str, unit: tuple[int, ...]) -> Explanation:
        """Where the number of a unit comes from."""
        with self.lock:
            return explain(self.view(state), layer, unit)

    def prove(
        self, state: State, question: Question, layer: str, key: str, *place: Any
    ) -> dict[str, Any]:
        """The gradient of a weight and its finite difference, None where they are not finite; and
        "otherwise", as of `look_back`.

        place: the weight's index, and the nudge.
        """
        with self.lock:
            gradients = self.gradients_of(state, question)
            found = prove(self.view(state), gradients, question, layer, key, *place)
            numbers = dataclasses.asdict(found).items()
            finite = {name: value if math.isfinite(value) else None for name, value in numbers}
            return {**finite, "otherwise": gradients.otherwise}

    def kernels(self, moment: str) -> Explanation:
        """The "kernels" of the first convolution, (O, KH, KW, C), if there is one."""
        with self.lock:
            trained = self.moments.network(moment)
            found = kernels(trained)
            return Explanation({}, {} if found is None else {"kernels": found})

    def training(self) -> dict[str, Any]:
        """How far the run has come: its epochs, its losses, its moments."""
        with self.lock:
            progress = self.moments.network(LATEST).progress
            return {
                "history": progress.get("history", []),
                "losses": self.losses.read() if self.losses else [],
                "epochs": progress["options"].get("epochs"),
                "moments": [dataclasses.asdict(moment) for moment in self.moments.moments()],
                "version": self.moments.latest_change(),
            }

    def view(self, state: State) -> View:
        """What the state shows. Views of networks that are no longer in memory are dropped."""
        trained = self.moments.network(state.moment)
        for key, view in list(self.views.items()):
            if not self.moments.holds(view.trained):
                del self.views[key]
        if state not in self.views:
            pixels, covered = self.pictures.pixels(state.picture), state.covered
            if state.picture == BLANK:
                covered = (0, 0, len(pixels))  # 0 all over: the mean's pixels are rounded
            self.views[state] = View(trained, pixels, covered, state.changes)
        self.views.move_to_end(state)
        while len(self.views) > KEPT_VIEWS:
            self.views.popitem(last=False)
        return self.views[state]

    def gradients_of(self, state: State, question: Question) -> Gradients:
        """The question's gradients in what the state shows."""
        view = self.view(state)
        if (self.gradients is None) or self.gradients.of != (view, question):
            self.gradients = Gradients(view, question)
        return self.gradients


def accuracy(trained: TrainedNetwork) -> float | None:
    """The share of test pictures that the network named right after its last epoch."""
    history = trained.progress.get("history")
    return history[-1].get("test_accuracy") if history else None


def about_layer(name: str, layer: Layer, shape: tuple[int, ...]) -> dict[str, Any]:
    """What a page shows of a layer besides its numbers."""
    own = not is_shipped(layer)
    can = {
        "silence": isinstance(layer, Conv2d | Linear),
        "bypass": isinstance(layer, LocalResponseNorm),
        "unpad": isinstance(layer, Conv2d) and layer.padding > 0,
        "drop": isinstance(layer, Dropout),
    }
    return {
        "name": name,
        "kind": type(layer).__name__,
        "what": described(layer),
        "shape": laid_out(shape),
        "size": shape,
        "params": {key: array.shape for key, array in layer.params.items()},
        "can": [what for what, possible in can.items() if possible and not own],
        **source_of(type(layer)),
    }


def source_of(kind: type[Layer]) -> dict[str, str]:
    """The docstring of a class of layers and the code of its two passes; "" where there is none."""
    try:
        code = [textwrap.dedent(inspect.getsource(way)) for way in (kind.forward, kind.backward)]
        file = Path(inspect.getsourcefile(kind) or "").name
    except (OSError, TypeError):  # a class that was defined in an interpreter
        code, file = ["", ""], ""
    return {
        "doc": inspect.getdoc(kind) or "",
        "forward": code[0],
        "backward": code[1],
        "file": file,
    }


def as_float32(array: Any) -> numpy.ndarray:
    """The array as pages get it."""
    return numpy.ascontiguousarray(array, numpy.float32)
