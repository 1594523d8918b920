#!/usr/bin/env python3
"""Distributions after transformers' logits processors, for our own to be held against.

    sampling_golden.py             write tests/golden/sampling.json
    sampling_golden.py --verify    compute them again and compare

Runs in the environment of setup.sh. Exit code 0: written, or equal; 1: a difference.

The processors are put together by transformers itself, from a `GenerationConfig`, so that their order
is its own. `allowed` is a `PrefixConstrainedLogitsProcessor`.

`sampling.json`:
- `logits`: rows of 64.
- `cases`: `row` (which logits), `sampling` (our keys; absent ones have no effect), `input_ids`
  (prompt and answer), `allowed` (ids that may come, absent: all), `probabilities`: softmax of what the
  processors leave; without a temperature, 1 for the likeliest id.
- `made_with`: versions.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, GenerationMixin, LlamaConfig, LlamaForCausalLM

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "sampling.json"
VOCABULARY = 64
# No threshold is nearer to a cumulative probability than this: rounding can't turn a case.
MARGIN = 1e-4

SETTINGS = [
    {},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.7},
    {"temperature": 1.0},
    {"temperature": 0.3},
    {"temperature": 1.7},
    {"temperature": 1.0, "top_k": 1},
    {"temperature": 1.0, "top_k": 7},
    {"temperature": 0.8, "top_k": 100},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 1.0, "top_p": 0.35},
    {"temperature": 1.0, "top_p": 0.001},
    {"temperature": 1.4, "top_p": 0.97},
    {"temperature": 1.0, "min_p": 0.08},
    {"temperature": 0.6, "min_p": 0.3},
    {"temperature": 0.9, "top_k": 12, "top_p": 0.8},
    {"temperature": 0.9, "top_k": 30, "top_p": 0.95, "min_p": 0.05},
    {"temperature": 0.7, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.2},
]


def processed(model, logits, settings, input_ids, allowed):
    """What transformers makes of a row of logits before it chooses."""
    settings = {**settings}
    draws = "temperature" in settings
    # GenerationConfig's own default is 50.
    settings.setdefault("top_k", 0)
    config = GenerationConfig(do_sample=draws, num_beams=1, **(settings if draws else
                              {k: v for k, v in settings.items() if k == "repetition_penalty"}))
    function = None if allowed is None else (lambda batch, ids: allowed)
    processors = model._get_logits_processor(
        generation_config=config,
        input_ids_seq_length=len(input_ids),
        encoder_input_ids=None,
        prefix_allowed_tokens_fn=function,
        logits_processor=[],
        device="cpu",
    )
    ids = torch.tensor([input_ids])
    scores = processors(ids, torch.tensor([logits]))
    if draws:
        return torch.softmax(scores, dim=-1)[0]
    return torch.nn.functional.one_hot(scores[0].argmax(), VOCABULARY).float()


def robust(model, logits, settings, input_ids, allowed):
    """Whether the case is the same when its thresholds move a little."""
    whole = processed(model, logits, settings, input_ids, allowed)
    for key in ("top_p", "min_p"):
        for step in (-MARGIN, MARGIN):
            if key in settings and 0 < settings[key] + step < 1:
                moved = {**settings, key: settings[key] + step}
                other = processed(model, logits, moved, input_ids, allowed)
                if not torch.equal(other == 0, whole == 0):
                    return False
    return True


def golden():
    generator = torch.Generator().manual_seed(11)
    rows = (torch.randn(3, VOCABULARY, generator=generator) * torch.tensor([[1.0], [3.0], [6.0]]))
    rows = [[round(value, 4) for value in row] for row in rows.tolist()]
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                         num_attention_heads=1)
    model = LlamaForCausalLM(config)
    assert isinstance(model, GenerationMixin)
    cases = []
    for row, logits in enumerate(rows):
        assert len(set(logits)) == VOCABULARY, "ties would be broken by an unstable sort"
        for number, settings in enumerate(SETTINGS):
            input_ids = torch.randint(VOCABULARY, (15,), generator=generator).tolist()
            some = sorted(torch.randperm(VOCABULARY, generator=generator)[:20].tolist())
            allowed = some if number % 3 == 2 else None
            if not robust(model, logits, settings, input_ids, allowed):
                continue
            probabilities = processed(model, logits, settings, input_ids, allowed).tolist()
            case = {"row": row, "sampling": settings, "input_ids": input_ids}
            if allowed is not None:
                case["allowed"] = allowed
            cases.append({**case, "probabilities": [float(f"{p:.8g}") for p in probabilities]})
    made_with = {"torch": torch.__version__, "transformers": transformers.__version__}
    return {"logits": rows, "cases": cases, "made_with": made_with}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--verify", action="store_true", help="compare with the committed file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    made = golden()
    if not arguments.verify:
        lines = ",\n".join(json.dumps(case) for case in made["cases"])
        head = json.dumps({key: made[key] for key in ("made_with", "logits")})
        GOLDEN.write_text(f'{head[:-1]}, "cases": [\n{lines}\n]}}\n')
        print(f"{GOLDEN}: {len(made['cases'])} cases")
        return 0
    kept = json.loads(GOLDEN.read_text())
    same = kept["logits"] == made["logits"] and len(kept["cases"]) == len(made["cases"])
    for old, new in zip(kept["cases"], made["cases"]):
        old_p, new_p = old.pop("probabilities"), new.pop("probabilities")
        near = all(abs(a - b) <= 1e-6 and (a == 0) == (b == 0) for a, b in zip(old_p, new_p))
        if old != new or not near:
            print(f"differs: {new}", file=sys.stderr)
            same = False
    print("the distributions are those of transformers" if same else "the golden file is not")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
