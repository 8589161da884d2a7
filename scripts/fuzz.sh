#!/usr/bin/env bash
# Feeds each parser of outside bytes with garbage, guided by coverage, beginning with fuzz/seeds. With SECONDS, that long,
# from what was found before too; without, the same inputs each time, so that a change is judged by what it changed. What
# crashes is kept beside the corpus and told. The coverage passes are the compiler's own, so any toolchain that builds
# Cortex will do.
source "$(dirname "$0")/lib.sh"

if [ $# -gt 0 ]; then
    effort=(-max_total_time="$1")
else
    effort=(-runs=200000 -seed=1)
    scratch="$(mktemp -d)"
    trap 'rm -rf "$scratch"' EXIT
fi
passes=(-Cpasses=sancov-module -Ccodegen-units=1)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    passes+=("-Cllvm-args=-sanitizer-coverage-$option")
done
machine="$(rustc -vV | sed -n 's/^host: //p')"
say "building the fuzz targets (minutes the first time)"
RUSTFLAGS="--cfg fuzzing ${passes[*]}" cargo build --quiet --manifest-path fuzz/Cargo.toml --release --bins \
    --target "$machine" --target-dir "$CARGO_TARGET_DIR/fuzz"
status=0
for target in fuzz/fuzz_targets/*.rs; do
    name="$(basename "$target" .rs)"
    found="$CORTEX_HOME/fuzz/$name.found"
    log="$CORTEX_HOME/fuzz/$name.log"
    corpus="${scratch:-$CORTEX_HOME/fuzz}/$name"
    mkdir -p "$corpus" "$found"
    seeds=("fuzz/seeds/$name")
    [ -d "${seeds[0]}" ] || seeds=()
    if "$CARGO_TARGET_DIR/fuzz/$machine/release/$name" "${effort[@]}" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$found/" -print_final_stats=1 "$corpus" "${seeds[@]}" >"$log" 2>&1 </dev/null; then
        say "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, none broke it"
    else
        status=1
        tail -n 30 "$log"
        say "$name: broken, the input is in $found"
    fi
done
exit "$status"
