"""The tables of benchmarks/gpu.md, filled with what scripts/gpu/measure.py found: `not measured` is what no job said."""

from plan import VARIANTS
from report import CURVE_DISTANCE, GRADIENT_DISTANCE, LEAST_MFU, distance_of, number, percent, rate, times

NOT = "not measured"
# Data tokens a second.
LEAST_TOKENS = {"lora": 15_000, "full": 11_000}
METHODS = {"lora": "LoRA", "full": "full"}
BLOCKS = {"documents": "12 × 683 tokens", "long": "2 × 4,096 tokens"}
WAYS = {"tape": "on a tape", "without tape": "backward pass written out"}
WEIGHTS = {"W_pack": "W_pack 12288 × 4096", "o_proj": "o_proj 4096 × 4096", "gate_up": "gate and up 22016 × 4096",
           "down_proj": "down_proj 4096 × 11008", "head": "head 125696 × 4096"}


class Found:
    """Rows, by what they are of."""

    def __init__(self, rows, beside):
        self.rows, self.beside = rows, beside

    def rows_of(self, **wanted):
        """Rows with these values; `None` is a value that a row does not have."""
        return [row for row in self.rows if all(row.get(name) == value for name, value in ({"build": None} | wanted).items())]

    def one(self, **wanted):
        return next(iter(self.rows_of(**wanted)), None)

    def most(self, name, rows):
        """The largest of one number of some rows."""
        values = [row[name] for row in rows if isinstance(row.get(name), (int, float))]
        return rate(max(values)) if values else NOT

    def steps(self, method, batch, k, **more):
        return self.one(part="steps", side="ours", method=method, batch=batch, k=k, **more)

    def variants(self, method, batch):
        """PyTorch's data tokens a second, by variant."""
        rows = self.rows_of(part="steps", side="torch", method=method, batch=batch)
        return {row["variant"]: row["data_tokens_per_second"] for row in rows if "data_tokens_per_second" in row}

    def beside_variant(self, method, batch, k, variant):
        wanted = {"method": method, "batch": batch, "ours": f"k{k}", "torch": variant}
        return next((row for row in self.beside if all(row[name] == value for name, value in wanted.items())), None)


def tables(rows, beside):
    """Each table with its heading, in the order of benchmarks/gpu.md."""
    found = Found(rows, beside)
    return "\n".join(f"## {heading}\n\n{made(found)}\n" for heading, made in TABLES.items())


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)])


def by_method(said):
    """One text for both methods, or that neither was measured."""
    said = {METHODS[method]: text for method, text in said.items()}
    return NOT if set(said.values()) == {NOT} else ", ".join(f"{method} {text}" for method, text in said.items())


def targets(found):
    runs, shares, ahead, best = {}, {}, {}, {}
    for method in METHODS:
        row = found.steps(method, "dense", 1)
        runs[method] = NOT if row is None else f"fails: {row['failed']}" if "failed" in row else "runs"
        shares[method] = percent(row['mfu']) + ("" if row["mfu"] >= LEAST_MFU else " (missed)") if row and "mfu" in row else NOT
        rival = found.beside_variant(method, "ie", 8, "llama-factory")
        ahead[method] = f"{times(rival)} times" + ("" if rival["low"] > 1 else " (missed)") if rival else NOT
        best[method] = beside_best(found, method, row, LEAST_TOKENS[method])
    sides = [distance_of(row) for row in found.rows if row["part"] in ("gradients", "curve") and "failed" not in row]
    numbers = NOT if not sides else "hold" if all(far is not None and far <= allowed for far, allowed in sides) else "do not hold"
    first = NOT if {*runs.values(), numbers} == {NOT} else f"{by_method(runs)}; the numbers below: {numbers}"
    return table(["target", "measured"], [
        ["a LoRA step and a full step of Baichuan2-7B run, gradients and losses as below", first],
        ["at least 25 % MFU", by_method(shares)],
        ["`ie`: ahead of LLaMA-Factory's settings in data tokens/s, by groups", by_method(ahead)],
        ["`dense`, LoRA: ahead of the best PyTorch, more than 15,000 tokens/s; the limit is 19,600", best["lora"]],
        ["`dense`, full: ahead of the best PyTorch, more than 11,000 tokens/s; the limit is 14,000", best["full"]],
    ])


