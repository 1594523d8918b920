#!/usr/bin/env python3
"""Holds our Baichuan2 against transformers' Llama.

Baichuan2-7B is Llama with one fused `W_pack` for q, k and v and a head whose rows are normalised.
So `LlamaForCausalLM` with the split weights and the normalised head computes the same function,
and somebody else wrote and tested it. Baichuan2-13B has ALiBi in place of rotary positions, which
transformers' Llama has not: its reference is the plain decoder below, and that decoder is itself
held against transformers on the rotary model, so the two differ in the position term alone.

    llama_golden.py              write tests/golden/tiny-baichuan2{,-alibi}.{safetensors,json}
    llama_golden.py --verify     compute the outputs again from the committed weights and compare
    llama_golden.py --check DIR  compare what our program computed on a model that it made itself

Runs in the environment of setup.sh. Exit code 0: equal within the tolerances; 1: a difference;
2: usage.

# The golden files

`NAME.safetensors`, all f32:
- `model.embed_tokens.weight`, `model.layers.0.self_attn.W_pack.weight`, ... `lm_head.weight`: the
  weights under Baichuan2's own tensor names and shapes; `lm_head.weight` is raw, not normalised.
- `logits`: [2, 24, vocabulary], one row for each id of `ids`.
- `gradient.NAME` for every weight NAME: of the summed loss; for `lm_head.weight` through the
  normalisation.

`NAME.json`:
- `config`: what stands in a Baichuan2 `config.json`. As in the released ones, the rotary model has
  both `max_position_embeddings` and `model_max_length`, the ALiBi model only the latter. Two keys
  are our own, since a small model can't be told by its size: `position` (`rope` or `alibi`) and
  `norm_head`. `rope_theta` is 10,000 where it is not said.
- `ids`: two sequences of 24 ids; `supervised_from`: for each, the first position that is predicted.
- `loss`: the sum of -ln p(ids[t] | ids[..t]) over t >= supervised_from; `losses`: its two parts;
  `supervised_tokens`: the number of terms.
- `prompts`: two prompts of unequal length; `greedy`: the 16 ids that follow each, without stopping
  at the end-of-sequence id, which none of them holds; `margin`: the least distance between the best
  and the second logit on the way, so that rounding can't turn a choice.
- `slopes` (ALiBi only): the slopes for 4, 6 and 40 heads.
- `made_with`: versions.

# The directory for --check

What a user of ours would hand to transformers, and two files beside it:
- `config.json` and `*.safetensors`: the model, Baichuan2's names, f32.
- `outputs.json`: `ids` (sequences of one length), `prompts`, `greedy` (the new ids of each prompt;
  it may end early with, or just before, the end-of-sequence id), `max_new_tokens`, and optionally
  `supervised_from` with `loss`.
- `outputs.safetensors`: `logits` [sequences, length, vocabulary], optionally `gradient.NAME`.
  Without this file, `outputs.json` holds `logits` as nested lists.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
LENGTH = 24
NEW_TOKENS = 16

# f32 on both sides: the order of summation only.
LOGITS_TOLERANCE = 1e-4
# Relative to the largest entry of the tensor, for the same reason.
GRADIENT_TOLERANCE = 1e-4


def config(**shape):
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
        **shape,
    }


MODELS = {
    "tiny-baichuan2": config(
        hidden_size=64,
        intermediate_size=176,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=160,
        max_position_embeddings=64,
        position="rope",
    ),
    "tiny-baichuan2-alibi": config(
        hidden_size=32,
        intermediate_size=88,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=96,
        position="alibi",
    ),
}


# ------------------------------------------------------------------------------------- the model


def shapes(c):
    """Baichuan2's tensors: name -> shape."""
    hidden, inner = c["hidden_size"], c["intermediate_size"]
    result = {"model.embed_tokens.weight": (c["vocab_size"], hidden)}
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        result |= {
            f"{layer}.self_attn.W_pack.weight": (3 * hidden, hidden),
            f"{layer}.self_attn.o_proj.weight": (hidden, hidden),
            f"{layer}.mlp.gate_proj.weight": (inner, hidden),
            f"{layer}.mlp.up_proj.weight": (inner, hidden),
            f"{layer}.mlp.down_proj.weight": (hidden, inner),
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
        }
    return result | {
        "model.norm.weight": (hidden,),
        "lm_head.weight": (c["vocab_size"], hidden),
    }


