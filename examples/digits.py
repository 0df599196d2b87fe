"""Teaches a small network to read handwritten digits, with a layer of your own in it.

python examples/digits.py          needs scikit-learn, which has the pictures
"""

import sys
import tempfile
from pathlib import Path

import numpy

import minialex
from minialex.layers import Conv2d, Flatten, Linear, MaxPool2d


class LeakyReLU(minialex.Layer):
    """y = x where x > 0, else slope · x;  dx = dy where x > 0, else slope · dy."""

    def __init__(self, slope: float = 0.1):
        super().__init__()
        self.slope = slope  # an argument kept under its own name is saved with the network

    def forward(self, x, train=False):
        factor = minialex.backend.of(x).where(x > 0, x.dtype.type(1), x.dtype.type(self.slope))
        self.cache = factor if train else None
        return x * factor

    def backward(self, dy):
        return dy * self.cached()


def main() -> None:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("The pictures are scikit-learn's: pip install scikit-learn")
    out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())

    # Is the layer's backward pass right? Every number is checked by finite differences.
    rng = numpy.random.default_rng(0)
    report = minialex.gradcheck.check_layer(LeakyReLU(), rng.standard_normal((2, 4, 3, 2)), rng)
    print(f"LeakyReLU: largest relative error of the gradient {report.error:.0e}")
    assert report.passed, report

    digits = load_digits()  # 1,797 grey pictures (N, 8, 8) with pixels from 0 to 16
    x, y = digits.images, digits.target
    dataset = minialex.data.from_arrays(x[:1400], y[:1400], x[1400:], y[1400:])
    layers = [Conv2d(1, 32, 3, padding=1, rng=rng), LeakyReLU(), MaxPool2d(2, stride=2)]
    layers += [Conv2d(32, 64, 3, padding=1, rng=rng), LeakyReLU()]  # (N, 4, 4, 64)
    layers += [Flatten(), Linear(1024, 10, rng=rng)]
    network = minialex.Network(layers, input_shape=(8, 8, 1))
    # On an NVIDIA GPU, before the Trainer is built: network.to(minialex.backend.get("cupy"))
    trainer = minialex.Trainer(network, dataset, minialex.optim.Adam(network, lr=0.002))
    trainer.fit(epochs=5)
    print(f"right on {trainer.evaluate()['accuracy']:.1%} of the 397 test pictures")
    print("the first one:", trainer.predict(x[1400]).round(3))

    trainer.save_curves(out / "curves.png")
    trainer.save(out / "digits.npz")
    trained = minialex.load(out / "digits.npz", layers=[LeakyReLU])
    print("read again:", *trained.classify(x[1400:1410]))
    print("labels:    ", *y[1400:1410])
    print(f"weights and curves are in {out}")


if __name__ == "__main__":
    main()