def beside_best(found, method, ours, least):
    """Our steps beside the fastest of PyTorch's variants, and what they should reach a second."""
    if not ours or "data_tokens_per_second" not in ours:
        return NOT
    tokens, rivals = ours["data_tokens_per_second"], found.variants(method, "dense")
    if not rivals:
        return f"{number(tokens)} tokens/s; PyTorch {NOT}"
    variant = max(rivals, key=rivals.get)
    pairs = found.beside_variant(method, "dense", 1, variant)
    factor = times(pairs) if pairs else f"{tokens / rivals[variant]:.2f}"
    is_reached = tokens > least and (pairs["low"] > 1 if pairs else tokens > rivals[variant])
    return f"{number(tokens)} tokens/s, {factor} times `{variant}` of {len(rivals)} variants" + ("" if is_reached else " (missed)")


def calibrated(found):
    def cell(case, side, name):
        return found.most(name, found.rows_of(part="calibrate", case=case, side=side))

    return table(["what", "ours", "PyTorch"], [
        [what, cell(case, "ours", name), cell(case, "torch", name)]
        for what, case, name in (("product of 8192³ in bf16, TFLOP/s", "matmul", "tflops"), ("pass over 1 GB, GB/s", "copy", "gb_per_second"))
    ])


def products(found):
    layouts = ("forward", "input", "weight")

    def cell(case, which):
        rows = lambda layout: found.rows_of(part="gemm", case=case, layout=layout)
        said = [found.most("tflops", [row for row in rows(layout) if which(row)]) for layout in layouts]
        return NOT if set(said) == {NOT} else ", ".join("–" if value == NOT else value for value in said)

    ways = {"burn": "burn", "tiles": "tiles", "cuBLASLt": "cublaslt"}
    columns = [lambda row, way=way: row["side"] == "ours" and row.get("took") == way for way in ways.values()]
    columns.append(lambda row: row["side"] == "torch")
    return table(["weight", "direction", *ways, "PyTorch"], [
        [what, ", ".join(layouts), *(cell(case, column) for column in columns)] for case, what in WEIGHTS.items()
    ])


def attention(found):
    def cell(case, **wanted):
        row = found.one(part="attention", case=case, **wanted)
        return NOT if row is None else row.get("failed") or f"{rate(row['forward_tflops'])}, {rate(row['backward_tflops'])}"

    columns = ({"side": "ours", "route": "network"}, {"side": "ours", "route": "burn"}, {"side": "torch", "route": "flash"}, {"side": "torch", "route": "cudnn"})
    rows = [[what, *(cell(case, **wanted) for wanted in columns)] for case, what in (("documents", "12 × 700"), ("long", "2 × 4,096"))]
    rows.append(["6 × (595 + 8 · 105)", cell("groups", **columns[0]), "–", "–", "–"])
    return table(["rows", "ours", "burn", "PyTorch, flash", "PyTorch, cuDNN"], rows)


def network(found):
    def ms(row):
        if row is None:
            return NOT
        return row.get("failed") or f"{1e3 * row['seconds']['median']:.1f} ms, {rate(row['tflops'])} TFLOP/s"

    def block(case, way, method):
        return found.one(part="block", case=case, way=way, method=method)

    def held(method):
        return found.most("held_bytes_per_token", [row for row in found.rows_of(part="block", method=method) if row.get("way") == "without tape"])

    rows = [[f"block over {tokens}, {what}", *(ms(block(case, way, method)) for method in METHODS)]
            for case, tokens in BLOCKS.items() for way, what in WAYS.items()]
    rows.append(["bytes kept a token and layer (the least is 93,300)", *(held(method) for method in METHODS)])
    for case, what in (("documents", "documents"), ("groups", "groups"), ("long", "long rows")):
        rows.append([f"loss and gradients of 32 blocks, {what}",
                     *(ms(found.one(part="backward", case=case, method=method, way="needed")) for method in METHODS)])
    return table(["what", *METHODS.values()], rows)


