#!/usr/bin/env bash
# Sets up, builds and shows the system. SOURCE is the user's own camera or file; without it a clip plays as a camera.
source "$(dirname "$0")/lib.sh"

scripts/setup.sh
say "building (the first time takes some minutes)"
cargo build --workspace # as the tests build it, so that neither rebuilds what the other built
mkdir -p "$CORTEX_HOME/bin"
# Another terminal knows no CORTEX_HOME, and would look for the running system elsewhere.
rm -f "$CORTEX_HOME/bin/cortex"
cat >"$CORTEX_HOME/bin/cortex" <<EOF
#!/usr/bin/env bash
export CORTEX_HOME="\${CORTEX_HOME:-$CORTEX_HOME}"
exec -a "\$0" "$CARGO_TARGET_DIR/debug/cortex" "\$@"
EOF
chmod +x "$CORTEX_HOME/bin/cortex"
source=()
[ -z "${SOURCE:-}" ] || source=(--source "$SOURCE")
exec "$CORTEX_HOME/bin/cortex" demo "${source[@]}"
