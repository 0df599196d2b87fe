"""Trains on your own photographs and classifies one of them.

python examples/own_pictures.py PICTURES photo.jpg

PICTURES has a folder per class: PICTURES/cat/*.jpg, PICTURES/dog/*.jpg, …
"""

import sys

import numpy

import minialex


def main(folder: str, photo: str) -> None:
    dataset = minialex.data.load("folder", folder, image_size=32)
    network = minialex.models.build(
        "alexnet-mini",
        num_classes=dataset.num_classes,
        image_size=32,
        rng=numpy.random.default_rng(0),
    )
    trainer = minialex.Trainer(network, dataset, batch_size=32, augment=["crop", "mirror"])
    trainer.fit(epochs=10)
    [probabilities] = trainer.predict(photo)
    for name, probability in zip(dataset.class_names, probabilities, strict=True):
        print(f"{probability:7.2%}  {name}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
