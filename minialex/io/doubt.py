"""What makes one doubt that weights have been trained."""

import math

import numpy

#: How closely the numbers of a layer follow the distribution that they were drawn from, at least,
#: if it is still the one they have. Layers with fewer than this many numbers tell too little.
CLOSE, ENOUGH = 0.05, 1000


def doubt(tensors: dict[str, numpy.ndarray]) -> str | None:
    """Why these weights do not look trained, in a few words; None if they do.

    Before training a layer's biases are all 0, or torch's own initial numbers: uniform between
    −1/√n and 1/√n, where n numbers go into each unit (He et al. 2015 with a = √5).
    """
    weights = {name: tensor for name, tensor in tensors.items() if tensor.ndim > 1}
    for name, tensor in weights.items():
        if tensor.size > 1 and (tensor == tensor.flat[0]).all():
            return f"all numbers of {name} are {tensor.flat[0]:g}"
    large = [tensor for tensor in weights.values() if tensor.size >= ENOUGH]
    if large and all(map(is_torchs_initial, large)):
        return "all layers have the numbers that torch begins with"
    biases = [tensor for tensor in tensors.values() if tensor.ndim == 1]
    if biases and not any(tensor.any() for tensor in biases):
        return "all biases are 0"
    return None


def is_torchs_initial(weight: numpy.ndarray) -> bool:
    """Whether the weight (units, …) is uniform between −1/√n and 1/√n."""
    bound = 1 / math.sqrt(math.prod(weight.shape[1:]))
    largest, spread = float(abs(weight).max()), float(weight.std(dtype=numpy.float64))
    uniform = abs(spread * math.sqrt(3) / bound - 1) < CLOSE
    return uniform and bound * (1 - CLOSE) < largest <= bound * 1.001
