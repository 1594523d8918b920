#!/usr/bin/env python3
"""Runs a program with `--features cuda` on a driver that computes nothing, and says what would have run.

    pretend.py --out DIR [--ptxas FILE] [--libdevice FILE] [--partial] [--search] [--kept DIR [--warm]] -- PROGRAM ARGUMENTS…
    pretend.py --out DIR --together

The driver (pretend/libcuda.c, built here with `cc`) looks like an H200: kernels are compiled for it, ours and
the tensor library's, memory is counted, launches are counted, and every value that comes back is 0. So this
tells, on any machine, which kernels a step has and how often it launches them, how much device memory it
takes, and with --ptxas how many registers and how much shared memory each kernel uses and whether it spills.
It tells no times, and no search among kernels means anything: CUBECL_AUTOTUNE_LEVEL is `minimal` unless set, and
products in bf16 go through a cuBLASLt that computes nothing either (KNOWCODER_GEMM, unless set), since the tensor
library would compile hundreds of kernels for them; --search lets it. The search for attention takes minutes; with
--kept, what it found and compiled is there for the next run of the same program: kernels that are kept are loaded
all the same, so those that a step launches are seen, and those that only a search tries are seen once. --warm runs
the program once before for that alone: what is told then is of a program that has nothing to search for, and
`search` in kernels.json says what the search loaded and held.

DIR gets `*.ptx`, `launches.json`, `kernels.json` and the program's output in `said.txt`.

Ours are the kernels that stand behind `#[cube(launch…)]` in model/src and trainer/src. Exit code 1: one of ours
spills, `ptxas` refuses one, or the program fails; and, but with --partial, if one of ours was not launched: what
nothing launches was not checked. --together looks for those over all runs in the folders of DIR.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
COUNTERS = ("launches", "bytes", "peak_bytes", "allocations", "bytes_to_device", "bytes_to_host", "modules", "waits", "products")
ARCHITECTURE = "sm_90a"


def driver(folder):
    """Builds the driver under the names that programs look for."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libcuda.so.1"
    source = HERE / "pretend" / "libcuda.c"
    subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", "-pthread", "-o", library, source], check=True)
    for name in ("libcuda.so", "libcublasLt.so.12", "libcublasLt.so"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(library.name)
    return folder


def run(out, libdevice, command, search=False, kept=None):
    """The program's exit code; what it said lies in `out`/said.txt."""
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.ptx"), out / "launches.json", out / "counters"]:
        old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # Nothing of the user's: what was found on a real GPU says nothing here, nor the other way round.
        kernels = (kept or folder / "cache").resolve()
        environment = os.environ | {"KNOWCODER_PRETEND": str(out), "XDG_CACHE_HOME": str(kernels), "KNOWCODER_KERNELS": str(kernels / "kernels"), "HOME": str(folder)}
        environment.setdefault("CUBECL_AUTOTUNE_LEVEL", "minimal")
        environment.setdefault("KNOWCODER_GEMM", "auto" if search else "cublaslt")
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, [str(driver(folder / "driver")), os.environ.get("LD_LIBRARY_PATH")]))
        if libdevice:
            bitcode = folder / "cuda" / "nvvm" / "libdevice" / "libdevice.10.bc"
            bitcode.parent.mkdir(parents=True)
            bitcode.symlink_to(libdevice.resolve())
            environment["CUDA_PATH"] = str(folder / "cuda")
        program = Path(command[0]).resolve()
        with open(out / "said.txt", "w") as said:
            return subprocess.run([program, *map(str, command[1:])], env=environment, cwd=folder, stdout=said, stderr=subprocess.STDOUT).returncode


LAUNCHED = re.compile(r"#\[cube\([^\]]*launch[^\]]*\)\]\s*(?:#\[[^\]]*\]\s*|//[^\n]*\n\s*)*(?:pub(?:\([^)]*\))? )?fn (\w+)")