def random_weights(c, seed):
    """Weights large enough that attention, norms and head all matter to the outputs."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes(c).items():
        noise = torch.randn(shape, generator=generator)
        weights[name] = 1 + 0.1 * noise if "norm" in name else 0.15 * noise
    return weights


def is_rotary(c):
    """The released 13B says nothing: it is known by its width."""
    return c.get("position", "alibi" if c["hidden_size"] == 5120 else "rope") == "rope"


def rope_theta(c):
    return float(c.get("rope_theta", 10000.0))


def head(c, weight):
    """NormHead: each row divided by its length; the gradient flows through the division."""
    if not c.get("norm_head", c["vocab_size"] == 125696):
        return weight
    return functional.normalize(weight, dim=-1, eps=1e-12)


def llama_weights(c, weights):
    """Baichuan2's tensors under Llama's names, differentiable."""
    result = {}
    for name, tensor in weights.items():
        if "W_pack" in name:
            for part, rows in zip(("q_proj", "k_proj", "v_proj"), tensor.chunk(3)):
                result[name.replace("W_pack", part)] = rows
        elif name == "lm_head.weight":
            result[name] = head(c, tensor)
        else:
            result[name] = tensor
    return result


class Llama:
    """transformers' own."""

    def __init__(self, c, weights):
        self.c = c
        length = c.get("max_position_embeddings", c.get("model_max_length"))
        with torch.device("meta"):
            self.model = LlamaForCausalLM(
                LlamaConfig(
                    hidden_size=c["hidden_size"],
                    intermediate_size=c["intermediate_size"],
                    num_hidden_layers=c["num_hidden_layers"],
                    num_attention_heads=c["num_attention_heads"],
                    num_key_value_heads=c["num_attention_heads"],
                    vocab_size=c["vocab_size"],
                    max_position_embeddings=length,
                    rms_norm_eps=c["rms_norm_eps"],
                    rope_parameters={"rope_type": "default", "rope_theta": rope_theta(c)},
                    hidden_act="silu",
                    pad_token_id=c["pad_token_id"],
                    bos_token_id=c["bos_token_id"],
                    eos_token_id=c["eos_token_id"],
                    tie_word_embeddings=False,
                    attention_bias=False,
                    mlp_bias=False,
                    attn_implementation="eager",
                )
            )
        # The rotary table is a buffer that no weight file holds: make it outside `meta`.
        rotary = self.model.model.rotary_emb
        self.model.model.rotary_emb = type(rotary)(config=self.model.config)
        detached = {k: v.detach().clone() for k, v in llama_weights(c, weights).items()}
        self.model.load_state_dict(detached, strict=True, assign=True)
        self.model.eval()

    def logits(self, weights, ids):
        call = torch.func.functional_call
        renamed = llama_weights(self.c, weights)
        return call(self.model, renamed, (ids,), {"use_cache": False}).logits

    def greedy(self, weights, prompt, new_tokens, eos):
        prompt = torch.tensor([prompt])
        self.model.generation_config.eos_token_id = eos
        with torch.no_grad():
            output = self.model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=new_tokens,
                do_sample=False,
            )
        return output[0, prompt.shape[1] :].tolist()


