#!/usr/bin/env bash
# Feeds each parser of outside bytes with garbage for SECONDS (default 20), guided by coverage, beginning with what was
# found before and with fuzz/seeds. What crashes is kept beside the corpus and told. The coverage passes are the compiler's own, so any toolchain that builds Cortex will do.
source "$(dirname "$0")/lib.sh"

seconds="${1:-20}"
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
    corpus="$CORTEX_HOME/fuzz/$name"
    mkdir -p "$corpus" "$corpus.found"
    seeds=("fuzz/seeds/$name")
    [ -d "${seeds[0]}" ] || seeds=()
    log="$corpus.log"
    if "$CARGO_TARGET_DIR/fuzz/$machine/release/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$corpus.found/" -print_final_stats=1 "$corpus" "${seeds[@]}" >"$log" 2>&1 </dev/null; then
        say "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, none broke it"
    else
        status=1
        tail -n 30 "$log"
        say "$name: broken, the input is in $corpus.found"
    fi
done
exit "$status"
