#!/usr/bin/env python3
"""Repeats the examples of an export in transformers, and holds the answers against ours.

    export_check.py LLAMA_DIR [PEFT_DIR]

LLAMA_DIR is what `knowcoder export --format llama --dtype f32` wrote. transformers loads it as it loads
any model, and must answer the prompts of its `export.json` with the same ids; its tokenizer must give text
back unchanged. PEFT_DIR is what `--format peft --base LLAMA_DIR` wrote: PEFT must load its adapters beside
that model, and then answer the prompts of their `export.json` with the same ids.

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
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    model.eval()
    differing = compare(model, directory, "transformers")
    texts_come_back(directory)
    if len(sys.argv) > 2:
        from peft import PeftModel

        adapters = Path(sys.argv[2])
        adapted = PeftModel.from_pretrained(model, adapters)
        adapted.eval()
        differing += compare(adapted, adapters, "PEFT")
    if differing:
        sys.exit(1)


def compare(model, directory: Path, program: str) -> int:
    examples = json.loads((directory / "export.json").read_text())["examples"]
    if not any(example["greedy_ids"] for example in examples):
        sys.exit(f"{directory.name}/export.json has no answers to compare")
    differing = sum(greedy(model, example) != example["greedy_ids"] for example in examples)
    print(f"{len(examples)} examples of {directory.name}: {differing} differ in {program}")
    return differing


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


if __name__ == "__main__":
    main()
