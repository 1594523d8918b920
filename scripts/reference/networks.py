"""The networks that ours is held against, written by other people where they exist.

Not a program: `llama_golden.py`, `peft_golden.py`, `adamw_golden.py`, `optimizer_golden.py` and `loss_golden.py` import it.

- A Llama is transformers' `LlamaForCausalLM`.
- Baichuan2-7B is a Llama with one fused `W_pack` for q, k and v and a head whose rows are normalised:
  `LlamaForCausalLM` with the split weights and the normalised head computes the same function.
- Baichuan2-13B has ALiBi in place of rotary positions: the same Llama, its rotation replaced by none,
  with the bias of transformers' own ALiBi (Bloom's) in its attention mask.
- `Baichuan` is a second opinion, written out after the published description: it has the official
  names, `W_pack` among them, so that PEFT can adapt it. `second_opinion` holds it against the above.

A network is a function of its weights, which go by the names of the files. A *sample* is a sequence of
ids and the first position that is supervised; samples are always computed apart, without padding.

# The measure

Two tensors differ by ||a - b|| / ||b||, Euclidean norms over all entries, b the reference. A single wrong
entry of n shows as 1/sqrt(n) of its own relative error.
"""

import math

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

# f32 on both sides: the order of summation only.
TOLERANCE = 1e-4


# ------------------------------------------------------------------------------------ the weights


def is_llama(c):
    return c["model_type"] == "llama"


def is_rotary(c):
    """The released 13B says nothing: it is known by its width."""
    return is_llama(c) or c.get("position", "alibi" if c["hidden_size"] == 5120 else "rope") == "rope"


def head_dim(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def key_value_heads(c):
    return c.get("num_key_value_heads") or c["num_attention_heads"]


def shapes(c):
    """The tensors of a file: name -> shape."""
    hidden, inner = c["hidden_size"], c["intermediate_size"]
    queries, keys = c["num_attention_heads"] * head_dim(c), key_value_heads(c) * head_dim(c)
    if is_llama(c):
        attention = {"q_proj": queries, "k_proj": keys, "v_proj": keys}
    else:
        attention = {"W_pack": 3 * hidden}
    result = {"model.embed_tokens.weight": (c["vocab_size"], hidden)}
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        result |= {f"{layer}.self_attn.{name}.weight": (rows, hidden) for name, rows in attention.items()}
        result |= {
            f"{layer}.self_attn.o_proj.weight": (hidden, queries),
            f"{layer}.mlp.gate_proj.weight": (inner, hidden),
            f"{layer}.mlp.up_proj.weight": (inner, hidden),
            f"{layer}.mlp.down_proj.weight": (hidden, inner),
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
        }
    result["model.norm.weight"] = (hidden,)
    if not c.get("tie_word_embeddings", False):
        result["lm_head.weight"] = (c["vocab_size"], hidden)
    return result


def random_weights(c, seed):
    """Weights large enough that attention, norms and head all matter to the outputs.

    Every value is one of bf16 and of f16, so that all dtypes compute with the same weights.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes(c).items():
        noise = torch.randn(shape, generator=generator)
        values = 1 + 0.1 * noise if "norm" in name else 0.15 * noise
        weights[name] = values.half().bfloat16().float()
    return weights


# ----------------------------------------------------------------------------------- transformers


class Llama:
    """transformers' own, given the weights of a Llama's or of a Baichuan's files."""

    def __init__(self, c):
        self.c = c
        self.model = LlamaForCausalLM(llama_config(c)).eval()
        if not is_rotary(c):
            self.model.model.rotary_emb = NoRotation(head_dim(c))

    def logits(self, weights, ids):
        """`[length, vocabulary]` of one sequence, in the dtype of the weights."""
        renamed = weights if is_llama(self.c) else llama_weights(self.c, weights)
        arguments = {"use_cache": False}
        if not is_rotary(self.c):
            dtype = renamed["model.embed_tokens.weight"].dtype
            arguments["attention_mask"] = alibi_mask(self.c["num_attention_heads"], len(ids), dtype)
        return torch.func.functional_call(self.model, renamed, (ids[None],), arguments).logits[0]


def llama_config(c):
    if is_llama(c):
        ours = ("architectures", "torch_dtype")
        return LlamaConfig(**{k: v for k, v in c.items() if k not in ours}, attn_implementation="eager")
    return LlamaConfig(
        hidden_size=c["hidden_size"],
        intermediate_size=c["intermediate_size"],
        num_hidden_layers=c["num_hidden_layers"],
        num_attention_heads=c["num_attention_heads"],
        num_key_value_heads=c["num_attention_heads"],
        vocab_size=c["vocab_size"],
        max_position_embeddings=c.get("max_position_embeddings", c.get("model_max_length")),
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


class NoRotation(nn.Module):
    """In the place of the rotary tables: the rotation by no angle."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x, position_ids):
        shape = (*position_ids.shape, self.width)
        return x.new_ones(shape), x.new_zeros(shape)


def alibi_mask(heads, length, dtype):
    """What Bloom adds to the scores, and the future hidden: `[1, heads, length, length]`."""
    bias = build_alibi_tensor(torch.ones(1, length, dtype=torch.long), heads, torch.float32)
    hidden = torch.full((length, length), torch.finfo(dtype).min).triu(1)
    # The bias of a hidden key would overflow the least number.
    return torch.where(hidden < 0, hidden, bias).to(dtype)[None]


def alibi_slopes(heads):
    """Bloom's slopes: what the key at position 1 gets."""
    return build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), heads, torch.float32)[:, 0, 1].tolist()


