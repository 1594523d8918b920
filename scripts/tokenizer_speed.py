#!/usr/bin/env python3
"""Holds the speed of our tokenizer against SentencePiece and Hugging Face's tokenizers, on one core.

    tokenizer_speed.py [--data-root DIR] [--tokenizer FILE] [--program PATH] [--rounds N] [--json]

DIR is where the corpora lie (default: the environment variable KNOWCODER_DATA), FILE a SentencePiece
model (default: DIR/tokenizers/baichuan2/tokenizer.model). The text is every distinct line of every
UTF-8 file of at most --megabytes of DIR. Each round lets the three encode all of it line by line, one after
the other, in one thread; a figure is the median over the rounds of processor time, which other work
on the machine disturbs less than the clock.

Ours is asked as a library (the example `tokenizer_speed` of data-pipeline, built here if PATH does
not name one); SentencePiece through its Python package, one call for all lines with one thread, ids
as a list of lists; Hugging Face's tokenizers through `encode_batch_fast` with parallelism off, on a
tokenizer.json that is made here from the same model with the same merges. Hugging Face's ids may
differ in rare words, which is counted. Runs in the environment of reference/setup.sh.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import sentencepiece  # noqa: E402
import tokenizers  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = ["cargo", "run", "--release", "--quiet", "--package", "data-pipeline", "--example", "tokenizer_speed", "--"]


def distinct_lines(root, most):
    """The text: distinct lines of all UTF-8 files, in the order of their paths."""
    seen, size = {}, 0
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        for line in text.splitlines():
            # What a reader would never see as one line of text.
            if line and line not in seen and "\r" not in line:
                size += len(line.encode())
                if size > most:
                    return list(seen)
                seen[line] = None
    return list(seen)


def hugging_face(model):
    """The same model as a BPE of Hugging Face's tokenizers: merges ranked by the score of what they make."""
    size = model.get_piece_size()
    pieces = [model.id_to_piece(id) for id in range(size)]
    ids = {piece: id for id, piece in enumerate(pieces)}
    merges = []
    for id, piece in enumerate(pieces):
        if model.is_byte(id) or model.is_control(id) or model.is_unknown(id):
            continue
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in ids and right in ids:
                merges.append((-model.get_score(id), id, ids[left], ids[right], left, right))
    merges = [(left, right) for *_, left, right in sorted(merges)]
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(ids, merges, unk_token=pieces[0], byte_fallback=True, fuse_unk=True)
    )
    normal = [tokenizers.normalizers.Replace(" ", "\u2581")]
    if model.encode("a", out_type=str)[0].startswith("\u2581"):
        normal.insert(0, tokenizers.normalizers.Prepend("\u2581"))
    made.normalizer = tokenizers.normalizers.Sequence(normal)
    return made


def timed(work):
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=os.environ.get("KNOWCODER_DATA"))
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--program", type=Path, help="a built tokenizer_speed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.data_root is None:
        parser.error("needs --data-root DIR or the environment variable KNOWCODER_DATA")
    root = Path(arguments.data_root).resolve()
    model = (arguments.tokenizer or root / "tokenizers/baichuan2/tokenizer.model").resolve()
    lines = distinct_lines(root, arguments.megabytes * 1e6)
    size = sum(len(line.encode()) for line in lines)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(model))
    face = hugging_face(theirs)

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt", newline="\n") as text:
        text.write("\n".join(lines))
        text.flush()
        command = [arguments.program.resolve()] if arguments.program else BUILD
        ours = subprocess.Popen(
            [*command, model, text.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )

        def ask_ours():
            ours.stdin.write("\n")
            ours.stdin.flush()
            seconds, ids = ours.stdout.readline().split()
            return float(seconds), int(ids)

        ask_ours()
        seconds = {"ours": [], "sentencepiece": [], "tokenizers": []}
        for _ in range(arguments.rounds):
            took, our_count = ask_ours()
            seconds["ours"].append(took)
            took, their_ids = timed(lambda: theirs.encode(lines, out_type=int, num_threads=1))
            seconds["sentencepiece"].append(took)
            took, face_ids = timed(lambda: face.encode_batch_fast(lines, add_special_tokens=False))
            seconds["tokenizers"].append(took)
        ours.stdin.close()
        ours.wait()

    their_count = sum(map(len, their_ids))
    differing = sum(a != b.ids for a, b in zip(their_ids, face_ids))
    median = {name: statistics.median(times) for name, times in seconds.items()}
    result = {
        "tokenizer": model.name,
        "lines": len(lines),
        "megabytes": round(size / 1e6, 2),
        "ids": our_count,
        "ids_sentencepiece": their_count,
        "lines_where_tokenizers_differs": differing,
        "versions": {"sentencepiece": sentencepiece.__version__, "tokenizers": tokenizers.__version__},
        "megabytes_per_second": {name: round(size / 1e6 / s, 2) for name, s in median.items()},
        "times_sentencepiece": round(median["sentencepiece"] / median["ours"], 2),
        "times_tokenizers": round(median["tokenizers"] / median["ours"], 2),
        "seconds": {name: [round(s, 3) for s in times] for name, times in seconds.items()},
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        print(f"{len(lines)} lines, {size / 1e6:.1f} MB, {our_count} ids (SentencePiece {their_count})")
        for name, rate in result["megabytes_per_second"].items():
            print(f"{name:14} {rate:8.2f} MB/s per core (median of {arguments.rounds})")
        print(f"ours is {result['times_sentencepiece']} times SentencePiece, {result['times_tokenizers']} times tokenizers")
        print(f"tokenizers gives other ids in {differing} lines")
    return 0 if our_count == their_count else 1


if __name__ == "__main__":
    sys.exit(main())