def searched(arguments):
    """Runs the program for its search alone; what that loaded, and the most that it held."""
    code = run(arguments.out, arguments.libdevice, arguments.command, arguments.search, arguments.kept)
    counted = counters(arguments.out)
    return code, {name: counted[name] for name in ("modules", "launches", "peak_bytes")}


def our_kernels():
    """Names of the functions behind `#[cube(launch…)]`, each with the files that it is in."""
    names = defaultdict(list)
    for crate in ("model", "trainer"):
        for path in sorted((REPOSITORY / crate / "src").rglob("*.rs")):
            # Those of unit tests are nobody else's.
            for name in LAUNCHED.findall(path.read_text().split("#[cfg(test)]\nmod tests {")[0]):
                names[name].append(str(path.relative_to(REPOSITORY)))
    return dict(names)


def name_of(entry, ours):
    """Which of ours an entry point is: their names are followed by types and a hash of eight digits."""
    base = re.sub(r"_[0-9a-f]{8}$", "", entry)
    fitting = [name for name in ours if base == name or base.startswith(f"{name}_")]
    return max(fitting, key=len, default=None)


def not_launched(ours, seen):
    """What is not known of ours after these kernels were launched."""
    launched = {kernel["ours"] for kernel in seen if kernel["launches"]}
    for name, files in sorted(ours.items()):
        if len(files) > 1:
            yield f"{' and '.join(files)} both have a kernel `{name}`, so neither can be told from the other"
        elif name not in launched:
            yield f"{name} ({files[0]}) was not launched, so nothing is known of it"


def assembled(ptxas, path):
    """What `ptxas` says of a kernel."""
    command = [ptxas, f"-arch={ARCHITECTURE}", "-v", "-o", os.devnull, path]
    said = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    text = said.stdout + said.stderr
    if said.returncode:
        return {"refused": text.strip().splitlines()[:3]}
    number = lambda pattern: sum(map(int, re.findall(pattern, text)))
    return {
        "registers": max(map(int, re.findall(r"Used (\d+) registers", text)), default=0),
        "spill_bytes": number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
        "stack_bytes": number(r"(\d+) bytes stack frame"),
        "static_shared": number(r"(\d+) bytes smem"),
    }


def kernels(arguments):
    """Each module with its launches, what it is of, and what `ptxas` says."""
    ours, found = our_kernels(), {}
    told = arguments.out / "launches.json"
    for one in json.loads(told.read_text()) if told.exists() else []:
        kernel = found.setdefault(one["ptx"], one | {"launches": 0})
        kernel["launches"] += one["launches"]
        kernel["ours"] = name_of(one["entry"], ours)
    if arguments.ptxas:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            said = pool.map(lambda name: assembled(arguments.ptxas, arguments.out / name), found)
            for kernel, judged in zip(found.values(), said):
                kernel |= judged
    return ours, sorted(found.values(), key=lambda kernel: (kernel["ours"] is None, -kernel["launches"]))


def counters(folder):
    path = folder / "counters"
    raw = path.read_bytes() if path.exists() else bytes(8 * len(COUNTERS))
    return dict(zip(COUNTERS, (int.from_bytes(raw[i : i + 8], sys.byteorder) for i in range(0, len(raw), 8))))


def ended(code):
    """What a program ended with, in words."""
    names = {it.value: it.name for it in signal.Signals}
    return names.get(-code, f"signal {-code}") if code < 0 else str(code)


