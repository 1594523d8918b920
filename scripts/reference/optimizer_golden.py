#!/usr/bin/env python3
"""Holds our optimizers and schedules against other people's: torch, transformers and bitsandbytes.

    optimizer_golden.py             write tests/golden/optimizers.{safetensors,json} and schedules.json
    optimizer_golden.py --verify    take the steps again and compare with the committed files

Runs in the environment of setup.sh. Exit code 0: equal within the tolerance; 1: a difference; 2: usage.

| case | whose steps |
|---|---|
| `adamw` | `torch.optim.AdamW` with parameter groups, weight decay, clipping by the global norm, a schedule |
| `lion` | program 1 of arXiv:2302.06675, written out below; bitsandbytes' `Lion` agrees |
| `muon`, `muon-match` | `torch.optim.Muon` and `AdamW`, torch's own code computed in f32 |
| `muon-bf16` | the same as torch runs it, with the matrix made orthogonal in bf16 |
| `adamw8`, `lion8` | AdamW and Lion with 8-bit states, written out below after arXiv:2110.02861 |
| `adamw8-bitsandbytes`, `lion8-bitsandbytes` | bitsandbytes' `AdamW8bit` and `Lion8bit` on the CPU |

bitsandbytes has the same table of codes, bit for bit, but finds a number's code on the CPU through a coarse table of
its own: 1 in 25 numbers, mostly small ones, does not get the nearest. So its steps are near ours, not equal.

Writing needs bitsandbytes, which is not in requirements.txt (`pip install --no-deps bitsandbytes==0.50.2`, or its
folder in PYTHONPATH). Verifying does not: what it gave is in the file; where it is installed it is run again.

# The golden files

Weights and gradients are numbers of a formula (`numbers`), so that they need not be stored.
`optimizers.safetensors`: `CASE|after|NAME` and the state after the last step, `CASE|first|NAME`, `|second|`,
`|first8|` and `|second8|` (codes), each every seventh value; `|first8-scale|`, `|second8-scale|` whole; of
bitsandbytes only `after`. `codes|signed`, `codes|unsigned`: bitsandbytes' table.
`optimizers.json`: `config` of the model, `names` of its weights in the order of the formula; of each case its settings under a recipe's names, the `factors` of its
steps, `norms` before clipping, and how far ours may be (`change`: of after - before; `state`).
`schedules.json`: of each case its settings and transformers' factors by step.
"""

import argparse
import inspect
import json
import math
import re
import sys

import numpy as np
import torch
import torch.optim._muon as muon_module
from llama_golden import GOLDEN, baichuan, dumps
from networks import Comparison, distance, shapes
from safetensors.torch import load_file, save_file
from transformers import optimization

try:
    import bitsandbytes
except ImportError:
    bitsandbytes = None

# Matrices of more and of less than 4096 values, and blocks of 256 that do not come out even.
CONFIG = baichuan(
    hidden_size=32,
    intermediate_size=137,
    num_hidden_layers=1,
    num_attention_heads=2,
    vocab_size=131,
    max_position_embeddings=64,
    position="rope",
)
COMMON = {"learning_rate": 1e-3, "beta1": 0.9, "epsilon": 1e-8, "weight_decay": 0.1, "clip_norm": 1.0}
GROUPS = [
    {"match": r"mlp\.(up|gate)_proj", "learning_rate": 2e-3, "weight_decay": 0.02},
    {"match": "lm_head|embed_tokens", "weight_decay": 0.0},
    {"match": "mlp", "learning_rate": 5e-4},
]
MUON = {"name": "muon", "beta2": 0.98, "muon_learning_rate": 0.02}
CASES = {
    "adamw": {"name": "adamw", "beta2": 0.98, "groups": GROUPS},
    "lion": {"name": "lion", "beta2": 0.99, "groups": GROUPS},
    "muon": MUON,
    "muon-match": MUON | {"muon_learning_rate": 2e-3, "muon_scale": "match-rms-adamw"},
    "muon-bf16": MUON,
    "adamw8": {"name": "adamw", "beta2": 0.98, "bits": 8},
    "lion8": {"name": "lion", "beta2": 0.99, "bits": 8},
}
CASES |= {f"{case}-bitsandbytes": CASES[case] for case in ("adamw8", "lion8")}
# Of after - before, and of the state. f32 on both sides: the order of operations. In 8 bits a number between two
# codes may go the other way, which moves it by a hundredth. bf16 has three digits.
TOLERANCES = {"adamw": (1e-4, 1e-5), "lion": (1e-4, 1e-5), "muon": (1e-3, 1e-5), "muon-match": (1e-3, 1e-5)}
TOLERANCES |= {"muon-bf16": (3e-2, 1e-5), "adamw8": (2e-3, 5e-3), "lion8": (2e-3, 5e-3)}
TOLERANCES |= {"adamw8-bitsandbytes": (1e-2, 0.0), "lion8-bitsandbytes": (1e-2, 0.0)}
SIZES = [1.0, 0.5, 2.0, 1.0, 0.25]
EVERY = 7
BLOCK, SMALLEST = 256, 4096
MASK = (1 << 64) - 1


