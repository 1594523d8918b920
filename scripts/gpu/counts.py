#!/usr/bin/env python3
"""Counts what a layer and a step take: launches, waits of the host, bytes that are held. No GPU.

    counts.py --out DIR [--programs DIR] [--libdevice FILE] [--kept DIR] [--most-held BYTES] [--most-launches N]

`gpu_steps` (built with `--features cuda`, see measure.py) runs on the driver of pretend.py at the 7B model's shapes:
one block for the bytes, then the whole network two and three layers deep, whose difference is a layer, then whole
steps of all layers, whose memory is held against what was planned. Each program runs twice, so that nothing is
counted that only the search for the fastest kernels launches and holds. DIR gets `counts.json`. Exit code 1: a way
that is not the tape holds more than --most-held bytes a token (default: 93,700, that is 12 H + 4 I + 4 A, the
adapters' products and a little), a layer takes more than --most-launches launches, or a step holds a tenth more or
less than was planned.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pretend
from process import lines_of
from report import NOT_MEASURED

LAYERS = (2, 3)


def said(arguments, name, *words):
    """The lines of the second of two runs."""
    out = arguments.out / name
    command = [arguments.programs / "gpu_steps", *words, "--device", "cuda", "--preset", "7b", "--rounds", "1"]
    for _ in range(2):
        code = pretend.run(out, arguments.libdevice, command, kept=arguments.kept or arguments.out / "kernels")
    lines = [line for line in lines_of((out / "said.txt").read_text(encoding="utf-8", errors="replace")) if line.get("part") not in NOT_MEASURED]
    if code or not lines:
        raise SystemExit(f"gpu_steps {' '.join(map(str, words))} ended with {pretend.ended(code)}; see {out / 'said.txt'}")
    if failed := next((line["failed"] for line in lines if "failed" in line), None):
        raise SystemExit(f"gpu_steps {' '.join(map(str, words))}: {failed}, so not everything was counted; see {out / 'said.txt'}")
    return lines


def steps(arguments):
    """What is told of a whole step: by method, batch and samples behind a prefix."""
    batches = arguments.out / "batches"
    subprocess.run([sys.executable, pretend.HERE / "measure.py", "--batches", batches], check=True)
    for method, batch, k in itertools.product(("lora", "full"), ("dense", "ie"), (1, 8)):
        if (batch, k) == ("dense", 8):
            continue
        words = ["steps", "--method", method, "--steps", 1, "--group", k, "--batch", batches / f"{batch}.json"]
        for line in said(arguments, f"{method}-{batch}-{k}", *words):
            if line.get("part") == "steps":
                time, held, planned = line["time"], line["driver_bytes"], line["planned_bytes"]
                yield f"{method}, {batch}, k = {k}", {
                    "launches": time["launches"], "waits": time["waits"], "micro_batches": line["micro_batches"],
                    "planned_bytes": planned, "held_bytes": held, "held_of_planned": round(held / planned, 4),
                }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", pretend.REPOSITORY / "target"))
    parser.add_argument("--programs", type=Path, default=target / "release" / "examples")
    parser.add_argument("--libdevice", type=Path)
    parser.add_argument("--kept", type=Path, help="a folder of compiled kernels, such as registers.sh leaves (default: OUT/kernels)")
    parser.add_argument("--most-held", type=float, default=93_700)
    parser.add_argument("--most-launches", type=int)
    arguments = parser.parse_args()
    if not (arguments.programs / "gpu_steps").is_file():
        parser.error(f"gpu_steps is not in {arguments.programs}: see measure.py for how it is built (--programs)")
    # Programs run in a folder of their own.
    arguments.out = arguments.out.resolve()
    found, faults = {"held_bytes_per_token": {}, "launches_per_layer": {}}, []
    for line in said(arguments, "block", "block"):
        if (held := line.get("held_bytes_per_token")) is not None:
            name = f"{line['method']}, {line['case']}, {line['way']}"
            found["held_bytes_per_token"][name] = held
            if line["way"] != "tape" and held > arguments.most_held:
                faults.append(f"{name}: {held:,.0f} bytes a token are held, allowed are {arguments.most_held:,.0f}")
    for method in ("lora", "full"):
        launches = {}
        for layers in LAYERS:
            for line in said(arguments, f"{method}-{layers}", "backward", "--method", method, "--layers", layers):
                # A tape of all scores is of a few blocks, however many were asked for.
                if "time" in line and line["layers"] == layers:
                    launches[line["case"], line["way"], layers] = line["time"]["launches"]
        for case, way in sorted({key[:2] for key in launches if all((*key[:2], layers) in launches for layers in LAYERS)}):
            name, (few, many) = f"{method}, {case}, tape {way}", LAYERS
            found["launches_per_layer"][name] = layer = launches[case, way, many] - launches[case, way, few]
            if arguments.most_launches is not None and layer > arguments.most_launches:
                faults.append(f"{name}: {layer} launches a layer, allowed are {arguments.most_launches}")
    found["steps"] = dict(steps(arguments))
    for name, step in found["steps"].items():
        if not 0.9 <= step["held_of_planned"] <= 1.1:
            faults.append(f"{name}: {step['held_bytes']:,} bytes are held, {step['planned_bytes']:,} were planned")
    (arguments.out / "counts.json").write_text(json.dumps(found | {"faults": faults}, indent=1) + "\n")
    print("| step | micro-batches | launches | waits | GiB planned | GiB held | of planned |\n|---|---|---|---|---|---|---|")
    for name, step in found["steps"].items():
        print(f"| {name} | {step['micro_batches']} | {step['launches']:,} | {step['waits']} | {step['planned_bytes'] / 2**30:.1f} | "
              f"{step['held_bytes'] / 2**30:.1f} | {step['held_of_planned']:.3f} |")
    for what, values in itertools.islice(found.items(), 2):
        print(f"\n| {what.replace('_', ' ')} | |\n|---|---|")
        print("\n".join(f"| {name} | {value:,.0f} |" for name, value in values.items()))
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