class Plain:
    """The decoder written out: the reference for ALiBi."""

    def __init__(self, c, _weights=None):
        self.c = c

    def logits(self, weights, ids):
        c, w = self.c, weights
        heads = c["num_attention_heads"]
        batch, length = ids.shape
        width = c["hidden_size"] // heads
        # Batch, heads, query, key: what each key adds to the score of each query.
        bias = torch.full((length, length), -math.inf).triu(1)
        if not is_rotary(c):
            distance = torch.arange(length)[None, :] - torch.arange(length)[:, None]
            bias = bias + torch.tensor(slopes(heads))[:, None, None] * distance
        x = functional.embedding(ids, w["model.embed_tokens.weight"])
        for i in range(c["num_hidden_layers"]):
            layer = f"model.layers.{i}"
            h = self.norm(x, w[f"{layer}.input_layernorm.weight"])
            packed = functional.linear(h, w[f"{layer}.self_attn.W_pack.weight"])
            q, k, v = (
                part.view(batch, length, heads, width).transpose(1, 2)
                for part in packed.chunk(3, dim=-1)
            )
            if is_rotary(c):
                q, k = rotated(q, rope_theta(c)), rotated(k, rope_theta(c))
            scores = q @ k.transpose(2, 3) / math.sqrt(width) + bias
            mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, -1)
            x = x + functional.linear(mixed, w[f"{layer}.self_attn.o_proj.weight"])
            h = self.norm(x, w[f"{layer}.post_attention_layernorm.weight"])
            gate = functional.silu(functional.linear(h, w[f"{layer}.mlp.gate_proj.weight"]))
            up = functional.linear(h, w[f"{layer}.mlp.up_proj.weight"])
            x = x + functional.linear(gate * up, w[f"{layer}.mlp.down_proj.weight"])
        x = self.norm(x, w["model.norm.weight"])
        return functional.linear(x, head(c, w["lm_head.weight"]))

    def norm(self, x, weight):
        return weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.c["rms_norm_eps"])

    def greedy(self, weights, prompt, new_tokens, eos):
        ids = list(prompt)
        with torch.no_grad():
            while len(ids) < len(prompt) + new_tokens and (len(ids) == len(prompt) or ids[-1] != eos):
                ids.append(int(self.logits(weights, torch.tensor([ids]))[0, -1].argmax()))
        return ids[len(prompt) :]


def rotated(x, theta):
    """Rotary positions, halves against halves as in the released weights."""
    length, width = x.shape[-2:]
    frequency = theta ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(length)[:, None] * frequency
    cos, sin = (torch.cat((f(angle), f(angle)), -1) for f in (torch.cos, torch.sin))
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), -1) * sin


def slopes(heads):
    """ALiBi's slopes; a number of heads that is no power of two borrows from the next one."""
    power = 2 ** int(math.log2(heads))
    result = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    if power < heads:
        result += slopes(2 * power)[0::2][: heads - power]
    return result


# ----------------------------------------------------------------------------------- the outputs


def losses(logits, ids, supervised_from):
    """The summed loss of each sequence over its supervised positions."""
    result = []
    for row, sequence, start in zip(logits, ids, supervised_from):
        log_p = row[start - 1 : -1].log_softmax(-1)
        result.append(-log_p.gather(1, sequence[start:, None]).sum())
    return torch.stack(result)


def with_gradients(reference, weights, ids, supervised_from):
    """Logits, losses and the gradient of every tensor under its Baichuan2 name."""
    weights = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
    logits = reference.logits(weights, ids)
    parts = losses(logits, ids, supervised_from)
    parts.sum().backward()
    return logits.detach(), parts.detach(), {name: w.grad for name, w in weights.items()}


def margin(reference, weights, prompt, new):
    """The least distance between the chosen logit and the second on the way of `new`."""
    with torch.no_grad():
        logits = reference.logits(weights, torch.tensor([prompt + new]))[0]
    best = logits[len(prompt) - 1 : -1].topk(2).values
    return float((best[:, 0] - best[:, 1]).min())


def reference_for(c, weights):
    return Llama(c, weights) if is_rotary(c) else Plain(c)


