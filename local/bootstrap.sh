#!/bin/bash
# Make the Python environment in $1 from requirements.lock. Each missing piece ends in a clear word, not in a traceback.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1

fail() { # what, way out
    printf '\033[31m✗\033[0m %s\n  → %s\n' "$1" "$2" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

install() { # packages
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "$* must be installed" "sudo apt-get install -y $*"
    echo "· installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q "$@" >/dev/null 2>&1 || { apt-get update -q && apt-get install -y -q "$@"; } >/dev/null ||
        fail "$* could not be installed" "check the network, then: apt-get install -y $*"
}

if [ ! -x "$venv/bin/pip" ]; then
    python=$(find_python)
    [ -n "$python" ] || { install python3 python3-venv; python=$(find_python); }
    [ -n "$python" ] || fail "Python 3.11 or newer is missing" "install it, or name it: make setup PYTHON=/path/to/python3"
    "$python" -c 'import ensurepip' 2>/dev/null || install python3-venv
    echo "· making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
fi

pip=("$venv/bin/python" -m pip --disable-pip-version-check)
echo "· installing the locked packages"
"${pip[@]}" install -q --require-hashes -r requirements.lock ||
    fail "the Python packages could not be installed" "check the network and pip's settings, then: make setup"
"${pip[@]}" install -q --no-deps -e . ||
    fail "IMS itself could not be installed" "see the message above, then: make setup"