def rope_theta(c):
    return float(c.get("rope_theta", 10000.0))


def normalises_head(c):
    return not is_llama(c) and c.get("norm_head", c["vocab_size"] == 125696)


def head(c, weight):
    """NormHead: each row divided by its length; the gradient flows through the division."""
    return functional.normalize(weight, dim=-1, eps=1e-12) if normalises_head(c) else weight


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


# ------------------------------------------------------------------------------------ written out


class BaichuanConfig(PreTrainedConfig):
    """PEFT asks a language model for the name of its family."""

    model_type = "baichuan"


class Baichuan(nn.Module):
    """The decoder of Baichuan2 under its official names, f32."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.config = BaichuanConfig()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.model.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.model.norm = Norm(c)
        self.lm_head = nn.Linear(c["hidden_size"], c["vocab_size"], bias=False)

    def forward(self, input_ids, **_):
        """Logits. PEFT hands every argument of a language model on, most of them empty."""
        x = self.model.embed_tokens(input_ids)
        for layer in self.model.layers:
            x = layer(x)
        return functional.linear(self.model.norm(x), head(self.c, self.lm_head.weight))

    def logits(self, weights, ids):
        return torch.func.functional_call(self, weights, (ids[None],))[0]

    def prepare_inputs_for_generation(self, *_, **__):
        """PEFT asks whether a language model has it."""
        raise NotImplementedError


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn = Attention(c)
        self.mlp = FeedForward(c)
        self.input_layernorm = Norm(c)
        self.post_attention_layernorm = Norm(c)

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.W_pack = nn.Linear(c["hidden_size"], 3 * c["hidden_size"], bias=False)
        self.o_proj = nn.Linear(c["hidden_size"], c["hidden_size"], bias=False)

    def forward(self, x):
        batch, length, hidden = x.shape
        heads, width = self.c["num_attention_heads"], head_dim(self.c)
        q, k, v = (
            part.view(batch, length, heads, width).transpose(1, 2)
            for part in self.W_pack(x).chunk(3, dim=-1)
        )
        bias = torch.full((length, length), -math.inf).triu(1)
        if is_rotary(self.c):
            q, k = rotated(q, rope_theta(self.c)), rotated(k, rope_theta(self.c))
        else:
            # The released code counts keys back from the last one, the same for each query: against
            # `key - query` that adds a constant to a row of scores, which softmax does not see.
            key = torch.arange(length) - length + 1
            bias = bias + torch.tensor(slopes(heads))[:, None, None] * key
        scores = q @ k.transpose(2, 3) / math.sqrt(width) + bias
        return self.o_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, hidden))


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.up_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.down_proj = nn.Linear(c["intermediate_size"], c["hidden_size"], bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Norm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c["hidden_size"]))
        self.eps = c["rms_norm_eps"]

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


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


# ----------------------------------------------------------------------------------- the results


def samples(groups):
    """Each suffix behind its prefix: (ids, first supervised position)."""
    return [
        (torch.tensor(group["prefix"] + suffix["ids"]), len(group["prefix"]) + suffix["supervised_from"])
        for group in groups
        for suffix in group["suffixes"]
    ]


def random_groups(vocabulary, generator):
    """Ragged groups of ordinary tokens: padding and the marks left out.

    One suffix is supervised from its first id, which its prefix predicts; one group has no prefix.
    """

    def ids(length):
        return torch.randint(6, vocabulary, (length,), generator=generator).tolist()

    def group(prefix, *suffixes):
        return {
            "prefix": ids(prefix),
            "suffixes": [{"ids": ids(length), "supervised_from": start} for length, start in suffixes],
        }

    return [group(11, (7, 2), (4, 0), (9, 5)), group(5, (6, 3), (3, 1)), group(0, (13, 4))]


def results(logits_of, groups):
    """(logits, losses): the tokens as our batches hold them, each prefix once; a loss for each target."""
    rows, losses = [], []
    pending = iter(samples(groups))
    for group in groups:
        prefix = len(group["prefix"])
        for place, (ids, start) in zip(range(len(group["suffixes"])), pending):
            logits = logits_of(ids)
            rows.append(logits[0 if place == 0 else prefix :])
            log_p = logits[start - 1 : -1].float().log_softmax(-1)
            losses.append(-log_p.gather(1, ids[start:, None])[:, 0])
    return torch.cat(rows), torch.cat(losses)


def everything(network, weights, groups, dtype=torch.float32, gradients=True):
    """`logits`, `losses` and `gradient.NAME` of the summed loss for every weight, f32."""
    leaves = {name: tensor.clone().requires_grad_(gradients) for name, tensor in weights.items()}
    cast = {name: tensor.to(dtype) for name, tensor in leaves.items()}
    logits, losses = results(lambda ids: network.logits(cast, ids), groups)
    found = {"logits": logits.detach().float(), "losses": losses.detach()}
    if gradients:
        losses.sum().backward()
        found |= {f"gradient.{name}": leaf.grad for name, leaf in leaves.items()}
    return found


def distance(ours, theirs):
    """||ours - theirs|| / ||theirs||; infinite where a number is not one."""
    ours, theirs = ours.double(), theirs.double()
    norm = float(theirs.norm())
    difference = float((ours - theirs).norm())
    return difference / (norm or 1.0) if math.isfinite(difference) else math.inf


class Comparison:
    """Differences found so far; every line says what was compared and by how much it differs."""

    def __init__(self):
        self.failures = 0

    def close(self, what, ours, theirs, tolerance=TOLERANCE):
        if tuple(ours.shape) != tuple(theirs.shape):
            return self.say(False, what, f"shape {list(ours.shape)}, expected {list(theirs.shape)}")
        difference = distance(ours, theirs)
        self.say(difference <= tolerance, what, f"differs by {difference:.2e}, allowed {tolerance:.0e}")

    def all_close(self, what, ours, theirs, tolerance=TOLERANCE):
        """Two dictionaries of tensors with the same names: a line for each that differs, or for the farthest."""
        missing, surplus = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
        if missing or surplus:
            self.say(False, what, f"missing {missing}, not expected {surplus}")
        both = sorted(ours.keys() & theirs.keys())
        apart = {name: distance(ours[name], theirs[name]) for name in both if ours[name].shape == theirs[name].shape}
        wrong = [name for name in both if not apart.get(name, math.inf) <= tolerance]
        for name in wrong:
            self.close(f"{what} {name}", ours[name], theirs[name], tolerance)
        if both and not wrong:
            name = max(apart, key=apart.get)
            how = f"{len(both)} tensors, {name} differs most, by {apart[name]:.2e}, allowed {tolerance:.0e}"
            self.say(True, what, how)

    def equal(self, what, ours, theirs):
        if ours == theirs:
            self.say(True, what, f"{len(ours)} ids equal")
        else:
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            self.say(False, what, f"differ from id {at} on: {ours[at:]}, expected {theirs[at:]}")

    def say(self, ok, what, how):
        self.failures += not ok
        print(f"{'ok  ' if ok else 'FAIL'}  {what}: {how}")

    def end(self):
        """The exit code of the program."""
        print(f"{self.failures} different" if self.failures else "all equal")
        return 1 if self.failures else 0


def second_opinion(found, c, seed):
    """The network written out against transformers', and its slopes against Bloom's."""
    generator = torch.Generator().manual_seed(seed)
    weights, groups = random_weights(c, seed), random_groups(c["vocab_size"], generator)
    what = f"written out, {'rotary' if is_rotary(c) else 'ALiBi'},"
    found.all_close(what, everything(Baichuan(c), weights, groups), everything(Llama(c), weights, groups))
    for heads in (4, 6, 40):
        found.close(f"slopes of {heads} heads", torch.tensor(slopes(heads)), torch.tensor(alibi_slopes(heads)), 1e-6)
