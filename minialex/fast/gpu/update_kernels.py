"""GPU kernels for the optimisers' updates (optim.py): each parameter is read and written once.

What changes from step to step, the learning rate say, lies in the GPU's memory: a number among the
arguments would stay the same whenever a recorded step is replayed.
"""

from minialex.fast.gpu.kernel import Kernel

store_rates = Kernel(
    "store_rates",
    "T first, T second",
    "T rates",
    "rates = i == 0 ? first : second;",
)

sgd = Kernel(
    "sgd",
    "T grad, raw T lr, T momentum, T weight_decay",
    "T weight, T velocity",
    """
    velocity = momentum * velocity - lr[0] * (grad + weight_decay * weight);
    weight += velocity;
    """,
)

sgd_torch = Kernel(
    "sgd_torch",
    "T grad, raw T lr, T momentum, T weight_decay",
    "T weight, T velocity",
    """
    velocity = momentum * velocity + grad + weight_decay * weight;
    weight -= lr[0] * velocity;
    """,
)

muon_descent = Kernel(
    "muon_descent",
    "T grad, T momentum",
    "T velocity, T descent",
    """
    velocity = momentum * velocity + grad;
    descent = grad + momentum * velocity;
    """,
)

muon_normalise = Kernel(
    "muon_normalise", "raw T squares", "T x", "x /= sqrt(squares[0]) + T(1e-7);"
)

muon_step = Kernel(
    "muon_step",
    "T step, raw T rates, T scale, T weight_decay",
    "T weight",
    """
    weight -= rates[0] * (scale * step + weight_decay * weight);
    """,
)

muon_rescale = Kernel(
    "muon_rescale", "raw T squares, T norm", "T weight", "weight *= norm / sqrt(squares[0]);"
)

#: new1 = 1 − β₁ and new2 = 1 − β₂, which single precision would round; for rates, lr and
#: correction, see Adam.corrected in optim.py.
adam = Kernel(
    "adam",
    "T grad, raw T rates, T beta1, T new1, T beta2, T new2, T epsilon, T weight_decay",
    "T weight, T mean, T square",
    """
    const T lr = rates[0], correction = rates[1];
    const T descent = grad + weight_decay * weight;
    mean = beta1 * mean + new1 * descent;
    square = beta2 * square + new2 * descent * descent;
    weight -= lr * mean / (sqrt(square) * correction + epsilon);
    """,
)
