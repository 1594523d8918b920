#!/usr/bin/env python3
"""Measures the trainer on a GPU, beside PyTorch in the same job. One command; each call ends within --minutes.

    measure.py --out DIR [--part calibrate,gemm,…|all] [--device cuda|wgpu|flex] [--preset 7b|tiny]
               [--programs DIR] [--fusion-programs DIR] [--python PYTHON] [--minutes 10] [--rounds 2]
               [--only TEXT] [--again] [--any-calibration] [--archive FILE.tar.gz] [--revision TEXT]

Called again with the same --out it goes on where it stopped: what is done is not done again (but with
--again). DIR then holds `jobs/*.json`, one for each process that ran, with the state of the GPU before and
after it; `summary.json` and `summary.md` over all of them; the batches; compiled kernels and what tuning found.
With --archive all of that but the batches is also in one file, written anew after each job; where it is there and
DIR has no jobs yet, DIR begins with it, so that a machine that keeps nothing but one file can go on.

Parts, the most important first, and all that is measured once before any second round:

- calibrate  a product of 8192³ in bf16 and a pass over 1 GB, ours and PyTorch's. If the product differs by more than
             5 %, no other job begins: the GPU was not the same for both, or our product takes a slow route.
             --any-calibration goes on. The summary is written in any case, and says if the pass differs, too
- gradients  in the device's types beside f32
- steps      whole steps, LoRA and full: 8 rows of 4,096 all supervised (`dense`); 48 samples of extraction of which
             a tenth is supervised (`ie`), at k = 1 and 8 behind one prefix; in turns with PyTorch's best and
             LLaMA-Factory's settings
- curve      losses of 200 steps of the tiny model beside the CPU's
- attention  forwards and backwards: 12 documents of 700, 2 rows of 4,096, 6 groups of 595 + 8 · 105; and how far
             each body is from the plain operations in f32, at lengths around the kernels' tiles
- gemm       the model's products at 8,192 tokens, forwards and backwards, by route
- block      one block, LoRA and full, by each way of differentiating it
- backward   loss and gradients of the whole network; on a tape with all scores, of two blocks
- torch      every variant of torch_baseline.py
- fusion     block and steps by programs built with the feature `fusion` (--fusion-programs), in turns with those without

What to carry to the GPU machine: this folder, and `gpu_steps` or `gpu_steps.xz`, built with what docs/cuda.md says
`--features cuda` needs:

    KNOWCODER_REVISION=$(git rev-parse --short HEAD) cargo build --release --features cuda -p trainer --example gpu_steps
    strip gpu_steps && xz -9 -T0 gpu_steps
    KNOWCODER_REVISION=… cargo build --release --features cuda,fusion …          # again, for the part `fusion`

What must be there: the driver (`libcuda.so.1`) and, for PyTorch's side, a Python with torch, transformers and peft
(--python). Our programs need `libdevice.10.bc` below `$CUDA_PATH/nvvm/libdevice`; without CUDA_PATH the one in that
Python's package `triton` is taken. Its packages `nvidia-*` are put on LD_LIBRARY_PATH for cuBLASLt and NCCL. Clocks
are never changed.

A dry run, on any machine, in about a minute: measure.py --preset tiny --device flex --part all --out DIR

Exit codes: 0 all done · 1 something failed or does not hold · 2 usage · 69 the device is not usable · 75 time is up,
call it again.
"""

import argparse
import contextlib
import json
import lzma
import math
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PARTS = ("calibrate", "gradients", "steps", "curve", "attention", "gemm", "block", "backward", "torch", "fusion")
PROGRAM = "gpu_steps"
# Ways of products that our programs can be told to take.
ROUTES = ("cublaslt", "tiles", "burn")
# Of an H200 in bf16, dense (data sheet); MFU is a share of it.
PEAK_TFLOPS = 989.4
CALIBRATIONS_DIFFER = 0.05
NOT_USABLE, AGAIN = 69, 75
OUT_OF_MEMORY = 3
# Of a call's minutes: a job that was given so much and did not end never will.
TOO_LONG = 0.75
# What the archive holds of --out, but for kernels, of which it holds so many bytes at most.
ARCHIVED, KERNELS_ARCHIVED = ("jobs", "gemm_routes.json", "summary.json", "summary.md"), 48 << 20
# Our formula and the one below, and losses of both sides over other random weights.
FLOPS_DIFFER, LOSSES_DIFFER = 1e-6, 0.03
# How far a gradient may be from the reference: the farthest in f32, the median weight's in bf16.
GRADIENT_DISTANCE = {"f32": 1e-3, "bf16": 0.05}
CURVE_DISTANCE = {"f32": 0.02, "bf16": 0.1}
# How many times as long the gradient of a first step may be on one side as on the other, of other random weights.
NORMS_DIFFER = 2.0
# PyTorch's side of a dry run.
DRY = ("calibrate-torch-0", "gemm-torch-0", "steps-torch-lora-ie-llama-factory-0", "torch-torch-full-ie-packed")
# One thread on a CPU, which others may need.
ON_A_CPU = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "passive"}
GPU_FIELDS = ("name", "driver_version", "clocks.sm", "clocks.mem", "power.draw", "power.limit", "temperature.gpu",
              "clocks_throttle_reasons.active", "memory.used", "memory.total")


