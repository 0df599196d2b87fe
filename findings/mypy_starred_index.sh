#!/usr/bin/env bash
# mypy 2.4.1 reports x[(*a, 0)] as syntax of Python 3.11, with --python-version 3.10.
#
# The tuple in parentheses is valid since Python 3.5 (PEP 448); Python 3.11 (PEP 646) made the
# parentheses optional. mypy 2.4's native parser, where checks of the target version are new (pull
# request 21539), sees the same IndexExpr over a TupleExpr in both cases and reports both. mypy 2.2.0
# reports neither. --no-native-parser avoids it.
#
# expected: no error for starred.py, an error for bare.py
# seen:     the same error for both
#
# Exits with 0 while mypy 2.4.1 behaves so, and with 1 otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet mypy==2.4.1

cat > starred.py <<'EOF'
def corner(x: dict[tuple[int, ...], str], before: tuple[int, ...]) -> str:
    return x[(*before, 0)]


if __name__ == "__main__":
    print(corner({(1, 0): "it runs"}, (1,)))
EOF
sed 's/x\[(\*before, 0)\]/x[*before, 0]/' starred.py > bare.py

check() { # mypy's output for the options and the file, whatever its exit code
    environment/bin/mypy --python-version 3.10 "$@" || true
}

echo "$(environment/bin/mypy --version), run by $(environment/bin/python --version)"
echo "\$ python starred.py"
environment/bin/python starred.py
for arguments in starred.py bare.py "--no-native-parser starred.py"; do
    echo "\$ mypy --python-version 3.10 $arguments"
    check $arguments
done

message='error: Star unpack syntax: requires Python 3.11 or newer (current target: Python 3.10)'
[[ $(check starred.py) == *"starred.py:2: $message"* ]] &&
    [[ $(check bare.py) == *"bare.py:2: $message"* ]] &&
    [[ $(check --no-native-parser starred.py) == Success* ]]
