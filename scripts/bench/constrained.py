#!/usr/bin/env python3
"""What constrained decoding costs: choosing a token with the grammar and without, in turn.

    scripts/bench/constrained.py [--tokenizer FILE] [--schema FILE.py] [--steps N] [--step-ms MS --rows N]
                                 [--program FILE] [--timeout SECONDS]

Runs the example `constrained` of data-pipeline with a vocabulary of 4,096 ids and, if a tokenizer is
named (Baichuan2's has 125,696), with that, for entities and relations: N steps (2000) each, every one of
them chosen from the same logits once freely (`free_us`) and once under the grammar (`held_us`), in
microseconds of processor time of that one thread. What the grammar adds is the difference of the
means: most choices are quick, and those inside a mention are what takes the time.
With the milliseconds of a model's step and its rows it says which share of the time that is, if rows are
done one after the other, and on as many cores as there are.

The example is compiled first if it is not there, or is older than its sources: minutes the first time, and
said on stderr; `--program` names one that is compiled already. A measurement that takes longer than
`--timeout` (300) is given up, and named in the document.

Prints JSON, with the machine, the date and the revision. Exit code 0: all was measured; 1: something was
given up or failed; 2: it could not run. Needs Python 3 and nothing else.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "constrained"


def told(message: str) -> None:
    print(f"constrained.py: {message}", file=sys.stderr, flush=True)


def compiled() -> str:
    """The program of the example, compiled where that is needed; its path."""
    told(f"compiles the example `{EXAMPLE}` of data-pipeline, release; this may take minutes")
    command = ["cargo", "build", "--release", "--locked", "-p", "data-pipeline", "--example", EXAMPLE]
    command += ["--message-format", "json-render-diagnostics"]
    begun = time.monotonic()
    try:
        # What cargo says of its progress goes to stderr as it comes.
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        told("`cargo` is not there; name a compiled example with --program")
        sys.exit(2)
    if done.returncode:
        told(f"cargo ended with {done.returncode}")
        sys.exit(2)
    told(f"compiled in {time.monotonic() - begun:.0f} s")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == EXAMPLE:
            return message["executable"]
    told("cargo named no program")
    sys.exit(2)


def measured(program: str, arguments: argparse.Namespace, task: str, tokenizer: list[str]) -> dict:
    """What the example says, or why it said nothing."""
    command = [program, str(ROOT / arguments.schema), "--task", task, "--steps", str(arguments.steps), *tokenizer]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=arguments.timeout)
    except subprocess.TimeoutExpired:
        return {"given_up_after_s": arguments.timeout}
    except OSError as error:
        told(f"`{program}` cannot be started: {error}")
        sys.exit(2)
    if done.returncode:
        return {"exit_code": done.returncode}
    return json.loads(done.stdout)


def costs(row: dict, arguments: argparse.Namespace) -> dict:
    """What the grammar adds to a step, from the means: the long choices are most of the time."""
    added = row["held_us"]["mean"] - row["free_us"]["mean"]
    found = {"added_us": added}
    if arguments.step_ms:
        rows = arguments.rows
        one_by_one = added * rows / (arguments.step_ms * 1000)
        at_once = min(os.cpu_count() or 1, rows)
        found |= {
            "step_ms": arguments.step_ms,
            "rows": rows,
            "share": one_by_one,
            "share_on_all_cores": one_by_one / at_once,
        }
    return found


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


def positive(kind: type):
    def read(text: str):
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    return read


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer")
    parser.add_argument("--schema", default="configs/schemas/conll04.py")
    parser.add_argument("--steps", type=positive(int), default=2000)
    parser.add_argument("--step-ms", type=positive(float))
    parser.add_argument("--rows", type=positive(int), default=32)
    parser.add_argument("--program")
    parser.add_argument("--timeout", type=positive(float), default=300.0)
    arguments = parser.parse_args()
    if arguments.tokenizer and not Path(arguments.tokenizer).is_file():
        parser.error(f"--tokenizer {arguments.tokenizer}: no such file")
    tokenizers = [["--vocabulary", "4096"]]
    if arguments.tokenizer:
        tokenizers.append(["--tokenizer", os.path.abspath(arguments.tokenizer)])
    document = {
        "machine": machine(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "schema": arguments.schema,
        "rows": [],
    }
    program = arguments.program or compiled()
    for tokenizer in tokenizers:
        for task in ("ner", "re"):
            told(f"measures {task} with {' '.join(tokenizer)}")
            row = {"task": task} | measured(program, arguments, task, tokenizer)
            if "held_us" in row:
                row |= costs(row, arguments)
            document["rows"].append(row)
    print(json.dumps(document, indent=1))
    return 0 if all("held_us" in row for row in document["rows"]) else 1


if __name__ == "__main__":
    sys.exit(main())
