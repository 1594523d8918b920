#!/usr/bin/env python3
"""Repeats the examples of an export in transformers, and holds the answers against ours.

    export_check.py LLAMA_DIR [PEFT_DIR]

LLAMA_DIR is what `knowcoder export --format llama --dtype f32` wrote. transformers loads it as it loads
any model, and must answer the prompts of `export.json` with the same ids; its tokenizer must give text
back unchanged. PEFT_DIR holds adapters for the layers that LLAMA_DIR has: PEFT must load them, find every
tensor, and compute logits that differ from those without.

Needs the environment of scripts/reference/setup.sh.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["Bob works in Paris.", "results = []", "王小明在北京大学工作。", "  two  spaces\n\ttab"]


def main() -> None:
    directory = Path(sys.argv[1])
    receipt = json.loads((directory / "export.json").read_text())
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    model.eval()
    examples = receipt["examples"]
    differing = sum(greedy(model, example) != example["greedy_ids"] for example in examples)
    print(f"{len(examples)} examples of {directory.name}: {differing} differ from transformers")
    texts_come_back(directory)
    if len(sys.argv) > 2:
        adapters_load(model, Path(sys.argv[2]), examples)
    if differing:
        sys.exit(1)


@torch.no_grad()
def greedy(model, example) -> list[int]:
    ids = list(example["prompt_ids"])
    answer = []
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    for _ in range(8):
        choice = int(model(torch.tensor([ids])).logits[0, -1].argmax())
        if choice in ends:
            break
        answer.append(choice)
        ids.append(choice)
    return answer


def texts_come_back(directory: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(directory)
    for text in TEXTS:
        back = tokenizer.decode(tokenizer.encode(text, add_special_tokens=False))
        if back != text:
            sys.exit(f"the tokenizer of {directory.name} turns {text!r} into {back!r}")
    print(f"{len(TEXTS)} texts come back from its tokenizer")


@torch.no_grad()
def adapters_load(model, directory: Path, examples) -> None:
    from peft import PeftModel

    ids = torch.tensor([examples[0]["prompt_ids"]])
    before = model(ids).logits
    adapted = PeftModel.from_pretrained(model, directory)
    loaded = {name for name, _ in adapted.named_parameters() if "lora_" in name}
    changed = float((adapted(ids).logits - before).abs().max())
    print(f"{len(loaded)} adapter tensors of {directory.name} load in PEFT, logits move by {changed:.3g}")
    if not loaded or changed == 0:
        sys.exit("the adapters change nothing")


if __name__ == "__main__":
    main()
