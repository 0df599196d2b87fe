#!/usr/bin/env bash
# pytest 8 leaves out the other tests of a folder if a file in it is named earlier on the command
# line. There is no warning, and the exit code is 0. pytest 9 runs them all, but not in the order of
# the command line: the file moves to its folder's place.
#
# That matters where the most telling tests are to run first and all others after them. (pytest says
# that it ignores duplicate paths, which --keep-duplicates changes; but a folder is no duplicate of
# a file in it.)
#
# expected: pytest folder/test_a.py other folder runs test_a, test_other, test_b, in that order
# seen:     pytest 8.4.2 runs test_a and test_other; pytest 9.2.0 runs test_other, test_a, test_b
#
# Exits with 0 while both behave so, and with 1 otherwise.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

mkdir folder other
for name in folder/test_a folder/test_b other/test_other; do
    printf 'def test_it():\n    pass\n' > "$name.py"
done

collected() { # the tests that this version of pytest runs for these arguments, in order
    local version=$1
    shift
    "environment-$version/bin/python" -m pytest --collect-only -q -p no:cacheprovider "$@" | grep ::
}

for version in 8.4.2 9.2.0; do
    python3 -m venv "environment-$version"
    "environment-$version/bin/pip" install --quiet "pytest==$version"
    for arguments in "folder/test_a.py folder" "folder/test_a.py other folder"; do
        echo "\$ pytest $arguments    # pytest $version"
        collected "$version" $arguments
    done
done

a=folder/test_a.py::test_it b=folder/test_b.py::test_it other=other/test_other.py::test_it
[[ $(collected 8.4.2 folder/test_a.py folder) == "$a" ]] &&
    [[ $(collected 8.4.2 folder/test_a.py other folder) == "$a"$'\n'"$other" ]] &&
    [[ $(collected 9.2.0 folder/test_a.py other folder) == "$other"$'\n'"$a"$'\n'"$b" ]]
