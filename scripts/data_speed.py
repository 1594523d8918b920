#!/usr/bin/env python3
"""What the data pipeline reaches on the corpora at hand: reading, preparing, filling.

    data_speed.py [--data-root DIR] [--tokenizer FILE] [--program PATH] [--keep DIR] [--json]

1. Reading: every split of every declared corpus that is there is read once by one thread (the example
   `reader_speed` of data-pipeline); megabytes of files per second of processor time, by reader.
2. Preparing: one recipe of all these splits (pairs as a phase `alignment`, all others as a phase
   `instruction`), with FILE (default: Baichuan2's in DIR/tokenizers) and 2,048 tokens a sample, is
   prepared by `knowcoder data prepare`: seconds by the clock, peak memory, tokens.
3. Filling: what share of the computed tokens are tokens of samples, and what share of tokens the
   groups save, as the program's own manifests say.

PATH is a built `knowcoder` (default: built here). `--keep DIR` leaves recipe and shards in DIR.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def built(program):
    """A release build of our program, and of the example that times readers."""
    if program:
        return Path(program).resolve()
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=REPOSITORY, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
    return Path(target) / "release/knowcoder"


def splits_at_hand(knowcoder, root):
    """(dataset, split, whether it is parallel, reader) of all that is there and valid."""
    done = subprocess.run(
        [knowcoder, "data", "validate", "--data-root", root, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY,
    )
    found = []
    for dataset in json.loads(done.stdout)["datasets"]:
        declaration = tomllib.loads((REPOSITORY / f"configs/datasets/{dataset['dataset']}.toml").read_text())
        for split in dataset["splits"]:
            if split["ok"]:
                parallel = bool(declaration.get("parallel"))
                found.append((dataset["dataset"], split["split"], parallel, declaration["reader"]))
    return found


def reading(splits, root):
    """Megabytes per second of processor time by reader."""
    command = ["cargo", "run", "--release", "--quiet", "--package", "data-pipeline", "--example", "reader_speed", "--"]
    asked = "\n".join(f"{name}:{split}" for name, split, _, _ in splits)
    done = subprocess.run(
        [*command, "configs/datasets", root], input=asked, text=True,
        stdout=subprocess.PIPE, cwd=REPOSITORY, check=True,
    )
    total = defaultdict(lambda: [0, 0.0, 0, 0])
    for (_, _, _, reader), line in zip(splits, done.stdout.splitlines(), strict=True):
        size, seconds, sentences = line.split()
        row = total[reader]
        row[0] += int(size)
        row[1] += float(seconds)
        row[2] += int(sentences)
        row[3] += 1
    return {
        reader: {
            "splits": splits, "megabytes": round(size / 1e6, 2), "sentences": sentences,
            "megabytes_per_second": round(size / 1e6 / seconds, 1),
            "sentences_per_second": round(sentences / seconds),
        }
        for reader, (size, seconds, sentences, splits) in sorted(total.items())
    }


def recipe(splits, tokenizer):
    """All splits as two phases."""
    configs = REPOSITORY / "configs/datasets"
    text = [
        f'datasets = "{configs}"\n[run]\nname = "everything"\n[model]\npreset = "baichuan2-7b"',
        f'[tokenizer]\nfile = "{tokenizer}"\n[batch]\nmax_length = 2048\nmicro_tokens = 16384',
    ]
    for kind, wanted in [("alignment", True), ("instruction", False)]:
        names = ", ".join(f'"{name}:{split}"' for name, split, parallel, _ in splits if parallel == wanted)
        text.append(f'[[phase]]\nkind = "{kind}"\nepochs = 1\ndatasets = [{names}]')
    return "\n".join(text) + "\n"


def preparing(knowcoder, splits, tokenizer, root, folder):
    path = folder / "everything.toml"
    path.write_text(recipe(splits, tokenizer))
    command = [knowcoder, "data", "prepare", path, "--run-dir", folder / "run", "--data-root", root, "--json"]
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=REPOSITORY, check=True)
    return {
        "seconds": round(time.monotonic() - started, 1),
        "peak_mebibytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "phases": json.loads(done.stdout),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=os.environ.get("KNOWCODER_DATA"))
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.data_root is None:
        parser.error("needs --data-root DIR or the environment variable KNOWCODER_DATA")
    root = arguments.data_root = Path(arguments.data_root).resolve()
    tokenizer = (arguments.tokenizer or root / "tokenizers/baichuan2/tokenizer.model").resolve()
    knowcoder = built(arguments.program)
    splits = splits_at_hand(knowcoder, root)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep.resolve() if arguments.keep else Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        prepared = preparing(knowcoder, splits, tokenizer, root, folder)
    result = {"splits": len(splits), "prepare": prepared, "readers": reading(splits, root)}
    if arguments.json:
        print(json.dumps(result, indent=1))
        return 0
    print(f"{len(splits)} splits prepared in {prepared['seconds']} s, {prepared['peak_mebibytes']} MiB")
    for reader, row in result["readers"].items():
        print(
            f"{reader:14} {row['splits']:4} splits {row['megabytes']:8.2f} MB"
            f" {row['megabytes_per_second']:8.1f} MB/s {row['sentences_per_second']:9} sentences/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
