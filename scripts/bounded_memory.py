#!/usr/bin/env python3
"""Prepares a corpus that is larger than the memory it may take.

    scripts/bounded_memory.py [--gigabytes 5] [--limit-mib 1024] [--shares N] [--folder DIR] [PROGRAM]

Writes JSON Lines of made-up text (seeded: the same bytes each time), a declaration and a recipe,
runs `knowcoder data prepare`, and prints time, peak memory and rows; the data are removed afterwards.
PROGRAM is `target/release/knowcoder` unless given. With --shares, N programs prepare one share each,
one after another. Needs Python 3 and room for about four times the corpus. Exit code 0: the peak of
every program was within the limit; 1: it was not; else that of the program.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ROW = 1000

SCHEMA = '''
class Person(Entity):
    """
    Description: A human being.
    Examples: Ann
    """

class Ship(Entity):
    """
    Description: A vessel.
    Examples: Vestra
    """
'''

DECLARATION = """
name = "large"
task = ["ner"]
language = "en"
licence = "made up"
source = "scripts/bounded_memory.py"
schema = "../schemas/large.py"
reader = "json"
[options]
text = "text"
entities = { path = "entities.*", label = "type", mention = { start = "from", end = "to" } }
[labels]
PER = "Person"
SHIP = "Ship"
[splits.train]
files = ["large.jsonl"]
sentences = ROWS
"""

RECIPE = """
datasets = "configs/datasets"
[run]
name = "large"
[model]
path = "BASE"
[prompt]
classes = "names"
system = false
task_sentence = "none"
[batch]
samples = 8
max_length = 2048
[[phase]]
kind = "instruction"
datasets = ["large"]
steps = 1
"""


def write_corpus(path, size):
    """Rows of about a kilobyte; how many there are."""
    chance = random.Random(7)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(20_000)]
    written = rows = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < size:
            name = f"{chance.choice(words).capitalize()}{rows}"
            text = " ".join([name, *chance.choices(words, k=ROW // 8)])
            label = "PER" if rows % 2 else "SHIP"
            entity = {"type": label, "from": 0, "to": len(name)}
            line = json.dumps({"text": text, "entities": [entity]}) + "\n"
            file.write(line)
            written += len(line)
            rows += 1
    return rows


def write(folder, size):
    """The corpus and all that it needs."""
    for place in ("configs/datasets", "configs/schemas", "data"):
        (folder / place).mkdir(parents=True)
    rows = write_corpus(folder / "data/large.jsonl", size)
    (folder / "configs/schemas/large.py").write_text(SCHEMA)
    declaration = DECLARATION.replace("ROWS", str(rows))
    (folder / "configs/datasets/large.toml").write_text(declaration)
    base = REPOSITORY / "configs/quickstart/base"
    (folder / "recipe.toml").write_text(RECIPE.replace("BASE", str(base)))
    return rows


def prepare(program, folder, more):
    """Seconds and peak bytes of one program."""
    command = [program, "data", "prepare", folder / "recipe.toml", "--run-dir", folder / "run"]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--data-root", folder / "data", *more])
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(code if code > 0 else 70)
    # Linux counts in kibibytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return time.monotonic() - began, usage.ru_maxrss * unit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--limit-mib", type=int, default=1024)
    parser.add_argument("--shares", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the data are written for a while")
    parser.add_argument("program", nargs="?", default=REPOSITORY / "target/release/knowcoder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        rows = write(folder, int(given.gigabytes * 1e9))
        size = (folder / "data/large.jsonl").stat().st_size
        print(f"{rows} rows, {size / 1e9:.2f} GB", flush=True)
        peaks = []
        for share in range(1, given.shares + 1):
            more = [] if given.shares == 1 else ["--share", f"{share}/{given.shares}"]
            seconds, peak = prepare(given.program, folder, more)
            peaks.append(peak)
            print(f"{' '.join(more) or 'all'}: {seconds:.0f} s, peak {peak / 2**20:.0f} MiB", flush=True)
        manifest = json.loads((folder / "run/prepared/0-instruction/manifest.json").read_text())
        total = manifest["total"]
        print(f"{total['samples']} samples, {total['tokens']} tokens, {len(manifest['files'])} files")
    return int(max(peaks) > given.limit_mib * 2**20)


if __name__ == "__main__":
    sys.exit(main())
