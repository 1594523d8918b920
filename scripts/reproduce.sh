#!/usr/bin/env bash
# Reproduces a paper's recipe on a cluster: looks whether the corpora are there, plans, runs, prints the tables.
#
#   scripts/reproduce.sh [--dry-run] RECIPE CLUSTER
#   scripts/reproduce.sh configs/knowcoder-x-7b.toml configs/clusters/h100x8.toml
#
# With --dry-run it says what is missing and plans, and changes nothing; no GPU, model or corpus is needed for
# that. Otherwise a corpus that is missing stops it before anything is queued. On SLURM and Kubernetes the run is
# submitted and followed; the same command finds one that was cut off and goes on with it.
#
# Settings, all from the environment:
#   KNOWCODER        the program (default: `cargo run --release --features cuda --`)
#   KNOWCODER_DATA   where corpora lie (default: data)
#   RUN_DIR          where the run is written (default: runs/NAME)
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

knowcoder() {
    if [[ -n "${KNOWCODER:-}" ]]; then
        "$KNOWCODER" "$@"
    else
        cargo run --quiet --release --features cuda -- "$@"
    fi
}

# NAME:SPLIT of the corpora that the recipe names, and of those of the recipe that it extends.
corpora() {
    local parent
    parent="$(sed -n 's/^extends *= *"\(.*\)".*/\1/p' "$1")"
    if [[ -n "$parent" ]]; then
        corpora "$(dirname "$1")/$parent"
    fi
    sed 's/#.*//' "$1" | grep -oE '"[a-z0-9-]+:[a-z0-9-]+"' | tr -d '"' || true
}

# Files of NAME and SPLIT that are not below $data; a pattern must find one. Corpora of our own lie in configs.
missing() {
    local declaration="configs/datasets/$1.toml"
    if [[ ! -f "$declaration" ]] || grep -q '^root = "configs"' "$declaration"; then
        return
    fi
    sed 's/#.*//' "$declaration" |
        awk -v wanted="[splits.$2]" '/^\[/ { inside = ($1 == wanted) } inside' |
        { grep -oE '"[^"]+/[^"]+"' || true; } | tr -d '"' |
        while read -r file; do
            compgen -G "$data/$file" >/dev/null || echo "$file"
        done
}

echo "=== corpora in $data"
absent=0
mapfile -t wanted < <(corpora "$recipe" | sort -u)
for corpus in ${wanted[@]+"${wanted[@]}"}; do
    files="$(missing "${corpus%%:*}" "${corpus#*:}" | wc -l)"
    if ((files > 0)); then
        absent=$((absent + 1))
        echo "  $corpus: $files file(s) missing"
    fi
done
echo "  $absent of ${#wanted[@]} are not complete"
if ((absent > 0)); then
    echo "  \`knowcoder data fetch NAME\` fetches one, or says where it is to be had"
fi

echo "=== plan"
scale=()
# Other numbers of ranks are planned where somebody says how fast they are.
if grep -q '^\[hardware\]' "$cluster"; then
    scale=(--scale 1,8,64)
fi
knowcoder plan "$recipe" --cluster "$cluster" --run-dir "$run_dir" ${scale[@]+"${scale[@]}"}

if [[ -n "$dry" ]]; then
    if grep -qE '^backend *= *"(slurm|kubernetes)"' "$cluster"; then
        echo "=== would submit the run and follow it, then print: ${tables[*]}"
    else
        echo "=== would run it here, then print: ${tables[*]}"
    fi
    exit 0
fi
if ((absent > 0)); then
    echo "the corpora above are missing: get them, or give a recipe that extends this one with phases without them" >&2
    exit 65
fi

echo "=== run"
knowcoder run "$recipe" --cluster "$cluster" --run-dir "$run_dir" --data-root "$data"

for table in "${tables[@]}"; do
    echo "=== table $table"
    knowcoder report "$run_dir" --table "$table"
done
