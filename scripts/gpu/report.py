"""What the measurements of scripts/gpu/measure.py say: rows over all rounds, what does not hold, and the tables."""

import math
import re
import signal
import statistics
from collections import defaultdict

from plan import PARTS, ROUTES, SHAPES

# Of an H200 in bf16, dense (data sheet); MFU is a share of it.
PEAK_TFLOPS = 989.4
CALIBRATIONS_DIFFER = 0.05
OUT_OF_MEMORY = 3
# Our formula and the one below, and losses of both sides over other random weights.
FLOPS_DIFFER, LOSSES_DIFFER = 1e-6, 0.03
# How far a gradient may be from the reference: the farthest in f32, the median weight's in bf16.
GRADIENT_DISTANCE = {"f32": 1e-3, "bf16": 0.05}
CURVE_DISTANCE = {"f32": 0.02, "bf16": 0.1}
# How many times as long the gradient of a first step may be on one side as on the other, of other random weights.
NORMS_DIFFER = 2.0
LEAST_MFU = 0.25
NOT_MEASURED = (None, "versions", "build", "ways")
KEYS = ("side", "build", "part", "case", "batch", "method", "k", "variant", "way", "layout", "route", "asked", "dtype", "layers")
MEASURED = ("tflops", "forward_tflops", "backward_tflops", "gb_per_second", "data_tokens_per_second", "computed_tokens_per_second",
            "held_bytes_per_token", "peak_bytes", "planned_bytes", "median_distance", "worst_relative_difference", "apart")


# ------------------------------------------------------------------------------------------- what counts


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


def calibration(records):
    """The best of each side, by case."""
    best = {}
    for record in records:
        for line in record["lines"]:
            if line.get("part") == "calibrate" and "failed" not in line and not unsound(line):
                side, value = line.get("side", "ours"), line.get("tflops" if line["case"] == "matmul" else "gb_per_second") or 0
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
            found[case] = (f"calibration: {case} runs at {ours:.3g} {unit} on our side and {theirs:.3g} on PyTorch's, more than "
                           f"{percent(CALIBRATIONS_DIFFER, 0)} apart; {meaning}")
    return found


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


def summarise(preset, records):
    """One row for each thing that was measured, over all rounds."""
    shapes = SHAPES[preset]
    matmul = calibration(records).get(("matmul", "torch")) or calibration(records).get(("matmul", "ours"))
    rows = {}
    for record in records:
        build = {"with": "fusion", "without": "plain"}.get(next((w for w in record["job"].split("-") if w in ("with", "without")), ""))
        batch = next((name for name in ("dense", "ie") if f"-{name}-" in record["job"]), None)
        for line in record["lines"]:
            if line.get("part") in NOT_MEASURED:
                continue
            line = {"side": "ours", "build": build, "batch": batch} | sound(line)
            if "checked" in line:
                line["apart"] = line["checked"]["apart"]
            rows.setdefault(tuple(line.get(name) for name in KEYS), []).append(line)
    return [row_of(key, lines, shapes, matmul) for key, lines in rows.items()]


def row_of(key, lines, shapes, matmul):
    """What the lines of all rounds say together."""
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
        line = next(line for line in lines if "time" in line)
        tokens = line["data_tokens" if row["side"] == "torch" else "computed_tokens"]
        row["flops_formula"] = flops(shapes, line["method"] == "lora", tokens, line["supervised"], line["pairs"])
        row["tflops"] = row["flops_formula"] / row["seconds"]["median"] / 1e12
        row["losses"] = line["losses"]
        if "flops" in line:
            row["flops"] = line["flops"]
    if "tflops" in row:
        row["mfu"] = row["tflops"] / PEAK_TFLOPS
        row["of_matmul"] = row["tflops"] / matmul if matmul else None
    for name in ("worst", "loss", "expected_loss", "weights", "failed", "took", "tries", "micro_batches", "gradient_norms", "master"):
        if name in lines[0]:
            row[name] = lines[0][name]
    return row


