#!/usr/bin/env python3
"""Measures the trainer on a GPU, beside PyTorch in the same job. One command; each call ends within --minutes.

    measure.py --out DIR [--part calibrate,gemm,…|all] [--device cuda|wgpu|flex] [--preset 7b|tiny]
               [--programs DIR] [--fusion-programs DIR] [--python PYTHON] [--minutes 9.5] [--rounds 2]
               [--only TEXT] [--again [failed|all]] [--any-calibration] [--archive FILE.tar.gz] [--revision TEXT] [--plan]

Called again with the same --out it goes on where it stopped: what is done is not done again (but with --again, or with
--again failed what failed). DIR then holds `jobs/*.json`, one for each process that ran, with the state of the GPU before and
after it; `summary.json` and `summary.md` over all of them, with the tables of benchmarks/gpu.md; the batches; compiled
kernels and what tuning found. With --archive all of that but batches and compiled kernels is also in one file of at most
15 MiB, written anew after each job; where it is there and DIR has no jobs yet, DIR begins with it, so that a machine that
keeps nothing but one file can go on. --plan only lists the jobs in their order, with the seconds that each should take.

Parts; what the targets need runs first (plan.py), and all is measured once before any second round:

- calibrate  a product of 8192³ in bf16 and a pass over 1 GB, ours and PyTorch's. If the product differs by more than
             5 %, no other job begins: the GPU was not the same for both, or our product takes a slow route. The next
             call measures both again. --any-calibration goes on. The summary is written in any case, and says if the
             pass differs, too
- gradients  in the device's types beside f32
- steps      whole steps, LoRA and full: 8 rows of 4,096 all supervised (`dense`); 48 samples of extraction of which
             a tenth is supervised (`ie`), at k = 1 and 8 behind one prefix; in turns with PyTorch's best and
             LLaMA-Factory's settings
- curve      losses of 200 steps of the tiny model beside the CPU's
- attention  forwards and backwards: 12 documents of 700, 2 rows of 4,096, 6 groups of 595 + 8 · 105; and how far
             each body is from the plain operations in f32, at lengths around the kernels' tiles
- gemm       the model's products at 8,192 tokens, forwards and backwards, by route
- block      one block, LoRA and full, by each way of differentiating it
- backward   loss and gradients of the whole network; on a tape with all scores, of two blocks
- torch      every variant of torch_baseline.py that has no turn in `steps`
- fusion     block and steps by programs built with the feature `fusion` (--fusion-programs), in turns with those without

On CUDA our programs compute products by cuBLASLt and search among few kernels of attention (plan.ON_CUDA): looking for the
fastest of everything takes longer than a call. KNOWCODER_GEMM and CUBECL_AUTOTUNE_LEVEL say otherwise.

What to carry to the GPU machine: this folder, and `gpu_steps` or `gpu_steps.xz`, built with what docs/cuda.md says
`--features cuda` needs:

    KNOWCODER_REVISION=$(git rev-parse --short HEAD) cargo build --release --features cuda -p trainer --example gpu_steps
    strip gpu_steps && xz -9 -T0 gpu_steps
    KNOWCODER_REVISION=… cargo build --release --features cuda,fusion …          # again, for the part `fusion`

What must be there: the driver (`libcuda.so.1`) and, for PyTorch's side, a Python with torch, transformers and peft
(--python). Our programs need `libdevice.10.bc` below `$CUDA_PATH/nvvm/libdevice`; without CUDA_PATH the one in that
Python's package `triton` is taken. Its packages `nvidia-*` are put on LD_LIBRARY_PATH for cuBLASLt and NCCL. Clocks
are never changed.

A dry run, on any machine, in about a minute: measure.py --preset tiny --device flex --part all --out DIR

Exit codes: 0 all done · 1 something failed or does not hold · 2 usage · 69 the device is not usable · 74 the results
cannot be written · 75 time is up, call it again · 130 interrupted.
"""

import argparse
import contextlib
import json
import lzma
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import kept
from plan import HERE, ON_A_CPU, ON_CUDA, PARTS, PROGRAM, SHAPES, batches, jobs, listed
from process import Gpu, lines_of, run
from report import PEAK_TFLOPS, calibration, details, ending, faults, ratios, summarise, uncalibrated, unsound
from tables import tables

