#!/usr/bin/env python3
"""TensorBoard itself reads the event files of a run, and finds in them what metrics.jsonl says.

    tensorboard_check.py RUN

Each step of `RUN/metrics.jsonl` must be there once, in the sub-run of its phase, with every number that
it has under the tag that `trainer/src/tensorboard/scalar.rs` gives it, and nothing else may be there:
steps that were done again after a stop count once. Scores must be those of `scores.json`. Numbers are
compared as f32, which event files hold. Read twice: as TensorBoard's web server does
(`PluginEventMultiplexer`), and with its `EventAccumulator`. Exit code 1: something differs, and is said.
"""

import json
import logging
import sys
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.util.tensor_util import make_ndarray

# Each purge is a warning: expected after a stop.
logging.getLogger("tensorboard").setLevel(logging.ERROR)


def of_step(line):
    """The scalars of a line of metrics.jsonl, by tag."""
    scalars = {tag: line[tag] for tag in ["loss", "learning_rate", "gradient_norm", "tokens_per_second", "samples"]}
    scalars["tokens/all"] = line["tokens"]
    for kind in ["supervised", "computed", "padded"]:
        scalars[f"tokens/{kind}"] = line[f"{kind}_tokens"]
    scalars["seconds/all"] = line["seconds"]
    scalars |= {f"seconds/{part}": seconds for part, seconds in line["parts"].items()}
    scalars |= {name: line[name] for name in ["flops", "memory_bytes"] if line[name] > 0}
    scalars |= {} if line["applied"] else {"left_out": 1.0}
    for source in line["sources"]:
        scalars["loss/{dataset}/{language}/{task}".format(**source)] = source["loss"]
    return scalars


def of_evaluations(rows):
    """The scalars of the rows of evaluations.jsonl that belong to one step."""
    scalars, languages = {}, {}
    for row in rows:
        if row["f1"] is not None:
            scalars["f1/{protocol}/{dataset}/{language}/{task}".format(**row)] = row["f1"]
        if row["dataset"] not in ["micro", "mean of languages"] and row["gold"] > 0:
            counts = languages.setdefault((row["protocol"], row["language"]), [0, 0])
            counts[0] += 2 * row["correct"]
            counts[1] += row["gold"] + row["predicted"]
    for (protocol, language), (right, all_) in languages.items():
        scalars[f"f1_by_language/{protocol}/{language}"] = 100 * right / all_
    return scalars


def of_scores(rows):
    return {
        "{}/{protocol}/{dataset}/{language}/{task}".format(name, **row): row[name]
        for row in rows
        for name in ["f1", "precision", "recall"]
        if name in row
    }


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def expected(run):
    """{sub-run: {(tag, step): value}} of everything that must be drawn."""
    runs = {}
    for line in lines(run / "metrics.jsonl"):
        points = runs.setdefault(line["phase"], {})
        points |= {(tag, line["step"]): value for tag, value in of_step(line).items()}
    steps = {}
    for row in lines(run / "evaluations.jsonl"):
        steps.setdefault((row["phase"], row["step"]), []).append(row)
    for (phase, step), rows in steps.items():
        runs[phase] |= {(tag, step): value for tag, value in of_evaluations(rows).items()}
    if (run / "scores.json").exists():
        scores = json.loads((run / "scores.json").read_text())
        for which, rows in [("final", scores["rows"]), *scores.get("baselines", {}).items()]:
            runs[f"scores/{which}"] = {(tag, 0): value for tag, value in of_scores(rows).items()}
    return runs


def accumulated(folder):
    """[(tag, step, value)] as the EventAccumulator reads a folder."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return [
        (tag, event.step, event.value)
        for tag in accumulator.Tags()["scalars"]
        for event in accumulator.Scalars(tag)
    ]


def served(multiplexer, name):
    """[(tag, step, value)] as the web server reads a sub-run."""
    return [
        (tag, event.step, make_ndarray(event.tensor_proto).item())
        for tag in multiplexer.Runs()[name]["tensors"]
        for event in multiplexer.Tensors(name, tag)
    ]


def compare(name, points, found):
    """What differs, in sentences."""
    wrong, seen = [], set()
    for tag, step, value in found:
        if (tag, step) in seen:
            wrong.append(f"{name}: `{tag}` of step {step} is there twice")
        seen.add((tag, step))
        if (tag, step) not in points:
            wrong.append(f"{name}: `{tag}` of step {step} is in no file of ours")
        elif not np.array_equal(np.float32(points[tag, step]), np.float32(value), equal_nan=True):
            wrong.append(f"{name}: `{tag}` of step {step} is {value}, expected {points[tag, step]}")
    missing = [f"{name}: `{tag}` of step {step} is missing" for tag, step in points if (tag, step) not in seen]
    return wrong + missing


def main():
    run = Path(sys.argv[1])
    board = run / "tensorboard"
    multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 0}, size_guidance={"tensors": 0})
    multiplexer.AddRunsFromDirectory(str(board))
    multiplexer.Reload()
    runs = expected(run)
    wrong = [f"TensorBoard sees the run `{name}`, which is none of ours" for name in multiplexer.Runs() if name not in runs]
    count = 0
    for name, points in runs.items():
        if name not in multiplexer.Runs():
            wrong.append(f"TensorBoard does not see `{name}`")
            continue
        count += len(points)
        wrong += compare(name, points, accumulated(board / name))
        wrong += compare(f"{name}, as served", points, served(multiplexer, name))
    if count == 0:
        wrong.append(f"`{run}` has no step to compare")
    for sentence in wrong[:20]:
        print(sentence)
    if wrong:
        sys.exit(f"{len(wrong)} difference(s) between TensorBoard and the run's files")
    print(f"TensorBoard reads {count} numbers of {len(runs)} runs as they are")


if __name__ == "__main__":
    main()
