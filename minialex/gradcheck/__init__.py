"""Gradient checks by finite differences; python -m minialex.gradcheck is the command."""

from minialex.gradcheck.finite_differences import (
    EPSILON,
    TOLERANCE,
    Report,
    Worst,
    check_layer,
    check_loss,
    check_network,
    differences,
    frozen,
    least_typical,
    relative_errors,
)

__all__ = [
    "EPSILON",
    "TOLERANCE",
    "Report",
    "Worst",
    "check_layer",
    "check_loss",
    "check_network",
    "differences",
    "frozen",
    "least_typical",
    "relative_errors",
]
