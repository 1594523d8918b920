#!/usr/bin/env python3
"""Holds our network against transformers': logits, losses, every gradient, greedy ids.

    llama_golden.py              write tests/golden/NAME.{safetensors,json} for every model below
    llama_golden.py --verify     compute the outputs again from the committed weights and compare
    llama_golden.py --check DIR  compare what our program computed on models that it made itself, one in
                                 each directory of DIR

Runs in the environment of setup.sh. Exit code 0: equal within the tolerances; 1: a difference; 2: usage.
Which network is the reference of which model, and how two tensors are compared, stands in networks.py.

# The golden files

`NAME.safetensors`:
- `model.embed_tokens.weight`, ... `lm_head.weight`: the weights under the names and shapes of the model's
  files, bf16; all values are f16's, too. Under NormHead `lm_head.weight` is raw, not normalised; a tied
  head has none.
- `logits`: [tokens, vocabulary], f32, the tokens in the order of the groups: of each its prefix, then its
  suffixes.
- `gradient.NAME` for every weight NAME: of the summed loss; for a normalised head through the
  normalisation. f32.

`NAME.json`:
- `config`: what stands in a `config.json`. As in the released Baichuan2, the rotary model has both
  `max_position_embeddings` and `model_max_length`, the ALiBi model only the latter. Two of its keys are our
  own, since a small model can't be told by its size: `position` (`rope` or `alibi`) and `norm_head`. The
  Llamas say their rotary scaling as files before transformers 5 do (`rope_theta`, `rope_scaling`), and as
  later ones do (`rope_parameters`).
- `groups`: the batch: of each group a `prefix` and `suffixes`, each with its `ids` and the first of them that
  is supervised. transformers ran on each prefix and suffix as one sequence, apart.
- `losses`: -ln p of each supervised id, in order; `loss`: their sum.
- `half`: how far transformers in bf16 and f16 is from the f32 above (the measure of networks.py) on the same
  weights: for `logits`, `losses`, and in bf16 each gradient. Ours may be at most twice as far.
- `prompts`: two prompts of unequal length; `greedy`: the 16 ids that follow each; none is an end of sequence.
  `margin`: the least distance between the best and the second logit on the way, so that rounding can't turn a
  choice.
- `slopes` (ALiBi only): the slopes for 4, 6 and 40 heads.
- `made_with`: versions.

# A directory for --check

What a user of ours would hand to transformers, and two files beside it:
- `config.json` and `*.safetensors`: the model.
- `outputs.json`: `groups`, `loss`, `prompts`, `greedy` (the new ids of each prompt; it may end early with, or
  just before, an end-of-sequence id), `max_new_tokens`.
- `outputs.safetensors`: `logits`, `losses`, `gradient.NAME`.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
import transformers
from networks import (
    Comparison,
    Llama,
    alibi_slopes,
    distance,
    everything,
    is_llama,
    is_rotary,
    llama_weights,
    random_groups,
    random_weights,
    second_opinion,
    shapes,
)
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
NEW_TOKENS = 16
# A choice between two logits that are nearer than this could be turned by rounding.
LEAST_MARGIN = 0.01
ROUNDING = 1e-4


def baichuan(**shape):
    """A Baichuan2 `config.json`; the released ones write `rms_norm_eps` and the three ids so."""
    return {
        "architectures": ["BaichuanForCausalLM"],
        "model_type": "baichuan",
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "rms_norm_eps": 1e-6,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "use_cache": True,
        "z_loss_weight": 0,
        "model_max_length": 64,
        "norm_head": True,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 64,
        **shape,
    }


def llama(**shape):
    """A Llama's `config.json`."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "rms_norm_eps": 1e-5,
        "bos_token_id": 1,
        "torch_dtype": "float32",
        "use_cache": True,
        "attention_bias": False,
        "mlp_bias": False,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "vocab_size": 64,
        **shape,
    }


MODELS = {
    "tiny-baichuan2": baichuan(max_position_embeddings=64, position="rope"),
    # Six heads are no power of two, as 13B's forty.
    "tiny-baichuan2-alibi": baichuan(hidden_size=36, num_attention_heads=6, position="alibi"),
    # Llama 3.1 in small: the middle one of its frequencies lies between the two limits.
    "tiny-llama3": llama(
        num_attention_heads=8,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=2048,
        rope_theta=500000.0,
        rope_scaling={
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 256,
        },
        eos_token_id=[2, 5],
        tie_word_embeddings=False,
    ),
    "tiny-llama-tied": llama(
        num_attention_heads=4,
        num_key_value_heads=1,
        max_position_embeddings=256,
        rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0},
        eos_token_id=2,
        tie_word_embeddings=True,
    ),
}


