#!/usr/bin/env bash
# Faults put into a running fleet, and a judge of what became of every frame and fact. Arguments are faults by name (f2);
# without any, all of them. Ledgers and reports lie in $CARGO_TARGET_DIR/chaos, the table of last results in
# bench/chaos/RESULTS.md.
source "$(dirname "$0")/lib.sh"

say "building for speed"
cargo build --release --workspace
binaries="$CARGO_TARGET_DIR/release"
# Faults kill servers of their own; loopback only, and nothing outlives the command.
exec "$binaries/cortex-chaos" --out "$CARGO_TARGET_DIR/chaos" run "$@" \
    --cortex "$binaries/cortex" --clip "$CORTEX_HOME/clips/vtest.mp4"