REPOSITORY = HERE.parents[1]
NOT_USABLE, NOT_WRITTEN, AGAIN, INTERRUPTED = 69, 74, 75, 130
# Of a call's minutes: a job that was given so much and did not end never will, unless it keeps what it has compiled.
TOO_LONG, TRIES_OF_OURS = 0.75, 2
# A job gets so many times what it should take, at least so many seconds; the last seconds of a call are for the summary.
PATIENCE, PATIENT_SECONDS, LAST_SECONDS = 3, 240, 15
# What PyTorch's side imports.
PACKAGES = ("torch", "transformers", "peft")


# ---------------------------------------------------------------------------------------- running it


class Call:
    """What one call has done: the records of all jobs, the names of those that are left, and why no more ran."""

    def __init__(self, arguments):
        self.arguments, self.gpu = arguments, Gpu()
        self.folder, self.deadline = arguments.out / "jobs", arguments.started + 60 * arguments.minutes
        self.records, self.left, self.stopped, self.code = [], [], None, None
        self.taken = {}

    def work(self):
        """Runs what is not done yet while there is time."""
        every = jobs(self.arguments)
        known = {job.name: kept.read(self.folder / f"{job.name}.json") for job in every}
        calibrations = [record for name, record in known.items() if record and name.startswith("calibrate-")]
        # A product that ran slow keeps everything else from running: it may have been for a moment.
        doubtful = bool(self.not_computed(calibrations) or self.differs(calibrations))
        for place, job in enumerate(every):
            record = known[job.name]
            try:
                if record and is_final(record) and not self.is_wanted_again(job, record, doubtful):
                    self.records.append(record)
                else:
                    self.begin(job, record)
            except KeyboardInterrupt:
                self.stop(every[place:], "interrupted", INTERRUPTED)
                return
            except OSError as error:
                self.stop(every[place:], f"the results cannot be written: {error}", NOT_WRITTEN)
                return
            if job.part == "calibrate" and (reason := self.not_computed(self.records) or (job.name == "calibrate-torch-0" and self.differs(self.records))):
                self.stop(every[place + 1 :], reason, 1)
                return

    def stop(self, rest, reason, code):
        self.left += [job.name for job in rest if job.name not in self.left]
        self.stopped, self.code = reason, code

    def is_wanted_again(self, job, record, doubtful):
        """Whether a job that is done runs once more."""
        if record["begun"] >= self.arguments.started:
            return False
        again = self.arguments.again
        return again == "all" or (again == "failed" and has_failed(record)) or (doubtful and job.part == "calibrate")

    def counts(self):
        """Whether calibration decides: small products say nothing."""
        return self.arguments.preset != "tiny" and not self.arguments.any_calibration

    def not_computed(self, records):
        """Why our product is not what is to be measured: wrong, or not by the way that was asked for."""
        lines = [line for record in records if self.counts() and record["part"] == "calibrate" for line in record["lines"]]
        reason = next((reason for line in lines if line.get("case") == "matmul" and (reason := unsound(line))), None)
        return reason and f"calibration: matmul: {reason}; --any-calibration goes on"

    def differs(self, records):
        """Why the two sides cannot be compared."""
        return uncalibrated(records).get("matmul") if self.counts() else None

    def begin(self, job, known):
        """Runs the job if there is time for it."""
        # As long as its like in another round.
        expected = max(self.taken.get(job.like, job.seconds), known["seconds"] if known and not is_final(known) else 0)
        remaining, whole = self.deadline - time.time(), 60 * self.arguments.minutes
        has_most = remaining > TOO_LONG * whole
        if remaining < expected + LAST_SECONDS and not (has_most and not self.taken):
            self.left.append(job.name)
            return
        print(f"{job.name} …", end=" ", file=sys.stderr, flush=True)
        patience = max(PATIENCE * expected, PATIENT_SECONDS)
        seconds = max(min(remaining - LAST_SECONDS, patience), 5)
        tries = known.get("tries", 0) if known else 0
        had_all = has_most or seconds == patience
        about = {"had_all": had_all, "tries": tries + had_all, "of_ours": job.is_ours, "revision": self.arguments.revision}
        record = run(job, self.gpu, seconds, about)
        self.taken[job.like] = record["seconds"] * 1.1
        print(f"{record['seconds']:.0f} s, {ending(record)}", file=sys.stderr)
        self.records.append(record)
        if not is_final(record):
            self.left.append(job.name)
        kept.keep(self.folder / f"{job.name}.json", json.dumps(finite(record), indent=1) + "\n")
        self.archive()

    def archive(self):
        """A copy of it all; that it cannot be written is no reason to measure nothing."""
        if self.arguments.archive:
            try:
                kept.archive(self.arguments.out, self.arguments.archive)
            except OSError as error:
                print(f"warning: the archive was not written: {error}", file=sys.stderr)


