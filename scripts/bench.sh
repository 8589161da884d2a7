#!/usr/bin/env bash
# Builds for speed and measures. Arguments go to the benchmark; without any, all of them run.
source "$(dirname "$0")/lib.sh"

peers="$CORTEX_HOME/peers"
if ! cmp --silent bench/peers/requirements.txt "$peers/requirements.txt"; then
    say "fetching the Python pipeline's packages"
    rm -rf "$peers"
    python3 -m venv "$peers" || fail "python cannot make an environment: apt-get install python3-venv"
    "$peers/bin/pip" install --quiet --disable-pip-version-check --requirement bench/peers/requirements.txt
    cp bench/peers/requirements.txt "$peers/"
fi
say "building for speed"
cargo build --release --workspace
benchmark="${1:-all}"
[ $# -eq 0 ] || shift
exec "$CARGO_TARGET_DIR/release/bench" "$benchmark" --clip "$CORTEX_HOME/clips/vtest.mp4" \
    --cortex "$CARGO_TARGET_DIR/release/cortex" --python "$peers/bin/python" --out "$CARGO_TARGET_DIR/bench" "$@"
