#!/usr/bin/env python3
"""Holds the model's speed against PyTorch and transformers: one thread each, the same weights and ids.

    model.py [--sizes tiny,mini,30m] [--work dense,groups,generate] [--rounds N] [--program PATH]
             [--out FILE.json]

A Baichuan2-like model with made-up weights is written once for each size; ours reads it as it is,
transformers' `LlamaForCausalLM` with `W_pack` split in three and the head normalised in use, as
NormHead does. Both programs stay loaded and answer one request at a time, in turns: A B, B A, A B, …
Time is the processor's for the whole process, which neighbours on the machine disturb less than the
clock. A figure is the median over the rounds, a ratio the median over the pairs with the 95 %
interval that resampling the pairs gives.

- dense: loss and the gradient of every weight of 8 x 256 tokens, all of them supervised.
- groups: 8 samples with one prefix of 595 tokens and 105 tokens of their own, 20 supervised. Ours
  computes the prefix once (`groups`) or with every sample (`apart`), PyTorch with every sample.
- generate: 8 prompts of 40 to 105 tokens behind a prefix of 595, 32 new tokens each, greedy. Ours
  shares the prefix; transformers' `generate` gets whole prompts, padded on the left, with the
  cache that turned out faster, dynamic or static.

No time counts before the outcomes agree: losses to 1e-4 relative, the norm of each weight's gradient
to 1e-3, the ids of greedy answers exactly, but where the two best logits are nearer than 1e-4.

Runs in the environment of scripts/reference/setup.sh; builds the example `speed` of the crate `model`
if PATH does not name one.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = ["cargo", "build", "--release", "--package", "model", "--example", "speed"]
ONE_THREAD = {
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "GOMP_SPINCOUNT": "0",
    "OMP_WAIT_POLICY": "passive",
}

SHAPES = {
    "tiny": {"vocab_size": 3000, "hidden_size": 128, "intermediate_size": 336, "num_hidden_layers": 3, "num_attention_heads": 4},
    "mini": {"vocab_size": 8000, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 4, "num_attention_heads": 8},
    "30m": {"vocab_size": 16000, "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 10, "num_attention_heads": 6},
}
LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3
TIE = 1e-4


# ------------------------------------------------------------------------------- the model's files


def config(shape):
    """A Baichuan2 `config.json`."""
    return {
        "architectures": ["BaichuanForCausalLM"],
        "model_type": "baichuan",
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "initializer_range": 0.02,
        "position": "rope",
        "norm_head": True,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **shape,
    }


def write_model(directory, shape):
    """`config.json` and `model.safetensors` under Baichuan2's names."""
    import torch
    from safetensors.torch import save_file

    hidden, inner, vocabulary = shape["hidden_size"], shape["intermediate_size"], shape["vocab_size"]
    shapes = {"model.embed_tokens.weight": (vocabulary, hidden), "lm_head.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    for i in range(shape["num_hidden_layers"]):
        shapes |= {
            f"model.layers.{i}.{name}.weight": dims
            for name, dims in {
                "self_attn.W_pack": (3 * hidden, hidden),
                "self_attn.o_proj": (hidden, hidden),
                "mlp.gate_proj": (inner, hidden),
                "mlp.up_proj": (inner, hidden),
                "mlp.down_proj": (hidden, inner),
                "input_layernorm": (hidden,),
                "post_attention_layernorm": (hidden,),
            }.items()
        }
    generator = torch.Generator().manual_seed(42)
    tensors = {}
    for name, dims in sorted(shapes.items()):
        noise = torch.randn(dims, generator=generator)
        # Large enough that logits differ and greedy choices are clear.
        tensors[name] = 1 + 0.1 * noise if "norm" in name else 0.06 * noise
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config(shape), indent=1))
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return sum(tensor.numel() for tensor in tensors.values())


# ------------------------------------------------------------------------------------- PyTorch's side