# ------------------------------------------------------------------------------------- greedy ids


def greedy(network, weights, prompt, new_tokens, ends=()):
    """By transformers' `generate`; under ALiBi, whose mask it does not know, id by id."""
    if not is_rotary(network.c):
        return one_by_one(network, weights, prompt, new_tokens, ends)
    network.model.load_state_dict(
        weights if is_llama(network.c) else llama_weights(network.c, weights), strict=False
    )
    network.model.tie_weights()
    network.model.generation_config.eos_token_id = list(ends) or None
    network.model.generation_config.pad_token_id = 0
    prompt = torch.tensor([prompt])
    with torch.no_grad():
        output = network.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=new_tokens, do_sample=False
        )
    return output[0, prompt.shape[1] :].tolist()


def one_by_one(network, weights, prompt, new_tokens, ends):
    ids = list(prompt)
    with torch.no_grad():
        while len(ids) < len(prompt) + new_tokens and (len(ids) == len(prompt) or ids[-1] not in ends):
            ids.append(int(network.logits(weights, torch.tensor(ids))[-1].argmax()))
    return ids[len(prompt) :]


def margins(network, weights, prompt, new):
    """The distance between the best logit and the second at each id of `new`."""
    with torch.no_grad():
        logits = network.logits(weights, torch.tensor(prompt + new))
    best = logits[len(prompt) - 1 : -1].topk(2).values
    return (best[:, 0] - best[:, 1]).tolist()


def margin(network, weights, prompt, new):
    return min(margins(network, weights, prompt, new))


def ends_of(c):
    ends = c["eos_token_id"]
    return ends if isinstance(ends, list) else [ends]


# ----------------------------------------------------------------------------------- the outputs


def outputs(c, weights, inputs):
    """Everything that a golden file states: (tensors, json)."""
    network = Llama(c)
    tensors = everything(network, weights, inputs["groups"])
    losses = tensors.pop("losses")
    new = [greedy(network, weights, prompt, NEW_TOKENS) for prompt in inputs["prompts"]]
    facts = {
        "loss": float(losses.sum()),
        "losses": losses.tolist(),
        "half": {
            "bf16": half(network, weights, inputs["groups"], torch.bfloat16, tensors, losses),
            "f16": half(network, weights, inputs["groups"], torch.float16, tensors, losses),
        },
        "greedy": new,
        "margin": min(margin(network, weights, p, g) for p, g in zip(inputs["prompts"], new)),
    }
    if not is_rotary(c):
        facts["slopes"] = {str(heads): alibi_slopes(heads) for heads in (4, 6, 40)}
    return tensors, facts


def half(network, weights, groups, dtype, tensors, losses):
    """How far transformers in `dtype` is from itself in f32. f16 is for the forward pass."""
    exact = tensors | {"losses": losses}
    found = everything(network, weights, groups, dtype, gradients=dtype is torch.bfloat16)
    return {name: distance(tensor, exact[name]) for name, tensor in found.items()}


def random_inputs(c, seed):
    generator = torch.Generator().manual_seed(seed)

    def ids(length):
        return torch.randint(6, c["vocab_size"], (length,), generator=generator).tolist()

    return {"groups": random_groups(c["vocab_size"], generator), "prompts": [ids(5), ids(9)]}


# --------------------------------------------------------------------------------- the three modes


def write(found):
    """Makes the golden files."""
    for name, c in MODELS.items():
        for seed in range(42, 342):
            weights, inputs = random_weights(c, seed), random_inputs(c, seed + 1000)
            if is_clear(c, weights, inputs):
                break
        tensors, facts = outputs(c, weights, inputs)
        stored = {key: tensor.bfloat16() for key, tensor in weights.items()} | tensors
        file = GOLDEN / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in stored.items()}, file)
        file.chmod(0o644)
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        document = {"seed": seed, "config": c, **inputs, **facts, "made_with": versions}
        (GOLDEN / f"{name}.json").write_text(dumps(document) + "\n")
        size = file.stat().st_size // 1000
        found.say(True, name, f"written, {size} KB, least greedy margin {facts['margin']:.3f}")


