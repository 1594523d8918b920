#!/usr/bin/env python3
"""Measures the trainer: its steps beside PyTorch's with PEFT, where their time goes, two ranks beside one.

    trainer.py [--part pytorch,parts,scaling] [--sizes tiny,mini,30m] [--rounds N] [--out FILE.json]

- pytorch: whole LoRA steps (loss, gradients of the adapters, clipping by the global norm, AdamW) on one
  batch of instruction data that the quick start's corpus gives with whole classes in the prompts: 32
  samples, eight behind each prefix. Both sides have the same weights, adapters and ids, one thread each, and
  work in turns. PyTorch: `LlamaForCausalLM` with PEFT's adapters on all linear layers, samples of similar
  length padded together, logits at supervised positions only. `groups`: ours computes a prefix once for
  its samples; `dense`: ours computes it with each sample, as PyTorch does. A step counts once losses
  and gradient norms of all steps so far agree to 1e-4.
- parts: a run of that recipe; the medians of what its steps took, part by part.
- scaling: the same with one process of one thread, with two of one thread each, with one of two threads,
  and with two whose sums are exact (`run.exact_shards`), in turns.

Time is the processor's where programs take turns, the clock's for `parts` and `scaling`. Runs in the
environment of scripts/reference/setup.sh.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from model import ONE_THREAD, REPOSITORY, SHAPES, Side, interval, machine

TOLERANCE = 1e-4
RECIPE = REPOSITORY / "scripts" / "bench" / "trainer.toml"
# Rows that are padded together, at most.
PADDED_TOGETHER = 8


def build():
    """The program and the example, in the workspace's target directory."""
    subprocess.run(["cargo", "build", "--release"], cwd=REPOSITORY, check=True)
    subprocess.run(["cargo", "build", "--release", "--package", "trainer", "--example", "step_speed"], cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release"
    return target / "knowcoder", target / "examples" / "step_speed"


# --------------------------------------------------------------------------------- against PyTorch


def write_model(directory, shape):
    """A Llama with made-up weights and PEFT's adapters beside it, whose `B` is not zero."""
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    made = transformers.LlamaConfig(
        **shape, max_position_embeddings=4096, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4}, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    model = transformers.LlamaForCausalLM(made)
    model.save_pretrained(directory / "model")
    linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    adapted = get_peft_model(model, LoraConfig(r=32, lora_alpha=64, lora_dropout=0.0, target_modules=linear, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.02)
    adapted.save_pretrained(directory / "adapter")
    count = lambda wanted: sum(weight.numel() for weight in adapted.parameters() if wanted(weight))
    return count(lambda _: True), count(lambda weight: weight.requires_grad)


class Torch:
    """Does the same steps as the example `step_speed`."""

    def __init__(self, directory):
        import torch
        import transformers
        from peft import PeftModel

        torch.set_num_threads(1)
        self.torch = torch
        base = transformers.LlamaForCausalLM.from_pretrained(directory / "model", attn_implementation="sdpa")
        self.model = PeftModel.from_pretrained(base, directory / "adapter", is_trainable=True)
        self.trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)

    def prepare(self, samples):
        torch = self.torch
        samples = sorted(samples, key=lambda sample: len(sample["ids"]))
        self.count = sum(len(sample["ids"]) - sample["supervised_from"] for sample in samples)
        self.batches = []
        for first in range(0, len(samples), PADDED_TOGETHER):
            rows = samples[first : first + PADDED_TOGETHER]
            width = max(len(row["ids"]) for row in rows)
            ids = torch.zeros(len(rows), width, dtype=torch.long)
            mask = torch.zeros(len(rows), width, dtype=torch.long)
            for i, row in enumerate(rows):
                ids[i, : len(row["ids"])] = torch.tensor(row["ids"])
                mask[i, : len(row["ids"])] = 1
            places = [(i, t) for i, row in enumerate(rows) for t in range(row["supervised_from"], len(row["ids"]))]
            row, token = torch.tensor(places).T
            self.batches.append((ids, mask, row, token))
        return {"padded_tokens": sum(ids.numel() for ids, *_ in self.batches)}

    def measure(self):
        torch = self.torch
        wall, cpu = time.perf_counter(), time.process_time()
        self.optimizer.zero_grad(set_to_none=True)
        sum_ = 0.0
        decoder = self.model.get_base_model()
        for ids, mask, row, token in self.batches:
            # Padding stands behind the samples and causal attention never looks there: no mask, the fast kernel.
            states = decoder.model(input_ids=ids, use_cache=False).last_hidden_state
            logits = decoder.lm_head(states[row, token - 1])
            loss = torch.nn.functional.cross_entropy(logits, ids[row, token], reduction="sum") / self.count
            loss.backward()
            sum_ += float(loss.detach())
        norm = float(torch.nn.utils.clip_grad_norm_(self.trained, 1.0))
        self.optimizer.step()
        return {
            "cpu_seconds": time.process_time() - cpu,
            "wall_seconds": time.perf_counter() - wall,
            "loss": sum_,
            "gradient_norm": norm,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def serve(self):
        for line in sys.stdin:
            request = json.loads(line)
            answer = self.prepare(request["samples"]) if request["do"] == "prepare" else self.measure()
            print(json.dumps(answer), flush=True)


def agree(ours, theirs, what):
    """Refuses to compare the speed of different steps."""
    worst = 0.0
    for key in ("loss", "gradient_norm"):
        far = abs(ours[key] - theirs[key]) / abs(theirs[key])
        if not far <= TOLERANCE:
            raise SystemExit(f"{what}: {key} is {ours[key]}, PyTorch's is {theirs[key]}")
        worst = max(worst, far)
    return worst


def against_pytorch(program, step_speed, folder, arguments):
    run = folder / "run"
    prepare = [program, "data", "prepare", RECIPE, "--run-dir", run, "--data-root", REPOSITORY / "configs"]
    subprocess.run([*map(str, prepare)], check=True, stdout=subprocess.DEVNULL)
    # The ids are those of the quick start's tokenizer.
    vocabulary = json.loads((REPOSITORY / "configs/quickstart/base/config.json").read_text())["vocab_size"]
    found = {}
    for size in arguments.sizes:
        directory = folder / size
        shape = SHAPES[size]
        parameters, trained = write_model(directory, shape | {"vocab_size": max(vocabulary, shape["vocab_size"])})
        ours = Side([str(step_speed), str(run), str(directory / "model"), str(directory / "adapter")])
        theirs = Side([sys.executable, __file__, "--worker", str(directory)])
        samples = ours.ask(do="rows")["samples"]
        tokens = sum(len(sample["ids"]) for sample in samples)
        padded = theirs.ask(do="prepare", samples=samples)["padded_tokens"]
        for name in ("groups", "dense"):
            ours.ask(do="prepare", name=name, grouped=name == "groups")
        times = {"groups": [], "dense": [], "pytorch": []}
        worst, last = 0.0, {}
        for round_ in range(arguments.rounds + 1):
            turn = [("groups", ours), ("pytorch", theirs), ("dense", ours)]
            random.Random(round_).shuffle(turn)
            last = {name: side.ask(do="measure", name=name) for name, side in turn}
            for name in ("groups", "dense"):
                worst = max(worst, agree(last[name], last["pytorch"], f"{size}, {name}, step {round_ + 1}"))
            # The first step finds everything cold.
            if round_:
                for name in times:
                    times[name].append(last[name]["cpu_seconds"])
        ours.close()
        theirs.close()
        ratio = lambda name: interval([b / a for a, b in zip(times[name], times["pytorch"])])
        found[size] = {
            "parameters": parameters, "trained": trained, "samples": len(samples), "data_tokens": tokens,
            "computed_tokens": last["groups"]["computed_tokens"], "pytorch_padded_tokens": padded,
            "steps": arguments.rounds + 1, "loss_and_norm_differ": worst,
            "seconds": {name: statistics.median(all_) for name, all_ in times.items()},
            "times_as_fast": {name: ratio(name) for name in ("groups", "dense")},
            "peak_mib": {name: round(one["peak_bytes"] / 2**20) for name, one in last.items()},
        }
        print(f"{size}: {len(samples)} samples, {tokens} data tokens, {last['groups']['computed_tokens']} computed in groups; "
              f"losses and norms of {arguments.rounds + 1} steps agree to {worst:.1e}", file=sys.stderr)
    return found


# ------------------------------------------------------------------------------------ parts, scaling


def metrics(program, folder, name, ranks, threads, steps, *sets):
    """The steps of a run, the first tenth left out."""
    cluster = folder / f"{name}.toml"
    cluster.write_text(f'[cluster]\nbackend = "local"\nranks = {ranks}\nthreads_per_rank = {threads}\n')
    run = folder / name
    command = [program, "run", RECIPE, "--run-dir", run, "--data-root", REPOSITORY / "configs", "--cluster", cluster]
    for change in (f"phase.0.steps={steps}", f"checkpoint.every={steps // 2}", *sets):
        command += ["--set", change]
    subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    shutil.rmtree(run)
    return lines[max(1, len(lines) // 10) :]


def parts(program, folder, arguments):
    found = {}
    for ranks in (1, 2):
        lines = metrics(program, folder, f"parts-{ranks}", ranks, 1, arguments.steps)
        names = list(lines[0]["parts"])
        found[f"{ranks} rank(s)"] = {
            "step": statistics.median(line["seconds"] for line in lines),
            **{name: statistics.median(line["parts"][name] for line in lines) for name in names},
            "longest_checkpoint": max(line["parts"]["checkpoint"] for line in lines),
        }
    return found


# Name, ranks, threads, settings.
WORLDS = [("one", 1, 1, ()), ("two", 2, 1, ()), ("one of two threads", 1, 2, ()), ("two, exact", 2, 1, ("run.exact_shards=2",))]


def scaling(program, folder, arguments):
    rates = {name: [] for name, *_ in WORLDS}
    for round_ in range(arguments.pairs):
        for name, ranks, threads, sets in WORLDS if round_ % 2 == 0 else reversed(WORLDS):
            lines = metrics(program, folder, f"scaling-{ranks}-{threads}-{len(sets)}-{round_}", ranks, threads, arguments.steps, *sets)
            rates[name].append(statistics.median(line["tokens"] / line["seconds"] for line in lines))
    ratio = lambda a, b: interval([x / y for x, y in zip(rates[a], rates[b])])
    return {
        "tokens_per_second": {name: statistics.median(all_) for name, all_ in rates.items()},
        "two_beside_one": ratio("two", "one"),
        "threads_beside_one": ratio("one of two threads", "one"),
        "exact_beside_two": ratio("two, exact", "two"),
        "load_average_at_end": os.getloadavg(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="pytorch,parts,scaling")
    parser.add_argument("--sizes", default="tiny,mini,30m", help="of: " + ", ".join(SHAPES))
    parser.add_argument("--rounds", type=int, default=15, help="measured steps against PyTorch")
    parser.add_argument("--steps", type=int, default=60, help="steps of a run")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs with one rank and two")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        Torch(arguments.worker).serve()
        return 0
    arguments.sizes = arguments.sizes.split(",")
    wanted = arguments.part.split(",")
    program, step_speed = build()
    result = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if "pytorch" in wanted:
            result["pytorch"] = against_pytorch(program, step_speed, folder, arguments)
            for size, one in result["pytorch"].items():
                for name, times in one["times_as_fast"].items():
                    rate = one["data_tokens"] / one["seconds"][name]
                    theirs = one["data_tokens"] / one["seconds"]["pytorch"]
                    print(f"| {size} | {name} | {rate:,.0f} | {theirs:,.0f} | {times['median']:.2f} ({times['low']:.2f}–{times['high']:.2f}) |")
        if "parts" in wanted:
            result["parts"] = parts(program, folder, arguments)
            for ranks, one in result["parts"].items():
                print(ranks, " ".join(f"{name} {1e3 * seconds:.1f} ms" for name, seconds in one.items()))
        if "scaling" in wanted:
            result["scaling"] = scaling(program, folder, arguments)
            print(json.dumps(result["scaling"]))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
