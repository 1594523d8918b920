#!/usr/bin/env python3
"""Runs the quick start as a new user would and holds it to what the README promises.

    scripts/quickstart.py [RUN_DIR]

Builds the program, runs `configs/quickstart.toml` in a fresh directory (RUN_DIR, or a temporary one
that is removed afterwards), says the time after the build, and checks the F1 on names never seen in
training and the memory of all processes together. Needs Python 3 and nothing else; the program itself
needs no Python. Exit code 0: every promise kept; 1: one broken; else the exit code of the program.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DATASET = "quickstart-names"
LANGUAGES = ("en", "zh")
MINIMUM_F1 = 60.0
MAXIMUM_SECONDS = 300.0
MAXIMUM_BYTES = 2 << 30


def descendants(pid):
    """`pid` and every process below it."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold spaces: the fields are counted from the last bracket.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


def memory(pid):
    """Bytes that a process holds, pages shared with others counted in part; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def watched(command):
    """Runs `command`; its exit code, its seconds and the most memory seen, twice a second."""
    started, most = time.monotonic(), 0
    process = subprocess.Popen(command, cwd=REPOSITORY)
    while True:
        try:
            return process.wait(timeout=0.5), time.monotonic() - started, most
        except subprocess.TimeoutExpired:
            most = max(most, sum(map(memory, descendants(process.pid))))


def f1(rows, language):
    """F1 of the quick start's main test set under the first protocol, entities."""
    for row in rows:
        if (row["dataset"], row["language"], row["task"]) == (DATASET, language, "ner"):
            return row.get("f1")
    return None


def check(run_dir):
    build = subprocess.run(["cargo", "build", "--release"], cwd=REPOSITORY)
    if build.returncode:
        return build.returncode
    command = ["cargo", "run", "--quiet", "--release", "--", "run", "configs/quickstart.toml"]
    code, seconds, most = watched([*command, "--run-dir", str(run_dir)])
    if code:
        print(f"FAIL  the quick start ended with exit code {code}")
        return code
    # A noisy machine may be slow: the time is said, not judged.
    print(f"note  {seconds:.0f} s after the build, promised {MAXIMUM_SECONDS:.0f} on two idle cores")
    kept = [0 < most <= MAXIMUM_BYTES]
    print(f"{verdict(kept[0])}  {most / 2**20:.0f} MiB at most, promised {MAXIMUM_BYTES >> 20}")
    rows = json.loads((run_dir / "scores.json").read_text())["rows"]
    for language in LANGUAGES:
        score = f1(rows, language)
        kept.append(score is not None and score >= MINIMUM_F1)
        shown = "no row" if score is None else f"F1 {score:.1f}"
        print(f"{verdict(kept[-1])}  {DATASET} {language}: {shown}, not below {MINIMUM_F1:.0f}")
    kept.append((run_dir / "report.html").is_file())
    print(f"{verdict(kept[-1])}  {run_dir / 'report.html'}")
    return 0 if all(kept) else 1


def verdict(kept):
    return "ok  " if kept else "FAIL"


def main():
    if len(sys.argv) > 2 or "-h" in sys.argv or "--help" in sys.argv:
        print(__doc__)
        return 2
    if len(sys.argv) == 2:
        return check(Path(sys.argv[1]).absolute())
    with tempfile.TemporaryDirectory() as directory:
        return check(Path(directory) / "run")


if __name__ == "__main__":
    sys.exit(main())
