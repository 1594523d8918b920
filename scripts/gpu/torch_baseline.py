#!/usr/bin/env python3
"""PyTorch's side of the measurements on a GPU: one part in one process, one line of JSON for each result.

    torch_baseline.py PART [--device cuda|cpu] [--preset tiny|7b] [--rounds N]
                      [--method lora|full] [--variant NAME] [--batch FILE] [--micro-tokens N] [--steps N]

PART is `calibrate`, `gemm`, `attention`, `steps` or `agree`; their lines have the fields of `gpu_steps`,
so that scripts/gpu/measure.py can lay both beside each other. Weights are random, a Llama of Baichuan2-7B's
shape with its normalised head; nothing is downloaded. `steps` computes the batch in FILE, which our side
reads, too: whole optimizer steps with the loss divided by the step's supervised tokens.

Variants of `steps`, LoRA (rank 32 beside all linear layers) and full:

- `llama-factory`  what its users get: HF Trainer's autocast to bf16 with what is trained in f32, SDPA, activations
                   recomputed (reentrant), two samples padded together to a multiple of 8 with a mask, logits of all
                   positions
- `kept`           the same without recomputation
- `bf16`           kept, all weights and states in bf16
- `packed`         bf16, samples laid end to end for `torch.nn.attention.varlen`, logits at supervised positions
- `compiled`       packed, each layer through `torch.compile`
- `cudnn`          bf16, samples of like length padded together without a mask, cuDNN's attention, logits at supervised
                   positions
- `cudnn-compiled` the same, each layer through `torch.compile`; this and `compiled` are the best that PyTorch does
                   without other packages

A variant that does not fit into the device's memory is tried with half as many tokens (or samples) a micro-batch,
until a micro-batch is one sample. `agree` computes the loss of every variant over the batch in FILE, in f32 from the
same weights, LoRA and full: exit code 1 if two are further apart than six digits.

Needs torch 2.11 or later, transformers 5 and, for LoRA, PEFT: scripts/reference/setup.sh has them for the CPU.
Exit code 3: the variant does not fit into the device's memory.
"""

import argparse
import contextlib
import gc
import inspect
import json
import statistics
import sys
import time
from importlib import metadata

SHAPES = {
    "7b": {"vocab_size": 125696, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
    "tiny": {"vocab_size": 3000, "hidden_size": 128, "intermediate_size": 336, "num_hidden_layers": 3, "num_attention_heads": 4},
}
VARIANTS = ("llama-factory", "kept", "bf16", "packed", "compiled", "cudnn", "cudnn-compiled")
PACKED = ("packed", "compiled")
CUDNN = ("cudnn", "cudnn-compiled")
AUTOCAST = ("llama-factory", "kept")
WARM = 3
PADDED_TOGETHER, MULTIPLE = 2, 8
AGREE = 2e-6
IGNORED = -100
OUT_OF_MEMORY = 3


def say(**line):
    print(json.dumps({"side": "torch", **line}), flush=True)


# ------------------------------------------------------------------------------------------ measuring


class Clock:
    """The clock between two waits for the device, as on our side."""

    def __init__(self, torch, device):
        self.wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)

    def phases(self, rounds, names, work):
        """`work(mark)` again and again; it marks the end of each phase."""
        every, first = [], 0.0
        for round_ in range(WARM + rounds):
            self.wait()
            last, seconds = time.perf_counter(), []

            def mark():
                nonlocal last
                self.wait()
                now = time.perf_counter()
                seconds.append(now - last)
                last = now

            work(mark)
            if round_ == 0:
                first = sum(seconds)
            if round_ >= WARM:
                every.append(seconds)
        found = {"rounds": len(every), "first_seconds": first}
        for i, name in enumerate(names):
            found[name] = spread([one[i] for one in every])
        if len(names) > 1:
            found["seconds"] = spread([sum(one) for one in every])
        return found

    def repeated(self, rounds, times, work):
        def often(mark):
            for _ in range(times):
                work()
            mark()

        found = self.phases(rounds, ["seconds"], often)
        found["seconds"] = {key: value / times for key, value in found["seconds"].items()}
        return found | {"times": times}


def spread(seconds):
    ordered = sorted(seconds)

    def at(share):
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return {"median": statistics.median(ordered), "p10": at(0.1), "p90": at(0.9), "best": ordered[0]}


