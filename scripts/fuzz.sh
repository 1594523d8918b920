#!/usr/bin/env bash
# Runs the fuzz targets: every reader of foreign bytes, no panic, no endless loop, bounded memory.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]     each target for SECONDS (60); without names, all
#
# Needs a nightly toolchain and cargo-fuzz (`cargo install cargo-fuzz`). Prints a line per target. Inputs
# that were found interesting stay in fuzz/corpus, inputs that broke something in fuzz/artifacts: copy
# such a one to tests/fixtures/fuzz/TARGET/, where `cargo test -p data-pipeline --test fuzzed`
# or, of a target of the launcher, `cargo test -p launcher --lib fuzzed` reads it, and mend the reader. Exit code 0: nothing was found; 1: something was; 2: it could not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz"

seconds="${1:-60}"
shift || true
if [[ ! "$seconds" =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: scripts/fuzz.sh [SECONDS [TARGET...]]; \`$seconds\` is no number of seconds" >&2
    exit 2
fi
for tool in "cargo +nightly --version" "cargo fuzz --version"; do
    if ! $tool >/dev/null 2>&1; then
        echo "\`$tool\` fails: rustup toolchain install nightly; cargo install cargo-fuzz" >&2
        exit 2
    fi
done
if (($#)); then
    targets=("$@")
else
    mapfile -t targets < <(for file in targets/*.rs; do basename "$file" .rs; done)
fi

# Files of corpora are written anew for each input; where memory can hold them, it should.
scratch="$(mktemp -d -p "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")"
trap 'rm -rf "$scratch"' EXIT
export TMPDIR="$scratch"
# What is freed is kept from use for a while; by default that is half of what a target may take.
export ASAN_OPTIONS="quarantine_size_mb=16:detect_leaks=0:${ASAN_OPTIONS:-}"

cargo +nightly fuzz build

# What we ship is the best seed of all: it is read every day.
shipped() {
    case "$1" in
    schema) echo ../configs/schemas ;;
    declaration) echo ../configs/datasets declarations ;;
    concepts) echo ../configs/concepts ;;
    job) echo ../configs/parallel ;;
    prompt) echo ../configs/parallel/prompts ;;
    benchmark) echo ../configs/benchmarks ;;
    ablation) echo ../configs/ablations ;;
    cluster) echo ../configs/clusters ;;
    sweep) echo ../configs/sweeps ;;
    slurm-jobs) echo ../tests/fixtures/slurm ;;
    esac
}

found=0
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target"
    seeds=("corpus/$target")
    for folder in "seeds/$target" "../tests/fixtures/fuzz/$target" $(shipped "$target"); do
        [[ -d "$folder" ]] && seeds+=("$folder")
    done
    log="$scratch/$target.log"
    verdict=ok
    if ! cargo +nightly fuzz run "$target" "${seeds[@]}" -- -max_total_time="$seconds" \
        -rss_limit_mb=512 -malloc_limit_mb=256 -timeout=10 -max_len=65536 -print_final_stats=1 \
        >"$log" 2>&1; then
        found=1
        input="$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)"
        cause="$(grep -m1 -E 'panicked at|ERROR: (AddressSanitizer|libFuzzer)' "$log" || true)"
        verdict="FOUND ${input:-nothing kept} ($cause)"
        if [[ -z "$input" ]]; then tail -20 "$log" >&2; fi
    fi
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    peak="$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")"
    printf '%-16s %9s executions %5s MB %s\n' "$target" "${runs:-?}" "${peak:-?}" "$verdict"
done
exit "$found"
