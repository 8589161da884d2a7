#!/usr/bin/env bash
# Sets up, builds and shows the system. SOURCE is the user's own camera or file; without it a clip plays as a camera.
source "$(dirname "$0")/lib.sh"

scripts/setup.sh
say "building (the first time takes some minutes)"
cargo build --workspace # as the tests build it, so that neither rebuilds what the other built
mkdir -p "$CORTEX_HOME/bin"
ln -sf "$CARGO_TARGET_DIR/debug/cortex" "$CORTEX_HOME/bin/cortex"
source=()
[ -z "${SOURCE:-}" ] || source=(--source "$SOURCE")
exec "$CORTEX_HOME/bin/cortex" demo "${source[@]}"