def ratios(records):
    """How many times as fast as each variant of PyTorch ours was, in data tokens a second, over pairs of one round."""
    rates = defaultdict(dict)
    for record in records:
        if match := re.fullmatch(r"steps-(ours|torch)-(lora|full)-(dense|ie)-(.+)-(\d+)", record["job"]):
            for line in record["lines"]:
                if line.get("part") == "steps" and "failed" not in line and not unsound(line):
                    rates[match.groups()[:4]][match[5]] = line["data_tokens_per_second"]
    found = []
    for (side, method, batch, k), ours in rates.items():
        for (other, *same, variant), theirs in rates.items():
            if (side, other, same) == ("ours", "torch", [method, batch]):
                pairs = sorted(ours[round_] / theirs[round_] for round_ in ours.keys() & theirs.keys())
                if pairs:
                    found.append({"method": method, "batch": batch, "ours": k, "torch": variant, "times_as_fast": statistics.median(pairs),
                                  "low": pairs[0], "high": pairs[-1], "pairs": len(pairs)})
    return found


# ------------------------------------------------------------------------------------ what does not hold


def ending(record):
    """How a job ended, in words."""
    code = record["exit"]
    if isinstance(code, int) and code < 0:
        names = {it.value: it.name for it in signal.Signals}
        return f"FAILED (killed by {names.get(-code, f'signal {-code}')})"
    return {0: "done", OUT_OF_MEMORY: "does not fit into memory"}.get(code, f"FAILED ({code})")


def faults(preset, records, rows):
    """What failed, or does not hold."""
    for record in records:
        yield from failures(record)
    yield from mixtures(records)
    if preset != "tiny":
        yield from uncalibrated(records).values()
    steps = [row for row in rows if row["part"] == "steps" and row.get("losses")]
    for row in steps:
        what = f"steps {row['side']} {row['method']} {row.get('batch')}"
        if "flops" in row and abs(row["flops"] / row["flops_formula"] - 1) > FLOPS_DIFFER:
            yield f"{what}: the program counts {row['flops']:.6g} operations, this script {row['flops_formula']:.6g}"
        for name in ("losses", "gradient_norms"):
            wrong = [value for value in row.get(name, []) if value is None or not math.isfinite(value) or value <= 0]
            if wrong:
                yield f"{what}: {wrong[0]} is among its {name.replace('_', ' ')}"
    for ours in (row for row in steps if row["side"] == "ours"):
        for theirs in (row for row in steps if row["side"] == "torch" and (row["method"], row.get("batch")) == (ours["method"], ours.get("batch"))):
            yield from other_work(ours, theirs)
    for row in rows:
        if "failed" not in row and (told := far_apart(row)):
            yield told


def failures(record):
    """What one job says of itself."""
    if record["exit"] not in (0, OUT_OF_MEMORY):
        last = (record["errors"].strip().splitlines() or ["nothing on standard error"])[-1]
        yield f"{record['job']}: {ending(record)}: {last}"
    elif record["exit"] == 0 and not any(line.get("part") not in NOT_MEASURED for line in record["lines"]):
        yield f"{record['job']} measured nothing"
    for line in record["lines"]:
        # Of products, no way of ours takes every layout.
        if (reason := unsound(line)) and not (line.get("asked") == "tiles" and line.get("took") == "burn"):
            what = " ".join(str(line[key]) for key in KEYS if line.get(key) is not None and key != "part")
            yield f"{record['job']}: {what}: {reason}"
        if line.get("part") == "ways" and line.get("asked") == "cublaslt" and "without cuBLASLt" in (line.get("table") or ""):
            yield f"{record['job']}: cublaslt was asked for, and is not there: {line['table'].strip().splitlines()[-1]}"


def mixtures(records):
    """What cannot be compared, since it was not measured with the same program on the same kind of GPU."""
    revisions, gpus = defaultdict(list), defaultdict(list)
    for record in records:
        if record.get("revision"):
            revisions[record["revision"]].append(record["job"])
        if (record.get("gpu_before") or {}).get("name"):
            gpus[record["gpu_before"]["name"]].append(record["job"])
    for what, found in (("revisions", revisions), ("kinds of GPU", gpus)):
        if len(found) > 1:
            counted = ", ".join(f"{name} ({len(names)} jobs, {names[0]} …)" for name, names in found.items())
            yield f"the numbers are of several {what}: {counted}; --again measures what it names once more"


