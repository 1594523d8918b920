#!/usr/bin/env python3
"""What is said of kernels: pretend.py, counts.py and registers.sh over what ptxas and the driver once said."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent
sys.path.insert(0, str(SCRIPTS))

import counts
import pretend

# CUDA 12.9's, on standard error.
ASSEMBLED = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'chunk_kernel_t_bf16_i_i32_n_8_4d6032e4' for 'sm_90a'
ptxas info    : Function properties for chunk_kernel_t_bf16_i_i32_n_8_4d6032e4
    16 bytes stack frame, 24 bytes spill stores, 20 bytes spill loads
ptxas info    : Used 32 registers, used 1 barriers, 16 bytes cumulative stack size, 4096 bytes smem
ptxas info    : Compile time = 173.227 ms
"""
REFUSED = """ptxas bad.ptx, line 3; fatal   : Parsing error near 'bad': syntax error
ptxas fatal   : Ptx assembly aborted due to errors
"""
OURS = {"norm_kernel": ["a.rs"], "add_norm_kernel": ["a.rs"], "norm_kernel_backward": ["b.rs"]}


class Said(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pretend-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def program(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def ptxas(self, text, code=0):
        (self.folder / "text").write_text(text)
        return self.program("bin/ptxas", f"#!/bin/sh\ncat {self.folder}/text >&2\nexit {code}\n")

    def test_what_ptxas_says(self):
        found = pretend.assembled(self.ptxas(ASSEMBLED), "a.ptx")
        self.assertEqual(found, {"registers": 32, "spill_bytes": 44, "stack_bytes": 16, "static_shared": 4096})
        found = pretend.assembled(self.ptxas(REFUSED, 255), "a.ptx")
        self.assertEqual(found, {"refused": REFUSED.strip().splitlines()})

    def test_names_of_kernels(self):
        for entry, name in (
            ("norm_kernel_t_bf16_n_8_99936e4b", "norm_kernel"),
            ("norm_kernel_backward_t_bf16_99936e4b", "norm_kernel_backward"),
            ("add_norm_kernel_99936e4b", "add_norm_kernel"),
            ("norm_kernel", "norm_kernel"),
            ("norm_kernels_t_bf16_99936e4b", None),
            ("hypercube_key_gradient_kernel_ea_f32_es_bf16_5315fb86", None),
        ):
            self.assertEqual(pretend.name_of(entry, OURS), name)

    def test_kernels_are_found_in_sources(self):
        source = self.folder / "model" / "src" / "a.rs"
        source.parent.mkdir(parents=True)
        source.write_text("""
            #[cube(launch)]\nfn one_kernel<F: Float>(x: &Tensor<F>) {}
            #[cube(launch_unchecked)]\n#[allow(clippy::too_many_arguments)]\n// why\npub(crate) fn two_kernel() {}
            #[cube]\nfn no_kernel() {}
            #[cfg(test)]\nmod tests {\n#[cube(launch)]\nfn of_tests() {}
        """.replace("            ", ""))
        with unittest.mock.patch.object(pretend, "REPOSITORY", self.folder):
            self.assertEqual(pretend.our_kernels(), {"one_kernel": ["model/src/a.rs"], "two_kernel": ["model/src/a.rs"]})
        # Those of this repository are found, and no two have one name.
        real = pretend.our_kernels()
        self.assertIn("swiglu_kernel", real)
        self.assertEqual([files for files in real.values() if len(files) > 1], [])

    def test_what_was_not_launched(self):
        seen = [{"ours": "norm_kernel", "launches": 2}, {"ours": "add_norm_kernel", "launches": 0}, {"ours": None, "launches": 9}]
        said = list(pretend.not_launched(OURS, seen))
        self.assertEqual([text.split()[0] for text in said], ["add_norm_kernel", "norm_kernel_backward"])
        self.assertEqual(list(pretend.not_launched({"x": ["a.rs", "b.rs"]}, [])), ["a.rs and b.rs both have a kernel `x`, so neither can be told from the other"])

    def test_counters_as_the_driver_writes_them(self):
        self.assertEqual(set(pretend.counters(self.folder).values()), {0})
        (self.folder / "counters").write_bytes(b"".join(value.to_bytes(8, sys.byteorder) for value in range(1, 10)))
        self.assertEqual(list(pretend.counters(self.folder).items())[::4], [("launches", 1), ("bytes_to_device", 5), ("products", 9)])

    def test_launches_of_one_module_are_added_up_and_judged(self):
        line = {"entry": "norm_kernel_t_bf16_99936e4b", "ptx": "a.ptx", "launches": 3, "grid": [1, 1, 1], "block": [32, 8, 1], "dynamic_shared": 0}
        other = line | {"entry": "prng_kernel_99936e4b", "ptx": "b.ptx", "launches": 50}
        (self.folder / "launches.json").write_text(json.dumps([line, other, line | {"launches": 4, "grid": [2, 1, 1]}]))
        arguments = argparse.Namespace(out=self.folder, ptxas=self.ptxas(ASSEMBLED), partial=False, most_registers=31)
        with unittest.mock.patch.object(pretend, "our_kernels", lambda: OURS):
            ours, found = pretend.kernels(arguments)
        self.assertEqual([(kernel["ours"], kernel["launches"]) for kernel in found], [("norm_kernel", 7), (None, 50)])
        told = list(pretend.faults(arguments, ours, found, 0))
        # Only ours must not spill; of those that were not launched nothing is known.
        self.assertEqual(told[0], "norm_kernel_t_bf16_99936e4b spills 44 bytes")
        self.assertEqual(len(told), 3)
        found[0] |= {"spill_bytes": 0}
        self.assertIn("uses 32 registers, allowed are 31", next(pretend.faults(arguments, ours, found, 0)))
        found[1] |= {"refused": ["no"]}
        self.assertIn("prng_kernel_99936e4b: ptxas refuses it: no", list(pretend.faults(arguments, ours, found, 0)))

    def test_why_a_program_ended(self):
        arguments = argparse.Namespace(out=self.folder, partial=True, most_registers=255)
        (self.folder / "said.txt").write_bytes(b'error: no \xff memory\n{"part": "steps"}\n')
        self.assertEqual(list(pretend.faults(arguments, OURS, [{"entry": "x", "ours": None}], -11)), ["the program ended with SIGSEGV: error: no \ufffd memory"])
        told = list(pretend.faults(arguments, {}, [], 0))
        self.assertIn("no kernel of ours is in", told[0])
        self.assertIn("no kernel was loaded", told[1])

    def test_what_is_missing_is_said(self):
        script = [sys.executable, SCRIPTS / "pretend.py", "--out", self.folder / "out"]
        for words, said in ((["--", "/nowhere/program"], "/nowhere/program is not a file"), (["--ptxas", "/nowhere/ptxas", "--", "/bin/sh"], "/nowhere/ptxas is not a file"),
                            ([], "a program is missing")):
            done = subprocess.run([*script, *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
        done = subprocess.run([sys.executable, SCRIPTS / "counts.py", "--out", self.folder, "--programs", self.folder], capture_output=True, text=True)
        self.assertEqual((done.returncode, "gpu_steps is not in" in done.stderr), (2, True))
        for words, said in ((["--out"], "--out needs a value"), (["--what"], "unknown: --what"), (["--programs", str(self.folder)], "gpu_steps is not in")):
            done = subprocess.run(["bash", SCRIPTS / "registers.sh", *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)

    def test_a_run_of_all_registers(self):
        # A wheel that stands in, and a program that loads and launches one module whatever it is told.
        wheel = self.folder / "nvcc" / "lib" / "python3.12" / "site-packages" / "nvidia" / "cuda_nvcc"
        self.ptxas(ASSEMBLED)
        (wheel / "bin").mkdir(parents=True)
        shutil.copy(self.folder / "bin" / "ptxas", wheel / "bin" / "ptxas")
        (wheel / "nvvm" / "libdevice").mkdir(parents=True)
        (wheel / "nvvm" / "libdevice" / "libdevice.10.bc").touch()
        (self.folder / "nvcc" / "complete").touch()
        shutil.copy(SCRIPTS / "pretend" / "trial.py", self.folder / "bin" / "gpu_steps")
        environment = os.environ | {"KNOWCODER_PTXAS": str(self.folder / "nvcc")}
        done = subprocess.run(["bash", SCRIPTS / "registers.sh", "--out", "out", "--programs", self.folder / "bin"],
                              env=environment, cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("swiglu_kernel (model/src/ops/kernels/swiglu.rs) was not launched", done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        kernels = {path.parent.name: json.loads(path.read_text()) for path in self.folder.glob("out/*/kernels.json")}
        self.assertLessEqual({"backward-lora", "backward-full", "block", "steps-lora", "steps-full"}, set(kernels))
        for one in kernels.values():
            self.assertEqual([(kernel["entry"], kernel["launches"], kernel["registers"]) for kernel in one["kernels"]], [("trial_f32_0123abcd", 2, 32)])
            self.assertEqual([word for word in one["command"] if word.startswith("out/")], [])
            self.assertEqual((one["counters"]["launches"], one["counters"]["peak_bytes"], one["faults"]), (2, 1 << 30, []))


class Counted(unittest.TestCase):
    """What counts.py makes of lines, without a program."""

    def counted(self, lines, *words):
        folder = Path(tempfile.mkdtemp(prefix="counts-test-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "gpu_steps").touch()

        def run(out, libdevice, command, search=False, kept=None):
            out.mkdir(parents=True, exist_ok=True)
            found = lines(*map(str, command[1:]))
            (out / "said.txt").write_text('{"part": "build"}\nwarning\n{"half": \n' + "".join(json.dumps(line) + "\n" for line in found))
            return 0

        silent = open(os.devnull, "w")
        self.addCleanup(silent.close)
        with unittest.mock.patch.object(pretend, "run", run), unittest.mock.patch.object(sys, "argv", ["counts.py", "--out", str(folder), "--programs", str(folder), *words]), \
                unittest.mock.patch.multiple(sys, stdout=silent, stderr=silent):
            code = counts.main()
        return code, json.loads((folder / "counts.json").read_text())

    @staticmethod
    def lines(part, *words, held=93_500.0, memory=100):
        if part == "block":
            return [{"part": part, "method": "lora", "case": "long", "way": way, "held_bytes_per_token": bytes_}
                    for way, bytes_ in (("tape", 400_000.0), ("without tape", held))]
        if part == "backward":
            layers = int(words[words.index("--layers") + 1])
            of = lambda way, layers, launches: {"part": part, "case": "long", "way": way, "layers": layers, "time": {"launches": launches}}
            # A tape is two blocks deep, whatever was asked for.
            return [of("needed", layers, 20 + 75 * layers), of("always", 2, 500)]
        return [{"part": "steps", "driver_bytes": memory, "planned_bytes": 100, "micro_batches": 2, "time": {"launches": 4000, "waits": 3}},
                {"part": "ways", "asked": None, "table": ""}]

    def test_differences_are_layers(self):
        code, found = self.counted(self.lines)
        self.assertEqual((code, found["faults"]), (0, []))
        self.assertEqual(found["launches_per_layer"], {"lora, long, tape needed": 75, "full, long, tape needed": 75})
        self.assertEqual(found["held_bytes_per_token"]["lora, long, without tape"], 93_500)
        self.assertEqual(len(found["steps"]), 6)
        self.assertEqual(found["steps"]["full, ie, k = 8"]["launches"], 4000)

    def test_too_much(self):
        code, found = self.counted(lambda *words: self.lines(*words, held=93_800.0, memory=111), "--most-launches", "74")
        self.assertEqual((code, len(found["faults"])), (1, 1 + 2 + 6))
        self.assertIn("93,800 bytes a token are held, allowed are 93,700", found["faults"][0])

    def test_what_does_not_fit_is_not_left_out(self):
        with self.assertRaises(SystemExit) as ended:
            self.counted(lambda part, *words: [{"part": part, "failed": "does not fit into memory"}])
        self.assertIn("does not fit into memory, so not everything was counted", str(ended.exception))


if __name__ == "__main__":
    unittest.main()
