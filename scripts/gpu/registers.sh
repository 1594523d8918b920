#!/usr/bin/env bash
# Compiles every kernel that training launches for sm_90, without a GPU, and says what each one uses.
#
#   scripts/gpu/registers.sh [--out DIR] [--programs DIR]
#
# gpu_steps runs on the driver of pretend.py at the 7B model's shapes, two blocks deep, LoRA and
# full; `ptxas` of CUDA 12.9 then assembles what they loaded. DIR (default: target/registers) gets a folder
# with `kernels.json` for each run, and a table is printed. Exit codes: 1 a kernel of ours spills, is refused, or was
# never launched; 2 usage, or gpu_steps is not there.
#
# `ptxas` and libdevice come from the wheel nvidia-cuda-nvcc-cu12 (40 MB) in an environment of their own below
# ~/.cache/knowcoder; the programs need `--features cuda`, see measure.py for how they are built.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
target="${CARGO_TARGET_DIR:-$here/../../target}"
out="$target/registers"
programs="$target/release/examples"
usage() {
    echo "$1; usage: scripts/gpu/registers.sh [--out DIR] [--programs DIR]" >&2
    exit 2
}
while (($#)); do
    [[ "$1" == --out || "$1" == --programs ]] || usage "unknown: $1"
    [[ -n "${2:-}" ]] || usage "$1 needs a value"
    if [[ "$1" == --out ]]; then out="$2"; else programs="$2"; fi
    shift 2
done
if [[ ! -x "$programs/gpu_steps" ]]; then
    usage "gpu_steps is not in $programs: scripts/gpu/measure.py says how it is built"
fi

# Programs run in a folder of their own, so no path may go from here.
out="$(realpath -m "$out")"

assembler="${KNOWCODER_PTXAS:-$HOME/.cache/knowcoder/nvcc}"
if [[ ! -e "$assembler/complete" ]]; then
    python3 -m venv "$assembler"
    "$assembler/bin/pip" install --quiet --no-deps "nvidia-cuda-nvcc-cu12==12.9.*"
    touch "$assembler/complete"
fi
wheel="$(echo "$assembler"/lib/python3*/site-packages/nvidia/cuda_nvcc)"

# One run: what launches a kernel at least once is enough. Each may leave out kernels of the others.
failed=0
check() {
    local name="$1"
    shift
    echo "=== $name: $*"
    python3 "$here/pretend.py" --out "$out/$name" --ptxas "$wheel/bin/ptxas" --partial --kept "$out/kernels" --warm \
        --libdevice "$wheel/nvvm/libdevice/libdevice.10.bc" -- "$@" || failed=1
}

common=(--device cuda --preset 7b --layers 2)
for method in lora full; do
    check "backward-$method" "$programs/gpu_steps" backward --method "$method" --rounds 1 "${common[@]}"
done
check block "$programs/gpu_steps" block --rounds 1 "${common[@]}"
python3 "$here/measure.py" --batches "$out/batches"
for method in lora full; do
    check "steps-$method" "$programs/gpu_steps" steps --method "$method" --steps 1 --group 8 \
        --batch "$out/batches/ie.json" "${common[@]}"
done
# Rules and states that nobody gets unasked, and what several ranks launch.
for rule in adamw lion; do
    check "steps-$rule-8" "$programs/gpu_steps" steps --method full --steps 1 --group 8 --rule "$rule" --bits 8 \
        --batch "$out/batches/ie.json" "${common[@]}"
done
check steps-lion "$programs/gpu_steps" steps --method lora --steps 1 --group 8 --rule lion \
    --batch "$out/batches/ie.json" "${common[@]}"
check buckets "$programs/gpu_steps" buckets --rounds 1 "${common[@]}"
python3 "$here/pretend.py" --together --out "$out" || failed=1
exit "$failed"
