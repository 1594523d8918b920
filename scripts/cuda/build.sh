#!/usr/bin/env bash
# Builds the release program with CUDA, in one command.
#
#   scripts/cuda/build.sh [--llvm DIR] [--features LIST] [-- CARGO ARGUMENTS...]
#
# Prepares LLVM first where it is not there yet (scripts/cuda/llvm_bundle.sh); neither CUDA nor a GPU is needed
# to build. Says how large the program is, stripped and packed. Cold it takes 25 minutes on two cores.
#
#   --llvm DIR        where LLVM is, or will be prepared (default: what the build itself has downloaded, else
#                     ~/.cache/knowcoder/llvm)
#   --download        let the build download its own bundle of LLVM from GitHub
#   --features LIST   more features beside cuda, such as fusion,tui
#   --help            this text
#
# From the environment: CARGO_TARGET_DIR, and CUDARC_CUDA_VERSION, the version of the driver's interface that
# is compiled in (default 13000, which needs a driver that serves CUDA 12.8 or newer).
#
# Exit codes: 0 built; 2 usage; 69, 75 as scripts/cuda/llvm_bundle.sh; others are cargo's.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
usage() { sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' scripts/cuda/build.sh; }

llvm="" download=0 features="cuda"
while (($#)); do
    case "$1" in
    --help | -h)
        usage
        exit 0
        ;;
    --download) download=1 ;;
    --llvm | --features)
        [[ -n "${2:-}" ]] || {
            echo "build.sh: $1 needs a value" >&2
            exit 2
        }
        if [[ "$1" == --llvm ]]; then llvm="$2"; else features="cuda,$2"; fi
        shift
        ;;
    --)
        shift
        break
        ;;
    *)
        echo "build.sh: unknown option $1; known are --llvm, --download, --features and --help" >&2
        exit 2
        ;;
    esac
    shift
done

own="${XDG_DATA_HOME:-$HOME/.local/share}"
if ((!download)) && { [[ -n "$llvm" ]] || ! compgen -G "$own/tracel/tracel-llvm-*/.tracel-llvm-installed" >/dev/null; }; then
    llvm="${llvm:-$HOME/.cache/knowcoder/llvm}"
    scripts/cuda/llvm_bundle.sh "$llvm"
    XDG_DATA_HOME="$(realpath "$llvm")"
    export XDG_DATA_HOME
fi
export CUDARC_CUDA_VERSION="${CUDARC_CUDA_VERSION:-13000}"
started=$SECONDS
cargo build --release --locked --package launcher --features "$features" "$@"
program="${CARGO_TARGET_DIR:-target}/release/knowcoder"

# What it weighs, without a change to the program itself.
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
strip -o "$scratch/knowcoder" "$program"
xz -6 --keep --threads=0 "$scratch/knowcoder"
megabytes() { awk -v bytes="$(stat -c %s "$1")" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }
echo "built $program in $((SECONDS - started)) s: $(megabytes "$program"), stripped" \
    "$(megabytes "$scratch/knowcoder"), packed with xz $(megabytes "$scratch/knowcoder.xz")"
echo "where it is to run: $program doctor"
