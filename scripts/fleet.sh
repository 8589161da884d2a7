#!/usr/bin/env bash
# Shows the fleet on this machine: a Kafka, a CQL server, a process for each stage, and the demonstration clip as camera.
# Ctrl-C stops all of it.
source "$(dirname "$0")/lib.sh"

if [ "${1:-}" != inside ]; then
    scripts/setup.sh --test
    say "building (the first time takes some minutes)"
    cargo build --workspace
    say "starting Kafka and Cassandra"
    exec scripts/servers.sh run scripts/fleet.sh inside
fi

folder="$(mktemp -d)"
running=()
stop() {
    trap - EXIT
    kill "${running[@]}" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

binaries="$CARGO_TARGET_DIR/debug"
export CORTEX__BUS__URL="kafka://$CORTEX_TEST_KAFKA/demo" CORTEX__BUS__REPLICATION=1
export CORTEX__STORE__URL="scylla://cassandra@$CORTEX_TEST_CQL/demo" CORTEX__STORE__REPLICATION=1
export CORTEX__STORE__PASSWORD=cassandra

mkfifo "$folder/url"
"$binaries/cortex-camera" --port 0 "$CORTEX_HOME/clips/vtest.mp4" >"$folder/url" &
running+=($!)
read -r url <"$folder/url"
config="$folder/cortex.toml"
{ cat demo/demo.toml && printf '\n[[cameras]]\nid = "campus"\nurl = "%s"\n' "$url"; } >"$config"

"$binaries/cortex" --config "$config" store migrate
"$binaries/cortex" --config "$config" topics apply | tail -n 1
# start STAGE: its own binary, on a free port; what it says first is where.
start() {
    mkfifo "$folder/$1.said"
    CORTEX__DATA__DIR="$folder/$1" CORTEX__LISTEN__ADDRESS=127.0.0.1:0 \
        "$binaries/cortex-$1" --config "$config" >"$folder/$1.said" 2>"$folder/$1.log" &
    running+=($!)
}
for stage in detector recognizer cloaker ingest; do start "$stage"; done
say "logs of the stages: $folder/*.log"
for stage in detector recognizer cloaker ingest; do
    read -r said <"$folder/$stage.said" || { tail -n 5 "$folder/$stage.log" >&2; exit 1; }
    said="${said##* }"
    # The alerter asks all but the detector.
    [ "$stage" = detector ] || export "CORTEX__STAGES__${stage^^}=${said%/readyz}"
done
say "in another terminal: CORTEX__DATA__DIR=$folder/alerter $binaries/cortex --config $config watch (alerts) or login (a new link)"
CORTEX__DATA__DIR="$folder/alerter" "$binaries/cortex-alerter" --config "$config" 2>"$folder/alerter.log" &
running+=($!)
# Whichever ends first ends all.
wait -n "${running[@]}" || { tail -n 5 "$folder"/*.log >&2; exit 1; }
