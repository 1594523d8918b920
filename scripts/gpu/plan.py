"""What scripts/gpu/measure.py runs: batches, and jobs in the order in which they matter."""

import json
import math
import random
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ("calibrate", "gradients", "steps", "curve", "attention", "gemm", "block", "backward", "torch", "fusion")
PROGRAM = "gpu_steps"
SHAPES = {
    "7b": {"vocab_size": 125696, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32},
    "tiny": {"vocab_size": 3000, "hidden_size": 128, "intermediate_size": 336, "num_hidden_layers": 3},
}
# Ways of products that our programs can be told to take.
ROUTES = ("cublaslt", "tiles", "burn")
# What our programs are told on CUDA unless the caller's environment says something else: the library's own
# products, and a short search among kernels of attention. Looking for the fastest of everything compiles hundreds
# of kernels for each shape, more than a call has time for; the part `gemm` compares the ways.
ON_CUDA = {"KNOWCODER_GEMM": "cublaslt", "CUBECL_AUTOTUNE_LEVEL": "minimal"}
# One thread on a CPU, which others may need.
ON_A_CPU = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "passive"}
# Of torch_baseline.py.
VARIANTS = ("llama-factory", "kept", "bf16", "packed", "compiled", "cudnn", "cudnn-compiled")
BEST = ("compiled", "cudnn-compiled")
# Our steps and who has a turn beside them.
TURNS = (("dense", 1, BEST), ("ie", 8, ("llama-factory",)), ("ie", 1, BEST))
# PyTorch's side of a dry run.
DRY = ("calibrate-torch-0", "gemm-torch-0", "steps-torch-lora-ie-llama-factory-0", "torch-torch-full-ie-packed")
# What the targets need comes first: the first rule whose words a job's name begins with is its place. A step beside
# its rivals, of which each ends in the name of the batch and the way it was computed.
ORDER = (
    r"calibrate",
    r"steps-\w+-lora-dense", r"steps-(ours-lora-ie-k8|torch-lora-ie-llama)",
    r"steps-\w+-full-dense", r"steps-(ours-full-ie-k8|torch-full-ie-llama)",
    r"gradients", r"curve",
    r"attention-ours-check", r"steps-\w+-lora-ie", r"steps-\w+-full-ie",
    r"gemm-(ours|torch)-\d", r"attention", r"block", r"backward",
    r"torch-torch-(lora|full)-\w+-llama", r"torch", r"gemm", r"fusion",
)
# Seconds of a job of `7b` on an H200, by what its name begins with: guessed from operations at half of the peak,
# a minute until PyTorch has its weights, two until it has compiled, and 0.4 s for each kernel that a search tries.
SECONDS = (
    (r"calibrate-", 30), (r"steps-ours-\w+-(dense-k1|ie-k1)-0", 150), (r"steps-ours-\w+-ie-k8-0", 240), (r"steps-ours-", 70),
    (r"(steps|torch)-torch-lora-\w+-llama", 120), (r"(steps|torch)-torch-full-\w+-llama", 200),
    (r"(steps|torch)-torch-\w+-\w+-(cudnn-)?compiled", 150), (r"(steps|torch)-torch", 90),
    (r"gradients|curve", 240), (r"attention-ours-0", 180), (r"attention-ours-check", 240), (r"attention", 60),
    (r"gemm-(ours|torch)-\d", 60), (r"gemm-ours-(cublaslt|tiles)", 60), (r"gemm", 500), (r"block", 150), (r"backward", 240), (r"fusion", 240),
)
# Of a job of the tiny model.
TINY_SECONDS = 5


