"""What works well on each data set: the training command's defaults and recipes."""

#: Adam with a cosine, as all small data sets start.
ADAM = dict(batch_size=64, optimizer="adam", lr=1e-3, schedule="cosine", weight_decay=0.0)

#: The defaults for each data set.
PRESETS: dict[str, dict] = {
    "shapes": dict(ADAM, model="alexnet-cifar", epochs=3, augment="none", log_every=50),
    "fashion-mnist": dict(ADAM, model="alexnet-cifar", epochs=5, augment="mirror", log_every=100),
    "cifar10": dict(ADAM, model="alexnet-cifar", epochs=10, augment="crop,mirror", log_every=100),
    "folder": dict(
        model="alexnet",
        epochs=90,
        batch_size=128,
        optimizer="sgd",
        lr=1e-2,
        schedule="plateau",
        weight_decay=5e-4,
        augment="crop,mirror",
        log_every=100,
    ),
}

#: What learns fastest, of what was tried (benchmarks/LOG.md).
MUON = dict(batch_size=256, optimizer="muon", lr=0.04)

#: Other settings than the preset's, by name: how far to get in how much time (docs/results.md).
RECIPES: dict[str, dict[str, dict]] = {
    "cifar10": {
        "quick": dict(MUON, model="alexnet-mini", epochs=2, augment="none"),
        "good": dict(MUON, model="alexnet-maxi", epochs=6, crop_padding=2),
        "best": dict(
            MUON,
            model="alexnet-maxi",
            epochs=20,
            crop_padding=3,
            augment="crop,mirror,cutout",
            label_smoothing=0.1,
        ),
    },
    "fashion-mnist": {
        "quick": dict(MUON, model="alexnet-mini", epochs=1, augment="none"),
        "best": dict(
            MUON,
            model="alexnet-maxi",
            epochs=10,
            image_size=32,
            crop_padding=1,
            augment="crop,mirror,cutout",
        ),
    },
    "folder": {
        # Krizhevsky et al. 2012, sections 3 to 5, for ImageNet: 227-pixel crops of 256, the paper's
        # update and its initial weights, pixels of 0..255 minus their mean.
        "2012": dict(
            PRESETS["folder"],
            init="paper",
            pixels="centred",
            augment="crop,mirror,lighting",
            momentum=0.9,
        ),
    },
}