def other_work(ours, theirs):
    """Why two sides' steps cannot be compared."""
    which = f"{ours['method']} {ours.get('batch')}"
    a, b = ours["losses"][0], theirs["losses"][0]
    if a is None or b is None or not abs(a - b) <= LOSSES_DIFFER * b:
        yield f"steps {which}: the first loss is {a} on our side, {b} with {theirs['variant']}: not the same work"
    norms = [(row.get("gradient_norms") or [None])[0] for row in (ours, theirs)]
    if ours["method"] == "full" and all(norms) and not 1 / NORMS_DIFFER < norms[0] / norms[1] < NORMS_DIFFER:
        yield f"steps {which}: the first gradient is {norms[0]:.4g} long on our side, {norms[1]:.4g} with {theirs['variant']}"


def distance_of(row):
    """How far numbers of the parts `gradients` and `curve` are from the reference, and how far they may be."""
    if row["part"] == "gradients":
        far = row["worst"][0]["distance"] if row["dtype"] == "f32" else row.get("median_distance")
        return far, GRADIENT_DISTANCE[row["dtype"]]
    return row.get("worst_relative_difference"), CURVE_DISTANCE[row["dtype"]]


def far_apart(row):
    """What to say of numbers that are too far from the reference."""
    if row["part"] not in ("gradients", "curve"):
        return None
    far, allowed = distance_of(row)
    if far is not None and far <= allowed:
        return None
    return f"{row['part']} {row.get('method', '')} {row['dtype']}: {'nothing' if far is None else f'{far:.2e}'} from the reference, allowed are {allowed}"


# ---------------------------------------------------------------------------------------- all that there is


def number(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}"


def rate(value):
    """A number of operations or bytes a second, to three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percent(share, digits=1):
    return f"{100 * share:.{digits}f} %"


def details(rows, beside):
    """The rows as Markdown, a section for each part, and our steps beside PyTorch's."""
    text = []
    of_part = {"attention_check": "attention"}
    for part in PARTS:
        of = [row for row in rows if of_part.get(row["part"], row["part"]) == part or (part == "fusion" and row.get("build"))]
        of = [row for row in of if (part == "fusion") == bool(row.get("build"))]
        if not of:
            continue
        text += [f"### {part}", "", "| what | TFLOP/s | MFU | of matmul | ms (p10–p90) | first, s | data tokens/s | peak GiB | planned | launches |",
                 "|---|---|---|---|---|---|---|---|---|---|"]
        text += [detail(row) for row in of] + [""]
    if beside:
        text += ["### Beside PyTorch", "", "| method | batch | ours | PyTorch | times as fast in data tokens/s | pairs |", "|---|---|---|---|---|---|"]
        text += [f"| {row['method']} | {row['batch']} | {row['ours']} | {row['torch']} | {times(row)} | {row['pairs']} |" for row in beside] + [""]
    return "\n".join(text)


def detail(row):
    named = {"k": "k {}", "layers": "{} layers", "asked": "({} asked)"}
    what = " ".join(named.get(key, "{}").format(row[key]) for key in KEYS if key in row and key != "part")
    seconds = row.get("seconds")
    ms = f"{1e3 * seconds['median']:.3g} ({1e3 * seconds['p10']:.3g}–{1e3 * seconds['p90']:.3g})" if seconds else ""
    gib = lambda name: number(row[name] / 2**30, 1) if row.get(name) else ""
    rates = "/".join(rate(row[name]) for name in ("tflops", "forward_tflops", "backward_tflops") if name in row)
    rates = rates or (f"{rate(row['gb_per_second'])} GB/s" if "gb_per_second" in row else "")
    far = next((row[name] for name in ("worst_relative_difference", "median_distance", "apart") if row.get(name) is not None), None)
    share = lambda name: percent(row[name]) if row.get(name) else ""
    said = row.get("failed") or (f"{far:.1e} apart" if far is not None else "")
    return (f"| {what} | {rates or said} | {share('mfu')} | {share('of_matmul')} | {ms} | {number(row.get('first_seconds'), 1)} | "
            f"{number(row.get('data_tokens_per_second'))} | {gib('peak_bytes')} | {gib('planned_bytes')} | {row.get('launches') or ''} |")


def times(row):
    return f"{row['times_as_fast']:.2f} ({row['low']:.2f}–{row['high']:.2f})"
