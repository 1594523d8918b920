#!/usr/bin/env python3
"""How fast weights are read, and in how much memory, beside what the disk gives.

    scripts/bench/loading.py [--gigabytes 4] [--tensor-mib 256] [--folder DIR] [--repeat 3] [PROGRAM]

Writes a checkpoint of made-up bf16 weights twice, as safetensors and as `pytorch_model.bin`, each in
shards of about a gigabyte with an index; reads each with PROGRAM (target/release/examples/read_weights:
`cargo build --release -p model --example read_weights`) and with `cat`, in turn, from a cold and from
a warm page cache; prints one JSON document and removes what it wrote.

Cold means that the kernel was asked to drop the files' pages (posix_fadvise) and that it did: the
share that was still there is measured (`fincore`, null without it) and printed.

Exit code 0: every peak was within the largest tensor plus 512 MiB; 1: one was not; 2: it could not
run. Runs in the environment of scripts/reference/setup.sh (torch, safetensors), on Linux.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = REPOSITORY / "target/release/examples/read_weights"
SHARD = 1 << 30
ALLOWED = 512 << 20
KINDS = {
    "safetensors": ("model", "safetensors", lambda state, path: save_file(state, path)),
    "torch": ("pytorch_model", "bin", torch.save),
}


def shapes(total, tensor):
    """Names and rows of matrices of `tensor` bytes, with a small one beside each, `total` in all."""
    width = 4096
    named, size = [], 0
    while size < total:
        layer = f"model.layers.{len(named) // 2}"
        rows = max(1, tensor // (2 * width))
        named += [(f"{layer}.mlp.up_proj.weight", (rows, width)), (f"{layer}.norm.weight", (width,))]
        size += 2 * width * (rows + 1)
    return named


def write(folder, kind, total, tensor):
    """A checkpoint of one kind; its files and its bytes."""
    stem, ending, save = KINDS[kind]
    shards, size = [[]], 0
    for name, shape in shapes(total, tensor):
        if size >= SHARD:
            shards.append([])
            size = 0
        shards[-1].append((name, shape))
        size += 2 * torch.Size(shape).numel()
    generator = torch.Generator().manual_seed(7)
    owners, files = {}, []
    for number, named in enumerate(shards, 1):
        file = f"{stem}-{number:05}-of-{len(shards):05}.{ending}"
        # Random bits, so that no file system stores less than there is; an exponent that is finite.
        state = {
            name: torch.randint(0, 0x7F00, shape, dtype=torch.int16, generator=generator).view(torch.bfloat16)
            for name, shape in named
        }
        save(state, folder / file)
        with open(folder / file, "rb") as written:
            os.fsync(written.fileno())
        owners |= dict.fromkeys(state, file)
        files.append(folder / file)
        del state
    index = {"metadata": {}, "weight_map": owners}
    (folder / f"{stem}.{ending}.index.json").write_text(json.dumps(index))
    return files


def forget(files):
    """Asks the kernel to drop the pages of the files; the share of them that stayed."""
    for file in files:
        with open(file, "rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return cached(files)


def cached(files):
    if shutil.which("fincore") is None:
        return None
    command = ["fincore", "--bytes", "--noheadings", "--raw", "--output", "RES", *files]
    resident = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return round(sum(map(int, resident)) / sum(file.stat().st_size for file in files), 4)


def cat(files):
    """Seconds of reading the files as fast as can be."""
    began = time.monotonic()
    subprocess.run(["cat", *files], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def read(program, folder):
    """What our program says of itself."""
    done = subprocess.run([program, folder], check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    said.pop("directory", None)  # of this run only
    return said


def measure(program, folder, files, repeat):
    """Both readers in turn, from a cold and from a warm cache."""
    size = sum(file.stat().st_size for file in files)
    runs = {"cold": [], "warm": []}
    for _ in range(repeat):
        row = {"cached_before_cat": forget(files), "cat_seconds": cat(files)}
        row |= {"cached_before_ours": forget(files), "ours": read(program, folder)}
        runs["cold"].append(row)
        cat(files)
        runs["warm"].append({"cat_seconds": cat(files), "ours": read(program, folder)})
    result = {"files": len(files), "bytes": size}
    for state, rows in runs.items():
        disk = statistics.median(row["cat_seconds"] for row in rows)
        ours = statistics.median(row["ours"]["seconds"] for row in rows)
        result[state] = {
            "cat_gigabytes_per_second": round(size / 1e9 / disk, 3),
            "gigabytes_per_second": round(size / 1e9 / ours, 3),
            "of_cat": round(disk / ours, 3),
            "runs": rows,
        }
    every = [row["ours"] for rows in runs.values() for row in rows]
    result["largest_tensor_bytes"] = max(run["largest_tensor_bytes"] for run in every)
    result["peak_resident_bytes"] = max(run["peak_resident_bytes"] for run in every)
    result["peak_allowed_bytes"] = result["largest_tensor_bytes"] + ALLOWED
    result["within"] = result["peak_resident_bytes"] <= result["peak_allowed_bytes"]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=4.0, help="of each kind")
    parser.add_argument("--tensor-mib", type=int, default=256)
    parser.add_argument("--folder", type=Path, help="where the files are written for a while")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("program", nargs="?", type=Path, default=PROGRAM)
    given = parser.parse_args()
    if not given.program.is_file():
        print(f"{given.program} is not there: cargo build --release -p model --example read_weights", file=sys.stderr)
        sys.exit(2)
    total, tensor = int(given.gigabytes * 1e9), given.tensor_mib << 20
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        # One kind at a time is on the disk.
        free, needed = shutil.disk_usage(name).free, total + tensor + (1 << 30)
        if free < needed:
            print(f"{name} has {free} bytes free, {needed} are needed: name another --folder", file=sys.stderr)
            sys.exit(2)
        results = {}
        for kind in KINDS:
            folder = Path(name) / kind
            folder.mkdir()
            files = write(folder, kind, total, tensor)
            results[kind] = measure(given.program, folder, files, given.repeat)
            shutil.rmtree(folder)
    print(json.dumps(results, indent=2))
    sys.exit(0 if all(result["within"] for result in results.values()) else 1)


if __name__ == "__main__":
    main()
