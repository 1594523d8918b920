#!/usr/bin/env python3
"""Writes benchmarks/floors.md: what test sets score without learning.

    floors.py [--data-root DIR] [--program PATH] [--check]

`knowcoder baseline` learns a list of names (and the classes of capitalised runs) from 32,006 English
sentences of four corpora, and answers every test set below with both methods. The corpora of others must
lie below DIR (default: KNOWCODER_DATA). PATH is a built `knowcoder` (default: built here). `--check` writes
nothing and ends with 1 if the file says something else. Needs Python 3 and nothing else; half a minute.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "benchmarks/floors.md"

TRAINING = ["wikineural-en:dev", "wikineural-en:test", "wikiann-en:test"]
TRAINING += [f"broad-twitter:{section}" for section in "abefg"] + ["uner-en:dev", "uner-en:test"]
AFRICAN = "bam fon hau ibo kin lug luo mos pcm sna swa tsn twi wol yor zul".split()
SETS = [f"masakhaner2-{language}:test" for language in AFRICAN]
SETS += [f"uner-pud-{language}:test" for language in ("de", "pt", "ru", "sv", "zh")]
SETS += [f"wikineural-{language}:test" for language in ("de", "es", "fr", "nl")] + ["uner-zh:test"]
# What configs/cross-lingual-ner.toml asks.
RECIPE = [f"masakhaner2-{language}:test" for language in ("swa", "hau", "yor", "zul", "kin")]
METHODS = ("gazetteer", "capitals")


def built(program):
    """A release build of our program."""
    if program:
        return Path(program).resolve()
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=REPOSITORY, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
    return Path(target) / "release/knowcoder"


def floors(knowcoder, root, method, sets, limit=None):
    """(F1 by offsets, F1 by surface) of each test set."""
    command = [knowcoder, "baseline", "--method", method, "--task", "ner", "--json", "--data-root", root]
    command += ["--train", *TRAINING, "--benchmark", *sets]
    command += ["--protocol", "strict-span", "--protocol", "set"]
    command += ["--limit", str(limit)] if limit else []
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [*command, "--out", out], stdout=subprocess.PIPE, cwd=REPOSITORY, check=True
        )
    found = {}
    for row in json.loads(done.stdout)["scores"]["rows"]:
        if row["dataset"] in sets:
            found.setdefault(row["dataset"], {})[row["protocol"]] = row["f1"]
    return {name: (f1["strict-span"], f1["set"]) for name, f1 in found.items()}


def rows(by_method, sets):
    """Lines of a table, a test set each."""
    for name in sets:
        numbers = [f"{f1:.1f}" for method in METHODS for f1 in by_method[method][name]]
        yield f"| {name} | {' | '.join(numbers)} |"


def page(knowcoder, root):
    """The whole file."""
    whole = {method: floors(knowcoder, root, method, SETS) for method in METHODS}
    first = {method: floors(knowcoder, root, method, RECIPE, 300) for method in METHODS}
    head = ["| test set | look-up, offsets | look-up, surface | capitals, offsets | capitals, surface |"]
    head += ["|---|---:|---:|---:|---:|"]
    african = [name for name in SETS if name.startswith("masakhaner2")]
    mean = lambda method, place: sum(whole[method][name][place] for name in african) / len(african)
    means = [f"{mean(method, place):.1f}" for method in METHODS for place in (0, 1)]
    text = PAGE.read_text()
    begin, end = "<!-- made by scripts/floors.py -->", "<!-- end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    made = [begin, "", *head, *rows(whole, SETS), f"| mean of the 16 African | {' | '.join(means)} |", ""]
    made += ["The first 300 sentences, as `configs/cross-lingual-ner.toml` asks them:", ""]
    made += [*head, *rows(first, RECIPE), "", end]
    return before + "\n".join(made) + after


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default=os.environ.get("KNOWCODER_DATA", "data"))
    parser.add_argument("--program")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = page(built(arguments.program), Path(arguments.data_root).resolve())
    if not arguments.check:
        PAGE.write_text(text)
        return 0
    if text == PAGE.read_text():
        print("benchmarks/floors.md says what is counted")
        return 0
    print("benchmarks/floors.md says something else; run scripts/floors.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