def numbers(seed, count):
    """Uniform in [-1, 1) with 24 bits: SplitMix64's finaliser over a counter."""
    z = (np.arange(count, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) / np.float32(1 << 23)


def weights():
    """The first weights, by name."""
    named = enumerate(shapes(CONFIG).items())
    return {name: torch.from_numpy(numbers(k, math.prod(shape)) / 16).reshape(shape) for k, (name, shape) in named}


def gradients(step):
    """Of either sign and between a tenth and one: where a second moment is a ten-millionth of the largest beside it,
    8 bits make it zero, and a step as large as the rounding of the first moment makes it."""
    found = {}
    for k, (name, shape) in enumerate(shapes(CONFIG).items()):
        uniform = numbers(1000 * (step + 1) + k, math.prod(shape))
        values = uniform * np.float32(0.9) + np.copysign(np.float32(0.1), uniform)
        found[name] = torch.from_numpy(values * np.float32(SIZES[step] / 64)).reshape(shape)
    return found


def factors(steps):
    """Of a cosine without warm-up, as transformers has it."""
    return scheduled(optimization.get_cosine_schedule_with_warmup, steps, num_warmup_steps=0, num_training_steps=8)


# -------------------------------------------------------------------------------------- the rules


class Lion(torch.optim.Optimizer):
    """arXiv:2302.06675, program 1."""

    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.momentum(p)
                update = (m * beta1 + p.grad * (1 - beta1)).sign()
                self.keep(p, m * beta2 + p.grad * (1 - beta2))
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * update)

    def momentum(self, p):
        return self.state[p].get("exp_avg", torch.zeros_like(p))

    def keep(self, p, m):
        self.state[p]["exp_avg"] = m


def codes(signed):
    """arXiv:2110.02861, section 1.3 and 2.2: the dynamic tree of 8 bits, in rising order.

    A code is a power of ten and a fraction: the more zeros before the bit that ends the power, the fewer bits are
    left. Fractions are the middles of equal parts of [0.1, 1].
    """
    found = [0.0, 1.0]
    for zeros in range(7):
        edges = torch.linspace(0.1, 1, 2 ** (6 - zeros + (not signed)) + 1)
        middles = 10.0**-zeros * (edges[1:] + edges[:-1]) / 2
        found += middles.tolist() + (-middles).tolist() * signed
    return torch.tensor(sorted(found))


class InBlocks:
    """A state of blocks with a scale each."""

    def __init__(self, values, signed):
        self.table, self.shape = codes(signed), values.shape
        padded = torch.nn.functional.pad(values.flatten(), (0, -values.numel() % BLOCK)).reshape(-1, BLOCK)
        self.scales = padded.abs().amax(1)
        normed = padded / self.scales.clamp(min=1e-45)[:, None]
        below = (torch.searchsorted(self.table, normed, right=True) - 1).clamp(0, 255)
        above = (below + 1).clamp(max=255)
        nearer = (self.table[above] - normed).abs() < (normed - self.table[below]).abs()
        self.codes = torch.where(nearer, above, below).flatten()[: values.numel()].to(torch.uint8)

    def values(self):
        scales = self.scales.repeat_interleave(BLOCK)[: self.codes.numel()]
        return (self.table[self.codes.long()] * scales).reshape(self.shape)


class Lion8(Lion):
    """Lion whose momentum is kept in blocks."""

    def momentum(self, p):
        kept = self.state[p].get("exp_avg")
        return torch.zeros_like(p) if kept is None else kept.values() if isinstance(kept, InBlocks) else kept

    def keep(self, p, m):
        self.state[p]["exp_avg"] = InBlocks(m, True) if p.numel() >= SMALLEST else m


