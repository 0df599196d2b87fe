"""The process that is the network in links.py: it makes the hosts, and carries what they send.

It is process 1 of a PID namespace: when it ends, the kernel ends every process on the hosts, and
with them go namespaces, devices and mounts. It ends when its standard input does, which is a pipe
from the test, however that may end.

Where the kernel has netem, the hosts' cables are pairs of veth devices, with delay and rate set by
tc (tried on Linux 6.1, Debian's user-mode-linux). Many kernels lack it. There each host has a TUN
device, whose packets this process reads, holds back for as long, and writes to the device of the
host that they are for.
"""

import contextlib
import fcntl
import heapq
import itertools
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

SHARED = Path("/dev/shm")

#: Runs a command on a host: what ssh does between machines.
ON = """#!/bin/sh
host=$1; shift
exec nsenter -t $(cat /dev/shm/$host) -n -u sh -c "$*"
"""

#: From linux/if_tun.h: a device that takes IP packets as they are.
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

#: Bytes of a packet. With large ones, a process that carries them has less to do.
MTU = 9000


def main(count: int, delay_ms: float, rate_mbit: float) -> None:
    """Makes the hosts, says so on standard output, and carries packets until the input ends."""
    own_number = int(os.readlink("/proc/self"))  # as seen from outside, whose /proc this still is
    sh("mount -t proc proc /proc; mount -t tmpfs tmpfs /dev/shm")
    names = [f"h{i}" for i in range(count)]
    pids = [start_host(name) for name in names]
    (SHARED / "on").write_text(ON)
    (SHARED / "on").chmod(0o755)
    addresses = [f"10.77.0.{i + 1}" for i in range(count)]
    lines = [" ".join(pair) for pair in zip(addresses, names, strict=True)]
    (SHARED / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    sh("mount --bind /dev/shm/hosts /etc/hosts")
    tuns = [] if has_netem() else [open_tun(f"tun{i}") for i in range(count)]
    for i, pid in enumerate(pids):
        if tuns:
            sh(f"ip link set tun{i} netns {pid} name net")
        else:
            sh(f"ip link add port{i} mtu {MTU} type veth peer name net netns {pid}")
            sh(f"ip link set port{i} master switch up")
        within(pid, f"ip link set lo up; ip addr add {addresses[i]}/24 dev net")
        within(pid, f"ip link set net mtu {MTU} txqueuelen 10000 up")
        if not tuns:
            shape = f"delay {delay_ms}ms rate {rate_mbit}mbit limit 10000"
            within(pid, f"tc qdisc add dev net root netem {shape}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # processes that lose their parent end here
    with contextlib.suppress(OSError):  # goes first: ranks that poll must not hold packets up
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    print(json.dumps({"names": names, "network": own_number}), flush=True)
    carry(tuns, delay_ms / 1e3, rate_mbit * 1e6 / 8)


def sh(script: str) -> None:
    """Runs the lines of a shell script, up to the first one that fails."""
    subprocess.run(["sh", "-e", "-c", script], check=True, stdin=subprocess.DEVNULL)


def within(pid: int, script: str) -> None:
    """Runs them in the network of the host that is process `pid`."""
    sh(f"nsenter -t {pid} -n sh -e -c '{script}'")


def start_host(name: str) -> int:
    """Starts a process in a network namespace, with a host name; returns its number."""
    script = f"echo {name} >/proc/sys/kernel/hostname; echo started; exec sleep infinity >&2"
    words = ["unshare", "--net", "--uts", "sh", "-c", script]
    host = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    host.stdout.readline()
    (SHARED / name).write_text(str(host.pid))
    return host.pid


def has_netem() -> bool:
    """Whether tc can delay packets here; if so, there is a switch for the hosts' cables."""
    try:
        sh("(tc qdisc add dev lo root netem delay 1ms; ip link add switch type bridge) 2>/dev/null")
    except subprocess.CalledProcessError:
        return False
    sh("ip link set switch up")
    return True


def open_tun(name: str) -> int:
    """A file of a new TUN device, which exists for as long as the file is open."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def carry(tuns: list[int], delay: float, rate: float) -> None:
    """Carries packets from one TUN device to another until standard input ends.

    A packet has left its host when that has sent everything before it, and it itself, at `rate`
    bytes a second. `delay` seconds later it arrives.
    """
    free = dict.fromkeys(tuns, 0.0)  # when each host has sent all that it has to send
    under_way: list[tuple] = []  # packets, by when they arrive
    order = itertools.count()
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select([0, *tuns], [], [], wait)
        if 0 in ready:
            return
        now = time.monotonic()
        for tun in ready:
            packet = os.read(tun, 65536)
            to = packet[19] - 1  # an IPv4 address's last byte
            if packet[0] >> 4 == 4 and 0 <= to < len(tuns):
                free[tun] = max(now, free[tun]) + len(packet) / rate
                arrival = free[tun] + delay
                heapq.heappush(under_way, (arrival, next(order), tuns[to], packet))
        while under_way and under_way[0][0] <= now:
            _, _, tun, packet = heapq.heappop(under_way)
            with contextlib.suppress(OSError):  # from a host that is about to end
                os.write(tun, packet)


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