def outputs(c, weights, inputs):
    """Everything that a golden file states: (tensors, json)."""
    reference = reference_for(c, weights)
    ids = torch.tensor(inputs["ids"])
    logits, parts, gradients = with_gradients(reference, weights, ids, inputs["supervised_from"])
    greedy = [reference.greedy(weights, p, NEW_TOKENS, None) for p in inputs["prompts"]]
    tensors = {"logits": logits} | {f"gradient.{name}": g for name, g in gradients.items()}
    margins = [margin(reference, weights, p, g) for p, g in zip(inputs["prompts"], greedy)]
    facts = {
        "loss": float(parts.sum()),
        "losses": parts.tolist(),
        "supervised_tokens": sum(len(s) - f for s, f in zip(inputs["ids"], inputs["supervised_from"])),
        "greedy": greedy,
        "margin": min(margins),
    }
    if not is_rotary(c):
        facts["slopes"] = {str(heads): slopes(heads) for heads in (4, 6, 40)}
    return tensors, facts


def random_inputs(c, seed):
    """Ids of ordinary tokens: padding and the two marks left out."""
    generator = torch.Generator().manual_seed(seed)

    def sequence(length):
        return torch.randint(3, c["vocab_size"], (length,), generator=generator).tolist()

    return {
        "ids": [sequence(LENGTH), sequence(LENGTH)],
        "supervised_from": [10, 15],
        "prompts": [sequence(5), sequence(9)],
    }


# --------------------------------------------------------------------------------- the comparison


class Comparison:
    """Differences found so far; every line says what was compared and by how much it differs."""

    def __init__(self):
        self.failures = 0

    def close(self, what, ours, theirs, tolerance, relative=False):
        if tuple(ours.shape) != tuple(theirs.shape):
            return self.say(False, what, f"shape {list(ours.shape)}, expected {list(theirs.shape)}")
        scale = float(theirs.abs().max()) if relative else 1.0
        difference = float((ours.double() - theirs.double()).abs().max()) / (scale or 1.0)
        kind = "relative" if relative else "absolute"
        # Written so that NaN fails.
        ok = difference <= tolerance
        self.say(ok, what, f"largest {kind} difference {difference:.2e}, allowed {tolerance:.0e}")

    def equal(self, what, ours, theirs, note=""):
        if ours == theirs:
            self.say(True, what, f"{len(ours)} ids equal")
        else:
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            self.say(False, what, f"differ from id {at} on: {ours[at:]}, expected {theirs[at:]}{note}")

    def say(self, ok, what, how):
        self.failures += not ok
        print(f"{'ok  ' if ok else 'FAIL'}  {what}: {how}")


def compare(found, name, tensors, facts, expected_tensors, expected_facts):
    """The outputs `tensors`, `facts` against the expected ones."""
    for key, expected in expected_tensors.items():
        if key.startswith("gradient."):
            found.close(f"{name} {key}", tensors[key], expected, GRADIENT_TOLERANCE, relative=True)
        else:
            found.close(f"{name} {key}", tensors[key], expected, LOGITS_TOLERANCE)
    loss, expected_loss = (torch.tensor([f["loss"]]) for f in (facts, expected_facts))
    found.close(f"{name} loss", loss, expected_loss, 1e-5, relative=True)
    for i, (ours, theirs) in enumerate(zip(facts["greedy"], expected_facts["greedy"])):
        found.equal(f"{name} greedy {i}", ours, theirs)


def plain_equals_llama(found):
    """The plain decoder against transformers on the rotary model: it vouches for ALiBi's."""
    c = MODELS["tiny-baichuan2"]
    weights, inputs = random_weights(c, 7), random_inputs(c, 8)
    ids = torch.tensor(inputs["ids"])
    logits, parts, gradients = with_gradients(Llama(c, weights), weights, ids, inputs["supervised_from"])
    ours = with_gradients(Plain(c), weights, ids, inputs["supervised_from"])
    found.close("plain decoder, logits", ours[0], logits, LOGITS_TOLERANCE)
    found.close("plain decoder, loss", ours[1], parts, 1e-5, relative=True)
    for name, gradient in gradients.items():
        found.close(f"plain decoder, {name}", ours[2][name], gradient, GRADIENT_TOLERANCE, relative=True)


# --------------------------------------------------------------------------------- the three modes


