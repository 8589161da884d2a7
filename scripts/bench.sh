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
# Each takes of these what it needs.
export CORTEX_BENCH_CLIP="$CORTEX_HOME/clips/vtest.mp4"
export CORTEX_BENCH_CORTEX="$CARGO_TARGET_DIR/release/cortex"
export CORTEX_BENCH_PYTHON="$peers/bin/python"
export CORTEX_BENCH_OUT="$CARGO_TARGET_DIR/bench"
exec "$CARGO_TARGET_DIR/release/bench" "${@:-all}"
