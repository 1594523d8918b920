#!/usr/bin/env bash
# Installs the S3 server that the tests of object stores start, once: a program of other people
# (s3s-fs, whose buckets are folders) that checks signatures as Amazon's does.
#
#   scripts/reference/s3_server.sh            # about 200 crates to compile, no optimisation
#   cargo test --workspace --features launcher/object-store --test it store
#
# It is no dependency of ours: nothing of it is in our Cargo.lock. KNOWCODER_S3_SERVER names another
# program with the same options. A second call finds it and ends at once. Exit code 0: it is there.
set -euo pipefail

version="0.14.1"
place="$HOME/.cache/knowcoder/s3-server"
program="$place/bin/s3s-fs"

if [[ -n "${KNOWCODER_S3_SERVER:-}" ]]; then
    echo "S3 server: $KNOWCODER_S3_SERVER, as KNOWCODER_S3_SERVER says"
    exit 0
fi

mkdir -p "$place"
# Two runs on one machine must not install it side by side.
exec 9>"$place/lock"
if command -v flock >/dev/null; then flock 9; fi

if [[ "$("$program" --version 2>/dev/null || true)" == "s3s-fs $version" ]]; then
    echo "S3 server: $program (complete)"
    exit 0
fi

# Its crates are built in a temporary folder, apart from ours: they share nothing worth keeping.
env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 cargo install s3s-fs \
    --version "$version" --locked --debug --features binary --root "$place" --force --quiet
"$program" --version
