"""Hosts of a cluster on one Linux machine: as slow a network as a test wants, and mpirun over it.

    with linked(2, delay_ms=5, rate_mbit=200) as hosts:
        done = hosts.run("-m", "minialex.train", "--epochs", 1)  # one rank on each host

Each host is a network namespace with a name and an address of its own (h0, 10.77.0.1, …). They see
the same files. slow_network.py makes them and the network between them, and takes everything away
at the end of `with`, or when the test dies.
"""

import contextlib
import functools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpi

NETWORK = Path(__file__).with_name("slow_network.py")

#: Gives a process a network, mounts and process numbers of its own; it dies with `unshare`.
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")


@functools.cache
def missing() -> str | None:
    """Why no ranks run on hosts of their own here; None if they do."""
    if mpi.missing():
        return mpi.missing()
    try:
        with linked(2, delay_ms=1, rate_mbit=1000):
            return None
    except (OSError, RuntimeError) as error:
        return f"network namespaces need Linux, root, iproute2 and util-linux: {error}"


@dataclass
class Hosts:
    """Linked hosts.

    names    h0, h1, …
    network  the number of the process that is the network between them
    """

    names: list[str]
    network: int

    def on(self, name: str, *command: Any) -> list[str]:
        """The command line that runs a command on the host of that name, in this folder."""
        words = shlex.quote(shlex.join(map(str, command)))
        script = f"cd {shlex.quote(os.getcwd())} && exec /dev/shm/on {name} {words}"
        return ["nsenter", "-t", str(self.network), "-m", "-p", "sh", "-c", script]

    def on_ranks(self, *arguments: Any) -> list[str]:
        """The command line that runs `python arguments` on a rank on each host.

        mpirun starts on the first host, and reaches the others by /dev/shm/on instead of ssh. It
        does not know that the hosts share their cores: it must be told that ranks that wait yield.
        """
        where = ("--host", ",".join(self.names), "--bind-to", "none")
        agent = ("--prtemca", "plm_ssh_agent", "/dev/shm/on")
        scratch = ("--prtemca", "prte_tmpdir_base", "/dev/shm")
        tcp = ("--mca", "pml", "ob1", "--mca", "btl", "self,tcp")
        idle = ("--mca", "mpi_yield_when_idle", "1")
        flags = ("--allow-run-as-root", *where, *agent, *scratch, *tcp, *idle)
        return self.on(self.names[0], mpi.MPIRUN, *flags, sys.executable, *arguments)

    def run(self, *arguments: Any, timeout: float = 60) -> subprocess.CompletedProcess:
        """The finished mpirun of `on_ranks`."""
        how: dict[str, Any] = dict(stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return subprocess.run(self.on_ranks(*arguments), timeout=timeout, **how)

    def ranks(self) -> dict[int, int]:
        """The process number of each rank that is alive."""
        found = {}
        here = os.readlink(f"/proc/{self.network}/ns/pid")
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                if os.readlink(process / "ns" / "pid") == here:
                    environment = (process / "environ").read_bytes()
                    rank = re.search(rb"\0OMPI_COMM_WORLD_RANK=(\d+)", environment)
                    if rank:
                        found[int(rank[1])] = int(process.name)
        return found


@contextlib.contextmanager
def linked(count: int, delay_ms: float, rate_mbit: float) -> Iterator[Hosts]:
    """Hosts on one switch. Each sends at most rate_mbit, and what it sends arrives delay_ms later.
    Nothing is lost. RuntimeError if that is not possible here."""
    settings = json.dumps([count, delay_ms, rate_mbit])
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    network = subprocess.Popen([*UNSHARE, sys.executable, "-S", NETWORK, settings], **pipes)
    with network:
        try:
            line = network.stdout.readline()
            if not line:
                raise RuntimeError(network.stderr.read().decode().strip().rpartition("\n")[2])
            yield Hosts(**json.loads(line))
        finally:
            network.stdin.close()  # on which the network process ends
            with contextlib.suppress(subprocess.TimeoutExpired):
                network.wait(5)
            network.kill()
