#!/usr/bin/env bash
# Makes the Python environment that the reference scripts run in, once.
#
# The program itself needs no Python. The scripts beside this one hold it against other people's
# code (transformers, PEFT, SentencePiece, Arrow, DuckDB, Polars, TensorBoard, openai, the schemas of
# Kubernetes), and those are Python.
#
#   scripts/reference/setup.sh            # about 2.5 GB to download, 4.4 GB on disk
#   ~/.cache/knowcoder/reference/bin/python scripts/reference/llama_golden.py
#
# KNOWCODER_REFERENCE names another place for it, PYTHON another interpreter (3.11 or newer).
# A second call finds the environment complete and ends at once; a changed requirements.txt or
# another interpreter makes it anew. Exit code 0: it is there and imports.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
environment="${KNOWCODER_REFERENCE:-$HOME/.cache/knowcoder/reference}"
python="${PYTHON:-python3}"
requirements="$here/requirements.txt"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup.sh: needs Python 3.11 or newer; \`$python\` is $("$python" --version 2>&1 || true)." \
        "Set PYTHON to another one." >&2
    exit 69
fi

mkdir -p "$(dirname "$environment")"
# Two runs on one machine must not build the same directory side by side.
exec 9>"$environment.lock"
if command -v flock >/dev/null; then flock 9; fi

# The stamp is written last: an environment without it was interrupted and is made anew.
stamp="$("$python" --version) $(sha256sum "$requirements" | cut -d' ' -f1)"
if [[ "$(cat "$environment/complete" 2>/dev/null || true)" == "$stamp" ]]; then
    echo "reference environment: $environment (complete)"
    exit 0
fi

echo "reference environment: making $environment"
rm -rf "$environment"
"$python" -m venv "$environment"
started=$SECONDS
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
    --no-deps --requirement "$requirements"
echo "reference environment: packages installed in $((SECONDS - started)) s"

"$environment/bin/python" - <<'PYTHON'
import importlib, importlib.metadata

for name in ["torch", "transformers", "peft", "sentencepiece", "safetensors", "pyarrow", "duckdb", "polars",
             "numpy", "tensorboard", "openai", "kubernetes_validate", "kubeflow_trainer_api"]:
    importlib.import_module(name)
    print(f"reference environment: {name} {importlib.metadata.version(name)}")
from transformers import LlamaForCausalLM  # noqa: F401  The class is loaded lazily: touch it.
from peft import LoraConfig  # noqa: F401
PYTHON

echo "$stamp" >"$environment/complete"
echo "reference environment: $environment (complete)"