class AdamW8(torch.optim.Optimizer):
    """AdamW whose moments are kept in blocks."""

    def __init__(self, params, lr, betas, eps, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                zeros = InBlocks(torch.zeros_like(p), True)
                state["step"] = state.get("step", 0) + 1
                m, v = (state.get(key, zeros).values() for key in ("exp_avg", "exp_avg_sq"))
                m = m * beta1 + p.grad * (1 - beta1)
                v = v * beta2 + p.grad * p.grad * (1 - beta2)
                root = (v / (1 - beta2 ** state["step"])).sqrt() + group["eps"]
                update = m / (1 - beta1 ** state["step"]) / root
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * update)
                small = p.numel() < SMALLEST
                state["exp_avg"] = Whole(m) if small else InBlocks(m, True)
                state["exp_avg_sq"] = Whole(v) if small else InBlocks(v, False)


class Whole:
    """A state in f32."""

    def __init__(self, values):
        self.kept = values

    def values(self):
        return self.kept


ORTHOGONALISE = inspect.getsource(muon_module._zeropower_via_newtonschulz)


def muon_in(dtype):
    """torch's Muon, which makes matrices orthogonal in bf16; in f32 by changing that one word of its code."""
    assert ORTHOGONALISE.count("torch.bfloat16") == 1, "torch's Muon has changed"
    space = dict(vars(muon_module))
    exec(ORTHOGONALISE.replace("torch.bfloat16", f"torch.{dtype}"), space)
    muon_module._zeropower_via_newtonschulz = space["_zeropower_via_newtonschulz"]
    return torch.optim.Muon


def is_block_matrix(name, tensor):
    return name.startswith("model.layers.") and tensor.dim() == 2


def group_of(settings, name):
    return next((group for group in settings.get("groups", []) if re.search(group["match"], name)), {})


def optimizers(case, settings, leaves, theirs):
    """The optimizers of a case, one parameter group a weight; `theirs`: bitsandbytes'."""
    betas = (settings["beta1"], settings["beta2"])
    rates = {}

    def group(name, leaf, rate):
        own = group_of(settings, name)
        rates[name] = own.get("learning_rate", rate)
        decay = own.get("weight_decay", settings["weight_decay"]) if leaf.dim() > 1 else 0.0
        return {"params": [leaf], "lr": rates[name], "weight_decay": decay, "name": name}

    adam = {"lr": 0.0, "betas": betas, "eps": settings["epsilon"], "weight_decay": 0.0}
    lion = {"lr": 0.0, "betas": betas, "weight_decay": 0.0}
    plain = [group(name, leaf, settings["learning_rate"]) for name, leaf in leaves.items()]
    if case.startswith("muon"):
        matrices = [
            group(name, leaf, settings["muon_learning_rate"])
            for name, leaf in leaves.items()
            if is_block_matrix(name, leaf)
        ]
        names = {group["name"] for group in matrices}
        rest = [group for group in plain if group["name"] not in names]
        scale = settings.get("muon_scale", "original").replace("-", "_")
        muon = muon_in("bfloat16" if case == "muon-bf16" else "float32")
        made = [muon(matrices, adjust_lr_fn=scale), torch.optim.AdamW(rest, **adam)]
    elif case == "adamw":
        made = [torch.optim.AdamW(plain, **adam)]
    elif case == "lion":
        made = [bitsandbytes.optim.Lion(plain, **lion) if theirs else Lion(plain, **lion)]
    elif case.startswith("adamw8"):
        made = [bitsandbytes.optim.AdamW8bit(plain, **adam) if theirs else AdamW8(plain, **adam)]
    else:
        made = [bitsandbytes.optim.Lion8bit(plain, **lion) if theirs else Lion8(plain, **lion)]
    return made, rates


def kept(state):
    """What a checkpoint of ours would hold: kind -> values."""
    found = {}
    for kind, keys, number in (("first", ("exp_avg", "momentum_buffer"), 1), ("second", ("exp_avg_sq",), 2)):
        values = next((state[key] for key in (*keys, f"state{number}") if state.get(key) is not None), None)
        if isinstance(values, InBlocks):
            found |= {f"{kind}8": values.codes, f"{kind}8-scale": values.scales}
        elif isinstance(values, Whole):
            found[kind] = values.kept
        elif values is not None and values.dtype == torch.uint8:
            found |= {f"{kind}8": values, f"{kind}8-scale": state[f"absmax{number}"]}
        elif values is not None:
            found[kind] = values
    return found


