"""What options do not go together."""

from minialex import models
from minialex.errors import InputError


def check(options: dict) -> None:
    """InputError, which names an option, if these do not go together."""
    if options["lighting"] and "lighting" not in options["augment"].split(","):
        expected = f"--lighting {options['lighting']} is for --augment with lighting"
        raise InputError(f"{expected}, got --augment {options['augment']}")
    if options["init"] == "paper" and options["model"] != "alexnet":
        recipe = options["recipe"]
        paper = f"--init paper of --recipe {recipe}" if recipe else "--init paper"
        raise InputError(f"{paper} is for the model alexnet, got --model {options['model']}")
    check_normalisation(options)
    check_parallel(options)


def check_normalisation(options: dict) -> None:
    """InputError for a --lrn that the model cannot have."""
    lrn, model = options["lrn"], options["model"]
    if lrn and model in models.WITHOUT_LRN:
        raise InputError(f"--lrn {lrn} is for other models: {model} has no normalisation")
    if lrn and model is None:
        brings = f"--weights {options['weights']} brings its own network"
        raise InputError(f"{brings}: leave out --lrn {lrn}")
    if lrn == "in-towers" and model != "alexnet":
        raise InputError(
            "--lrn in-towers is for the model alexnet, whose convolutions have two groups, "
            f"got --model {model}"
        )


def check_parallel(options: dict) -> None:
    """InputError if the layers' parts cannot compute what the options ask for."""
    if options["parallel"] != "data" and options["optimizer"] == "muon":
        divides = f"which --parallel {options['parallel']} divides"
        raise InputError(f"--optimizer muon needs each weight as a whole, {divides}")
    if options["parallel"] != "towers":
        return
    across = options["lrn"] not in ("off", "in-towers")
    if across and (options["model"] == "alexnet" or options["lrn"]):
        lrn = options["lrn"] or "before-pool"
        wanted = "expected --lrn in-towers or off"
        raise InputError(
            f"--lrn {lrn} needs all channels, of which each of the towers has half: {wanted}"
        )
