#!/usr/bin/env bash
# Every test, with one real Kafka and one real Cassandra for all of them. The runners' own summaries are shown as they are;
# the last line adds them up.
source "$(dirname "$0")/lib.sh"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
log="$scratch/log"
status=0
cargo test --workspace --no-run </dev/null || exit 1 # nothing need wait for the compiler
cargo test --workspace --no-run "${ON_SERVERS[@]}" </dev/null || exit 1
# Those on servers wait more than they work, so they run beside the rest, and go first where both want to work.
set -m # a group of its own, which can be ended as a whole
scripts/servers.sh run cargo test --workspace --no-fail-fast "${ON_SERVERS[@]}" </dev/null >"$scratch/on_servers" 2>&1 &
set +m
beside=$!
trap 'kill -- "-$beside" 2>/dev/null && wait "$beside"; rm -rf "$scratch"' EXIT
nice cargo test --workspace --no-fail-fast </dev/null 2>&1 | tee "$log" || status=1
wait "$beside" || status=1
tee --append "$log" <"$scratch/on_servers"
# What libraries print may tear the line of a summary apart.
read -r passed failed < <(awk '
    / passed; [0-9]+ failed; / { for (i = 2; i <= NF; i++) { if ($i == "passed;") p += $(i - 1); if ($i == "failed;") f += $(i - 1) } }
    END { print p + 0, f + 0 }' "$log")

if [ -f dashboard/package.json ] && grep -q '"test":' dashboard/package.json; then
    (cd dashboard && NO_COLOR=1 npm test --silent -- --run </dev/null) 2>&1 | tee "$log" || status=1
    read -r page_passed page_failed < <(awk '
        $1 == "Tests" { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^failed/) f += $(i - 1) } }
        END { print p + 0, f + 0 }' "$log")
    passed=$((passed + page_passed)) failed=$((failed + page_failed))
fi

[ "$failed" -eq 0 ] || status=1
[ "$passed" -gt 0 ] || { echo "no test ran" >&2; status=1; }
[ "$status" -eq 0 ] || echo "some tests failed, or did not compile: see above" >&2
echo "$passed passed, $failed failed"
exit "$status"