def is_final(record):
    """Whether a job needs no second try: it ended, or had a call's time to itself. Ours keeps its kernels for another."""
    if record["exit"] != "out of time":
        return record["exit"] != "not started"
    return bool(record["had_all"]) and record.get("tries", 1) >= (TRIES_OF_OURS if record.get("of_ours") else 1)


def has_failed(record):
    return ending(record).startswith("FAILED") or any(unsound(line) for line in record["lines"])


def finite(value):
    """The same without what JSON has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(it) for key, it in value.items()}
    return [finite(it) for it in value] if isinstance(value, list) else value


def machine(call):
    lines = [line for record in call.records for line in record["lines"]]
    built = [line for line in lines if line.get("part") == "build"]
    versions = next((line["versions"] for line in lines if line.get("part") == "versions"), None)
    return {"gpu": call.gpu.now(), "processor": platform.processor(), "cores": os.cpu_count(), "load_average": os.getloadavg(),
            "python": platform.python_version(), "torch_side": versions,
            "revisions_of_ours": sorted({record["revision"] for record in call.records if record.get("revision")}),
            "revision_of_scripts": revision_here(), "build": built[0] if built else None,
            "told_on_cuda": {name: call.arguments.environment[name] for name in ON_CUDA if name in call.arguments.environment},
            "ways": next((line["table"] for line in lines if line.get("part") == "ways" and line.get("table")), None)}


def revision_here():
    """What is checked out here, if this is a checkout and the machine has git."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, timeout=20)
        return said.stdout.strip() or None
    return None


def summary(call):
    """Writes what was found, says it, and returns the exit code."""
    # A second signal does not take away what the first one was answered with.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    arguments, records = call.arguments, call.records
    rows, beside = summarise(arguments.preset, records), ratios(records)
    wrong = list(faults(arguments.preset, records, rows))
    result = {"machine": machine(call), "device": arguments.device, "preset": arguments.preset, "peak_tflops": PEAK_TFLOPS,
              "calibration": {f"{case}, {side}": value for (case, side), value in calibration(records).items()},
              "any_calibration": arguments.any_calibration, "rows": rows, "beside_pytorch": beside, "faults": wrong, "left": call.left,
              "stopped": call.stopped}
    holds = "" if not wrong else "## What does not hold\n\n" + "".join(f"- {fault}\n" for fault in wrong) + "\n"
    is_dry = (arguments.preset, arguments.device) != ("7b", "cuda")
    dry = f"**A dry run**, of `{arguments.preset}` on `{arguments.device}`: what the tables are named after was not measured.\n\n" if is_dry else ""
    text = f"{dry}{holds}{tables(rows, beside)}\n## Everything\n\n{details(rows, beside)}"
    try:
        kept.keep(arguments.out / "summary.json", json.dumps(finite(result), indent=1) + "\n")
        kept.keep(arguments.out / "summary.md", text)
    except OSError as error:
        call.stopped, call.code = f"the results cannot be written: {error}", NOT_WRITTEN
    call.archive()
    print(text)
    for fault in wrong:
        print(f"FAULT: {fault}", file=sys.stderr)
    if call.stopped:
        print(f"stopped, {len(call.left)} jobs did not run or end: {call.stopped}", file=sys.stderr)
        return call.code
    if call.left:
        print(f"{len(call.left)} jobs are left ({call.left[0]} …): the same command again goes on", file=sys.stderr)
        return AGAIN
    return 1 if wrong else 0


# ------------------------------------------------------------------------------------------- beginning