class Torch:
    """Answers the same requests as the example `speed`."""

    def __init__(self, directory):
        import torch
        import transformers
        from safetensors.torch import load_file

        torch.set_num_threads(1)
        self.torch = torch
        shape = json.loads((directory / "config.json").read_text())
        keys = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        keys += ("max_position_embeddings", "rms_norm_eps", "rope_theta", "pad_token_id", "bos_token_id")
        options = {key: shape[key] for key in keys}
        theta = options.pop("rope_theta")
        made = transformers.LlamaConfig(
            **options, rope_parameters={"rope_type": "default", "rope_theta": theta}, tie_word_embeddings=False
        )
        made._attn_implementation = "sdpa"
        self.model = transformers.LlamaForCausalLM(made).eval()
        weights = {}
        for name, tensor in load_file(directory / "model.safetensors").items():
            if "W_pack" in name:
                for part, rows in zip(("q_proj", "k_proj", "v_proj"), tensor.chunk(3)):
                    weights[name.replace("W_pack", part)] = rows.clone()
            else:
                weights[name] = tensor
        self.model.load_state_dict(weights, strict=True)
        self.raw_head = self.model.lm_head.weight.detach().clone()
        self.works = {}

    def prepare(self, request):
        torch = self.torch
        if "groups" in request:
            rows = [group["prefix"] + suffix for group in request["groups"] for suffix in group["suffixes"]]
            from_ = len(rows[0]) - request["supervised"]
            # The first token of all follows nothing.
            self.works[request["name"]] = ("train", torch.tensor(rows), max(from_, 1))
            return {"tokens": sum(map(len, rows)), "data_tokens": sum(map(len, rows))}
        rows = [request["prefix"] + prompt for prompt in request["prompts"]]
        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        work = {"ids": ids, "mask": mask, "new": request["new_tokens"], "cache": None}
        self.works[request["name"]] = ("generate", work, width)
        self.use_head("generate")
        seconds = {}
        for cache in ("dynamic", "static"):
            work["cache"] = cache
            self.generate(work)
            started = time.process_time()
            self.generate(work)
            seconds[cache] = time.process_time() - started
        work["cache"] = min(seconds, key=seconds.get)
        tokens = len(rows) * work["new"]
        return {"tokens": tokens, "data_tokens": tokens, "cache": work["cache"]}

    def use_head(self, kind):
        """Training normalises the head in use; who generates has it normalised once."""
        functional = self.torch.nn.functional
        head = self.raw_head if kind == "train" else functional.normalize(self.raw_head, dim=-1)
        with self.torch.no_grad():
            self.model.lm_head.weight.copy_(head)

    def train(self, ids, start):
        """Loss over the supervised positions only, as whoever cares for speed writes it."""
        functional = self.torch.nn.functional
        self.model.zero_grad(set_to_none=True)
        states = self.model.model(input_ids=ids, use_cache=False).last_hidden_state[:, start - 1 : -1]
        head = functional.normalize(self.model.lm_head.weight, dim=-1)
        logits = functional.linear(states.reshape(-1, states.shape[-1]), head)
        loss = functional.cross_entropy(logits, ids[:, start:].reshape(-1), reduction="sum")
        loss.backward()
        return float(loss.detach())

    def generate(self, work):
        with self.torch.no_grad():
            output = self.model.generate(
                work["ids"],
                attention_mask=work["mask"],
                max_new_tokens=work["new"],
                min_new_tokens=work["new"],
                do_sample=False,
                eos_token_id=None,
                cache_implementation=work["cache"],
            )
        return output[:, work["ids"].shape[1] :].tolist()

    def measure(self, name):
        kind, work, number = self.works[name]
        self.use_head(kind)
        wall, cpu = time.perf_counter(), time.process_time()
        answer = {"loss": self.train(work, number)} if kind == "train" else {"ids": self.generate(work)}
        answer["cpu_seconds"] = time.process_time() - cpu
        answer["wall_seconds"] = time.perf_counter() - wall
        import resource

        answer["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return answer

    def outcome(self, name):
        kind, work, number = self.works[name]
        self.use_head(kind)
        if kind == "generate":
            return {"ids": self.generate(work)}
        loss = self.train(work, number)
        squares = {}
        for path, weight in self.model.named_parameters():
            square = float(weight.grad.double().square().sum())
            for part in ("q_proj", "k_proj", "v_proj"):
                path = path.replace(part, "W_pack")
            squares[path] = squares.get(path, 0.0) + square
        return {"loss": loss, "gradient_norms": {path: square**0.5 for path, square in squares.items()}}

    def margins(self, name, row, ids):
        """Distance of the best logit and the second at each step of an answer."""
        _, work, _ = self.works[name]
        self.use_head("generate")
        prompt = work["ids"][row][work["mask"][row] == 1].tolist()
        with self.torch.no_grad():
            logits = self.model(self.torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
        best = logits.topk(2).values
        return {"margins": (best[:, 0] - best[:, 1]).tolist()}

    def serve(self):
        for line in sys.stdin:
            request = json.loads(line)
            action = request.pop("do")
            if action == "prepare":
                answer = self.prepare(request)
            elif action == "measure":
                answer = self.measure(request["name"])
            elif action == "outcome":
                answer = self.outcome(request["name"])
            else:
                answer = self.margins(request["name"], request["row"], request["ids"])
            print(json.dumps(answer), flush=True)


# -------------------------------------------------------------------------------------- the two sides


class Side:
    """A program that answers lines of JSON."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
        )

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended with code {self.process.wait()} on {request['do']}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def requests(shape, wanted):
    """What is asked, by name."""
    draw = random.Random(7)

    def ids(count):
        return [draw.randrange(3, shape["vocab_size"]) for _ in range(count)]

    dense = [{"prefix": [], "suffixes": [ids(256)]} for _ in range(8)]
    prefix, suffixes = ids(595), [ids(105) for _ in range(8)]
    apart = [{"prefix": [], "suffixes": [prefix + suffix]} for suffix in suffixes]
    prompts = [ids(length) for length in (40, 52, 61, 70, 77, 86, 95, 105)]
    every = {
        "dense": {"groups": dense, "supervised": 256},
        "apart": {"groups": apart, "supervised": 20},
        "groups": {"groups": [{"prefix": prefix, "suffixes": suffixes}], "supervised": 20},
        "generate": {"prefix": prefix, "prompts": prompts, "new_tokens": 32},
    }
    names = [name for name in every if name in wanted or (name == "apart" and "groups" in wanted)]
    return {name: every[name] for name in names}


def agree(name, ours, theirs, side):
    """Refuses to compare the speed of different work."""
    if "ids" in ours:
        ties = 0
        for row, (a, b) in enumerate(zip(ours["ids"], theirs["ids"], strict=True)):
            if a == b:
                continue
            step = next(i for i, (x, y) in enumerate(zip(a, b)) if x != y)
            margin = side.ask(do="margins", name=name, row=row, ids=b)["margins"][step]
            if len(a) != len(b) or margin > TIE:
                raise SystemExit(f"{name}: answer {row} differs from step {step} on, where the best logit leads by {margin:.1e}")
            ties += 1
        return {"answers": len(ours["ids"]), "answers_that_part_at_a_tie": ties}
    loss = abs(ours["loss"] - theirs["loss"]) / abs(theirs["loss"])
    if not loss <= LOSS_TOLERANCE:
        raise SystemExit(f"{name}: loss {ours['loss']}, PyTorch's is {theirs['loss']}")
    worst = 0.0
    for path, norm in theirs["gradient_norms"].items():
        far = abs(ours["gradient_norms"][path] - norm) / norm
        if not far <= GRADIENT_TOLERANCE:
            raise SystemExit(f"{name}: the gradient of {path} has norm {ours['gradient_norms'][path]}, PyTorch's {norm}")
        worst = max(worst, far)
    return {"loss": ours["loss"], "loss_differs": loss, "gradient_norms_differ": worst}


def interval(ratios):
    """Median and the 95 % interval of resampled medians."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return {"median": statistics.median(ratios), "low": medians[50], "high": medians[1949]}


def compare(pair, rounds):
    """`pair`: two of (label, side, name). Rates, and how much faster the first is than the second per data token."""
    found = {label: [] for label, _, _ in pair}
    for side, name in {(side, name) for _, side, name in pair}:
        side.ask(do="measure", name=name)
    for i in range(rounds):
        for label, side, name in pair if i % 2 == 0 else reversed(pair):
            found[label].append(side.ask(do="measure", name=name))
    seconds = {label: [one["cpu_seconds"] for one in all_] for label, all_ in found.items()}
    first, second = (label for label, _, _ in pair)
    return {
        "seconds": {label: round(statistics.median(s), 5) for label, s in seconds.items()},
        "wall_seconds": {label: round(statistics.median(one["wall_seconds"] for one in all_), 5) for label, all_ in found.items()},
        "peak_mib": {label: round(max(one["peak_bytes"] for one in all_) / 2**20) for label, all_ in found.items()},
        "times_as_fast": interval([b / a for a, b in zip(seconds[first], seconds[second])]),
        "all_seconds": {label: [round(x, 5) for x in s] for label, s in seconds.items()},
    }


def bench(directory, shape, arguments):
    ours = Side([str(arguments.program), str(directory)])
    theirs = Side([sys.executable, __file__, "--worker", str(directory)])
    asked = requests(shape, arguments.work)
    result = {}
    for name, request in asked.items():
        size = ours.ask(do="prepare", name=name, **request)
        if name != "groups":
            size |= {"pytorch": theirs.ask(do="prepare", name=name, **request)}
        result[name] = {"size": size}
    for name in asked:
        other = "apart" if name == "groups" else name
        outcomes = ours.ask(do="outcome", name=name), theirs.ask(do="outcome", name=other)
        result[name]["agreement"] = agree(other, *outcomes, theirs)
        print(f"  {name}: outcomes agree", file=sys.stderr)
        pair = [("ours", ours, name), ("pytorch", theirs, other)]
        result[name]["against_pytorch"] = compare(pair, arguments.rounds)
        if name == "groups":
            pair = [("groups", ours, "groups"), ("apart", ours, "apart")]
            result[name]["against_apart"] = compare(pair, arguments.rounds)
    ours.close()
    theirs.close()
    return result


def table(results):
    lines = ["| model | work | ours, data tokens/s | PyTorch | times as fast (95 %) | peak MiB, ours / PyTorch |", "|---|---|---|---|---|---|"]
    for size, works in results.items():
        for name, work in works["work"].items():
            found, tokens = work["against_pytorch"], work["size"]["data_tokens"]
            rate = {side: tokens / seconds for side, seconds in found["seconds"].items()}
            times, peak = found["times_as_fast"], found["peak_mib"]
            lines.append(
                f"| {size} | {name} | {rate['ours']:,.0f} | {rate['pytorch']:,.0f} | {times['median']:.2f} "
                f"({times['low']:.2f}–{times['high']:.2f}) | {peak['ours']} / {peak['pytorch']} |"
            )
    return "\n".join(lines)


def machine():
    import torch
    import transformers

    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True)
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load_average_at_start": os.getloadavg(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "revision": revision.stdout.strip(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="tiny,mini,30m", help="of: " + ", ".join(SHAPES))
    parser.add_argument("--work", default="dense,groups,generate")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--program", type=Path, help="a built example `speed`")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        Torch(arguments.worker).serve()
        return 0
    sizes, arguments.work = arguments.sizes.split(","), arguments.work.split(",")
    unknown = [size for size in sizes if size not in SHAPES]
    unknown += [work for work in arguments.work if work not in ("dense", "groups", "generate")]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}")
    if arguments.program is None:
        subprocess.run(BUILD, cwd=REPOSITORY, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
        arguments.program = Path(target) / "release" / "examples" / "speed"
    arguments.program = arguments.program.resolve()
    result = {"machine": machine(), "rounds": arguments.rounds, "sizes": {}}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            directory = Path(folder) / size
            parameters = write_model(directory, SHAPES[size])
            print(f"{size}: {parameters:,} parameters", file=sys.stderr)
            work = bench(directory, SHAPES[size], arguments)
            result["sizes"][size] = {"parameters": parameters, "shape": SHAPES[size], "work": work}
    print(table(result["sizes"]))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
