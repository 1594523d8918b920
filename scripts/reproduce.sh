#!/usr/bin/env bash
# Reproduces a paper's recipe on a cluster: says what it needs, plans, runs, prints the tables.
#
#   scripts/reproduce.sh [--dry-run] RECIPE CLUSTER
#   scripts/reproduce.sh configs/knowcoder-x-7b.toml configs/clusters/h100x8.toml
#
# First comes the plan: memory, hours and disk, then what is missing: corpora with their licences and sizes, weights,
# GPUs. With --dry-run that is all, and no GPU, model or corpus is needed for it. Otherwise anything that is missing
# stops it before something is queued, unless it would lie on volumes of pods or in an object store. On SLURM and
# Kubernetes the run is submitted and followed; the same command finds one that was cut off and goes on with it.
#
# Settings, all from the environment:
#   KNOWCODER        the program; without it, it is built here first, with CUDA (cargo, some minutes)
#   KNOWCODER_DATA   where corpora lie (default: data)
#   RUN_DIR          where the run is written (default: runs/NAME)
#   SCALE            other numbers of ranks to plan for, where the cluster file names its [hardware] (default: 1,8,64)
#   TABLES           tables to print (default: multiconer22 masakhaner2 ner-en ner-zh re ed eae)
set -euo pipefail

usage() {
    sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2
    exit 2
}

dry=""
if [[ "${1:-}" == "--dry-run" ]]; then
    dry=1
    shift
fi
(($# == 2)) || usage
cd "$(dirname "${BASH_SOURCE[0]}")/.."
recipe="$1"
cluster="$2"
for file in "$recipe" "$cluster"; do
    if [[ ! -f "$file" ]]; then
        echo "there is no file \`$file\`; paths start at the repository" >&2
        exit 64
    fi
done
data="${KNOWCODER_DATA:-data}"
run_dir="${RUN_DIR:-runs/$(basename "$recipe" .toml)}"
read -r -a tables <<<"${TABLES:-multiconer22 masakhaner2 ner-en ner-zh re ed eae}"

program="${KNOWCODER:-}"
if [[ -z "$program" ]]; then
    if ! command -v cargo >/dev/null; then
        echo "cargo is not here to build the program: install Rust (https://rustup.rs), or set KNOWCODER to one that is built" >&2
        exit 69
    fi
    echo "=== building the program; KNOWCODER=PATH takes one that is built"
    cargo build --quiet --release --features cuda
    program="${CARGO_TARGET_DIR:-target}/release/knowcoder"
fi
if ! command -v "$program" >/dev/null; then
    echo "KNOWCODER is \`$program\`, which is no program" >&2
    exit 64
fi

echo "=== plan"
plan=("$program" plan "$recipe" --cluster "$cluster" --run-dir "$run_dir" --data-root "$data")
scale=()
# Other numbers of ranks are planned where somebody says how fast they are.
if grep -q '^\[hardware\]' "$cluster"; then
    scale=(--scale "${SCALE:-1,8,64}")
fi
"${plan[@]}" ${scale[@]+"${scale[@]}"}
ready=""
document="$("${plan[@]}" --json)"
if grep -qE '"ready": *true' <<<"$document"; then
    ready=1
fi

if [[ -n "$dry" ]]; then
    if [[ -z "$ready" ]]; then
        echo "=== not everything is here: see \`needs\` above"
    fi
    if grep -qE '^backend *= *"(slurm|kubernetes)"' "$cluster"; then
        echo "=== would submit the run and follow it, then print: ${tables[*]}"
    else
        echo "=== would run it here, then print: ${tables[*]}"
    fi
    exit 0
fi
# What pods have on their volumes, and what lies in object stores, is not seen from here.
elsewhere=""
if [[ "$data" == *://* ]] || grep -qE '^backend *= *"kubernetes"' "$cluster"; then
    elsewhere=1
fi
if [[ -z "$ready" && -z "$elsewhere" ]]; then
    {
        echo "not everything is here: see \`needs\` above. Nothing was started."
        echo "  corpora: \`knowcoder data fetch NAME\`, or what its declaration in configs/datasets says;"
        echo "           without some: a recipe that extends this one, with [[phase]] tables of its own"
        echo "  weights: fetch them into the folder that is named there, as the recipe's comment says"
    } >&2
    exit 65
fi

echo "=== run"
"$program" run "$recipe" --cluster "$cluster" --run-dir "$run_dir" --data-root "$data"

for table in "${tables[@]}"; do
    echo "=== table $table"
    "$program" report "$run_dir" --table "$table"
done