def environment(arguments):
    """What our programs find on the GPU machine: libdevice, NVIDIA's libraries, a cache that stays."""
    folder = arguments.out.resolve()
    found = {"XDG_CACHE_HOME": str(folder / "cache"), "KNOWCODER_KERNELS": str(folder / "kernels"),
             "KNOWCODER_GEMM_ROUTES": str(folder / "gemm_routes.json")}
    if arguments.device == "cuda":
        found |= {name: os.environ.get(name, value) for name, value in ON_CUDA.items()}
    packages = []
    if arguments.python:
        code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
        said = subprocess.run([arguments.python, "-c", code], capture_output=True, text=True)
        packages = [Path(said.stdout.strip())] if said.returncode == 0 else []
    if "CUDA_PATH" not in os.environ and packages:
        bitcode = packages[0] / "triton" / "backends" / "nvidia" / "lib" / "libdevice.10.bc"
        if bitcode.exists():
            link = folder / "cuda" / "nvvm" / "libdevice" / bitcode.name
            link.parent.mkdir(parents=True, exist_ok=True)
            # Where the folder came from another machine it may lead nowhere.
            link.unlink(missing_ok=True)
            link.symlink_to(bitcode)
            found["CUDA_PATH"] = str(folder / "cuda")
    libraries = [str(path) for root in packages for path in sorted(root.glob("nvidia/*/lib"))]
    if arguments.device == "flex":
        found |= ON_A_CPU
    if libraries:
        found["LD_LIBRARY_PATH"] = ":".join(filter(None, [os.environ.get("LD_LIBRARY_PATH"), *libraries]))
    return found


