#!/usr/bin/env python3
"""Holds our token ids against SentencePiece's on every line of every text file of a directory.

    tokenizer_ids.py [--data-root DIR] [--tokenizer FILE] [--program PATH]

DIR is where the corpora lie (default: the environment variable KNOWCODER_DATA), FILE a SentencePiece
model (default: DIR/tokenizers/baichuan2/tokenizer.model). Lines are cut at `\\n` alone and taken as
they stand: a line of a JSON file is text like any other. Files that are not UTF-8 are named and
passed over.

Our ids come from the example `token_ids` of data-pipeline, which cargo builds here if PATH does not
name one that is built. Runs in the environment of setup.sh.
Exit code 0: every line equal; 1: a line differs; 2: usage.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import sentencepiece

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = ["cargo", "run", "--quiet", "--package", "data-pipeline", "--example", "token_ids", "--"]
SHOWN = 10


def lines_below(root):
    """Every distinct line -> (file, line number) of its first place; and what was counted."""
    places, files, total, skipped = {}, 0, 0, []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            skipped.append(path)
            continue
        files += 1
        for number, line in enumerate(text.split("\n"), start=1):
            total += 1
            places.setdefault(line, (path, number))
    return places, files, total, skipped


def our_ids(command, tokenizer, lines):
    """The ids that our program prints for `lines`."""
    done = subprocess.run(
        [*command, tokenizer],
        input="\n".join(lines).encode() + b"\n",
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        check=True,
    )
    printed = done.stdout.decode().split("\n")[:-1]
    if len(printed) != len(lines):
        raise SystemExit(f"token_ids printed {len(printed)} lines for {len(lines)}")
    return [[int(word) for word in line.split()] for line in printed]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=os.environ.get("KNOWCODER_DATA"))
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--program", type=Path, help="a built token_ids")
    arguments = parser.parse_args()
    if arguments.data_root is None:
        parser.error("needs --data-root DIR or the environment variable KNOWCODER_DATA")
    root = Path(arguments.data_root).resolve()
    if not root.is_dir():
        parser.error(f"{root} is not a directory")
    tokenizer = (arguments.tokenizer or root / "tokenizers/baichuan2/tokenizer.model").resolve()
    if not tokenizer.is_file():
        parser.error(f"{tokenizer} is not a file")
    command = [arguments.program.resolve()] if arguments.program else BUILD

    places, files, total, skipped = lines_below(root)
    lines = list(places)
    started = time.monotonic()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    theirs = processor.encode(lines, out_type=int)
    between = time.monotonic()
    ours = our_ids(command, tokenizer, lines)
    ended = time.monotonic()

    differing = [i for i, line in enumerate(lines) if ours[i] != theirs[i]]
    for i in differing[:SHOWN]:
        path, number = places[lines[i]]
        print(f"{path}:{number}: {lines[i]!r}\n  SentencePiece {theirs[i]}\n  ours          {ours[i]}")
    if len(differing) > SHOWN:
        print(f"... and {len(differing) - SHOWN} more")
    for path in skipped:
        print(f"passed over, not UTF-8: {path}")
    print(
        f"{tokenizer}: {files} files, {total} lines, {len(lines)} distinct,"
        f" {sum(map(len, theirs))} ids: {len(differing)} lines differ"
        f" (SentencePiece {between - started:.1f} s, ours {ended - between:.1f} s)"
    )
    return 1 if differing or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
