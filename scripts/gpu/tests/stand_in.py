"""Stands in for gpu_steps, and for a Python that runs torch_baseline.py: says what they said once, by these rules.

`recorded.json` has lines of both at the tiny model's size on a CPU, of steps without the operations that they count: those
are compared where `.ci/run` runs our program. At `--preset 7b` they are given that model's tokens and
whatever the rules in `$STAND_IN/rules.json` say. A rule is `[pattern, {…}]`, of which the last whose pattern is in "SIDE WORDS"
counts for each key:

- `set`      fields of every line
- `seconds`  medians of a step, one for each time it is called
- `say`      text instead of the lines, `also` text before them, `errors` on the other stream
- `exit`, `signal`, `sleep`, `child`: how it ends, behind its lines; a child that keeps the streams is left
"""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8"))
# Of the batches that plan.py writes for 7b, as our program says it.
TOKENS = {"dense": {"data_tokens": 32768, "supervised": 32760, "pairs": 67125248, "samples": 8},
          "ie": {"data_tokens": 33000, "supervised": 3300, "pairs": 12000000, "samples": 48}}


def option(words, name, default=None):
    return words[words.index(name) + 1] if name in words else default


def lines(side, words, rule):
    part = "attention_check" if "--check" in words else words[0]
    tiny = option(words, "--preset") == "tiny"
    if part != "steps":
        found = RECORDED[side][part]
    else:
        method, batch, k = option(words, "--method"), Path(option(words, "--batch")).stem, option(words, "--group", "1")
        found = RECORDED[side][f"steps-{method}-{batch}" + (f"-k{k}" if side == "ours" else "")]
        if not tiny:
            found = [of_7b(line, batch, int(k), rule) for line in found]
        if side == "torch":
            found = [line | {"variant": option(words, "--variant")} for line in found]
    if part == "gemm" and side == "ours" and (asked := os.environ.get("KNOWCODER_GEMM")):
        found = [line | {"asked": asked, "took": asked} for line in found]
    if part == "calibrate" and side == "ours" and (asked := os.environ.get("KNOWCODER_GEMM")):
        found = [line | {"asked": asked, "took": asked} for line in found if line.get("route") != "burn"]
    if part == "backward":
        found = [line | {"method": option(words, "--method")} for line in found]
    return [line | rule.get("set", {}) for line in found]


def of_7b(line, batch, k, rule):
    """Tokens of that model's batch, and times as the rules have them."""
    line = {name: value for name, value in line.items() if name not in ("flops", "tflops")} | TOKENS[batch]
    line["computed_tokens"] = line["data_tokens"] if k == 1 else 9000
    median = called(rule.get("seconds", [2.0]))
    line["time"] = line["time"] | {"seconds": {"median": median, "p10": 0.9 * median, "p90": 1.1 * median, "best": 0.9 * median}}
    for name in ("data_tokens", "computed_tokens"):
        line[f"{name}_per_second"] = line[name] / median
    return line | ({"peak_bytes": 80 << 30, "planned_bytes": 84 << 30} if "planned_bytes" in line else {"peak_bytes": 90 << 30})


def called(values):
    """The value for this call of this command."""
    path = Path(os.environ["STAND_IN"]) / ("calls-" + re.sub(r"\W+", "-", " ".join(sys.argv[1:]))[-150:])
    count = int(path.read_text()) if path.exists() else 0
    path.write_text(str(count + 1))
    return values[count % len(values)]


def main(side):
    words = sys.argv[1:]
    if side == "torch":
        if words[0] == "-c":
            print(Path(os.environ["STAND_IN"]) / "site" if "purelib" in words[1] else os.environ.get("STAND_IN_LACKS", ""))
            return
        words = words[1:]
    rules = Path(os.environ["STAND_IN"]) / "rules.json"
    rule = {}
    for pattern, what in json.loads(rules.read_text()) if rules.exists() else []:
        if re.search(pattern, f"{side} {' '.join(words)}"):
            rule |= what
    with open(Path(os.environ["STAND_IN"]) / "log", "a") as log:
        log.write(f"{side} {' '.join(words)} | {os.environ.get('KNOWCODER_GEMM')} {os.environ.get('CUBECL_AUTOTUNE_LEVEL')}\n")
    first = RECORDED["ours"]["ready"] if side == "ours" else RECORDED["torch"]["versions"]
    if side == "ours":
        first = [line | {"revision": rule.get("revision", "abc1234")} for line in first]
    print(rule.get("also", ""), end="")
    for line in (*first, *(lines(side, words, rule) if words[0] != "ready" and "say" not in rule else ())):
        print(json.dumps(line), flush=True)
    print(rule.get("say", ""), end="", flush=True)
    print(rule.get("errors", ""), end="", file=sys.stderr, flush=True)
    if rule.get("child"):
        import subprocess  # Slow to load, and seldom needed.
        subprocess.Popen(["sleep", str(rule["child"])])
    time.sleep(rule.get("sleep", 0))
    if "signal" in rule:
        os.kill(os.getpid(), getattr(signal, rule["signal"]))
    sys.exit(rule.get("exit", 0))
