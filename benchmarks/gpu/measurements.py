"""How fast is minialex on this GPU? The stages that measure it."""

import argparse
import contextlib
import copy
import functools
import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import numpy

from benchmarks.measure import (
    LEARNING_RATE,
    WHAT,
    DeviceClock,
    Minialex,
    flops,
    random_batch,
    seconds_a_call,
    take_turns,
)
from benchmarks.peers import Peer, check_agreement
from minialex import backend, fast, models
from minialex.data.augment import Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.data.upload import pair
from minialex.fast.gpu import cublas
from minialex.fast.gpu.replay import BEFORE
from minialex.network import Network

#: PyTorch's modes: its default, and the one that its guides recommend for convolutions on a GPU.
MODES = ("eager", "channels_last")

#: How often each step is measured, and for how many seconds at least.
ROUNDS, SECONDS = 3, 0.2

#: How much logits may differ, relative to the largest: float32 rounds to 24 bits, TF32 to 11.
TOLERANCE = {False: 1e-4, True: 2e-2}

#: The pipeline's batch, and how many pictures there are.
BATCH, PICTURES = 128, 1024


def speed(given: argparse.Namespace) -> dict:
    """Training and inference beside PyTorch, by the GPU's clock; first in float32 throughout, then
    with TF32 in the products of both."""
    result: dict = {"rows": []} | ({} if given.torch else {"without": given.without_torch})
    cases = [(size, what) for size in given.batch_sizes for what in WHAT]
    for tf32, (batch_size, what), model in itertools.product(
        (False, True), [*cases, (1, "infer")], given.models
    ):
        about = {"model": model, "batch_size": batch_size, "what": what, "tf32": tf32}
        if time.monotonic() > given.deadline:
            result["left out"] = f"from {about} on"
            break
        try:
            with products_in_tf32(given, tf32):
                result["rows"].append(about | measured(given, **about))
        except Exception as error:  # out of memory, or other logits: the next row may still work
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            result["rows"].append(about | {"error": reason})
        given.keep(result)
    wrong = [row["error"] for row in result["rows"] if "error" in row]
    if wrong:
        result["error"] = f"{len(wrong)} of {len(result['rows'])} failed, the first: {wrong[0]}"
    return result


@contextlib.contextmanager
def products_in_tf32(given: argparse.Namespace, on: bool) -> Iterator[None]:
    """Within it the factors of float32 products may be rounded to TF32, or may not: by cuBLAS and
    cuDNN, for CuPy and for PyTorch."""
    linalg = getattr(getattr(given.xp, "_core", None), "_routines_linalg", None)
    before = None
    if linalg:  # the stand-in has none
        before = linalg.get_compute_type(numpy.float32)
        chosen = linalg.COMPUTE_TYPE_TF32 if on else linalg.COMPUTE_TYPE_DEFAULT
        linalg.set_compute_type(numpy.float32, chosen)
        of_batches(given, on)
    if given.torch:
        given.torch.backends.cuda.matmul.allow_tf32 = on
    try:
        yield
    finally:
        if linalg:
            linalg.set_compute_type(numpy.float32, before)
            of_batches(given, False)
        if given.torch:
            given.torch.backends.cuda.matmul.allow_tf32 = False


def of_batches(given: argparse.Namespace, tf32: bool) -> None:
    """The same for CuPy's products of several matrices at once, which have no compute type but
    follow the mode of the cuBLAS handle: 3 is TF32."""
    cuda = given.xp.cuda
    cuda.cublas.setMathMode(cuda.get_cublas_handle(), 3 if tf32 else 0)


def cleaned(given: argparse.Namespace) -> None:
    """Gives the memory of what was measured before back to the GPU."""
    gc.collect()  # an engine's layers and memory refer to each other
    cublas.of.cache_clear()  # the room it works in counts for each
    given.xp.get_default_memory_pool().free_all_blocks()
    if given.torch:
        given.torch.cuda.empty_cache()


