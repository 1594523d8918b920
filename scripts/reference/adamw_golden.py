#!/usr/bin/env python3
"""Holds our optimizer against torch's: AdamW with clipping by the global norm, three steps.

    adamw_golden.py             write tests/golden/adamw.{safetensors,json}
    adamw_golden.py --verify    take the steps again from the committed weights and compare

Runs in the environment of setup.sh. Exit code 0: equal within the tolerance; 1: a difference; 2: usage.

The model is a Baichuan2 of one block. A step is that of a training run: the loss is the mean over the
supervised tokens, `clip_grad_norm_` cuts the gradients, the rate is a schedule's, and the gains of the norms
are not decayed (so do transformers' Trainer and ours).

# The golden file

`adamw.safetensors`: `before.NAME` (bf16: the first weights), `after.NAME`, and the state after the last step:
`first.NAME`, `second.NAME`, f32.
`adamw.json`: `config` of the model; `optimizer`, the settings under a recipe's names; `steps`: of each its
`factor` (of the rate), `groups` as in llama_golden.py, `loss` and `gradient_norm` before it was cut.
"""

import argparse
import json
import sys

import torch
from llama_golden import GOLDEN, baichuan, dumps
from networks import Comparison, Llama, random_groups, random_weights, results, shapes
from safetensors.torch import load_file, save_file

CONFIG = baichuan(
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=1,
    num_attention_heads=2,
    vocab_size=32,
    max_position_embeddings=64,
    position="rope",
)
# The first step is not cut, the others are.
OPTIMIZER = {
    "name": "adamw",
    "learning_rate": 1e-3,
    "beta1": 0.9,
    "beta2": 0.98,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
    "clip_norm": 2.9,
}
FACTORS = [1.0, 0.7, 0.4]
# f32 on both sides: the order of summation only.
WEIGHTS, STATE = 1e-5, 1e-5


def train(weights, steps):
    """(tensors, losses, norms) after the steps."""
    network = Llama(CONFIG)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
    decay = OPTIMIZER["weight_decay"]
    optimizer = torch.optim.AdamW(
        [
            {"params": [w for w in leaves.values() if w.dim() > 1], "weight_decay": decay},
            {"params": [w for w in leaves.values() if w.dim() == 1], "weight_decay": 0.0},
        ],
        lr=OPTIMIZER["learning_rate"],
        betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]),
        eps=OPTIMIZER["epsilon"],
    )
    losses, norms = [], []
    for step in steps:
        for group in optimizer.param_groups:
            group["lr"] = OPTIMIZER["learning_rate"] * step["factor"]
        loss = results(lambda ids: network.logits(leaves, ids), step["groups"])[1].mean()
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(leaves.values(), OPTIMIZER["clip_norm"])))
        losses.append(loss.item())
        optimizer.step()
    tensors = {f"after.{name}": leaf.detach() for name, leaf in leaves.items()}
    for name, leaf in leaves.items():
        tensors[f"first.{name}"] = optimizer.state[leaf]["exp_avg"]
        tensors[f"second.{name}"] = optimizer.state[leaf]["exp_avg_sq"]
    return tensors, losses, norms


def write(found):
    weights = random_weights(CONFIG, 42)
    generator = torch.Generator().manual_seed(43)
    steps = [{"factor": factor, "groups": random_groups(CONFIG["vocab_size"], generator)} for factor in FACTORS]
    tensors, losses, norms = train(weights, steps)
    cut = [norm > OPTIMIZER["clip_norm"] for norm in norms]
    found.say(any(cut) and not all(cut), "clipping", f"norms {norms}, some of them cut at {OPTIMIZER['clip_norm']}")
    steps = [step | {"loss": loss, "gradient_norm": norm} for step, loss, norm in zip(steps, losses, norms)]
    stored = {f"before.{name}": tensor.bfloat16() for name, tensor in weights.items()} | tensors
    file = GOLDEN / "adamw.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in stored.items()}, file)
    file.chmod(0o644)
    document = {"config": CONFIG, "optimizer": OPTIMIZER, "steps": steps, "made_with": {"torch": torch.__version__}}
    (GOLDEN / "adamw.json").write_text(dumps(document) + "\n")


def verify(found):
    stored = load_file(GOLDEN / "adamw.safetensors")
    document = json.loads((GOLDEN / "adamw.json").read_text())
    found.say(document["config"] == CONFIG and document["optimizer"] == OPTIMIZER, "settings", "as here")
    weights = {name: stored[f"before.{name}"].float() for name in shapes(CONFIG)}
    tensors, losses, norms = train(weights, document["steps"])
    for kind, tolerance in (("after", WEIGHTS), ("first", STATE), ("second", STATE)):
        of_kind = [{k: t for k, t in side.items() if k.startswith(f"{kind}.")} for side in (tensors, stored)]
        found.all_close("three steps of AdamW,", *of_kind, tolerance)
    for key, ours in (("loss", losses), ("gradient_norm", norms)):
        theirs = torch.tensor([step[key] for step in document["steps"]])
        found.close(f"three steps of AdamW, {key}", torch.tensor(ours), theirs, WEIGHTS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verify", action="store_true", help="hold the committed file against a fresh run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    found = Comparison()
    if arguments.verify:
        verify(found)
    else:
        write(found)
    return found.end()


if __name__ == "__main__":
    sys.exit(main())
