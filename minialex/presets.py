"""What works well on each data set: the training command's defaults and recipes."""

#: The options that have a default whatever the data set is.
DEFAULTS = dict(
    backend="auto",
    engine="fast",
    gpu_workspace=1024,
    momentum=0.9,
    test_views="centre",
    seed=0,
    parallel="data",
    cuda_aware_mpi=False,
)

#: The same for those that a script which trains its own network decides otherwise.
LEARNING = dict(init="he", pixels="standardized", label_smoothing=0.0)

#: Adam with a cosine, as all small data sets start.
ADAM = dict(
    model="alexnet-cifar",
    batch_size=64,
    optimizer="adam",
    lr=1e-3,
    schedule="cosine",
    weight_decay=0.0,
    log_every=100,
)

#: Digits and letters: mirrored, they would be others. A shift must not push them out of view.
WRITING = dict(ADAM, epochs=5, augment="crop", crop_padding=2)

#: Small photographs.
PHOTOGRAPHS = dict(ADAM, augment="crop,mirror")

#: As in the paper, for more than a hundred thousand photographs.
IMAGENET = dict(
    model="alexnet",
    epochs=90,
    batch_size=128,
    optimizer="sgd",
    lr=1e-2,
    schedule="plateau",
    weight_decay=5e-4,
    augment="crop,mirror",
    log_every=100,
)

#: For weights that have learned from other pictures; docs/weights.md has the measurement.
FINE_TUNING = dict(
    epochs=10,
    batch_size=32,
    optimizer="sgd",
    lr=1e-2,
    schedule="cosine",
    weight_decay=5e-4,
    log_every=100,
)

#: What learns fastest, of what was tried (benchmarks/LOG.md).
MUON = dict(batch_size=256, optimizer="muon", lr=0.04)

#: The same for nets that see a picture more than a few times.
LONGER = dict(MUON, augment="crop,mirror,cutout", label_smoothing=0.1, test_views="mirror")

#: A rate for each optimiser, where another one than the preset's is chosen without a rate.
RATES = {"adam": ADAM["lr"], "sgd": IMAGENET["lr"], "muon": MUON["lr"]}

#: The defaults for each data set with training pictures; for "folder" those that own_pictures.py
#: does not choose.
PRESETS: dict[str, dict] = {
    "shapes": dict(ADAM, epochs=3, augment="none", log_every=50),
    "mnist": WRITING,
    "fashion-mnist": dict(ADAM, epochs=5, augment="mirror"),
    "kmnist": dict(WRITING, epochs=10),
    "emnist-letters": WRITING,
    "emnist-balanced": WRITING,
    "qmnist": WRITING,
    "cifar10": dict(PHOTOGRAPHS, epochs=10),
    "cifar100": dict(PHOTOGRAPHS, epochs=15),
    "cifar100-coarse": dict(PHOTOGRAPHS, epochs=15),
    "svhn": dict(WRITING, epochs=8),
    "stl10": dict(PHOTOGRAPHS, image_size=64, epochs=30, crop_padding=12),
    "npz": dict(ADAM, epochs=10, augment="none"),
    "folder": IMAGENET,
}

#: Other settings than the preset's, by name: how far to get in how much time (docs/results.md).
RECIPES: dict[str, dict[str, dict]] = {
    "cifar10": {
        "quick": dict(MUON, model="alexnet-mini", epochs=2, augment="none"),
        "good": dict(MUON, model="alexnet-midi", epochs=6, crop_padding=2, test_views="mirror"),
        "best": dict(LONGER, model="alexnet-maxi", epochs=17, crop_padding=3),
        "record": dict(LONGER, model="alexnet-mega", epochs=29, crop_padding=3),
    },
    "fashion-mnist": {
        "quick": dict(MUON, model="alexnet-mini", epochs=1, augment="none"),
        "best": dict(LONGER, model="alexnet-maxi", epochs=10, image_size=32, crop_padding=1),
    },
    "folder": {
        # Krizhevsky et al. 2012, sections 3 to 5, for ImageNet: 227-pixel crops of 256, the paper's
        # update and its initial weights, pixels of 0..255 minus their mean.
        "2012": dict(
            IMAGENET,
            init="paper",
            pixels="centred",
            augment="crop,mirror,lighting",
            momentum=0.9,
        ),
    },
}
