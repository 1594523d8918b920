#!/usr/bin/env python3
"""How fast the ring over TCP sums, beside raw TCP between two processes, in turns.

    scripts/bench/ring.py [--program PATH] [--rounds N] [--steps N] [--folder DIR] [--timeout SECONDS]

A round is `knowcoder doctor --calibrate`, which measures raw TCP, and a run of scripts/bench/ring.toml on two ranks
of this machine, one thread each: a step of it is little but its sum, and `parts.exchange` of `metrics.jsonl` the whole
of that. Every other round begins with the run, since neighbours come and go. The data are prepared once, before the
first round. PATH is a release build (target/release/knowcoder, or below CARGO_TARGET_DIR: `cargo build --release`);
what is written, a gigabyte, lies in a temporary folder below DIR.

Prints JSON: the bytes that each rank sends in a step, of each round the load of the machine before its halves, raw
TCP, seconds of the fastest and of the middle step and their share of raw TCP, and of all rounds the medians and the
best; with the machine, the date and the revision. The first two steps of a run do not count. The numbers of
benchmarks/ring.md, and `RING` and `RAW_TCP` of launcher/src/estimate/rates.rs, are `median.share_of_fastest` and
`median.raw_bytes_per_second`.

Exit code 0: all was measured; 1: something was given up or failed, and is named in the document; 2: it could not
run. Needs Python 3 and nothing else. A round takes a minute; of a busy machine the numbers say nothing.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "scripts/bench/ring.toml"
CORPORA = ROOT / "configs"
RANKS = 2
# Buffers are made and pages touched for the first time in these.
FIRST = 2
# What checkpoints of all weights and their moments take, with those of the round before.
NEEDED = 2 << 30


class Failed(Exception):
    """A part that was not measured, and why."""


def told(message: str) -> None:
    print(f"ring.py: {message}", file=sys.stderr, flush=True)


def default_program() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/knowcoder"


def said(command: list, arguments: argparse.Namespace) -> str:
    """What a command writes on stdout."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=arguments.timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"`{words[1]}` was given up after {arguments.timeout:.0f} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Failed(f"`{words[1]}` ended with {done.returncode}: {last}")
    return done.stdout


def raw(folder: Path, arguments: argparse.Namespace) -> dict:
    """Raw TCP between two processes, as the planner would read it."""
    load = os.getloadavg()
    file = folder / "calibration.json"
    command = [arguments.program, "doctor", "--calibrate", "--device", "flex", "--calibration", file]
    said([*command, "--run-dir", folder / "calibrated"], arguments)
    measured = json.loads(file.read_text())
    return {
        "load_average_before_raw": load,
        "raw_bytes_per_second": measured["link_bytes_per_second"],
        "raw_latency_seconds": measured["link_latency_seconds"],
    }


def summed(folder: Path, arguments: argparse.Namespace) -> dict:
    """Seconds of the sum of each step of a run but the first ones."""
    load, run = os.getloadavg(), folder / "run"
    command = [arguments.program, "run", RECIPE, "--run-dir", run, "--cluster", folder / "two.toml"]
    command += ["--data-root", CORPORA, "--set", f"phase.0.steps={arguments.steps}"]
    # Rows are the same in each round: they are prepared once.
    shutil.copytree(folder / "data", run)
    began = time.monotonic()
    said(command, arguments)
    took = time.monotonic() - began
    read = lambda name: [json.loads(line) for line in (run / name).read_text().splitlines()]
    lines, starts = read("metrics.jsonl"), [event for event in read("events.jsonl") if event["event"] == "started"]
    shutil.rmtree(run)
    worlds = [start["world"] for start in starts]
    if len(lines) != arguments.steps or worlds != [RANKS]:
        raise Failed(f"a run of {arguments.steps} steps on {RANKS} ranks wrote {len(lines)}, on {worlds}")
    seconds = [line["parts"]["exchange"] for line in lines][FIRST:]
    return {
        "load_average_before_run": load,
        "run_seconds": took,
        "fastest_seconds": min(seconds),
        "middle_seconds": statistics.median(seconds),
        "exchange_seconds": seconds,
    }


