#!/usr/bin/env python3
"""Writes small files with torch.save, and what torch itself reads of them.

Our reader of `pytorch_model.bin` is held against these: `model/src/source/tests.rs`.

    torch_files.py              write tests/golden/torch/
    torch_files.py --verify     read the committed files with torch again and compare

Runs in the environment of setup.sh. Exit code 0: written, or equal; 1: a difference.

# The directories

Each holds what somebody would download, and `expected.safetensors`: every tensor of floats as torch
reads it, contiguous, f64 as f32.

- `plain`: the state dict of a module, an OrderedDict with metadata.
- `views`: a plain dict of parameters and of views: two names of one storage, a transposed matrix,
  a slice with an offset and one with a step, an expanded vector, a scalar, an empty tensor.
- `formats`: bf16, f16, f64, and what is no float: int64, bool, uint16 and float8.
- `sharded`: an index with two shards.
- `legacy`: the format before torch 1.6, which we refuse; without `expected.safetensors`.
- `adapter`: `adapter_model.bin` beside `adapter_config.json`, as PEFT writes them.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden/torch"
WHOLE = "pytorch_model.bin"
INDEX = "pytorch_model.bin.index.json"
EXPECTED = "expected.safetensors"


def numbers(*shape, dtype=torch.float32):
    """Numbers that bf16 holds exactly, all different in a small tensor."""
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) / 8 - 3).reshape(shape).to(dtype)


def plain():
    torch.manual_seed(7)
    module = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.LayerNorm(3))
    return {WHOLE: module.state_dict()}


def views():
    base = numbers(6, 4)
    shared = numbers(3, 5)
    return {
        WHOLE: {
            "embedding": torch.nn.Parameter(shared),
            "head": torch.nn.Parameter(shared),
            "frozen": torch.nn.Parameter(numbers(2), requires_grad=False),
            "transposed": base.t(),
            "permuted": numbers(2, 3, 4).permute(2, 0, 1),
            "rows": base[2:4],
            "steps": base[1::2, ::3],
            "expanded": numbers(1, 3).expand(4, 3),
            "scalar": torch.tensor(1.5),
            "empty": torch.empty(0, 3),
        }
    }


def formats():
    return {
        WHOLE: {
            "bf16": numbers(3, 3, dtype=torch.bfloat16),
            "bf16.transposed": numbers(2, 4, dtype=torch.bfloat16).t(),
            "f16": numbers(4, dtype=torch.float16),
            "f64": numbers(2, 2, dtype=torch.float64),
            "position_ids": torch.arange(4),
            "mask": torch.tensor([True, False]),
            "uint16": torch.ones(2, dtype=torch.uint16),
            "float8": torch.ones(2).to(torch.float8_e4m3fn),
        }
    }


def sharded():
    first, second = (f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2))
    layers = {f"model.layers.{i}.mlp.up_proj.weight": numbers(4, 2) + i for i in range(3)}
    shards = {
        first: {"model.embed_tokens.weight": numbers(7, 2), **dict(list(layers.items())[:1])},
        second: {**dict(list(layers.items())[1:]), "model.norm.weight": numbers(2)},
    }
    return shards


def legacy():
    return {WHOLE: {"w": numbers(2, 2)}}


def adapter():
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    return {
        "adapter_model.bin": {
            f"{layer}.lora_A.weight": numbers(2, 4),
            f"{layer}.lora_B.weight": numbers(4, 2),
        }
    }


CASES = [plain, views, formats, sharded, legacy, adapter]


def expected(files):
    """The floats of all files, as torch has them."""
    tensors = {name: tensor for state in files.values() for name, tensor in state.items()}
    wanted = {
        name: tensor.detach().to(torch.float32 if tensor.dtype == torch.float64 else tensor.dtype)
        for name, tensor in tensors.items()
        if tensor.dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64)
    }
    # Copies: safetensors has no views.
    return {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in wanted.items()}


def write(case):
    folder = GOLDEN / case.__name__
    folder.mkdir(parents=True, exist_ok=True)
    files = case()
    for name, state in files.items():
        new = case is not legacy
        torch.save(state, folder / name, _use_new_zipfile_serialization=new)
    if case is sharded:
        owners = {name: file for file, state in files.items() for name in state}
        size = sum(it.numel() * it.element_size() for state in files.values() for it in state.values())
        index = {"metadata": {"total_size": size}, "weight_map": owners}
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    if case is adapter:
        config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    if case is not legacy:
        save_file(expected(files), folder / EXPECTED)


def verify(case):
    """Whether torch reads of the committed files what is committed beside them."""
    folder = GOLDEN / case.__name__
    files = {path.name: torch.load(path, weights_only=True) for path in sorted(folder.glob("*.bin"))}
    if case is legacy:
        return bool(files)
    found, committed = expected(files), load_file(folder / EXPECTED)
    same = found.keys() == committed.keys() and all(
        found[name].dtype == committed[name].dtype and torch.equal(found[name], committed[name])
        for name in found
    )
    print(f"{case.__name__}: {len(found)} tensors, {'equal' if same else 'DIFFERENT'}")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verify", action="store_true")
    if parser.parse_args().verify:
        sys.exit(0 if all([verify(case) for case in CASES]) else 1)
    for case in CASES:
        write(case)


if __name__ == "__main__":
    main()