def programs_of(arguments, parser, given):
    """The folder of our program: as given, packed or not, or where cargo puts it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    choices = [given] if given else [target / kind / "examples" for kind in ("release", "debug")]
    for folder in choices:
        if (folder / PROGRAM).exists():
            return folder.resolve()
        if (packed := folder / f"{PROGRAM}.xz").exists():
            try:
                return unpacked(packed, arguments.out / ("fusion" if given and given == arguments.fusion_programs else "programs"))
            except (OSError, EOFError, lzma.LZMAError) as error:
                parser.error(f"{packed} cannot be unpacked: {error}")
    features = "" if arguments.device == "flex" else f" --features {arguments.device}"
    parser.error(f"{PROGRAM} is not in {' or '.join(map(str, choices))}; build it with\n"
                 f"    cargo build --release{features} -p trainer --example {PROGRAM}")


def unpacked(packed, folder):
    """The folder with the program that was packed, unpacked once."""
    program, of = folder / PROGRAM, folder / "unpacked_of"
    # Not by time: what was carried to a machine may be older there than what it had.
    packed_as = f"{packed.resolve()} {packed.stat().st_size} {packed.stat().st_mtime_ns}"
    if not program.exists() or not of.exists() or of.read_text(encoding="utf-8") != packed_as:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{PROGRAM}.partial"
        try:
            with lzma.open(packed) as read, open(partial, "wb") as write:
                shutil.copyfileobj(read, write)
            partial.chmod(0o755)
            partial.replace(program)
            of.write_text(packed_as, encoding="utf-8")
        finally:
            partial.unlink(missing_ok=True)
    return folder.resolve()


def ready(arguments):
    """What our program says of its build, and why it cannot compute there, in its own sentence; `None` if it can."""
    command = [arguments.programs / PROGRAM, "ready", "--device", arguments.device, "--preset", arguments.preset]
    try:
        said = subprocess.run(list(map(str, command)), capture_output=True, timeout=120, env=os.environ | arguments.environment, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{command[0]} does not start: {error}"
    build = next((line for line in lines_of(said.stdout.decode(errors="replace")) if line.get("part") == "build"), None)
    last = (said.stderr.decode(errors="replace").strip().splitlines() or [f"{PROGRAM} ready ended with {said.returncode}"])[-1]
    return build, last.removeprefix("error: ") if said.returncode else None


def python_of(arguments, parser):
    """A Python with what PyTorch's side imports: as given, this one, or that of scripts/reference/setup.sh."""
    reference = Path(os.environ.get("KNOWCODER_REFERENCE", Path.home() / ".cache/knowcoder/reference")) / "bin/python"
    code = f"import importlib.util as u; print(*(it for it in {PACKAGES!r} if not u.find_spec(it)))"
    for python in [arguments.python] if arguments.python else [sys.executable, reference]:
        try:
            said = subprocess.run([python, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except OSError as error:
            said, why = None, str(error)
        if said and said.returncode == 0 and not said.stdout.split():
            return str(python)
        if arguments.python:
            parser.error(f"{python} cannot run PyTorch's side: " + (f"it has no {', '.join(said.stdout.split())}" if said and said.returncode == 0
                                                                    else said.stderr.strip() if said else why))
    print(f"no Python with {', '.join(PACKAGES)}: PyTorch's side is left out (--python)", file=sys.stderr)
    return None


def arguments_of(parser):
    """What was asked for, checked as far as nothing must run for it."""
    parser.add_argument("--batches", type=Path, help="only write the batches, into this folder")
    parser.add_argument("--plan", action="store_true", help="only list the jobs, in their order")
    parser.add_argument("--out", type=Path, help="folder of the results; a second call goes on there")
    parser.add_argument("--part", default="all", help="of: " + ", ".join(PARTS))
    parser.add_argument("--device", choices=("cuda", "wgpu", "flex"), default="cuda")
    parser.add_argument("--preset", choices=SHAPES, default="7b")
    parser.add_argument("--programs", type=Path, help="folder of gpu_steps or gpu_steps.xz")
    parser.add_argument("--fusion-programs", type=Path, help="the same, built with the feature fusion")
    parser.add_argument("--python", help="a Python with torch, transformers and peft")
    parser.add_argument("--minutes", type=float, default=9.5, help="no job runs longer than this call")
    parser.add_argument("--rounds", type=int, default=2, help="how often each side has its turn")
    parser.add_argument("--only", default="", help="jobs whose name has this in it")
    parser.add_argument("--again", nargs="?", const="all", choices=("all", "failed"), help="also what is done, or what failed")
    parser.add_argument("--any-calibration", action="store_true")
    parser.add_argument("--archive", type=Path, help="one file with everything, written after each job and gone on with")
    parser.add_argument("--revision", help="of our program, where it was not built in")
    arguments = parser.parse_args()
    if not arguments.out and not arguments.batches and not arguments.plan:
        parser.error("--out is missing: the folder of the results")
    arguments.parts = PARTS if arguments.part == "all" else arguments.part.split(",")
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    if "fusion" in arguments.parts and arguments.part != "all" and not arguments.fusion_programs:
        parser.error("the part fusion needs --fusion-programs, a folder of gpu_steps built with `--features cuda,fusion`")
    if arguments.minutes <= 0 or arguments.rounds < 1:
        parser.error(f"--minutes {arguments.minutes:g} and --rounds {arguments.rounds} leave nothing to do")
    return arguments


def planned(arguments):
    """The list of all jobs; no program is needed for it."""
    arguments.out = arguments.out or Path("out")
    arguments.environment = dict(ON_CUDA) if arguments.device == "cuda" else {}
    arguments.programs, arguments.python = arguments.programs or Path("."), arguments.python or "python3"
    every = jobs(arguments)
    done = {job.name for job in every if (record := kept.read(arguments.out / "jobs" / f"{job.name}.json")) and is_final(record)}
    print(listed(every, arguments.minutes, done))
    return 0


def begun(arguments, parser):
    """Makes the folder ready, or says why it cannot be used."""
    if arguments.archive:
        if arguments.archive.is_dir():
            parser.error(f"--archive {arguments.archive} is a folder, expected a file")
        arguments.archive.resolve().parent.mkdir(parents=True, exist_ok=True)
        if warning := kept.unpack(arguments.archive, arguments.out):
            print(f"warning: {warning}", file=sys.stderr)
    if reason := kept.setting(arguments.out, device=arguments.device, preset=arguments.preset):
        parser.error(reason)
    (arguments.out / "jobs").mkdir(parents=True, exist_ok=True)
    arguments.programs = programs_of(arguments, parser, arguments.programs)
    if arguments.fusion_programs:
        arguments.fusion_programs = programs_of(arguments, parser, arguments.fusion_programs)
    arguments.python = python_of(arguments, parser)
    arguments.environment = environment(arguments)
    batches(arguments.out / "batches", arguments.preset)


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments = arguments_of(parser)
    arguments.started = time.time()
    if arguments.batches:
        batches(arguments.batches, arguments.preset)
        return 0
    if arguments.plan:
        return planned(arguments)
    # Whoever ends this call by its time limit gets the summary, too.
    signal.signal(signal.SIGTERM, interrupted)
    try:
        begun(arguments, parser)
        build, reason = ready(arguments)
    except kept.Damaged as error:
        parser.error(f"{error}; remove it to begin anew")
    except OSError as error:
        print(f"error: the results cannot be written: {error}", file=sys.stderr)
        return NOT_WRITTEN
    except KeyboardInterrupt:
        return INTERRUPTED
    if reason:
        print(f"error: {reason}", file=sys.stderr)
        return NOT_USABLE
    built = build and build.get("revision")
    if arguments.revision and built and built != arguments.revision:
        parser.error(f"--revision is {arguments.revision}, but {arguments.programs / PROGRAM} was built from {built}")
    arguments.revision = built or arguments.revision
    call = Call(arguments)
    call.work()
    return summary(call)


if __name__ == "__main__":
    sys.exit(main())
