#!/usr/bin/env python3
"""Holds our adapters against PEFT's: logits, losses, the gradient of every adapter tensor.

    peft_golden.py              write tests/golden/adapters/CASE/ for every case below
    peft_golden.py --verify     load the committed adapters with PEFT, compute again, compare
    peft_golden.py --check DIR  load adapters that our program saved, DIR/MODEL/adapters/CASE, into the model
                                DIR/MODEL with PEFT and compare with what our program computed

Runs in the environment of setup.sh. Exit code 0: equal within the tolerance of networks.py; 1: a difference;
2: usage. A Llama is transformers'; the Baichuan is the one written out in networks.py, which has `W_pack`.

# A case

The base is `tests/golden/MODEL.safetensors` of llama_golden.py, MODEL as `outputs.json` says, and the batch is
its `groups`.
- `adapter_config.json`, `adapter_model.safetensors`: as PEFT's `save_pretrained` writes them.
- `outputs.safetensors`: `logits`, and `gradient.NAME` of the summed loss, NAME as in the adapter's file without
  `base_model.model.` in front.
- `outputs.json`: `model`, `loss`, `losses`.

The directories of --check hold the same, but `losses` among the tensors, and `groups` in the `outputs.json`.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import peft
import torch
from llama_golden import GOLDEN, dumps
from networks import Baichuan, Comparison, is_llama, llama_config, results, shapes
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

BAICHUAN = ["W_pack", "o_proj", "gate_proj", "up_proj", "down_proj"]
PREFIX = "base_model.model."

# Model, and what PEFT is asked for: lists, PEFT's own word for all linear layers, a regular expression, one
# block of two, ranks and alphas of their own.
CASES = {
    "baichuan2-lora": ("tiny-baichuan2", {"r": 4, "lora_alpha": 8, "target_modules": BAICHUAN}),
    "baichuan2-rslora": (
        "tiny-baichuan2",
        {"r": 8, "lora_alpha": 16, "use_rslora": True, "target_modules": ["W_pack"]},
    ),
    "baichuan2-dora": (
        "tiny-baichuan2",
        {"r": 4, "lora_alpha": 8, "use_dora": True, "target_modules": BAICHUAN},
    ),
    "llama-lora": ("tiny-llama3", {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}),
    "llama-rslora": (
        "tiny-llama-tied",
        {"r": 4, "lora_alpha": 4, "use_rslora": True, "target_modules": r"model\.layers\.\d+\.self_attn\.[qv]_proj"},
    ),
    "llama-dora": (
        "tiny-llama3",
        {"r": 2, "lora_alpha": 4, "use_dora": True, "target_modules": ["q_proj", "k_proj", "v_proj", "down_proj"]},
    ),
    "llama-patterns": (
        "tiny-llama3",
        {
            "r": 4,
            "lora_alpha": 8,
            "target_modules": ["q_proj", "up_proj", "down_proj"],
            "layers_to_transform": [1],
            "rank_pattern": {"q_proj": 2},
            "alpha_pattern": {r"mlp\.up_proj": 3},
        },
    ),
}


def base(c, weights):
    """The module that PEFT adapts."""
    if not is_llama(c):
        model = Baichuan(c)
        model.load_state_dict(weights)
        return model.eval()
    model = LlamaForCausalLM(llama_config(c))
    tied = c.get("tie_word_embeddings", False)
    missing, surplus = model.load_state_dict(weights, strict=not tied)
    assert not surplus and missing == (["lm_head.weight"] if tied else []), (missing, surplus)
    model.tie_weights()
    return model.eval()


def golden_model(name):
    """(config, weights, groups) of a golden file."""
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    stored = load_file(GOLDEN / f"{name}.safetensors")
    weights = {key: stored[key].float() for key in shapes(document["config"])}
    return document["config"], weights, document["groups"]


def adapted_outputs(model, groups):
    """(tensors, json) of a module with adapters; only they are trained."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
        parameter.grad = None

    def logits(ids):
        found = model(ids[None])
        return (found if isinstance(found, torch.Tensor) else found.logits)[0]

    rows, losses = results(logits, groups)
    losses.sum().backward()
    gradients = {name.removeprefix(PREFIX): grad for name, grad in adapter_gradients(model).items()}
    rows, losses = rows.detach(), losses.detach()
    tensors = {"logits": rows} | {f"gradient.{name}": grad for name, grad in gradients.items()}
    return tensors, {"loss": float(losses.sum()), "losses": losses.tolist()}


