#!/usr/bin/env bash
# Where the time of one workload goes, by function.
#
#   profile.sh WORK [SIZE] [SECONDS]      WORK: dense, apart, groups or generate; SIZE: tiny, mini or 30m
#
# Records the example `speed` of the crate `model` with perf for about SECONDS (default 10) and prints
# the functions that took most, flat and with their callers. Needs perf; without it, it says so and does
# nothing. KNOWCODER_SPEED names a built program, else it
# is built here. KNOWCODER_REFERENCE is the Python environment (scripts/reference/setup.sh).
set -euo pipefail

if ! command -v perf >/dev/null; then
    echo "perf is not installed: nothing was recorded" >&2
    exit 0
fi
work="${1:?usage: profile.sh WORK [SIZE] [SECONDS]}"
size="${2:-mini}"
seconds="${3:-10}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
python="${KNOWCODER_REFERENCE:-$HOME/.cache/knowcoder/reference}/bin/python"
program="${KNOWCODER_SPEED:-}"
if [[ -z "$program" ]]; then
    (cd "$here" && cargo build --release --package model --example speed)
    program="${CARGO_TARGET_DIR:-$here/target}/release/examples/speed"
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

# The model, and a file of requests that repeat the work for about so long.
"$python" - "$here/scripts/bench" "$folder" "$work" "$size" "$seconds" "$program" <<'PY'
import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import model

folder, work, size, seconds, program = Path(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5]), sys.argv[6]
shape = model.SHAPES[size]
model.write_model(folder / "model", shape)
asked = model.requests(shape, [work, "groups"] if work == "apart" else [work])[work]
side = model.Side([program, str(folder / "model")])
side.ask(do="prepare", name=work, **asked)
side.ask(do="measure", name=work)
once = side.ask(do="measure", name=work)["wall_seconds"]
side.close()
lines = [{"do": "prepare", "name": work, **asked}] + [{"do": "measure", "name": work}] * max(1, round(seconds / once))
(folder / "requests").write_text("".join(json.dumps(line) + "\n" for line in lines))
PY
RAYON_NUM_THREADS=1 perf record --quiet --freq 997 --call-graph fp --output "$folder/perf.data" \
    "$program" "$folder/model" <"$folder/requests" >/dev/null
perf report --input "$folder/perf.data" --no-children --call-graph none --percent-limit 0.5 --stdio 2>/dev/null |
    grep -v '^#' | grep -v '^$' | cut -c1-160
