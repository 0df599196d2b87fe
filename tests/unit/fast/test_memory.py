"""Who owns which memory: what is handed out again, and what is not while somebody needs it."""

import numpy
import pytest

from minialex.fast import memory
from minialex.fast.memory import Memory


@pytest.mark.parametrize("count", [0, 1, 2, 7, 12])
@pytest.mark.parametrize(
    "bytes_each, budget, at_most",
    [(10, 100, 10), (10, 39, 3), (10, 5, 1), (10, 0, 1), (0, 100, 100)],
)
def test_slices_cover_everything_once_and_keep_to_the_budget(count, bytes_each, budget, at_most):
    cut = [list(range(count))[part] for part in Memory.slices(count, bytes_each, budget)]
    assert [i for part in cut for i in part] == list(range(count))
    assert all(0 < len(part) <= at_most for part in cut)
    assert len(cut) == -(-count // at_most)  # no more slices than needed


@pytest.mark.parametrize("shape", [(0, 4, 3), (1, 4, 3), (5, 100, 100, 3), (3, 400, 400, 3)])
def test_in_cache_covers_every_picture_once(shape):
    seen = numpy.zeros(shape, numpy.float32)
    for part in Memory().cache_slices(seen):
        assert len(seen[part]) == 1 or seen[part].nbytes <= memory.CACHE_BYTES
        seen[part] += 1
    assert (seen == 1).all()


def test_the_workspace_of_a_gpu_is_larger_than_that_of_a_core(device):
    used = Memory()
    on_gpu, on_cpu = (used.workspace_bytes(xp.ones(1)) for xp in (device, numpy))
    assert on_gpu > on_cpu >= 1 << 20


def test_a_layer_gets_its_own_memory_again_and_no_other_does():
    used, x = Memory(), numpy.ones(6)
    first = used.own("layer", "y", x, (2, 3))
    assert numpy.may_share_memory(first, used.own("layer", "y", x, (3,)))
    assert not numpy.may_share_memory(first, used.own("another", "y", x, (2, 3)))
    assert not numpy.may_share_memory(first, used.own("layer", "s", x, (2, 3)))


def test_scratch_memory_is_shared_by_all_layers_under_its_name():
    used, x = Memory(), numpy.ones(6)
    assert numpy.may_share_memory(used.scratch("rows", x, (6,)), used.scratch("rows", x, (2, 2)))


def test_gradients_take_turns_in_two_blocks():
    used, dy = Memory(), numpy.ones(6)
    seen = []
    for size in (6, 4, 6, 2):
        dx = used.passed(dy, (size,))
        assert not numpy.may_share_memory(dx, dy)
        seen.append(dx)
        dy = dx
    assert numpy.may_share_memory(seen[0], seen[2])
    assert numpy.may_share_memory(seen[1], seen[3])


@pytest.mark.parametrize("dtype", ["float64", "uint8"])
def test_memory_of_another_kind_is_not_reused(dtype):
    used, x = Memory(), numpy.ones(6, "float32")
    used.scratch("rows", x, (6,))
    assert used.scratch("rows", x, (6,), dtype).dtype == dtype
    assert used.scratch("rows", x.astype(dtype), (6,)).dtype == dtype
