#!/usr/bin/env python3
"""Counts what a layer takes: launches, and bytes that are held between forward and backward pass. No GPU.

    counts.py --out DIR [--programs DIR] [--libdevice FILE] [--most-held BYTES] [--most-launches N]

`gpu_steps` (built with `--features cuda`, see measure.py) runs on the driver of pretend.py at the 7B model's shapes:
one block for the bytes, then the whole network two and three layers deep, whose difference is a layer. DIR gets
`counts.json`. Exit code 1: a way that is not the tape holds more than --most-held bytes a token (default: 93,500,
that is 12 H + 4 I + 4 A and a little), or a layer takes more than --most-launches launches.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import pretend

LAYERS = (2, 3)


def said(arguments, name, *words):
    """The lines of one run."""
    out = arguments.out / name
    common = ["--device", "cuda", "--preset", "7b", "--rounds", "1"]
    code = pretend.run(out, arguments.libdevice, [arguments.programs / "gpu_steps", *words, *common], kept=arguments.out / "kernels")
    lines = [json.loads(line) for line in (out / "said.txt").read_text().splitlines() if line.startswith("{")]
    lines = [line for line in lines if line.get("part") != "build"]
    if code or not lines:
        raise SystemExit(f"gpu_steps {' '.join(map(str, words))} ended with {code}; see {out / 'said.txt'}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", pretend.REPOSITORY / "target"))
    parser.add_argument("--programs", type=Path, default=target / "release" / "examples")
    parser.add_argument("--libdevice", type=Path)
    parser.add_argument("--most-held", type=float, default=93_500)
    parser.add_argument("--most-launches", type=int)
    arguments = parser.parse_args()
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
    (arguments.out / "counts.json").write_text(json.dumps(found | {"faults": faults}, indent=1) + "\n")
    for what, values in found.items():
        print(f"\n| {what.replace('_', ' ')} | |\n|---|---|")
        print("\n".join(f"| {name} | {value:,.0f} |" for name, value in values.items()))
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