def measured(given: argparse.Namespace, model: str, batch_size: int, what: str, tf32: bool) -> dict:
    """The seconds of a step in each round, and the peak memory, of minialex and PyTorch."""
    cleaned(given)
    network = fresh(model)
    batch, before = random_batch(network, batch_size), free_bytes(given)
    ours = Minialex(network, *batch, 1, LEARNING_RATE, given.xp)
    contenders: dict[str, Minialex | Peer] = {"minialex": ours}
    warmed_up(step_of(ours, what))
    given.xp.get_default_memory_pool().free_all_blocks()
    memory = {"minialex": before - free_bytes(given)}
    logits = backend.to_host(fresh_logits(model, batch[0], given))
    for mode in MODES if given.torch else ():
        contenders[mode], memory[mode] = peer_beside(
            given, fresh(model), batch, (mode, what, tf32), logits
        )
    steps = {name: step_of(contender, what) for name, contender in contenders.items()}
    title = f"{model}, batch {batch_size}, {what}"
    return {
        "seconds": take_turns(steps, ROUNDS, SECONDS, title, DeviceClock(given.xp)),
        "memory_mb": {name: taken / 1e6 for name, taken in memory.items()},
        "flops_per_image": flops(network, what),
    }


def peer_beside(
    given: argparse.Namespace,
    network: Network,
    batch: tuple[numpy.ndarray, numpy.ndarray],
    how: tuple[str, str, bool],
    logits: numpy.ndarray,
) -> tuple[Peer, int]:
    """PyTorch's twin, warmed up, and how much of the GPU's memory its steps take in all.

    how: the mode, "train" or "infer", and whether with TF32. InputError if its logits differ from
    minialex's.
    """
    (mode, what, tf32), cuda = how, given.torch.cuda
    cuda.empty_cache()
    before = cuda.memory_reserved()
    peer = Peer(mode, network, *batch, 1, LEARNING_RATE, "cuda")
    given.torch.backends.cudnn.allow_tf32 = tf32
    check_agreement(logits, peer.infer().cpu().numpy(), f"PyTorch {mode}", TOLERANCE[tf32])
    warmed_up(step_of(peer, what))
    cuda.synchronize()
    cuda.empty_cache()  # the memory of the search for the fastest convolutions
    cuda.reset_peak_memory_stats()
    warmed_up(step_of(peer, what))
    return peer, cuda.max_memory_reserved() - before


@functools.cache
def prototype(model: str) -> Network:
    """The model with random weights, which take seconds to draw."""
    return models.build(model, rng=numpy.random.default_rng(0))


def fresh(model: str) -> Network:
    """A copy of the prototype, on the host."""
    return copy.deepcopy(prototype(model))


def step_of(contender: Minialex | Peer, what: str) -> Callable:
    """The contender's method that does it once."""
    return getattr(contender, WHAT[what])


def warmed_up(step: Callable) -> None:
    """Takes a few steps: kernels are compiled, algorithms chosen, memory allocated, and minialex's
    step is recorded."""
    for _ in range(BEFORE + 2):
        step()


def free_bytes(given: argparse.Namespace) -> int:
    """How much of the GPU's memory nobody has."""
    backend.synchronize(given.xp)
    return given.xp.cuda.Device().mem_info[0]


def fresh_logits(model: str, x: numpy.ndarray, given: argparse.Namespace):
    """The logits of a copy of the prototype that has not been trained."""
    return fast.prepare(fresh(model).to(given.xp)).forward(x)


def pipeline(given: argparse.Namespace) -> dict:
    """How many pictures per second reach the GPU, cropped, mirrored and standardised; and how fast
    a batch of them is copied."""
    side = models.image_size(given.models[0])
    rng = numpy.random.default_rng(0)
    pixels = rng.integers(0, 256, (PICTURES, side, side, 3), numpy.uint8)
    images = ArrayImages(pixels, numpy.zeros(PICTURES, int))
    standardize = Standardize([127.5] * 3, [74.0] * 3)
    size = min(BATCH, PICTURES)
    batches = Batches(images, size, standardize, 0, xp=given.xp, crop=True, mirror=True)
    rates = []
    for epoch in range(ROUNDS):
        start = time.monotonic()
        for _ in batches.epoch(epoch):
            pass
        backend.synchronize(given.xp)
        rates.append(PICTURES / (time.monotonic() - start))
    pinned, on_device = pair(given.xp, pixels[:size].shape, "uint8")
    pinned[...] = pixels[:size]
    stream = given.xp.cuda.get_current_stream()
    copy = lambda: on_device.set(pinned, stream=stream)  # noqa: E731
    seconds = seconds_a_call(copy, SECONDS, DeviceClock(given.xp))
    return {
        "images/s": statistics.median(rates),
        "GB/s": pinned.nbytes / seconds / 1e9,
        "side": side,
    }