# ------------------------------------------------------------------------------------ parts of a step


def calibrate(torch, arguments, dtype):
    """The same product and the same pass over memory as `gpu_steps calibrate`."""
    clock, tiny = Clock(torch, arguments.device), arguments.preset == "tiny"
    n, rounds = (256, arguments.rounds or 5) if tiny else (8192, arguments.rounds or 20)
    a, b = (torch.rand(n, n, device=arguments.device, dtype=dtype) * 2 - 1 for _ in range(2))
    found = clock.repeated(rounds, 10, lambda: a @ b.T)
    say(part="calibrate", case="matmul", route="torch", n=n, tflops=2 * n**3 / found["seconds"]["median"] / 1e12, time=found)
    size = 1 << 22 if tiny else 1 << 30
    x = torch.rand(size // dtype.itemsize // 1024, 1024, device=arguments.device).to(dtype)
    found = clock.repeated(rounds, 5, lambda: x + 1)
    say(part="calibrate", case="copy", bytes=size, gb_per_second=2 * size / found["seconds"]["median"] / 1e9, time=found)


def gemm(torch, arguments, dtype):
    """The same products as `gpu_steps gemm`."""
    clock, shape = Clock(torch, arguments.device), SHAPES[arguments.preset]
    tiny = arguments.preset == "tiny"
    m, rounds = (128, arguments.rounds or 3) if tiny else (8192, arguments.rounds or 10)
    h, f = shape["hidden_size"], shape["intermediate_size"]
    shapes = {"W_pack": (3 * h, h), "o_proj": (h, h), "gate_up": (2 * f, h), "down_proj": (h, f), "head": (shape["vocab_size"], h)}
    for case, (n, k) in shapes.items():
        x, w, dy = (torch.rand(dims, device=arguments.device).to(dtype) for dims in ((m, k), (n, k), (m, n)))
        for layout, work in {"forward": lambda: x @ w.T, "input": lambda: dy @ w, "weight": lambda: dy.T @ x}.items():
            found = clock.repeated(rounds, 5, work)
            rate = 2 * m * n * k / found["seconds"]["median"] / 1e12
            say(part="gemm", case=case, m=m, n=n, k=k, layout=layout, route="torch", tflops=rate, time=found)


def attention(torch, arguments, dtype):
    """Documents and long rows as `gpu_steps attention` has them; groups as the samples that they are."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    clock, shape = Clock(torch, arguments.device), SHAPES[arguments.preset]
    rounds = arguments.rounds or (3 if arguments.preset == "tiny" else 10)
    heads = shape["num_attention_heads"]
    d = shape["hidden_size"] // heads
    cases = {"documents": (3, 70), "long": (1, 256), "groups": (16, 70)}
    if arguments.preset == "7b":
        cases = {"documents": (12, 700), "long": (2, 4096), "groups": (48, 700)}
    kernels = {"sdpa": None}
    if arguments.device == "cuda":
        kernels = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
    for case, (rows, length) in cases.items():
        q, k, v, gradient = (torch.randn(rows, heads, length, d, device=arguments.device).to(dtype) for _ in range(4))
        inputs = [it.requires_grad_() for it in (q, k, v)]
        flops = 4 * rows * length * (length + 1) / 2 * heads * d
        for route, kernel in kernels.items():

            def work(mark):
                with sdpa_kernel(kernel) if kernel is not None else contextlib.nullcontext():
                    mixed = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)
                    mark()
                    torch.autograd.grad(mixed, inputs, gradient)
                mark()

            try:
                found = clock.phases(rounds, ["forward", "backward"], work)
            except RuntimeError as error:
                say(part="attention", case=case, route=route, failed=str(error).splitlines()[0])
                continue
            say(part="attention", case=case, route=route, tokens=rows * length, time=found,
                forward_tflops=flops / found["forward"]["median"] / 1e12,
                backward_tflops=2.5 * flops / found["backward"]["median"] / 1e12)


# ------------------------------------------------------------------------------------------ whole steps


def samples_of(path):
    """The file's samples, each with its prefix, and the first place that has a loss."""
    found = []
    for group in json.loads(open(path).read())["groups"]:
        for own in group["suffixes"]:
            ids = group["prefix"] + own["ids"]
            found.append((ids, max(1, len(group["prefix"]) + own["supervised_from"])))
    return found


def padded(torch, samples, together, device):
    """Samples in their order, so many padded together, as LLaMA-Factory's collator does it."""
    batches = []
    for first in range(0, len(samples), together):
        rows = samples[first : first + together]
        width = -(-max(len(ids) for ids, _ in rows) // MULTIPLE) * MULTIPLE
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        labels, mask = torch.full((len(rows), width), IGNORED), torch.zeros_like(ids)
        for i, (row, start) in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            labels[i, start : len(row)] = ids[i, start : len(row)]
            mask[i, : len(row)] = 1
        batches.append({"ids": ids.to(device), "labels": labels.to(device), "mask": mask.to(device)})
    return batches


def side_by_side(torch, samples, most, device):
    """Samples of like length padded together, at most so many tokens: padding stands behind, where nothing sees it."""
    bins = []
    for sample in sorted(samples, key=lambda it: -len(it[0])):
        if bins and (len(bins[-1]) + 1) * len(bins[-1][0][0]) <= most:
            bins[-1].append(sample)
        else:
            bins.append([sample])
    batches = []
    for rows in bins:
        width = -(-len(rows[0][0]) // MULTIPLE) * MULTIPLE
        ids, keep, target = torch.zeros(len(rows), width, dtype=torch.long), [], []
        for i, (row, start) in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            keep += [i * width + place - 1 for place in range(start, len(row))]
            target += row[start:]
        as_tensor = lambda it: torch.tensor(it, dtype=torch.long, device=device)
        batches.append({"ids": ids.to(device), "keep": as_tensor(keep), "target": as_tensor(target)})
    return batches


def micro_batches(torch, samples, variant, tries, micro_tokens, device):
    """The step's micro-batches at the try of this number, each half of the one before; `None` behind the smallest."""
    longest = max(len(ids) for ids, _ in samples)
    if variant in PACKED + CUDNN:
        most = max(longest, micro_tokens >> tries)
        if tries and most == max(longest, micro_tokens >> (tries - 1)):
            return None
        return (packed if variant in PACKED else side_by_side)(torch, samples, most, device)
    together = PADDED_TOGETHER >> tries
    return padded(torch, samples, together, device) if together else None


def packed(torch, samples, most, device):
    """Samples end to end, at most so many tokens together: the longest first, where they fit best."""
    bins = []
    for sample in sorted(samples, key=lambda it: -len(it[0])):
        fitting = [it for it in bins if sum(len(ids) for ids, _ in it) + len(sample[0]) <= most]
        if fitting:
            max(fitting, key=lambda it: sum(len(ids) for ids, _ in it)).append(sample)
        else:
            bins.append([sample])
    longest = max(len(ids) for ids, _ in samples)
    batches = []
    for rows in bins:
        ids, positions, keep, target, ends = [], [], [], [], [0]
        for row, start in rows:
            keep += [len(ids) + place - 1 for place in range(start, len(row))]
            target += row[start:]
            ids += row
            positions += range(len(row))
            ends.append(len(ids))
        as_tensor = lambda it, kind=torch.long: torch.tensor(it, dtype=kind, device=device)
        batches.append({"ids": as_tensor([ids]), "positions": as_tensor([positions]), "keep": as_tensor(keep),
                        "target": as_tensor(target), "ends": as_tensor(ends, torch.int32), "longest": longest})
    return batches


def register_packed_attention(torch):
    """Attention of documents that lie end to end: `varlen_attn` on a GPU, document by document elsewhere."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    from torch.nn.attention.varlen import varlen_attn

    is_old = "window_size" not in inspect.signature(varlen_attn).parameters
    causal = {"is_causal": True} if is_old else {"window_size": (-1, 0)}

    def forward(module, q, k, v, attention_mask=None, ends=None, longest=None, **_):
        q, k, v = (it.squeeze(0).transpose(0, 1) for it in (q, k, v))
        if q.is_cuda:
            mixed = varlen_attn(q, k, v, ends, ends, longest, longest, **causal)
        else:
            mixed, places = [], ends.tolist()
            for start, end in zip(places, places[1:]):
                rows = [it[start:end].transpose(0, 1).unsqueeze(0) for it in (q, k, v)]
                one = torch.nn.functional.scaled_dot_product_attention(*rows, is_causal=True)
                mixed.append(one.squeeze(0).transpose(0, 1))
            mixed = torch.cat(mixed)
        return mixed.unsqueeze(0), None

    AttentionInterface.register("end_to_end", forward)
    AttentionMaskInterface.register("end_to_end", lambda *_, **__: None)


def network(torch, arguments, trained):
    """The model of a variant, and the decoder in it; adapters as training begins with them, or as it leaves them."""
    import transformers

    variant, lora = arguments.variant, arguments.method == "lora"
    is_packed = variant in PACKED
    if is_packed:
        register_packed_attention(torch)
    config = transformers.LlamaConfig(
        **SHAPES[arguments.preset], max_position_embeddings=4096, rms_norm_eps=1e-6, tie_word_embeddings=False, use_cache=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4}, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        attn_implementation="end_to_end" if is_packed else "sdpa",
    )
    # HF Trainer with `bf16`: what is trained is kept in f32, and autocast rounds it in use.
    half = torch.bfloat16 if arguments.device == "cuda" else torch.float32
    in_f32 = variant in AUTOCAST and not lora
    torch.set_default_dtype(torch.float32 if in_f32 else half)
    with torch.device(arguments.device):
        model = transformers.LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    normalise_head(torch, model, frozen=lora)
    if variant == "llama-factory":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
    if lora:
        from peft import LoraConfig, get_peft_model

        if variant == "llama-factory":
            model.enable_input_require_grads()
        linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        adapters = LoraConfig(r=32, lora_alpha=64, lora_dropout=0.0, target_modules=linear, task_type="CAUSAL_LM")
        model = get_peft_model(model, adapters, autocast_adapter_dtype=variant in AUTOCAST)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if trained and "lora_B" in name:
                    weight.normal_(std=0.02)
    model.train()
    decoder = model.get_base_model() if lora else model
    if variant.endswith("compiled") and arguments.device == "cuda":
        for layer in decoder.model.layers:
            layer.compile()
    return model, decoder


def normalise_head(torch, model, frozen):
    """Baichuan2's head: rows of norm 1, which a frozen head has for good."""
    normalised = torch.nn.functional.normalize
    if frozen:
        with torch.no_grad():
            model.lm_head.weight.copy_(normalised(model.lm_head.weight))
        return

    class Head(torch.nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = weight

        def forward(self, states):
            return torch.nn.functional.linear(states, normalised(self.weight))

    model.lm_head = Head(model.lm_head.weight)


def loss_of(torch, model, decoder, batch, supervised):
    """Sum over the supervised tokens of a micro-batch, divided by the step's."""
    if "keep" not in batch:
        return model(input_ids=batch["ids"], attention_mask=batch["mask"], labels=batch["labels"],
                     num_items_in_batch=supervised, use_cache=False).loss
    ends = {name: batch[name] for name in ("ends", "longest") if name in batch}
    states = decoder.model(input_ids=batch["ids"], position_ids=batch.get("positions"), use_cache=False, **ends).last_hidden_state
    logits = decoder.lm_head(states.flatten(0, 1)[batch["keep"]]).float()
    return torch.nn.functional.cross_entropy(logits, batch["target"], reduction="sum") / supervised


def kernels_of(torch, variant, cuda):
    """The kernel of attention that a variant asks for."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.CUDNN_ATTENTION) if cuda and variant in CUDNN else contextlib.nullcontext()


def gradients_of(torch, arguments, model, decoder, batches, supervised):
    """The loss of a step, and its gradients in the weights."""
    cuda, variant, sum_ = arguments.device == "cuda", arguments.variant, 0.0
    for batch in batches:
        autocast = torch.autocast("cuda", dtype=torch.bfloat16) if cuda and variant in AUTOCAST else contextlib.nullcontext()
        with autocast, kernels_of(torch, variant, cuda):
            loss = loss_of(torch, model, decoder, batch, supervised)
        loss.backward()
        sum_ = sum_ + loss.detach()
    return float(sum_)


def agree(torch, arguments, dtype):
    """The loss of each variant over the same batch; 1 if they are not the same work."""
    samples, wrong = samples_of(arguments.batch), 0
    supervised = sum(len(ids) - start for ids, start in samples)
    for arguments.method in ("lora", "full"):
        losses = {}
        for arguments.variant in VARIANTS:
            torch.manual_seed(42)
            model, decoder = network(torch, arguments, trained=True)
            most = arguments.micro_tokens if arguments.preset == "7b" else 256
            batches = micro_batches(torch, samples, arguments.variant, 0, most, arguments.device)
            losses[arguments.variant] = gradients_of(torch, arguments, model, decoder, batches, supervised)
        first = losses[VARIANTS[0]]
        worst = max(abs(loss - first) / first for loss in losses.values())
        say(part="agree", method=arguments.method, losses=losses, worst_relative_difference=worst)
        if not worst <= AGREE:
            print(f"the variants' losses ({arguments.method}) are {worst:.1e} apart, allowed are {AGREE}", file=sys.stderr)
            wrong = 1
    return wrong


def steps(torch, arguments, dtype):
    torch.manual_seed(42)
    samples = samples_of(arguments.batch)
    model, decoder = network(torch, arguments, trained=False)
    tries, full = 0, None
    while batches := micro_batches(torch, samples, arguments.variant, tries, arguments.micro_tokens, arguments.device):
        try:
            return timed(torch, arguments, samples, model, decoder, batches, tries)
        except torch.OutOfMemoryError as error:
            full = str(error).splitlines()[0]
        # Outside of the handler: it holds the frames, and with them what did not fit.
        print(f"{len(batches)} micro-batches do not fit: {full}", file=sys.stderr)
        model.zero_grad(set_to_none=True)
        del batches
        gc.collect()
        torch.cuda.empty_cache()
        tries += 1
    raise torch.OutOfMemoryError(full)


def timed(torch, arguments, samples, model, decoder, batches, tries):
    """Whole steps over these micro-batches."""
    cuda, variant = arguments.device == "cuda", arguments.variant
    supervised = sum(len(ids) - start for ids, start in samples)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, fused=cuda or None)
    losses, norms = [], []
    if cuda:
        torch.cuda.reset_peak_memory_stats()

    def step(mark):
        losses.append(gradients_of(torch, arguments, model, decoder, batches, supervised))
        mark()
        norms.append(float(torch.nn.utils.clip_grad_norm_(trained, 1.0)))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        mark()

    rounds = arguments.steps or (3 if arguments.preset == "tiny" else 6)
    found = Clock(torch, arguments.device).phases(rounds, ["gradients", "update"], step)
    tokens = sum(len(ids) for ids, _ in samples)
    seconds = found["seconds"]["median"]
    computed = sum(batch["ids"].numel() for batch in batches)
    say(part="steps", method=arguments.method, variant=variant, time=found, samples=len(samples), supervised=supervised,
        pairs=sum(len(ids) * (len(ids) + 1) // 2 for ids, _ in samples), data_tokens=tokens, computed_tokens=computed,
        micro_batches=len(batches), tries=tries + 1, data_tokens_per_second=tokens / seconds, computed_tokens_per_second=computed / seconds,
        peak_bytes=torch.cuda.max_memory_reserved() if cuda else None, losses=losses, gradient_norms=norms,
        trained=sum(weight.numel() for weight in trained))


def versions(torch):
    found = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    for name in ("transformers", "peft", "triton", "nvidia-cublas", "nvidia-cudnn-cu13"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("calibrate", "gemm", "attention", "steps", "agree"))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cpu")
    parser.add_argument("--preset", choices=SHAPES, default="tiny")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--method", choices=("lora", "full"), default="lora")
    parser.add_argument("--variant", choices=VARIANTS, default="llama-factory")
    parser.add_argument("--batch", help="the file that measure.py wrote")
    parser.add_argument("--micro-tokens", type=int, default=16384)
    parser.add_argument("--steps", type=int)
    arguments = parser.parse_args()
    if arguments.part in ("steps", "agree") and not arguments.batch:
        parser.error(f"{arguments.part} needs --batch")
    import torch

    say(part="versions", versions=versions(torch))
    dtype = torch.bfloat16 if arguments.device == "cuda" else torch.float32
    try:
        parts = {"calibrate": calibrate, "gemm": gemm, "attention": attention, "steps": steps, "agree": agree}
        return parts[arguments.part](torch, arguments, dtype) or 0
    except torch.OutOfMemoryError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return OUT_OF_MEMORY


if __name__ == "__main__":
    sys.exit(main())