def write():
    """Makes the golden files."""
    found = Comparison()
    plain_equals_llama(found)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, c in MODELS.items():
        for seed in range(42, 142):
            weights, inputs = random_weights(c, seed), random_inputs(c, seed + 1000)
            tensors, facts = outputs(c, weights, inputs)
            if is_clear(c, facts):
                break
        contents = {k: v.contiguous() for k, v in (weights | tensors).items()}
        file = GOLDEN / f"{name}.safetensors"
        save_file(contents, file)
        file.chmod(0o644)
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        document = {"seed": seed, "config": c, **inputs, **facts, "made_with": versions}
        (GOLDEN / f"{name}.json").write_text(dumps(document) + "\n")
        print(f"wrote {GOLDEN / name}.safetensors and .json (least greedy margin {facts['margin']:.3f})")
    return found.failures


def is_clear(c, facts):
    """Whether no greedy choice hangs on rounding, and none is the end of the sequence."""
    ended = any(c["eos_token_id"] in new for new in facts["greedy"])
    return facts["margin"] >= 100 * LOGITS_TOLERANCE and not ended


def dumps(document):
    """One key a line: a changed number is one changed line."""
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def verify():
    """Computes the committed outputs again from the committed weights."""
    found = Comparison()
    plain_equals_llama(found)
    for name in MODELS:
        stored = load_file(GOLDEN / f"{name}.safetensors")
        document = json.loads((GOLDEN / f"{name}.json").read_text())
        weights = {key: stored[key] for key in shapes(document["config"])}
        expected = {key: tensor for key, tensor in stored.items() if key not in weights}
        tensors, facts = outputs(document["config"], weights, document)
        compare(found, name, tensors, facts, expected, document)
    return found.failures


def check(directory):
    """Our program's outputs on its own random model, against the reference."""
    c = json.loads((directory / "config.json").read_text())
    ours = json.loads((directory / "outputs.json").read_text())
    stored = {}
    for file in sorted(directory.glob("*.safetensors")):
        if file.name != "outputs.safetensors":
            stored |= load_file(file)
    missing = sorted(shapes(c).keys() - stored.keys())
    surplus = sorted(stored.keys() - shapes(c).keys())
    if missing or surplus:
        print(f"FAIL  tensors of {directory}: missing {missing}, not Baichuan2's {surplus}")
        return 1
    found = Comparison()
    for name, shape in shapes(c).items():
        if tuple(stored[name].shape) != shape:
            found.say(False, name, f"shape {list(stored[name].shape)}, expected {list(shape)}")
    if found.failures:
        return found.failures

    weights = {name: tensor.float() for name, tensor in stored.items()}
    reference = reference_for(c, weights)
    ids = torch.tensor(ours["ids"])
    supervised_from = ours.get("supervised_from", [1] * len(ids))
    logits, parts, gradients = with_gradients(reference, weights, ids, supervised_from)
    tensors = directory / "outputs.safetensors"
    tensors = load_file(tensors) if tensors.exists() else {"logits": torch.tensor(ours["logits"])}

    found.close("logits", tensors["logits"].float(), logits, LOGITS_TOLERANCE)
    if "loss" in ours:
        found.close("loss", torch.tensor([ours["loss"]]), parts.sum()[None], 1e-5, relative=True)
    for name, gradient in gradients.items():
        if (key := f"gradient.{name}") in tensors:
            found.close(key, tensors[key].float(), gradient, GRADIENT_TOLERANCE, relative=True)
    eos = c["eos_token_id"]
    for i, (prompt, new) in enumerate(zip(ours["prompts"], ours["greedy"], strict=True)):
        expected = reference.greedy(weights, prompt, ours["max_new_tokens"], eos)
        ended = [ids[:-1] if ids and ids[-1] == eos else ids for ids in (new, expected)]
        note = f" (least margin {margin(reference, weights, prompt, expected):.1e})"
        found.equal(f"greedy {i}", *ended, note)
    return found.failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--verify", action="store_true", help="hold the committed files against a fresh run")
    mode.add_argument("--check", type=Path, metavar="DIR", help="hold our program's outputs in DIR against the reference")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if arguments.check:
        failures = check(arguments.check)
    elif arguments.verify:
        failures = verify()
    else:
        failures = write()
    print(f"{failures} different" if failures else "all equal")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