def adapter_gradients(model):
    """Gradients under the names that PEFT gives the tensors in a file."""
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    # PEFT's own renaming, which takes any tensors under the names of its state.
    return get_peft_model_state_dict(model, state_dict=gradients)


def fresh(c, weights, settings, seed):
    """Adapters that say something: PEFT begins with a B of zero, and DoRA with the norms of the weights."""
    config = LoraConfig(lora_dropout=0.0, **settings)
    model = get_peft_model(base(c, weights), config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" not in name:
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "magnitude" in name:
                parameter.mul_(1 + 0.1 * noise)
            else:
                parameter.copy_(0.2 * noise)
    return model.eval()


def write(found):
    for seed, (case, (name, settings)) in enumerate(CASES.items()):
        c, weights, groups = golden_model(name)
        model = fresh(c, weights, settings, 100 + seed)
        directory = GOLDEN / "adapters" / case
        model.save_pretrained(directory)
        # The card that PEFT adds is a form without a word about this adapter.
        (directory / "README.md").unlink(missing_ok=True)
        tensors, facts = adapted_outputs(model, groups)
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, directory / "outputs.safetensors")
        versions = {"torch": torch.__version__, "peft": peft.__version__}
        document = {"model": name, **facts, "made_with": versions}
        (directory / "outputs.json").write_text(dumps(document) + "\n")
        for file in directory.iterdir():
            file.chmod(0o644)
        found.say(True, case, f"written, {len(tensors) - 1} gradients, loss {facts['loss']:.3f}")


def compare(found, what, directory, c, weights, groups):
    """The outputs in `directory` against those of PEFT with the adapter in it."""
    expected, facts = adapted_outputs(load(found, what, base(c, weights), directory), groups)
    document = json.loads((directory / "outputs.json").read_text())
    stored = load_file(directory / "outputs.safetensors")
    stored.setdefault("losses", torch.tensor(document.get("losses", [])))
    found.all_close(what, stored, expected | {"losses": torch.tensor(facts["losses"])})
    found.close(f"{what} loss", torch.tensor([document["loss"]]), torch.tensor([facts["loss"]]), 1e-5)


def load(found, what, model, directory):
    """PEFT loads; a tensor that it did not find or did not want is a difference."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(model, directory).eval()
    for warning in said:
        if "key" in str(warning.message):
            found.say(False, what, f"PEFT warns: {warning.message}")
    stored = load_file(directory / "adapter_model.safetensors")
    found.all_close(f"{what}, as loaded,", dict(get_peft_model_state_dict(model)), stored, 0.0)
    return model


def verify(found):
    for case, (name, _) in CASES.items():
        compare(found, case, GOLDEN / "adapters" / case, *golden_model(name))


def check(found, root):
    directories = sorted(path.parent for path in root.glob("*/adapters/*/adapter_config.json"))
    if not directories:
        found.say(False, str(root), "holds no adapters")
    for directory in directories:
        model = directory.parents[1]
        c = json.loads((model / "config.json").read_text())
        weights = load_file(model / "model.safetensors")
        groups = json.loads((directory / "outputs.json").read_text())["groups"]
        compare(found, f"{model.name} {directory.name}", directory, c, weights, groups)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--verify", action="store_true", help="hold the committed files against a fresh run")
    mode.add_argument("--check", type=Path, metavar="DIR", help="hold the adapters of our program in DIR against PEFT")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    found = Comparison()
    if arguments.check:
        check(found, arguments.check)
    elif arguments.verify:
        verify(found)
    else:
        write(found)
    return found.end()


if __name__ == "__main__":
    sys.exit(main())
