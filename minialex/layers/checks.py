"""What layers say about input and sizes that cannot be right: what they got and what they
expect."""

from minialex import backend
from minialex.backend import Array
from minialex.layers.layer import Layer


def check_input(layer: Layer, x: Array, *sizes: int | None) -> None:
    """Checks that x is a floating-point array of shape (N, *sizes), where None stands for any size.

    TypeError unless it lives where the layer's parameters do; ValueError for a wrong dtype or
    shape.
    """
    for array in layer.params.values():
        if backend.of(array) is not backend.of(x):
            here, there = backend.of(array).__name__, backend.of(x).__name__
            call = f"minialex.backend.to_device(x, {here})"
            wrong = f"{layer} has its parameters in {here}, the input is in {there}"
            raise TypeError(f"{wrong}: move it with {call}")
    if x.dtype.kind != "f":
        raise ValueError(f"{layer} expects floating-point numbers, got {x.dtype}")
    if not fits(x.shape[1:], sizes):
        if fits(x.shape, sizes):
            hint = f"got a single input of shape ({', '.join(map(str, x.shape))}): pass x[None]"
            raise ValueError(f"{layer} expects a batch (N, ...), {hint}")
        check_shape(layer, x.shape[1:], *sizes, n=len(x))


def check_shape(
    layer: Layer, shape: tuple[int, ...], *sizes: int | None, n: int | str = "N"
) -> None:
    """ValueError unless `shape`, of an input without N, is `sizes`; None stands for any size."""
    if not fits(shape, sizes):
        letters = zip("HWC", sizes, strict=False)
        wanted = ", ".join(letter if size is None else str(size) for letter, size in letters)
        got = ", ".join(map(str, shape))
        raise ValueError(f"{layer} expects an input of shape (N, {wanted}), got ({n}, {got})")


def fits(shape: tuple[int, ...], sizes: tuple[int | None, ...]) -> bool:
    """Whether `shape` is `sizes`, where None stands for any size."""
    return len(shape) == len(sizes) and all(
        size in (None, got) for size, got in zip(sizes, shape, strict=True)
    )


def check_positive(**sizes: int) -> None:
    """TypeError naming the first of `sizes` that is no integer, ValueError if one is under 1."""
    for name, size in sizes.items():
        if not hasattr(size, "__index__"):
            raise TypeError(f"{name} must be an integer, got {size!r}")
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def check_labels(labels: Array, shape: tuple[int, ...]) -> None:
    """ValueError unless labels are integers (N,) in [0, classes) for logits of `shape` (N,
    classes). Labels on a GPU are not looked at, which would wait for it."""
    if len(shape) != 2 or labels.shape != shape[:1]:
        got = f"{shape} and {labels.shape}"
        raise ValueError(f"expected logits (N, classes) and labels (N,), got {got}")
    if labels.dtype.kind in "OSU":
        hint = "names, labels = numpy.unique(labels, return_inverse=True) numbers them"
        raise ValueError(f"expected integer labels, got {labels.flat[0]!r} and others: {hint}")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"expected integer labels, got {labels.dtype}")
    classes = shape[1]
    if backend.on_gpu(labels) or not len(labels):
        return
    if not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        expected = f"labels from 0 to {classes - 1} for {classes} classes"
        got = f"labels from {int(labels.min())} to {int(labels.max())}"
        raise ValueError(f"expected {expected}, got {got}")