def train(case, theirs=False):
    """(tensors, norms) of a case; those of bitsandbytes' without their states."""
    settings = COMMON | CASES[case]
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in weights().items()}
    made, rates = optimizers(case, settings, leaves, theirs)
    norms = []
    for step, factor in enumerate(factors(len(SIZES))):
        for name, gradient in gradients(step).items():
            leaves[name].grad = gradient
        norms.append(float(torch.nn.utils.clip_grad_norm_(leaves.values(), settings["clip_norm"])))
        for optimizer in made:
            for group in optimizer.param_groups:
                group["lr"] = rates[group["name"]] * factor
            optimizer.step()
    tensors = {}
    for name, leaf in leaves.items():
        tensors[f"{case}|after|{name}"] = leaf.detach().flatten()[::EVERY]
        if case.endswith("-bitsandbytes"):
            continue
        state = next(optimizer.state[leaf] for optimizer in made if leaf in optimizer.state)
        for kind, values in kept(state).items():
            every = 1 if kind.endswith("scale") else EVERY
            tensors[f"{case}|{kind}|{name}"] = values.detach().flatten()[::every]
    return {key: tensor.clone().contiguous() for key, tensor in tensors.items()}, norms


# ---------------------------------------------------------------------------------- the schedules


def scheduled(make, steps, **settings):
    """transformers' factors of the first steps."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimizer, **settings)
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def schedules():
    """Settings under a recipe's names, the name in transformers, and its factors for all steps and some more."""
    steps, o = 40, optimization
    all_steps = {"num_training_steps": steps}
    wsd = {"num_warmup_steps": 8, "num_stable_steps": 16, "num_decay_steps": 16}
    floor = {"num_warmup_steps": 0, "num_stable_steps": 10, "num_decay_steps": 30, "min_lr_ratio": 0.1}
    cases = [
        ("constant", {"warmup": 0}, o.get_constant_schedule, {}),
        ("constant", {"warmup": 8}, o.get_constant_schedule_with_warmup, {"num_warmup_steps": 8}),
        ("linear", {"warmup": 8}, o.get_linear_schedule_with_warmup, {"num_warmup_steps": 8} | all_steps),
        ("cosine", {"warmup": 8}, o.get_cosine_schedule_with_warmup, {"num_warmup_steps": 8} | all_steps),
        (
            "cosine",
            {"warmup": 8, "final_share": 0.1},
            o.get_cosine_with_min_lr_schedule_with_warmup,
            {"num_warmup_steps": 8, "min_lr_rate": 0.1} | all_steps,
        ),
        ("inverse-sqrt", {"warmup": 8}, o.get_inverse_sqrt_schedule, {"num_warmup_steps": 8}),
        ("inverse-sqrt", {"warmup": 0}, o.get_inverse_sqrt_schedule, {"num_warmup_steps": 0}),
        (
            "inverse-sqrt",
            {"warmup": 8, "timescale": 20},
            o.get_inverse_sqrt_schedule,
            {"num_warmup_steps": 8, "timescale": 20},
        ),
    ]
    for decay in ("linear", "1-sqrt", "cosine"):
        named = {"decay_type": decay}
        cases.append(("wsd", {"warmup": 8, "stable": 0.5} | named, o.get_wsd_schedule, wsd | named))
        own = {"warmup": 0, "stable": 0.25, "final_share": 0.1} | named
        cases.append(("wsd", own, o.get_wsd_schedule, floor | named))
    return [
        {"schedule": shape, "steps": steps}
        | settings
        | {"transformers": make.__name__, "factors": scheduled(make, steps + 5, **arguments)}
        for shape, settings, make, arguments in cases
    ]


# --------------------------------------------------------------------------------------- the files