def prepared(folder: Path, arguments: argparse.Namespace) -> int:
    """Makes the rows and the vocabulary; the bytes that each rank then sends in a step."""
    data, sets = folder / "data", ["--set", f"phase.0.steps={arguments.steps}"]
    (folder / "two.toml").write_text(f'[cluster]\nbackend = "local"\nranks = {RANKS}\nthreads_per_rank = 1\n')
    said([arguments.program, "data", "prepare", RECIPE, "--run-dir", data, "--data-root", CORPORA, *sets], arguments)
    command = [arguments.program, "--json", "plan", RECIPE, "--run-dir", data, "--cluster", folder / "two.toml"]
    plan = json.loads(said([*command, "--data-root", CORPORA, *sets], arguments))
    return plan["needs"][0]["wire_bytes_per_step"]


def measured(size: int, index: int, folder: Path, arguments: argparse.Namespace) -> dict:
    """A round: both halves, the run first in every other one."""
    halves = [raw, summed] if index % 2 == 0 else [summed, raw]
    row = {}
    try:
        for half in halves:
            row |= half(folder, arguments)
    except (Failed, OSError, KeyError, ValueError) as failure:
        return row | {"failed": f"{type(failure).__name__}: {failure}"}
    for name in ("fastest", "middle"):
        rate = size / row[f"{name}_seconds"]
        row[f"{name}_bytes_per_second"] = rate
        row[f"share_of_{name}"] = rate / row["raw_bytes_per_second"]
    told(
        f"round {index + 1}: raw TCP {row['raw_bytes_per_second'] / 1e9:.2f} GB/s, the fastest sum "
        f"{row['fastest_seconds']:.3f} s: {row['share_of_fastest']:.2f} of it"
    )
    return row


def all_rounds(rows: list[dict]) -> dict:
    """Medians over the rounds, and the best of them."""
    names = ["raw_bytes_per_second", "raw_latency_seconds"]
    names += [f"{name}_{of}" for name in ("fastest", "middle") for of in ("seconds", "bytes_per_second")]
    names += ["share_of_fastest", "share_of_middle"]
    values = {name: [row[name] for row in rows] for name in names}
    best = lambda name: min(values[name]) if name.endswith("_seconds") else max(values[name])
    return {
        "median": {name: statistics.median(values[name]) for name in names},
        "best": {name: best(name) for name in names},
    }


def machine() -> dict:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "load_average_at_start": os.getloadavg(),
    }


def revision() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def number(kind: type, least: float):
    def read(text: str):
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError(f"{text} is below {least}")
        return value

    return read


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=default_program())
    parser.add_argument("--rounds", type=number(int, 1), default=5)
    parser.add_argument("--steps", type=number(int, FIRST + 1), default=30)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--timeout", type=number(float, 1), default=300.0)
    arguments = parser.parse_args()
    if not arguments.program.is_file():
        told(f"`{arguments.program}` is not there: `cargo build --release` makes it, --program names another")
        return 2
    arguments.program = arguments.program.resolve()
    document = {
        "machine": machine(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "ranks": RANKS,
        "steps": arguments.steps,
    }
    told("load of the machine: {:.1f}, {:.1f}, {:.1f} over 1, 5 and 15 minutes".format(*os.getloadavg()))
    try:
        scratch = tempfile.TemporaryDirectory(prefix="ring-", dir=arguments.folder)
    except OSError as error:
        told(f"no temporary folder: {error}")
        return 2
    with scratch as name:
        folder = Path(name)
        free = shutil.disk_usage(folder).free
        if free < NEEDED:
            told(f"`{folder}` has {free} bytes free, {NEEDED} are needed: name another --folder")
            return 2
        try:
            size = prepared(folder, arguments)
        except (Failed, OSError, KeyError, ValueError) as failure:
            told(f"the rows could not be prepared: {failure}")
            return 2
        rows = [measured(size, index, folder, arguments) for index in range(arguments.rounds)]
    whole = [row for row in rows if "failed" not in row]
    document |= {"bytes_per_rank_and_step": size, "rounds": rows}
    if whole:
        document |= all_rounds(whole)
    print(json.dumps(document, indent=1))
    return 0 if len(whole) == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
