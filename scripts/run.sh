#!/usr/bin/env bash
# Sets up, builds and shows the system. SOURCE is the user's own camera or file; without it a clip plays as a camera.
source "$(dirname "$0")/lib.sh"

scripts/setup.sh
say "building (the first time takes some minutes)"
cargo build --workspace # as the tests build it, so that neither rebuilds what the other built
if [ -n "${SOURCE:-}" ]; then
    exec "$CARGO_TARGET_DIR/debug/cortex" demo --source "$SOURCE"
fi
exec "$CARGO_TARGET_DIR/debug/cortex" demo
