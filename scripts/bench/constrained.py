#!/usr/bin/env python3
"""What constrained decoding costs: microseconds a token beside the step of a model.

    scripts/bench/constrained.py [--tokenizer FILE] [--schema FILE.py] [--step-ms MS --rows N]

Runs the example `constrained` of data-pipeline with a vocabulary of 4,096 ids and, if a tokenizer is
named (Baichuan2's has 125,696), with that, for entities and relations. With the milliseconds of a step
and its rows it says which share of the time the sets take if rows are done one after the other, and
on as many cores as there are. Prints JSON.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def measured(schema: str, task: str, tokenizer: list[str]) -> dict:
    command = ["cargo", "run", "--release", "-q", "-p", "data-pipeline", "--example", "constrained", "--"]
    command += [schema, "--task", task, *tokenizer]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer")
    parser.add_argument("--schema", default="configs/schemas/conll04.py")
    parser.add_argument("--step-ms", type=float)
    parser.add_argument("--rows", type=int, default=32)
    arguments = parser.parse_args()
    tokenizers = [["--vocabulary", "4096"]]
    if arguments.tokenizer:
        tokenizers.append(["--tokenizer", arguments.tokenizer])
    rows = []
    for tokenizer in tokenizers:
        for task in ("ner", "re"):
            row = {"task": task} | measured(arguments.schema, task, tokenizer)
            if arguments.step_ms:
                one_by_one = row["token_us"]["mean"] * arguments.rows / (arguments.step_ms * 1000)
                row["share"] = one_by_one
                row["share_on_all_cores"] = one_by_one / min(os.cpu_count() or 1, arguments.rows)
            rows.append(row)
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