def compare(found, what, ours, theirs, before, case):
    """Two sides' tensors of a case: changes of weights, states, codes."""
    change, state = TOLERANCES[case]
    for key in sorted(theirs):
        kind, name = key.split("|")[1:]
        mine, other = ours[key], theirs[key]
        if kind == "after":
            start = before[name].flatten()[::EVERY]
            mine, other, allowed = mine - start, other - start, change
        elif kind.endswith("8"):
            # A code that is one off is a rounding that went the other way.
            apart = (mine.int() - other.int()).abs()
            wrong = float((apart > 0).float().mean())
            if wrong > state or apart.max() > 1:
                found.say(False, f"{what} {key}", f"{wrong:.2%} of codes differ, by up to {apart.max()}")
            continue
        else:
            allowed = state
        if distance(mine, other) > allowed:
            found.close(f"{what} {key}", mine, other, allowed)
    missing = sorted(theirs.keys() ^ ours.keys())
    found.say(not missing, what, f"{len(theirs)} tensors" + (f", not on both sides: {missing}" if missing else ""))


def of_case(tensors, case):
    return {key: tensor for key, tensor in tensors.items() if key.startswith(f"{case}|")}


def table_of(signed):
    """bitsandbytes' codes."""
    return bitsandbytes.functional.create_dynamic_map(signed)


def write(found):
    tensors, cases, before = {}, {}, weights()
    for case, settings in CASES.items():
        of, norms = train(case, theirs=case.endswith("-bitsandbytes"))
        if case == "lion" or case.endswith("-bitsandbytes"):
            compare(found, f"{case}, written out beside it", train(case)[0], train(case, True)[0], before, case)
        cut = [norm > COMMON["clip_norm"] for norm in norms]
        found.say(any(cut) and not all(cut), case, f"norms {norms}")
        tensors |= of
        change, state = TOLERANCES[case]
        whole = {"optimizer": COMMON | settings, "factors": factors(len(SIZES)), "norms": norms}
        cases[case] = whole | {"change": change, "state": state}
    for name, signed in (("signed", True), ("unsigned", False)):
        tensors[f"codes|{name}"] = table_of(signed)
        found.say(torch.equal(codes(signed), table_of(signed)), f"codes, {name}", "those of bitsandbytes")
    file = GOLDEN / "optimizers.safetensors"
    save_file(tensors, file)
    file.chmod(0o644)
    made_with = {"torch": torch.__version__, "bitsandbytes": bitsandbytes.__version__}
    lines = {"config": CONFIG, "names": list(shapes(CONFIG)), "sizes": SIZES, "every": EVERY, "made_with": made_with} | cases
    (GOLDEN / "optimizers.json").write_text(dumps(lines) + "\n")
    of_schedules = {f"{i} {case['schedule']}": case for i, case in enumerate(schedules())}
    (GOLDEN / "schedules.json").write_text(dumps(of_schedules) + "\n")


def verify(found):
    stored, before = load_file(GOLDEN / "optimizers.safetensors"), weights()
    document = json.loads((GOLDEN / "optimizers.json").read_text())
    found.say(document["config"] == CONFIG and document["sizes"] == SIZES, "settings", "those of the committed file")
    for case, settings in CASES.items():
        found.say(document[case]["optimizer"] == COMMON | settings, f"{case}: settings", "those of the committed file")
        tensors, norms = train(case)
        compare(found, f"{case}, as committed", tensors, of_case(stored, case), before, case)
        found.close(f"{case} norms", torch.tensor(norms), torch.tensor(document[case]["norms"]), 1e-6)
        if bitsandbytes is not None and (case.endswith("-bitsandbytes") or case == "lion"):
            compare(found, f"{case}, run now", train(case, True)[0], of_case(stored, case), before, case)
    for name, signed in (("signed", True), ("unsigned", False)):
        found.say(torch.equal(codes(signed), stored[f"codes|{name}"]), f"codes, {name}", "those of bitsandbytes")
    if bitsandbytes is None:
        print(f"note  bitsandbytes is not installed: compared with what {document['made_with']['bitsandbytes']} gave")
    committed = list(json.loads((GOLDEN / "schedules.json").read_text()).values())
    for case, kept_case in zip(schedules(), committed, strict=True):
        ours, theirs = torch.tensor(case["factors"]), torch.tensor(kept_case["factors"])
        found.close(f"{case['transformers']} {case['schedule']}", ours, theirs, 1e-9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verify", action="store_true", help="hold the committed files against a fresh run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    found = Comparison()
    if arguments.verify:
        verify(found)
    elif bitsandbytes is None:
        parser.error("writing needs bitsandbytes; see the head of this file")
    else:
        write(found)
    return found.end()


if __name__ == "__main__":
    sys.exit(main())
