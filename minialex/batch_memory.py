"""Which batch, or picture, fits into memory: checked before the work, and said when memory has run
out."""

import contextlib
from collections.abc import Callable, Iterator

import numpy

from minialex import backend
from minialex.available_memory import available_memory
from minialex.distributed.group import Group
from minialex.distributed.part import Part
from minialex.distributed.start import host_group
from minialex.errors import InputError
from minialex.fast import Engine
from minialex.fast.answer_footprint import answer_bytes
from minialex.fast.footprint import batch_size_for, step_bytes
from minialex.fast.gpu import footprint as gpu_footprint
from minialex.optim import Optimizer

#: The bytes that work on so many pictures takes beside what is there before it.
Needed = Callable[[int], int]


def of_training(engine: Engine, optimizer: type[Optimizer], part: Part) -> Needed:
    """What a step on a CPU takes of this rank, for a batch of so many pictures of all ranks."""
    scheme = part.scheme

    def needed(batch_size: int) -> int:
        share = -(-batch_size // scheme.pictures.size)
        seen = batch_size if part.join else share
        return step_bytes(engine, share, optimizer, seen if scheme.ranks.size > 1 else None)

    return needed


def of_answers(engine: object) -> Needed | None:
    """What the logits of so many pictures take, on a GPU with the weights; None if that cannot be
    told, as it is no fast engine that computes them."""
    if not isinstance(engine, Engine):
        return None
    network, workspace = engine.network, engine.memories[0].gpu_workspace
    if network.module is numpy:
        return lambda batch_size: answer_bytes(engine, batch_size)
    return lambda batch_size: gpu_footprint.answer_bytes(network, batch_size, workspace)


def check_training(needed: Needed, batch_size: int, ranks: Group) -> None:
    """InputError, on all ranks, if more memory is `needed` than there is, where that is known: the
    system would kill the process in the midst of a step. The ranks of a machine have equal shares
    of its memory."""
    sharing, available = host_group(ranks).size, available_memory()
    own = too_large(needed, batch_size, None if available is None else available // sharing)
    for problem in ranks.everyones(own):
        if problem:
            raise InputError(problem)


def check_answers(engine: object, batch_size: int) -> None:
    """InputError if the fast engine's answers to a batch, on the CPU, take more memory than there
    is, where that is known."""
    if isinstance(engine, Engine) and engine.network.module is numpy:
        needed = of_answers(engine)
        problem = needed and too_large(needed, batch_size, available_memory())
        if problem:
            raise InputError(problem)


def too_large(needed: Needed, batch_size: int, available: int | None) -> str | None:
    """What is wrong with the batch, and which one should fit; None if nothing is, or the available
    memory is not known."""
    if available is None or needed(batch_size) <= available:
        return None
    wanted = f"a batch of {batch_size:,} needs {needed(batch_size) / 1e6:,.0f} MB of memory"
    fits = what_fits(needed, batch_size, available)
    return f"{wanted}, and {available / 1e6:,.0f} are free: {fits}"


def what_fits(needed: Needed, most: int, available: int) -> str:
    """Which batch of up to `most` pictures should fit, in words."""
    fits = batch_size_for(needed, available, most)
    return f"about {fits:,} should fit" if fits else "not even one picture fits"


@contextlib.contextmanager
def saying_what_fits(engine: object, batch_size: int, needed: Needed | None) -> Iterator[None]:
    """Within it, where memory runs out, an InputError says which batch should fit, if it can be
    told what is `needed`."""
    try:
        yield
    except MemoryError as error:
        available = available_for(engine, error)
        if needed is None or available is None:
            raise
        most = batch_size * 3 // 4  # the estimate was off
        reason = ": ".join(filter(None, ["out of memory", str(error)]))
        fits = what_fits(needed, most, available)
        raise InputError(f"{reason}: a batch of {batch_size:,} is too large, {fits}") from error


@contextlib.contextmanager
def room_for_answers(engine: object, batch_size: int) -> Iterator[None]:
    """A block in which the engine answers batches of so many pictures. InputError, before it or
    within it, if the memory does not suffice."""
    check_answers(engine, batch_size)
    with saying_what_fits(engine, batch_size, of_answers(engine)):
        yield


@contextlib.contextmanager
def room_for_pictures(image_size: int | None) -> Iterator[None]:
    """A block in which a data set's pictures are read, of that side if it is given. InputError
    within it if the memory does not suffice for them, whatever the batch is."""
    try:
        yield
    except MemoryError as error:
        reason = ": ".join(filter(None, ["out of memory", str(error)]))
        what = f"pictures of --image-size {image_size} are" if image_size else "the data set is"
        raise InputError(f"{reason}: {what} too large") from error


def available_for(engine: object, error: MemoryError) -> int | None:
    """The bytes that a fast engine has for its work, those that it holds included; None where that
    is not known, or the error is the host's and the work the GPU's."""
    if not isinstance(engine, Engine):
        return None
    xp = engine.network.module
    if xp is numpy:
        free = available_memory()
        return None if free is None else free + sum(array.nbytes for array in engine.memory())
    return backend.available_bytes(xp) if backend.is_gpus(error, xp) else None
