#!/usr/bin/env bash
# Faults put into a running fleet, and a judge of what became of every frame and fact. Arguments are faults by name (f2);
# without any, all of them. Ledgers and reports lie in $CARGO_TARGET_DIR/chaos, the table of last results in
# bench/chaos/RESULTS.md.
# With --debug first, it is done with what tests are built of, which CI has anyway; ledgers, reports and table lie in
# $CARGO_TARGET_DIR/chaos-debug, because they are nothing to compare with.
source "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --debug ]; then
    shift
    say "building"
    cargo build --workspace
    binaries="$CARGO_TARGET_DIR/debug" out="$CARGO_TARGET_DIR/chaos-debug"
    results="$out/RESULTS.md"
else
    say "building for speed"
    cargo build --release --workspace
    binaries="$CARGO_TARGET_DIR/release" out="$CARGO_TARGET_DIR/chaos" results=bench/chaos/RESULTS.md
fi
# Faults kill servers of their own; loopback only, and nothing outlives the command.
exec "$binaries/cortex-chaos" --out "$out" --results "$results" run "$@" \
    --cortex "$binaries/cortex" --clip "$CORTEX_HOME/clips/vtest.mp4"