def faults(arguments, ours, found, code):
    if not ours:
        yield f"no kernel of ours is in {REPOSITORY}/model/src or trainer/src, so none can be looked for"
    if not found:
        yield "no kernel was loaded: was the program built with --features cuda, and told --device cuda?"
    if code:
        said = (arguments.out / "said.txt").read_text(encoding="utf-8", errors="replace")
        # Lines of JSON are no reasons.
        lines = [line for line in said.strip().splitlines() if not line.startswith("{")]
        yield f"the program ended with {ended(code)}: {(lines or ['it said nothing of it'])[-1]}"
    for kernel in found:
        if "refused" in kernel:
            yield f"{kernel['entry']}: ptxas refuses it: {' '.join(kernel['refused'])}"
        elif kernel["ours"] and kernel.get("spill_bytes"):
            yield f"{kernel['entry']} spills {kernel['spill_bytes']} bytes"
        elif kernel["ours"] and kernel.get("registers", 0) > arguments.most_registers:
            yield f"{kernel['entry']} uses {kernel['registers']} registers, allowed are {arguments.most_registers}"
    if not arguments.partial:
        yield from not_launched(ours, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ptxas", type=Path, help="judges each kernel; see registers.sh")
    parser.add_argument("--libdevice", type=Path, help="libdevice.10.bc, unless CUDA_PATH names a toolkit")
    parser.add_argument("--together", action="store_true", help="only look for kernels that no run launched")
    parser.add_argument("--partial", action="store_true", help="kernels of ours may be missing")
    parser.add_argument("--search", action="store_true", help="compile what the tensor library tries for products, too: hours")
    parser.add_argument("--kept", type=Path, help="a folder for compiled kernels, shared by runs")
    parser.add_argument("--warm", action="store_true", help="run once before, to search; needs --kept")
    parser.add_argument("--most-registers", type=int, default=255)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    arguments.command = [word for i, word in enumerate(arguments.command) if (i, word) != (0, "--")]
    if arguments.together:
        seen = [kernel for path in arguments.out.glob("*/kernels.json") for kernel in json.loads(path.read_text())["kernels"]]
        wrong = list(not_launched(our_kernels(), seen))
        print("".join(f"FAULT: {fault}\n" for fault in wrong), end="", file=sys.stderr)
        return 1 if wrong else 0
    if not arguments.command:
        parser.error("a program is missing behind --")
    for path in filter(None, (arguments.ptxas, arguments.libdevice, Path(arguments.command[0]))):
        if not path.is_file():
            parser.error(f"{path} is not a file")
    if not shutil.which("cc"):
        parser.error("cc is not there, which the driver is built with: install a C compiler")
    if arguments.warm and not arguments.kept:
        parser.error("--warm needs --kept: else the second run searches, too")
    code, search = searched(arguments) if arguments.warm else (0, None)
    code = code or run(arguments.out, arguments.libdevice, arguments.command, arguments.search, arguments.kept)
    ours, found = kernels(arguments)
    wrong = list(faults(arguments, ours, found, code))
    counted = counters(arguments.out)
    result = {"command": arguments.command, "architecture": ARCHITECTURE, "search": search, "counters": counted,
              "kernels": found, "faults": wrong}
    (arguments.out / "kernels.json").write_text(json.dumps(result, indent=1) + "\n")
    print("| kernel | launches | registers | spilled bytes | stack | shared, static + dynamic | block |")
    print("|---|---|---|---|---|---|---|")
    rest = defaultdict(int)
    for kernel in found:
        if kernel["ours"] is None and not kernel.get("spill_bytes"):
            rest["kernels"] += 1
            rest["launches"] += kernel["launches"]
            continue
        value = lambda name: kernel.get(name, "")
        print(f"| {kernel['entry'][:60]} | {kernel['launches']} | {value('registers')} | {value('spill_bytes')} | {value('stack_bytes')} | "
              f"{value('static_shared')} + {kernel['dynamic_shared']} | {' × '.join(map(str, kernel['block']))} |")
    print(f"| {rest['kernels']} of the tensor library | {rest['launches']} | | | | | |\n")
    print(f"{counted['launches']} launches ({counted['products']} of cuBLASLt), {counted['modules']} modules; device memory at most {counted['peak_bytes'] / 2**30:.2f} GiB in "
          f"{counted['allocations']} allocations; {counted['bytes_to_device']:,} bytes in, {counted['bytes_to_host']:,} out")
    if search:
        print(f"the search before it: {search['modules']} modules, {search['peak_bytes'] / 2**30:.2f} GiB at most")
    for fault in wrong:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