# --------------------------------------------------------------------------------------- what is computed


def batches(folder, preset):
    """Writes the batches that both sides read: groups of samples as ids, and where their losses begin."""
    draw = random.Random(42)
    vocabulary, rows, length = (125696, 8, 4096) if preset == "7b" else (3000, 4, 64)
    groups, k, prefix, suffix = (6, 8, 595, 105) if preset == "7b" else (2, 8, 40, 12)

    def ids(count):
        return [draw.randrange(3, vocabulary) for _ in range(count)]

    def around(mean, spread):
        # A log-normal number of this mean, of the spread that our corpora have.
        return max(4, round(mean * math.exp(spread * draw.gauss(0, 1) - spread**2 / 2)))

    def own():
        count = around(suffix, 0.5)
        return {"ids": ids(count), "supervised_from": count - max(1, round(count * 2 / 3))}

    dense = [{"prefix": [], "suffixes": [{"ids": ids(length), "supervised_from": 0}]} for _ in range(rows)]
    ie = [{"prefix": ids(around(prefix, 0.3)), "suffixes": [own() for _ in range(k)]} for _ in range(groups)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in {"dense": dense, "ie": ie}.items():
        path = folder / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps({"groups": made}))


def flops(shape, lora, tokens, supervised, pairs, rank=32):
    """Operations of a step as `model::flops` counts them; checked against it wherever our side says them."""
    h, f, layers, vocabulary = (shape[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size"))
    linears = layers * (4 * h * h + 3 * h * f)
    adapters = layers * rank * (6 * h + 3 * (h + f)) if lora else 0
    passes = 2 if lora else 3
    # Behind attention the last block is needed where the loss looks.
    behind = passes * (h * h + 3 * h * f) + (3 * rank * (2 * h + 3 * (h + f)) if lora else 0)
    return 2 * (tokens * (passes * linears - (3 * h * h if lora else 0) + 3 * adapters) - max(0, tokens - supervised) * behind
                + supervised * passes * vocabulary * h + pairs * layers * 6 * h)


# Our steps and who has a turn beside them: the targets' comparisons first.
TURNS = (("dense", 1, ("compiled", "cudnn-compiled")), ("ie", 8, ("llama-factory",)), ("ie", 1, ("compiled", "cudnn-compiled")))
# Of torch_baseline.py.
VARIANTS = ("llama-factory", "kept", "bf16", "packed", "compiled", "cudnn", "cudnn-compiled")


class Job:
    """One process, and the file of what it said."""

    def __init__(self, part, name, command, environment=None):
        self.part, self.name, self.command, self.environment = part, f"{part}-{name}", list(map(str, command)), environment or {}
        turn = re.search(r"-(\d+)$", name)
        self.turn = int(turn[1]) if turn else 0


def jobs(arguments):
    """Everything that the wanted parts run, the most important first."""
    shared = ["--device", arguments.device, "--preset", arguments.preset]
    tiny = arguments.preset == "tiny"
    rounds = 1 if tiny else arguments.rounds
    batch = lambda name: ["--batch", arguments.out / "batches" / f"{name}.json"]
    torch_device = "cuda" if arguments.device == "cuda" else "cpu"

    def ours(part, name, words, programs=arguments.programs, **environment):
        return Job(part, f"ours-{name}", [programs / PROGRAM, *words, *shared], arguments.environment | environment)

    def torch(part, name, words):
        command = [arguments.python, HERE / "torch_baseline.py", *words, "--device", torch_device, "--preset", arguments.preset]
        return Job(part, f"torch-{name}", command, ON_A_CPU if torch_device == "cpu" else {})

    def steps(part, name, method, of, k, programs=arguments.programs):
        words = ["steps", "--method", method, "--group", k, *batch(of)]
        return ours(part, name, words, programs)

    def variant(part, name, method, of, which):
        return torch(part, name, ["steps", "--method", method, "--variant", which, *batch(of)])

    found = []
    for part in ("calibrate", "gemm", "attention"):
        for round_ in range(1 if part == "calibrate" else rounds):
            found += [ours(part, round_, [part]), torch(part, round_, [part])]
    if arguments.device == "cuda":
        # Without one of these the network takes what it finds fastest.
        found += [ours("gemm", f"{route}-{round_}", ["gemm"], KNOWCODER_GEMM=route) for route in ROUTES for round_ in range(rounds)]
    found.append(ours("attention", "check", ["attention", "--check", "yes"]))
    found += [ours("block", round_, ["block"]) for round_ in range(rounds)]
    found += [ours("backward", method, ["backward", "--method", method]) for method in ("lora", "full")]
    for method in ("lora", "full"):
        for round_ in range(rounds):
            for of, k, rivals in TURNS:
                found.append(steps("steps", f"{method}-{of}-k{k}-{round_}", method, of, k))
                found += [variant("steps", f"{method}-{of}-{which}-{round_}", method, of, which) for which in rivals]
        for of in ("dense", "ie"):
            for which in VARIANTS:
                found.append(variant("torch", f"{method}-{of}-{which}", method, of, which))
    found += [ours("gradients", "0", ["gradients"]), ours("curve", "0", ["curve"])]
    if arguments.fusion_programs:
        for round_ in range(rounds):
            for name, programs in (("without", arguments.programs), ("with", arguments.fusion_programs)):
                found.append(ours("fusion", f"block-{name}-{round_}", ["block"], programs))
                for method, of, k in (("lora", "dense", 1), ("lora", "ie", 8), ("full", "dense", 1)):
                    found.append(steps("fusion", f"{method}-{of}-k{k}-{name}-{round_}", method, of, k, programs))
    if tiny:
        # A dry run: each of PyTorch's programs takes seconds to begin.
        found = [job for job in found if "torch-" not in job.name or job.name in DRY]
    wanted = [job for job in found if job.part in arguments.parts and arguments.only in job.name]
    wanted = [job for job in wanted if arguments.python or "torch-" not in job.name]
    return sorted(wanted, key=lambda job: (job.turn, PARTS.index(job.part)))


# ---------------------------------------------------------------------------------------- running it


def gpu():
    """What the GPU says of itself now; nothing is changed."""
    command = ["nvidia-smi", f"--query-gpu={','.join(GPU_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
        return dict(zip(GPU_FIELDS, (value.strip() for value in said[0].split(","))))
    except (OSError, subprocess.SubprocessError, IndexError):
        return None


def run(job, path, seconds, had_all):
    """Runs the job for at most so long, which is all that a call has or not, and keeps what it said."""
    before, started = gpu(), time.time()
    record = {"job": job.name, "part": job.part, "command": job.command, "begun": started, "had_all": had_all,
              "started": time.strftime("%FT%TZ", time.gmtime())}
    try:
        process = subprocess.run(job.command, capture_output=True, text=True, timeout=seconds, env=os.environ | job.environment)
        said, errors, code = process.stdout, process.stderr, process.returncode
    except subprocess.TimeoutExpired as stopped:
        text = lambda it: it.decode(errors="replace") if isinstance(it, bytes) else it or ""
        said, errors, code = text(stopped.stdout), text(stopped.stderr), "out of time"
    except OSError as error:
        said, errors, code = "", str(error), "not started"
    lines = []
    for line in said.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            pass
    record |= {"seconds": round(time.time() - started, 1), "exit": code, "lines": lines, "errors": errors[-3000:],
               "gpu_before": before, "gpu_after": gpu()}
    keep(path, json.dumps(record, indent=1) + "\n")
    return record


def keep(path, text):
    """Writes a file whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(path)


def archive(out, file):
    """Everything that a later call goes on with, in one file."""
    partial = file.with_name(file.name + ".partial")
    with tarfile.open(partial, "w:gz", compresslevel=3) as packed:
        for name in ARCHIVED:
            if (out / name).exists():
                packed.add(out / name, name, filter=lambda it: None if it.name.endswith(".partial") else it)
        kernels = [path for path in sorted((out / "kernels").glob("*.db*")) if path.is_file()]
        if sum(path.stat().st_size for path in kernels) <= KERNELS_ARCHIVED:
            for path in kernels:
                packed.add(path, f"kernels/{path.name}")
    partial.rename(file)


def unpack(file, out):
    """Begins `out` with what an archive has, unless it has jobs of its own."""
    if not file.exists() or any((out / "jobs").glob("*.json")):
        return
    out.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "r:gz") as packed:
        packed.extractall(out, filter="data")


def work(arguments):
    """Runs what is not done yet while there is time; returns the records, the names of what is left, and why no more ran."""
    folder, deadline = arguments.out / "jobs", arguments.started + 60 * arguments.minutes
    folder.mkdir(parents=True, exist_ok=True)
    every, records, left, taken = jobs(arguments), [], [], {}
    for place, job in enumerate(every):
        path = folder / f"{job.name}.json"
        known = json.loads(path.read_text()) if path.exists() else None
        if known and is_final(known) and not (arguments.again and known["begun"] < arguments.started):
            records.append(known)
        else:
            # As long as its like in another round, or a minute.
            like = re.sub(r"-\d+$", "", job.name)
            expected = max(taken.get(like, 0), known["seconds"] if known else 0, 5 if arguments.preset == "tiny" else 60)
            remaining = deadline - time.time()
            if remaining < expected and (taken or remaining < TOO_LONG * 60 * arguments.minutes):
                left.append(job.name)
                continue
            print(f"{job.name} …", end=" ", file=sys.stderr, flush=True)
            record = run(job, path, max(remaining - 5, 5), remaining > TOO_LONG * 60 * arguments.minutes)
            taken[like] = record["seconds"] * 1.1
            print(f"{record['seconds']:.0f} s, {ending(record)}", file=sys.stderr)
            if not is_final(record):
                left.append(job.name)
            records.append(record)
            if arguments.archive:
                archive(arguments.out, arguments.archive)
        # The second calibration may end it all; small ones say nothing.
        if job.name == "calibrate-torch-0" and arguments.preset != "tiny" and not arguments.any_calibration:
            if "matmul" in uncalibrated(records):
                return records, [*left, *(job.name for job in every[place + 1 :])], True
    return records, left, False


def is_final(record):
    """Whether a job needs no second try: it ended, or had a call's time to itself."""
    return record["exit"] != "out of time" or record["had_all"]


def ending(record):
    return {0: "done", OUT_OF_MEMORY: "does not fit into memory"}.get(record["exit"], f"FAILED ({record['exit']})")


def calibration(records):
    """The best of each side, by case."""
    best = {}
    for record in records:
        for line in record["lines"]:
            if line.get("part") == "calibrate" and not unsound(line):
                side, value = line.get("side", "ours"), line.get("tflops") or line.get("gb_per_second")
                best[line["case"], side] = max(best.get((line["case"], side), 0), value)
    return best


def uncalibrated(records):
    """What differs between the two sides, by case; nothing if only one has run."""
    best, found = calibration(records), {}
    for case, unit, meaning in (
        ("matmul", "TFLOP/s", "nothing else is compared: look at the clocks in jobs/calibrate-*.json and at which way the product took, or "
         "go on with --any-calibration"),
        ("copy", "GB/s", "the product decides; elementwise operations of one side are slower, or the clocks of memory changed"),
    ):
        ours, theirs = best.get((case, "ours")), best.get((case, "torch"))
        if ours and theirs and abs(ours - theirs) > CALIBRATIONS_DIFFER * theirs:
            found[case] = (f"calibration: {case} runs at {ours:.0f} {unit} on our side and {theirs:.0f} on PyTorch's, more than "
                           f"{CALIBRATIONS_DIFFER:.0%} apart; {meaning}")
    return found


def unsound(line):
    """Why a line's numbers do not count; `None` if they do."""
    if "failed" in line:
        return None
    checked = line.get("checked")
    if checked and not (checked["apart"] is not None and checked["apart"] <= checked["allowed"]):
        return f"its result is {checked['apart']} from the host's, allowed are {checked['allowed']}: it was not computed"
    asked, took = line.get("asked"), line.get("took")
    if asked in ROUTES and line.get("route") == "network" and took != asked:
        return f"{asked} was asked for, {took or 'no way of ours'} was taken"
    return None


def sound(line):
    """The line, without its numbers where they do not count."""
    reason = unsound(line)
    return {key: value for key, value in line.items() if key not in MEASURED + ("time",)} | {"failed": reason} if reason else line


# --------------------------------------------------------------------------------------- what came out

NOT_MEASURED = (None, "versions", "build", "ways")
KEYS = ("side", "build", "part", "case", "batch", "method", "k", "variant", "way", "layout", "route", "asked", "dtype", "layers")
MEASURED = ("tflops", "forward_tflops", "backward_tflops", "gb_per_second", "data_tokens_per_second", "computed_tokens_per_second",
            "held_bytes_per_token", "peak_bytes", "planned_bytes", "median_distance", "worst_relative_difference", "apart")


def summarise(arguments, records):
    """One row for each thing that was measured, over all rounds."""
    shapes = SHAPES[arguments.preset]
    matmul = calibration(records).get(("matmul", "torch")) or calibration(records).get(("matmul", "ours"))
    rows = {}
    for record in records:
        build = {"with": "fusion", "without": "plain"}.get(next((w for w in record["job"].split("-") if w in ("with", "without")), ""))
        batch = next((name for name in ("dense", "ie") if f"-{name}-" in record["job"]), None)
        for line in record["lines"]:
            if line.get("part") in NOT_MEASURED:
                continue
            line = sound(line)
            line = {"side": "ours", "build": build, "batch": batch} | line
            if "checked" in line:
                line["apart"] = line["checked"]["apart"]
            key = tuple(line.get(name) for name in KEYS)
            rows.setdefault(key, []).append(line)
    found = []
    for key, lines in rows.items():
        row = {name: value for name, value in zip(KEYS, key) if value is not None} | {"rounds": len(lines)}
        for name in MEASURED:
            values = [line[name] for line in lines if isinstance(line.get(name), (int, float))]
            if values:
                row[name] = statistics.median(values)
        times = [line["time"] for line in lines if "time" in line]
        for name in ("seconds", "gradients", "update", "forward", "backward"):
            if times and name in times[0]:
                row[name] = {q: statistics.median(t[name][q] for t in times) for q in ("median", "p10", "p90")}
        if times:
            row["first_seconds"] = max(t["first_seconds"] for t in times)
            row["launches"] = times[-1].get("launches")
        if row["part"] == "steps" and times:
            line = lines[0]
            counted = flops(shapes, line["method"] == "lora", *(line[n] for n in ("data_tokens" if row["side"] == "torch" else "computed_tokens", "supervised", "pairs")))
            row["flops_formula"] = counted
            row["tflops"] = counted / row["seconds"]["median"] / 1e12
            row["losses"] = line["losses"]
            if "flops" in line:
                row["flops"] = line["flops"]
        if "tflops" in row:
            row["mfu"] = row["tflops"] / PEAK_TFLOPS
            row["of_matmul"] = row["tflops"] / matmul if matmul else None
        for name in ("worst", "loss", "expected_loss", "weights", "failed", "took", "tries", "micro_batches", "gradient_norms", "master"):
            if name in lines[0]:
                row[name] = lines[0][name]
        found.append(row)
    return found


def ratios(records):
    """How many times as fast as each variant of PyTorch ours was, in data tokens a second, over pairs of one round."""
    rates = {}
    for record in records:
        if match := re.fullmatch(r"steps-(ours|torch)-(lora|full)-(dense|ie)-(.+)-(\d+)", record["job"]):
            for line in record["lines"]:
                if line.get("part") == "steps" and not unsound(line):
                    rates.setdefault(match.groups()[:4], {})[match[5]] = line["data_tokens_per_second"]
    found = []
    for (side, method, batch, k), ours in rates.items():
        for (other, *same, variant), theirs in rates.items():
            if (side, other, same) == ("ours", "torch", [method, batch]):
                pairs = sorted(ours[round_] / theirs[round_] for round_ in ours.keys() & theirs.keys())
                if pairs:
                    found.append({"method": method, "batch": batch, "ours": k, "torch": variant, "times_as_fast": statistics.median(pairs),
                                  "low": pairs[0], "high": pairs[-1], "pairs": len(pairs)})
    return found


SHAPES = {
    "7b": {"vocab_size": 125696, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32},
    "tiny": {"vocab_size": 3000, "hidden_size": 128, "intermediate_size": 336, "num_hidden_layers": 3},
}


def faults(records, rows):
    """What failed, or does not hold."""
    for record in records:
        if record["exit"] not in (0, OUT_OF_MEMORY):
            last = (record["errors"].strip().splitlines() or ["nothing on standard error"])[-1]
            yield f"{record['job']}: {record['exit']}: {last}"
        elif record["exit"] == 0 and not any(line.get("part") not in NOT_MEASURED for line in record["lines"]):
            yield f"{record['job']} measured nothing"
        for line in record["lines"]:
            # Of products, no way of ours takes every layout.
            if (reason := unsound(line)) and not (line.get("asked") == "tiles" and line.get("took") == "burn"):
                what = " ".join(str(line[key]) for key in KEYS if line.get(key) is not None and key != "part")
                yield f"{record['job']}: {what}: {reason}"
    yield from uncalibrated(records).values()
    steps = [row for row in rows if row["part"] == "steps" and "losses" in row]
    for row in steps:
        if "flops" in row and abs(row["flops"] / row["flops_formula"] - 1) > FLOPS_DIFFER:
            yield f"steps {row['method']} {row.get('batch')}: the program counts {row['flops']:.6g} operations, this script {row['flops_formula']:.6g}"
        for what in ("losses", "gradient_norms"):
            for value in row.get(what, []):
                if value is None or not math.isfinite(value) or value <= 0:
                    yield f"steps {row['side']} {row['method']} {row.get('batch')}: {value} is among its {what.replace('_', ' ')}"
    for ours in (row for row in steps if row["side"] == "ours"):
        for theirs in (row for row in steps if row["side"] == "torch" and (row["method"], row.get("batch")) == (ours["method"], ours.get("batch"))):
            a, b = ours["losses"][0], theirs["losses"][0]
            if a is None or b is None or abs(a - b) > LOSSES_DIFFER * b:
                yield f"steps {ours['method']} {ours.get('batch')}: the first loss is {a} on our side, {b} with {theirs['variant']}: not the same work"
            norms = [row.get("gradient_norms", [None])[0] for row in (ours, theirs)]
            if ours["method"] == "full" and all(norms) and not 1 / NORMS_DIFFER < norms[0] / norms[1] < NORMS_DIFFER:
                yield f"steps full {ours.get('batch')}: the first gradient is {norms[0]:.4g} long on our side, {norms[1]:.4g} with {theirs['variant']}"
    for row in (row for row in rows if row["part"] == "gradients"):
        far = row["worst"][0]["distance"] if row["dtype"] == "f32" else row["median_distance"]
        if not far <= GRADIENT_DISTANCE[row["dtype"]]:
            yield f"gradients {row['method']} {row['dtype']}: {far:.2e} from the reference, allowed are {GRADIENT_DISTANCE[row['dtype']]}"
    for row in (row for row in rows if row["part"] == "curve"):
        far = row["worst_relative_difference"]
        if not far <= CURVE_DISTANCE[row["dtype"]]:
            yield f"curve {row['dtype']}: a loss is {far:.2%} from the CPU's, allowed are {CURVE_DISTANCE[row['dtype']]:.0%}"


def table(rows, beside):
    """The rows as Markdown, a section for each part, and our steps beside PyTorch's."""
    text = []
    of_part = {"attention_check": "attention"}
    number = lambda value, digits=0: "" if value is None else f"{value:,.{digits}f}"
    for part in PARTS:
        of = [row for row in rows if of_part.get(row["part"], row["part"]) == part or (part == "fusion" and row.get("build"))]
        of = [row for row in of if (part == "fusion") == bool(row.get("build"))]
        if not of:
            continue
        text += [f"## {part}", "", "| what | TFLOP/s | MFU | of matmul | ms (p10–p90) | data tokens/s | peak GiB | planned | launches |", "|---|---|---|---|---|---|---|---|---|"]
        for row in of:
            what = " ".join(str(row[key]) for key in KEYS if key in row and key != "part")
            seconds = row.get("seconds")
            ms = f"{1e3 * seconds['median']:.3g} ({1e3 * seconds['p10']:.3g}–{1e3 * seconds['p90']:.3g})" if seconds else ""
            gib = lambda name: number(row[name] / 2**30, 1) if row.get(name) else ""
            rates = "/".join(number(row[name], 1) for name in ("tflops", "forward_tflops", "backward_tflops") if name in row)
            rates = rates or (f"{row['gb_per_second']:,.0f} GB/s" if "gb_per_second" in row else "")
            far = next((row[name] for name in ("worst_relative_difference", "median_distance", "apart") if row.get(name) is not None), None)
            share = lambda name: f"{row[name]:.1%}" if row.get(name) else ""
            said = f"{far:.1e} apart" if far is not None else row.get("failed", "")
            text.append(f"| {what} | {rates or said} | {share('mfu')} | {share('of_matmul')} | {ms} | "
                        f"{number(row.get('data_tokens_per_second'))} | {gib('peak_bytes')} | {gib('planned_bytes')} | {row.get('launches') or ''} |")
        text.append("")
    if beside:
        text += ["## Beside PyTorch", "", "| method | batch | ours | PyTorch | times as fast in data tokens/s | pairs |", "|---|---|---|---|---|---|"]
        text += [f"| {row['method']} | {row['batch']} | {row['ours']} | {row['torch']} | {row['times_as_fast']:.2f} "
                 f"({row['low']:.2f}–{row['high']:.2f}) | {row['pairs']} |" for row in beside] + [""]
    return "\n".join(text)


def machine(arguments, records):
    lines = [line for record in records for line in record["lines"]]
    built = [line for line in lines if line.get("part") == "build"]
    versions = next((line["versions"] for line in lines if line.get("part") == "versions"), None)
    revisions = sorted({line["revision"] for line in built if line.get("revision")}) or [arguments.revision]
    return {"gpu": gpu(), "processor": platform.processor(), "cores": os.cpu_count(), "load_average": os.getloadavg(),
            "python": platform.python_version(), "torch_side": versions, "revisions_of_ours": revisions,
            "revision_of_scripts": revision_here(), "build": built[0] if built else None,
            "ways": next((line["table"] for line in lines if line.get("part") == "ways" and not line.get("asked")), None)}


def revision_here():
    """What is checked out here, if this is a checkout and the machine has git."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, timeout=20)
        return said.stdout.strip() or None
    return None


# ------------------------------------------------------------------------------------------- beginning


def environment(arguments):
    """What our programs find on the GPU machine: libdevice, NVIDIA's libraries, a cache that stays."""
    kept = arguments.out.resolve()
    found = {"XDG_CACHE_HOME": str(kept / "cache"), "KNOWCODER_KERNELS": str(kept / "kernels"),
             "KNOWCODER_GEMM_ROUTES": str(kept / "gemm_routes.json")}
    packages = []
    if arguments.python:
        code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
        said = subprocess.run([arguments.python, "-c", code], capture_output=True, text=True)
        packages = [Path(said.stdout.strip())] if said.returncode == 0 else []
    if "CUDA_PATH" not in os.environ and packages:
        bitcode = packages[0] / "triton" / "backends" / "nvidia" / "lib" / "libdevice.10.bc"
        if bitcode.exists():
            folder = arguments.out.resolve() / "cuda" / "nvvm" / "libdevice"
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / bitcode.name).exists():
                (folder / bitcode.name).symlink_to(bitcode)
            found["CUDA_PATH"] = str(folder.parents[1])
    libraries = [str(path) for root in packages for path in sorted(root.glob("nvidia/*/lib"))]
    if arguments.device == "flex":
        found |= ON_A_CPU
    if libraries:
        found["LD_LIBRARY_PATH"] = ":".join(filter(None, [os.environ.get("LD_LIBRARY_PATH"), *libraries]))
    return found


def programs_of(arguments, parser, given):
    """The folder of our program: as given, packed or not, or where cargo puts it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    choices = [given] if given else [target / kind / "examples" for kind in ("release", "debug")]
    for folder in choices:
        if (folder / PROGRAM).exists():
            return folder.resolve()
        if (packed := folder / f"{PROGRAM}.xz").exists():
            return unpacked(packed, arguments.out / ("fusion" if given == arguments.fusion_programs else "programs"))
    features = "" if arguments.device == "flex" else f" --features {arguments.device}"
    parser.error(f"{PROGRAM} is not in {' or '.join(map(str, choices))}; build it with\n"
                 f"    cargo build --release{features} -p trainer --example {PROGRAM}")


def unpacked(packed, folder):
    """The folder with the program that was packed, unpacked once."""
    program = folder / PROGRAM
    if not program.exists() or program.stat().st_mtime < packed.stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{PROGRAM}.partial"
        with lzma.open(packed) as read, open(partial, "wb") as write:
            shutil.copyfileobj(read, write)
        partial.chmod(0o755)
        partial.rename(program)
    return folder.resolve()


def not_usable(arguments):
    """Why our program cannot compute there, in its own sentence; `None` if it can."""
    command = [arguments.programs / PROGRAM, "ready", "--device", arguments.device, "--preset", arguments.preset]
    try:
        said = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, env=os.environ | arguments.environment)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{command[0]} does not start: {error}"
    last = (said.stderr.strip().splitlines() or [f"{PROGRAM} ready ended with {said.returncode}"])[-1]
    return last.removeprefix("error: ") if said.returncode else None


def python_of(arguments):
    """A Python with torch: as given, this one, or that of scripts/reference/setup.sh."""
    reference = Path(os.environ.get("KNOWCODER_REFERENCE", Path.home() / ".cache/knowcoder/reference")) / "bin/python"
    for python in [arguments.python] if arguments.python else [sys.executable, reference]:
        try:
            if subprocess.run([python, "-c", "import importlib.util as u, sys; sys.exit(not u.find_spec('torch'))"]).returncode == 0:
                return str(python)
        except OSError:
            continue
    print("no Python with torch: PyTorch's side is left out (--python)", file=sys.stderr)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=Path, help="only write the batches, into this folder")
    parser.add_argument("--out", type=Path, help="folder of the results; a second call goes on there")
    parser.add_argument("--part", default="all", help="of: " + ", ".join(PARTS))
    parser.add_argument("--device", choices=("cuda", "wgpu", "flex"), default="cuda")
    parser.add_argument("--preset", choices=SHAPES, default="7b")
    parser.add_argument("--programs", type=Path, help="folder of gpu_steps or gpu_steps.xz")
    parser.add_argument("--fusion-programs", type=Path, help="the same, built with the feature fusion")
    parser.add_argument("--python", help="a Python with torch, transformers and peft")
    parser.add_argument("--minutes", type=float, default=10, help="no job runs longer than this call")
    parser.add_argument("--rounds", type=int, default=2, help="how often each side has its turn")
    parser.add_argument("--only", default="", help="jobs whose name has this in it")
    parser.add_argument("--again", action="store_true", help="also what is done")
    parser.add_argument("--any-calibration", action="store_true")
    parser.add_argument("--archive", type=Path, help="one file with everything, written after each job and gone on with")
    parser.add_argument("--revision", help="of our program, where it was not built in")
    arguments = parser.parse_args()
    arguments.started = time.time()
    if arguments.batches:
        batches(arguments.batches, arguments.preset)
        return 0
    if not arguments.out:
        parser.error("--out is missing: the folder of the results")
    arguments.parts = PARTS if arguments.part == "all" else arguments.part.split(",")
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    if "fusion" in arguments.parts and arguments.part != "all" and not arguments.fusion_programs:
        parser.error("the part fusion needs --fusion-programs, a folder of gpu_steps built with `--features cuda,fusion`")
    arguments.programs = programs_of(arguments, parser, arguments.programs)
    if arguments.fusion_programs:
        arguments.fusion_programs = programs_of(arguments, parser, arguments.fusion_programs)
    if arguments.archive:
        unpack(arguments.archive, arguments.out)
    arguments.python = python_of(arguments)
    arguments.environment = environment(arguments)
    if reason := not_usable(arguments):
        print(f"error: {reason}", file=sys.stderr)
        return NOT_USABLE
    batches(arguments.out / "batches", arguments.preset)

    records, left, stopped = work(arguments)
    rows = summarise(arguments, records)
    wrong = list(faults(records, rows))
    result = {"machine": machine(arguments, records), "device": arguments.device, "preset": arguments.preset, "peak_tflops": PEAK_TFLOPS,
              "calibration": {f"{case}, {side}": value for (case, side), value in calibration(records).items()},
              "any_calibration": arguments.any_calibration, "rows": rows, "beside_pytorch": ratios(records), "faults": wrong, "left": left,
              "stopped_by_calibration": stopped}
    (arguments.out / "summary.json").write_text(json.dumps(result, indent=1) + "\n")
    text = table(rows, result["beside_pytorch"])
    (arguments.out / "summary.md").write_text(text)
    if arguments.archive:
        archive(arguments.out, arguments.archive)
    print(text)
    for fault in wrong:
        print(f"FAULT: {fault}", file=sys.stderr)
    if stopped:
        print(f"{len(left)} jobs did not begin: the two sides' calibrations differ", file=sys.stderr)
        return 1
    if left:
        print(f"{len(left)} jobs are left ({left[0]} …): the same command again goes on", file=sys.stderr)
        return AGAIN
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