def is_clear(c, weights, inputs):
    """Whether no greedy choice hangs on rounding, and none is the end of the sequence."""
    network = Llama(c)
    new = [greedy(network, weights, prompt, NEW_TOKENS) for prompt in inputs["prompts"]]
    ended = any(end in ids for ids in new for end in ends_of(c))
    return not ended and min(margin(network, weights, p, g) for p, g in zip(inputs["prompts"], new)) >= LEAST_MARGIN


def dumps(document):
    """One key a line: a changed number is one changed line."""
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def verify(found):
    """Computes the committed outputs again from the committed weights."""
    for name in MODELS:
        stored = load_file(GOLDEN / f"{name}.safetensors")
        document = json.loads((GOLDEN / f"{name}.json").read_text())
        weights = {key: stored[key].float() for key in shapes(document["config"])}
        expected = {key: tensor for key, tensor in stored.items() if key not in weights}
        tensors, facts = outputs(document["config"], weights, document)
        found.all_close(name, tensors, expected)
        found.close(f"{name} losses", torch.tensor(facts["losses"]), torch.tensor(document["losses"]))
        for dtype, distances in document["half"].items():
            ratios = {key: facts["half"][dtype][key] / far for key, far in distances.items()}
            # Another order of summation rounds elsewhere; the size of the error stays.
            wrong = {key: ratio for key, ratio in ratios.items() if not 0.5 <= ratio <= 2}
            found.say(not wrong, f"{name} {dtype}", f"distances to f32 that are not as committed: {wrong}")
        for i, (ours, theirs) in enumerate(zip(facts["greedy"], document["greedy"])):
            found.equal(f"{name} greedy {i}", ours, theirs)


def check(found, directory):
    """Our program's outputs on its own random model, against the reference."""
    c = json.loads((directory / "config.json").read_text())
    ours = json.loads((directory / "outputs.json").read_text())
    stored = {}
    for file in sorted(directory.glob("*.safetensors")):
        if file.name != "outputs.safetensors":
            stored |= load_file(file)
    expected_shapes = {name: tuple(shape) for name, shape in shapes(c).items()}
    found_shapes = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    if found_shapes != expected_shapes:
        wrong = sorted(set(found_shapes.items()) ^ set(expected_shapes.items()))
        return found.say(False, f"{directory.name}, tensors", f"these are on one side only: {wrong}")
    weights = {name: tensor.float() for name, tensor in stored.items()}
    network = Llama(c)
    if is_llama(c):
        # As a user does it: the configuration, too, is read by transformers.
        network.model = LlamaForCausalLM.from_pretrained(directory, attn_implementation="eager").eval()
    expected = everything(network, weights, ours["groups"])
    tensors = load_file(directory / "outputs.safetensors")
    found.all_close(directory.name, tensors, expected)
    found.close(f"{directory.name} loss", torch.tensor([ours["loss"]]), expected["losses"].sum()[None], 1e-5)
    for i, (prompt, new) in enumerate(zip(ours["prompts"], ours["greedy"], strict=True)):
        ids = greedy(network, weights, prompt, ours["max_new_tokens"], ends_of(c))
        ours_ended, theirs_ended = (x[:-1] if x and x[-1] in ends_of(c) else x for x in (new, ids))
        # The model is another one each day: where two logits are as good as equal, either may be chosen.
        close = (at for at, m in enumerate(margins(network, weights, prompt, ids)) if m < ROUNDING)
        sure = next(close, len(ids))
        found.equal(f"{directory.name} greedy {i}", ours_ended[:sure], theirs_ended[:sure])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--verify", action="store_true", help="hold the committed files against a fresh run")
    mode.add_argument("--check", type=Path, metavar="DIR", help="hold our program's outputs in DIR against the reference")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    found = Comparison()
    if arguments.check:
        directories = sorted(path.parent for path in arguments.check.glob("*/config.json"))
        if not directories:
            found.say(False, str(arguments.check), "holds no directory with a config.json")
        for directory in directories:
            check(found, directory)
        return found.end()
    for name in ("tiny-baichuan2", "tiny-baichuan2-alibi"):
        second_opinion(found, MODELS[name], 7)
    if arguments.verify:
        verify(found)
    else:
        write(found)
    return found.end()


if __name__ == "__main__":
    sys.exit(main())