def whole_steps(found):
    def cells(row):
        if row is None:
            return [NOT] * 6
        if "failed" in row:
            return [row["failed"], *["–"] * 5]
        gib = lambda name: number(row.get(name, 0) / 2**30, 1)
        share = lambda name: percent(row[name]) if row.get(name) else "–"
        return [number(row["computed_tokens_per_second"]), number(row["data_tokens_per_second"]), share("mfu"), share("of_matmul"),
                f"{gib('peak_bytes')}, {gib('planned_bytes')}", str(row.get("launches") or "–")]

    return table(["method", "batch", "k", "computed tokens/s", "data tokens/s", "MFU", "of matmul", "peak GiB, planned", "launches"], [
        [METHODS[method], batch, str(k), *cells(found.steps(method, batch, k))]
        for method in METHODS for batch, k in (("dense", 1), ("ie", 1), ("ie", 8))
    ])


def pytorch(found):
    columns = [(method, batch) for method in METHODS for batch in ("dense", "ie")]
    rates = [found.variants(*column) for column in columns]
    return table(["variant (`scripts/gpu/torch_baseline.py`)", *(f"{METHODS[method]} {batch}" for method, batch in columns)], [
        [variant, *(number(of[variant]) if variant in of else NOT for of in rates)] for variant in VARIANTS
    ])


def numbers(found):
    def farthest(part, dtype):
        rows = [row for row in found.rows_of(part=part, dtype=dtype) if "failed" not in row]
        far = [distance_of(row)[0] for row in rows]
        return (max(far) if None not in far else None) if rows else NOT

    def cell(part, dtype, form):
        value = farthest(part, dtype)
        return value if value == NOT else "not a number" if value is None else form(value)

    rows = [
        ["gradients in f32 beside one tape in f32, the farthest weight", "1e-3", cell("gradients", "f32", "{:.1e}".format)],
        ["gradients in bf16 beside f32 over the same weights, the median weight", "5e-2", cell("gradients", "bf16", "{:.1e}".format)],
        ["losses of 200 steps of the tiny model in f32 beside the CPU's, the farthest", percent(CURVE_DISTANCE["f32"], 0), cell("curve", "f32", lambda it: percent(it, 2))],
        ["the same in bf16", percent(CURVE_DISTANCE["bf16"], 0), cell("curve", "bf16", lambda it: percent(it, 2))],
    ]
    assert GRADIENT_DISTANCE == {"f32": float(rows[0][1]), "bf16": float(rows[1][1])}
    return table(["what", "allowed", "measured"], rows)


def fusion(found):
    def ms(rows):
        seconds = [row["seconds"]["median"] for row in rows if "seconds" in row]
        return ", ".join(f"{1e3 * it:.1f} ms" for it in seconds) if seconds else NOT

    builds = ("plain", "fusion")
    blocks = lambda build: [row for row in found.rows_of(part="block", build=build, case="documents") if row["way"] == "without tape"]
    steps = lambda build, method: found.rows_of(part="steps", build=build, method=method)
    return table(["what", "without", "with"], [
        ["block, LoRA and full", *(ms(blocks(build)) for build in builds)],
        ["steps, LoRA, dense and ie at k = 8", *(ms(steps(build, "lora")) for build in builds)],
        ["steps, full, dense", *(ms(steps(build, "full")) for build in builds)],
    ])


TABLES = {
    "Targets on one H200, in order": targets,
    "Calibration": calibrated,
    "Products, TFLOP/s at 8,192 tokens": products,
    "Attention, TFLOP/s forwards and backwards, 32 heads of 128": attention,
    "One block, and the whole network without optimizer": network,
    "Whole steps": whole_steps,
    "PyTorch, data tokens/s": pytorch,
    "Numbers": numbers,
    "Fusion": fusion,
}