def batches(folder, preset):
    """Writes the batches that both sides read: groups of samples as ids, and where their losses begin."""
    draw = random.Random(42)
    vocabulary, rows, length = (125696, 8, 4096) if preset == "7b" else (3000, 4, 64)
    groups, k, prefix, suffix = (6, 8, 595, 105) if preset == "7b" else (2, 8, 40, 12)

    def ids(count):
        return [draw.randrange(3, vocabulary) for _ in range(count)]

    def around(mean, spread):
        # A log-normal number of this mean, of the spread that our corpora have.
        return max(4, round(mean * math.exp(spread * draw.gauss(0, 1) - spread**2 / 2)))

    def own():
        count = around(suffix, 0.5)
        return {"ids": ids(count), "supervised_from": count - max(1, round(count * 2 / 3))}

    dense = [{"prefix": [], "suffixes": [{"ids": ids(length), "supervised_from": 0}]} for _ in range(rows)]
    ie = [{"prefix": ids(around(prefix, 0.3)), "suffixes": [own() for _ in range(k)]} for _ in range(groups)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in {"dense": dense, "ie": ie}.items():
        text, path = json.dumps({"groups": made}), folder / f"{name}.json"
        # A disk that was full may have left a half.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


class Job:
    """One process, and the file of what it said."""

    def __init__(self, part, name, command, environment, preset):
        self.part, self.name, self.command, self.environment = part, f"{part}-{name}", list(map(str, command)), environment
        turn = re.search(r"-(\d+)$", name)
        self.turn = int(turn[1]) if turn else 0
        self.is_ours = not name.startswith("torch-")
        # As it is in every round.
        self.like = re.sub(r"-\d+$", "", self.name)
        place = lambda rules: next((i for i, rule in enumerate(rules) if re.match(rule, self.name)), len(rules))
        self.place = (self.turn, place(ORDER))
        self.seconds = [*(seconds for _, seconds in SECONDS), 60][place([rule for rule, _ in SECONDS])] if preset == "7b" else TINY_SECONDS


def jobs(arguments):
    """Everything that the wanted parts run, the most important first."""
    cuda, tiny = arguments.device == "cuda", arguments.preset == "tiny"
    shared = ["--device", arguments.device, "--preset", arguments.preset]
    rounds = 1 if tiny else arguments.rounds
    batch = lambda name: ["--batch", arguments.out.resolve() / "batches" / f"{name}.json"]
    torch_device = "cuda" if cuda else "cpu"

    def ours(part, name, words, programs=arguments.programs, **environment):
        return Job(part, f"ours-{name}", [programs / PROGRAM, *words, *shared], arguments.environment | environment, arguments.preset)

    def torch(part, name, words):
        command = [arguments.python, HERE / "torch_baseline.py", *words, "--device", torch_device, "--preset", arguments.preset]
        return Job(part, f"torch-{name}", command, {} if cuda else ON_A_CPU, arguments.preset)

    def steps(part, name, method, of, k, programs=arguments.programs):
        return ours(part, name, ["steps", "--method", method, "--group", k, *batch(of)], programs)

    def variant(part, name, method, of, which):
        return torch(part, name, ["steps", "--method", method, "--variant", which, *batch(of)])

    found = []
    for part in ("calibrate", "gemm", "attention"):
        for round_ in range(1 if part == "calibrate" else rounds):
            found += [ours(part, round_, [part]), torch(part, round_, [part])]
    if cuda:
        # The first is what the other parts take; `auto` tries all of them and says which it found fastest.
        others = [route for route in (*ROUTES, "auto") if route != arguments.environment.get("KNOWCODER_GEMM")]
        found += [ours("gemm", f"{route}-{round_}", ["gemm"], KNOWCODER_GEMM=route) for route in others for round_ in range(rounds)]
    found.append(ours("attention", "check", ["attention", "--check", "yes"]))
    found += [ours("block", round_, ["block"]) for round_ in range(rounds)]
    found += [ours("backward", method, ["backward", "--method", method]) for method in ("lora", "full")]
    for method in ("lora", "full"):
        beside = {(of, which) for of, _, rivals in TURNS for which in rivals}
        for round_ in range(rounds):
            for of, k, rivals in TURNS:
                found.append(steps("steps", f"{method}-{of}-k{k}-{round_}", method, of, k))
                found += [variant("steps", f"{method}-{of}-{which}-{round_}", method, of, which) for which in rivals]
        for of in ("dense", "ie"):
            # Those that have no turn beside ours.
            found += [variant("torch", f"{method}-{of}-{which}", method, of, which) for which in VARIANTS if (of, which) not in beside]
    found += [ours("gradients", "0", ["gradients"]), ours("curve", "0", ["curve"])]
    if arguments.fusion_programs:
        for round_ in range(rounds):
            for name, programs in (("without", arguments.programs), ("with", arguments.fusion_programs)):
                found.append(ours("fusion", f"block-{name}-{round_}", ["block"], programs))
                for method, of, k in (("lora", "dense", 1), ("lora", "ie", 8), ("full", "dense", 1)):
                    found.append(steps("fusion", f"{method}-{of}-k{k}-{name}-{round_}", method, of, k, programs))
    if tiny:
        # A dry run: each of PyTorch's programs takes seconds to begin.
        found = [job for job in found if job.is_ours or job.name in DRY]
    wanted = [job for job in found if job.part in arguments.parts and arguments.only in job.name]
    wanted = [job for job in wanted if arguments.python or job.is_ours]
    return sorted(wanted, key=lambda job: job.place)


def listed(every, minutes, done=()):
    """The jobs as text, each with the seconds that it should take and the call of so many minutes that it falls into."""
    text, call, left, total = [], 1, 60 * minutes, 0
    for job in every:
        if job.name in done:
            text.append(f"{'done':>5}         {job.name}")
            continue
        if job.seconds > left and left < 60 * minutes:
            call, left = call + 1, 60 * minutes
        left, total = left - job.seconds, total + job.seconds
        text.append(f"{job.seconds:5} s  {call:3}  {job.name}")
    return "\n".join(["seconds  call  job", *text, f"{total:5} s in {call if total else 0} calls of {minutes:g} minutes, if nothing has to be found out again"])
