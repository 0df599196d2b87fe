"""How much memory is to be had, as Linux and its control groups say it."""

import pytest

from minialex.available_memory import available_memory

GB = 10**9


@pytest.fixture
def machine(tmp_path):
    """A file system of a machine with 8 GB to be had, and no control groups."""
    (tmp_path / "proc/self").mkdir(parents=True)
    lines = ["MemTotal: 16000000 kB", f"MemAvailable: {8 * GB // 1024} kB", "HugePages_Total: 0"]
    (tmp_path / "proc/meminfo").write_text("\n".join(lines))
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    return tmp_path


def group(folder, limit, used, files=0, version=2):
    names = [("limit_in_bytes", "usage_in_bytes", "total_"), ("max", "current", "")][version - 1]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"memory.{names[0]}").write_text(f"{limit}\n")
    (folder / f"memory.{names[1]}").write_text(f"{used}\n")
    stat = [f"{names[2]}{kind}active_file {files}" for kind in ("in", "")]
    (folder / "memory.stat").write_text("\n".join(["anon 5", *stat]) + "\n")


def test_without_limits_it_is_the_machines(machine):
    assert available_memory(machine) == pytest.approx(8 * GB, abs=1024)


def test_a_container_has_what_its_group_leaves_and_files_are_given_up(machine):
    group(machine / "sys/fs/cgroup", 4 * GB, 3 * GB, files=GB // 2)
    assert available_memory(machine) == 2 * GB


def test_swap_space_can_be_had_too(machine):
    with open(machine / "proc/meminfo", "a") as file:
        file.write(f"\nSwapFree: {GB // 1024} kB\n")
    assert available_memory(machine) == pytest.approx(9 * GB, abs=2048)


def test_the_smallest_of_the_groups_around_it_counts(machine):
    (machine / "proc/self/cgroup").write_text("0::/job.slice/step\n")
    group(machine / "sys/fs/cgroup/job.slice", 4 * GB, 3 * GB)
    group(machine / "sys/fs/cgroup/job.slice/step", "max", GB)
    assert available_memory(machine) == GB


def test_version_1_too_and_no_other_controllers_limits(machine):
    (machine / "proc/self/cgroup").write_text("9:cpu,cpuacct:/x\n7:memory:/x\n1:name=systemd:/x\n")
    group(machine / "sys/fs/cgroup/memory/x", 5 * GB, 3 * GB, version=1)
    group(machine / "sys/fs/cgroup/cpu,cpuacct/x", GB, 0, version=1)
    assert available_memory(machine) == 2 * GB


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ("Max data size  unlimited  unlimited  bytes", 8 * GB),
        (f"Max address space  {4 * GB}  unlimited  bytes", 4 * GB - 3_000 * 1024),
        (f"Max data size  {2 * GB}  {2 * GB}  bytes", 2 * GB - 1_000 * 1024),
    ],
)
def test_what_the_shell_allows_counts_too(machine, limits, left):
    lines = ["Limit  Soft Limit  Hard Limit  Units", "Max open files  20000  20000  files", limits]
    (machine / "proc/self/limits").write_text("\n".join(lines) + "\n")
    (machine / "proc/self/status").write_text("VmSize:\t 3000 kB\nVmData:\t 1000 kB\nGroups:\n")
    assert available_memory(machine) == pytest.approx(left, abs=1024)


def test_more_taken_than_allowed_leaves_nothing(machine):
    group(machine / "sys/fs/cgroup", 4 * GB, 5 * GB)
    assert available_memory(machine) == 0


def test_elsewhere_it_is_not_known(tmp_path):
    assert available_memory(tmp_path) is None


def test_here_it_can_be_asked_for():
    found = available_memory()
    assert found is None or found > 10**6
