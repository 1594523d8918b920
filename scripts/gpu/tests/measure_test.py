#!/usr/bin/env python3
"""measure.py as its user runs it, with programs, a driver's tool and a PyTorch that stand in: no GPU, no git, no torch."""

import contextlib
import json
import lzma
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent / "measure.py"
SMI = """#!/bin/sh
case "$1" in *clocks_event_reasons*) echo 'Field "clocks_event_reasons.active" is not a valid field to query.'; exit 2;; esac
name="${GPU_NAME:-NVIDIA H200}"
case "$1" in *,*) echo "$name, 580.1, 1980, 3201, 100.5, 700.0, 40, 10, 143771";; *) echo "$name";; esac
"""
# Alike on both sides, so that calibration does not stop what is tested.
ALIKE = [["ours calibrate", {"set": {"tflops": 780.0, "gb_per_second": 4000.0}}], ["torch calibrate", {"set": {"tflops": 800.0, "gb_per_second": 4100.0}}]]


class Measured(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="measure-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.out, self.bin = self.folder / "out", self.folder / "bin"
        self.bin.mkdir()
        self.program("gpu_steps", "ours")
        self.program("python", "torch")
        # Nothing else is found: no git, no other nvidia-smi. What scripts of the shell need is.
        for tool in ("sh", "sleep"):
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.file("nvidia-smi", SMI)
        self.rules()

    def file(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def program(self, name, side):
        self.file(name, f"#!{sys.executable} -IBS\nimport sys\nsys.path.insert(0, {str(HERE)!r})\nimport stand_in\nstand_in.main({side!r})\n")

    def rules(self, *more):
        (self.folder / "rules.json").write_text(json.dumps([*ALIKE, *more]))

    def command(self, *words, preset="7b", device="cuda"):
        return [sys.executable, SCRIPT, "--out", self.out, "--programs", self.bin, "--python", self.bin / "python",
                "--preset", preset, "--device", device, *words]

    def environment(self, **more):
        return {"PATH": str(self.bin), "STAND_IN": str(self.folder), "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"} | more

    def run_it(self, *words, environment=None, **more):
        """Runs it to its end: the exit code, and what it said on both streams."""
        done = subprocess.run(self.command(*words, **more), env=self.environment(**(environment or {})), capture_output=True, text=True, timeout=120)
        self.assertNotIn("Traceback", done.stderr)
        return done.returncode, done.stdout, done.stderr

    def ran(self):
        """The commands that ran, but for the question whether it can."""
        log = self.folder / "log"
        return [line for line in log.read_text().splitlines() if " ready " not in line] if log.exists() else []

    def summary(self):
        return json.loads((self.out / "summary.json").read_text())

    def job(self, name):
        return json.loads((self.out / "jobs" / f"{name}.json").read_text())


class Whole(Measured):
    def test_all_of_7b_with_two_rounds(self):
        self.rules(
            ["ours steps --method lora --group 1 .*dense", {"seconds": [2.0, 2.2]}],
            ["torch steps --method lora --variant compiled .*dense", {"seconds": [2.5, 2.2]}],
            ["torch steps --method lora --variant cudnn-compiled .*dense", {"seconds": [2.3, 2.3]}],
            ["ours steps --method lora --group 8", {"seconds": [0.5, 0.5]}],
            ["torch steps --method lora --variant llama-factory .*ie", {"seconds": [2.0, 1.8]}],
            ["ours steps --method full --group 1 .*dense", {"seconds": [6.0]}],
        )
        code, said, errors = self.run_it("--part", "calibrate,steps,gemm,attention,torch")
        self.assertEqual((code, errors.count("FAULT")), (0, 0), errors)
        found = self.summary()
        self.assertEqual((found["left"], found["faults"], found["stopped"]), ([], [], None))
        self.assertEqual(found["machine"]["gpu"]["name"], "NVIDIA H200")
        self.assertNotIn("clocks_event_reasons.active", found["machine"]["gpu"])
        self.assertEqual(found["machine"]["revisions_of_ours"], ["abc1234"])
        self.assertIsNone(found["machine"]["revision_of_scripts"])
        row = next(row for row in found["rows"] if (row["side"], row.get("method"), row.get("batch"), row.get("k")) == ("ours", "lora", "dense", 1))
        # The median of two rounds; 31.51 GFLOP a token, as model::flops has it counted by hand.
        self.assertAlmostEqual(row["seconds"]["median"], 2.1)
        tflops = 31.51e9 * 32768 / 2.1 / 1e12
        self.assertAlmostEqual(row["tflops"] / tflops, 1, delta=3e-4)
        self.assertAlmostEqual(row["mfu"], row["tflops"] / 989.4)
        self.assertAlmostEqual(row["of_matmul"], row["tflops"] / 800)
        self.assertEqual(row["data_tokens_per_second"], (32768 / 2.0 + 32768 / 2.2) / 2)
        beside = {(it["method"], it["batch"], it["ours"], it["torch"]): it for it in found["beside_pytorch"]}
        self.assertAlmostEqual(beside["lora", "dense", "k1", "compiled"]["times_as_fast"], (1.25 + 1.0) / 2)
        self.assertEqual(beside["lora", "dense", "k1", "compiled"]["pairs"], 2)
        self.assertAlmostEqual(beside["lora", "ie", "k8", "llama-factory"]["low"], 3.6)
        text = (self.out / "summary.md").read_text()
        self.assertNotIn("dry run", text)
        for line in (
            "| at least 25 % MFU | LoRA 49.7 %, full 24.9 % (missed) |",
            "| `ie`: ahead of LLaMA-Factory's settings in data tokens/s, by groups | LoRA 3.80 (3.60–4.00) times, full 1.00 (1.00–1.00) times (missed) |",
            # Of seven variants those that say nothing else run in 2 s.
            "more than 15,000 tokens/s; the limit is 19,600 | 15,639 tokens/s, 0.95 times `llama-factory` of 7 variants (missed) |",
            "| product of 8192³ in bf16, TFLOP/s | 780 | 800 |",
            "| LoRA | dense | 1 | 15,639 | 15,639 | 49.7 % | 61.5 % | 80.0, 84.0 | – |",
            "| LoRA | ie | 8 | 18,000 | 66,000 |",
            "| cudnn-compiled | 14,247 | 16,500 | 16,384 | 16,500 |",
            # No job of these parts was asked for.
            "| block over 12 × 683 tokens, on a tape | not measured | not measured |",
            "| the same in bf16 | 10 % | not measured |",
            "| steps, full, dense | not measured | not measured |",
            "gradients and losses as below | LoRA runs, full runs; the numbers below: not measured |",
        ):
            self.assertIn(line, text)
        self.assertIn(text, said)
        # Each way of products was asked for by its own process; steps took the library's.
        ways = {line.rsplit("| ")[1] for line in self.ran() if line.startswith("ours gemm")}
        self.assertEqual(ways, {f"{way} minimal" for way in ("cublaslt", "tiles", "burn", "auto")})
        self.assertTrue(all(line.endswith("| cublaslt minimal") for line in self.ran() if line.startswith("ours steps")))
        # Nothing is measured again.
        before = len(self.ran())
        self.assertEqual(self.run_it("--part", "calibrate,steps,gemm,attention,torch")[0], 0)
        self.assertEqual(len(self.ran()), before)

    def test_everything_is_there_without_a_second_side(self):
        code, _, errors = self.run_it("--only", "ours", "--rounds", "1")
        self.assertEqual((code, errors.count("FAULT")), (0, 0), errors)
        text = (self.out / "summary.md").read_text()
        self.assertIn("| 16,384 tokens/s; PyTorch not measured |", text)
        self.assertIn("| kept | not measured | not measured | not measured | not measured |", text)
        self.assertIn("the numbers below: hold |", text)

    def test_the_order_is_the_targets(self):
        done = subprocess.run([sys.executable, SCRIPT, "--plan"], env=self.environment(), capture_output=True, text=True, check=True)
        names = [line.split()[-1] for line in done.stdout.splitlines() if "-ours-" in line or "-torch-" in line]
        at = names.index
        self.assertEqual(names[:2], ["calibrate-ours-0", "calibrate-torch-0"])
        self.assertEqual(at("steps-ours-lora-dense-k1-0"), 2)
        self.assertEqual(at("steps-torch-lora-ie-llama-factory-0"), at("steps-ours-lora-ie-k8-0") + 1)
        targets = [name for name in names if name.startswith("steps") and name.endswith("-0") and "ie-k1" not in name and "-ie-c" not in name]
        self.assertLess(max(map(at, targets)), at("gradients-ours-0"))
        self.assertLess(max(at(name) for name in names if name.endswith("-0")), min(at(name) for name in names if name.endswith("-1")))
        # Three calls, which is what a lent half an hour has, reach a number for each target of LoRA and one of full.
        calls = {line.split()[-1]: int(line.split()[2]) for line in done.stdout.splitlines()[1:-1]}
        self.assertLessEqual(calls["steps-torch-lora-ie-llama-factory-0"], 2)
        self.assertLessEqual(calls["steps-torch-full-dense-compiled-0"], 3)
        self.assertEqual(len(names), len(set(names)))


class GoingOn(Measured):
    def test_from_the_archive_alone(self):
        archive = self.folder / "all.tar.gz"
        kernels = self.out / "kernels"
        kernels.mkdir(parents=True)
        database(kernels / "own.db")
        (kernels / "broken.db").write_bytes(b"no database")
        words = ("--part", "calibrate,steps", "--only", "ours", "--rounds", "1", "--archive", archive)
        self.assertEqual(self.run_it(*words)[0], 0)
        with tarfile.open(archive) as packed:
            names = packed.getnames()
        self.assertIn("jobs/steps-ours-lora-dense-k1-0.json", names)
        self.assertIn("kernels/own.db", names)
        self.assertFalse([name for name in names if "partial" in name or "batches" in name or "broken" in name])
        before = len(self.ran())
        shutil.rmtree(self.out)
        self.assertEqual(self.run_it(*words)[0], 0)
        self.assertEqual(len(self.ran()), before)
        with contextlib.closing(sqlite3.connect(self.out / "kernels" / "own.db")) as back:
            # What was compiled is a thousand times what was found.
            self.assertEqual(back.execute("select namespace, value from entries").fetchall(), [("autotune/x", b"found")])

    def test_from_half_an_archive(self):
        archive = self.folder / "all.tar.gz"
        words = ("--part", "calibrate,steps,block,curve", "--only", "ours", "--rounds", "1", "--archive", archive)
        self.assertEqual(self.run_it(*words)[0], 0)
        before, whole = len(self.ran()), archive.read_bytes()
        shutil.rmtree(self.out)
        archive.write_bytes(whole[: len(whole) // 2])
        code, _, errors = self.run_it(*words)
        self.assertEqual(code, 0, errors)
        self.assertIn("is damaged", errors)
        again = len(self.ran()) - before
        self.assertTrue(0 < again < before, again)
        self.assertTrue((self.folder / "all.tar.gz.damaged").exists())

    def test_what_is_no_archive_is_not_overwritten(self):
        archive = self.folder / "notes.txt"
        archive.write_text("notes of somebody")
        code, _, errors = self.run_it("--archive", archive)
        self.assertEqual(code, 2)
        self.assertIn("is no archive", errors)
        self.assertEqual(archive.read_text(), "notes of somebody")

    def test_half_a_record_is_measured_again(self):
        words = ("--part", "block", "--rounds", "1")
        self.run_it(*words)
        path = self.out / "jobs" / "block-ours-0.json"
        path.write_text(path.read_text()[:100])
        self.assertEqual(self.run_it(*words)[0], 0)
        self.assertEqual(len(self.ran()), 2)

    def test_what_failed_and_nothing_else_runs_again(self):
        self.rules(["ours curve", {"exit": 70, "errors": "panic: what\nerror: broken\n"}])
        words = ("--part", "block,curve", "--rounds", "1")
        code, _, errors = self.run_it(*words)
        self.assertEqual(code, 1)
        self.assertIn("FAULT: curve-ours-0: FAILED (70): error: broken", errors)
        self.rules()
        self.assertEqual(self.run_it(*words)[0], 1)
        self.assertEqual(self.run_it(*words, "--again", "failed")[0], 0)
        self.assertEqual([line.split()[1] for line in self.ran()], ["curve", "block", "curve"])

    def test_results_of_another_model_or_device_are_not_taken(self):
        self.run_it("--part", "block", "--rounds", "1", preset="tiny", device="flex")
        code, _, errors = self.run_it("--part", "block")
        self.assertEqual(code, 2)
        self.assertIn("device flex instead of cuda, preset tiny instead of 7b; take another folder", errors)

    def test_numbers_of_two_revisions_or_gpus_are_told(self):
        self.run_it("--part", "block", "--rounds", "1")
        self.rules(["ours", {"revision": "def5678"}])
        code, _, errors = self.run_it("--part", "block,curve", "--rounds", "1", environment={"GPU_NAME": "NVIDIA H100"})
        self.assertEqual(code, 1)
        self.assertIn("of several revisions: def5678 (1 jobs, curve-ours-0 …), abc1234 (1 jobs, block-ours-0 …)", errors)
        self.assertIn("of several kinds of GPU: NVIDIA H100", errors)


def database(path):
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("create table meta (k text primary key, v text not null)")
        made.execute("create table entries (namespace text not null, key blob not null, value blob not null, origin integer not null, primary key (namespace, key))")
        made.execute("insert into meta values ('schema_version', '3')")
        made.execute("insert into entries values ('autotune/x', x'00', ?, 0), ('cuda/ptx', x'01', ?, 0)", (b"found", bytes(1 << 20)))
        made.commit()


class Beginning(Measured):
    def test_a_packed_program_is_unpacked_once_for_each(self):
        packed = self.folder / "packed"
        packed.mkdir()
        program = self.bin / "gpu_steps"
        with lzma.open(packed / "gpu_steps.xz", "wb") as file:
            file.write(program.read_bytes())
        program.unlink()
        words = ("--part", "block", "--rounds", "1", "--programs", packed)
        self.assertEqual(self.run_it(*words)[0], 0)
        self.assertTrue(os.access(self.out / "programs" / "gpu_steps", os.X_OK))
        # Another one under the same name, with an older date, is taken.
        with lzma.open(packed / "gpu_steps.xz", "wb") as file:
            file.write(b"#!/bin/sh\necho error: I am new >&2\nexit 1\n")
        os.utime(packed / "gpu_steps.xz", (1, 1))
        code, _, errors = self.run_it(*words)
        self.assertEqual((code, errors), (69, "error: I am new\n"))
        (packed / "gpu_steps.xz").write_bytes((packed / "gpu_steps.xz").read_bytes()[:40])
        code, _, errors = self.run_it(*words)
        self.assertEqual(code, 2)
        self.assertIn("gpu_steps.xz cannot be unpacked", errors)

    def test_what_is_missing_is_said_before_anything_runs(self):
        code, _, errors = self.run_it(environment={"STAND_IN_LACKS": "transformers peft"})
        self.assertEqual(code, 2)
        self.assertIn("it has no transformers, peft", errors)
        self.rules(["ours ready", {"exit": 69, "errors": "warning: what\nerror: `libcuda.so.1` is not there\n"}])
        self.assertEqual(self.run_it()[0::2], (69, "error: `libcuda.so.1` is not there\n"))
        (self.bin / "gpu_steps").unlink()
        code, _, errors = self.run_it()
        self.assertEqual(code, 2)
        self.assertIn("cargo build --release --features cuda -p trainer --example gpu_steps", errors)
        self.file("gpu_steps", "\x7fELF for another machine")
        code, _, errors = self.run_it()
        self.assertEqual(code, 69)
        self.assertIn("does not start", errors)
        self.assertEqual(self.ran(), [])

    def test_a_revision_that_was_not_built_in(self):
        code, _, errors = self.run_it("--revision", "0000000")
        self.assertEqual(code, 2)
        self.assertIn("--revision is 0000000, but", errors)
        self.rules(["ours", {"revision": None}])
        self.assertEqual(self.run_it("--revision", "0000000", "--part", "block", "--rounds", "1")[0], 0)
        self.assertEqual(self.summary()["machine"]["revisions_of_ours"], ["0000000"])

    def test_words_that_mean_nothing(self):
        for words, said in ((["--part", "gem"], "unknown part gem"), (["--part", "fusion"], "needs --fusion-programs"),
                            (["--archive", self.folder], "is a folder"), (["--minutes", "0"], "leave nothing to do")):
            code, _, errors = self.run_it(*words)
            self.assertEqual(code, 2)
            self.assertIn(said, errors)


class Ending(Measured):
    def test_calibrations_that_differ_stop_it_and_are_measured_again(self):
        self.rules(["torch calibrate", {"set": {"tflops": 700.0, "gb_per_second": 4000.0}}])
        archive = self.folder / "all.tar.gz"
        words = ("--part", "calibrate,steps", "--rounds", "1", "--archive", archive)
        code, said, errors = self.run_it(*words)
        self.assertEqual(code, 1)
        self.assertIn("calibration: matmul runs at 780 TFLOP/s on our side and 700 on PyTorch's, more than 5 % apart", errors)
        self.assertEqual(len(self.ran()), 2)
        self.assertIn("| product of 8192³ in bf16, TFLOP/s | 780 | 700 |", said)
        self.assertIn("steps-ours-lora-dense-k1-0", self.summary()["left"])
        self.assertTrue(archive.exists())
        self.assertEqual(self.run_it(*words)[0], 1)
        self.assertEqual(len(self.ran()), 4)
        # The pass alone is told and stops nothing.
        self.rules(["torch calibrate", {"set": {"tflops": 800.0, "gb_per_second": 5000.0}}])
        code, _, errors = self.run_it(*words)
        self.assertEqual(code, 1)
        self.assertIn("calibration: copy runs at 4e+03 GB/s", errors)
        self.assertEqual(self.summary()["left"], [])

    def test_any_calibration_goes_on(self):
        self.rules(["torch calibrate", {"set": {"tflops": 700.0, "gb_per_second": 4000.0}}])
        code, _, errors = self.run_it("--part", "calibrate,block", "--rounds", "1", "--any-calibration")
        self.assertEqual((code, self.summary()["left"]), (1, []))
        self.assertIn("calibration: matmul", errors)

    def test_another_way_of_products_stops_it(self):
        self.rules(["ours calibrate", {"set": {"took": "burn"}}])
        code, _, errors = self.run_it("--part", "calibrate,block", "--rounds", "1")
        self.assertEqual(code, 1)
        self.assertIn("cublaslt was asked for, burn was taken", errors)
        self.assertEqual(len(self.ran()), 1)

    def test_a_library_that_is_not_there_is_told_by_steps(self):
        line = json.dumps({"part": "ways", "asked": "cublaslt", "table": "GPU 0: nothing\nwithout cuBLASLt: no such file\n"})
        self.rules(["ours steps", {"also": line + "\n"}])
        _, _, errors = self.run_it("--part", "steps", "--only", "ours-lora-dense", "--rounds", "1")
        self.assertIn("cublaslt was asked for, and is not there: without cuBLASLt: no such file", errors)

    def test_ends_of_jobs(self):
        self.rules(
            ["ours block", {"exit": 3, "errors": "error: out of device memory\n"}],
            ["ours curve", {"signal": "SIGSEGV"}],
            ["ours gradients", {"also": "warning\n{half\n17\nnull\n[1]\n\"text\"\nNaN\n\xff\n"}],
            ["ours gemm", {"say": "Segmentation fault\n{\"part\": \"ge"}],
            ["ours attention", {"set": {"checked": {"apart": None, "allowed": 0.05}}}],
        )
        code, said, errors = self.run_it("--part", "block,curve,gradients,gemm,attention", "--only", "ours", "--rounds", "1")
        self.assertEqual(code, 1)
        self.assertIn("block-ours-0 … ", errors)
        self.assertIn("s, does not fit into memory", errors)
        self.assertNotIn("FAULT: block", errors)
        self.assertIn("FAULT: curve-ours-0: FAILED (killed by SIGSEGV): nothing on standard error", errors)
        self.assertNotIn("FAULT: gradients", errors)
        self.assertIn("FAULT: gemm-ours-0 measured nothing", errors)
        self.assertIn("FAULT: attention-ours-0: documents 1 network: its result is None from the host's, allowed are 0.05: it was not computed", errors)
        self.assertEqual([line["part"] for line in self.job("gradients-ours-0")["lines"]], ["build", "gradients", "gradients"])
        self.assertIn("it was not computed", said)
        self.assertIn("- curve-ours-0: FAILED", (self.out / "summary.md").read_text())

    def test_losses_that_are_not_the_same_work(self):
        self.rules(["torch steps .*lora", {"set": {"losses": [9.5, 9.4], "gradient_norms": [float("nan")]}}])
        code, _, errors = self.run_it("--part", "steps", "--only", "lora-dense", "--rounds", "1")
        self.assertEqual(code, 1)
        self.assertIn("steps lora dense: the first loss is 8.5", errors)
        self.assertIn("9.5 with compiled: not the same work", errors)
        self.assertIn("nan is among its gradient norms", errors)
        json.loads((self.out / "summary.json").read_text(), parse_constant=self.fail)

    def stopped_by(self, number):
        self.rules(["ours curve", {"sleep": 60, "child": 60}])
        # What a shell runs in the background ignores interrupts, and so would what it starts.
        heeding = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(self.command("--part", "gradients,curve,block", "--rounds", "1", "--archive", self.folder / "a.tar.gz"),
                                   env=self.environment(), preexec_fn=heeding, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.wait_for(lambda: any(line.startswith("ours curve") for line in self.ran()))
        process.send_signal(number)
        said, errors = process.communicate(timeout=20)
        self.assertNotIn("Traceback", errors)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("## Numbers", said)
        self.assertEqual(self.summary()["left"], ["curve-ours-0", "block-ours-0"])
        with tarfile.open(self.folder / "a.tar.gz") as packed:
            self.assertIn("summary.json", packed.getnames())
            self.assertIn("jobs/gradients-ours-0.json", packed.getnames())

    def wait_for(self, there):
        until = time.monotonic() + 60
        while not there():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)

    def test_an_interrupt(self):
        self.stopped_by(signal.SIGINT)

    def test_an_end_from_outside(self):
        self.stopped_by(signal.SIGTERM)

    def test_a_full_disk(self):
        # Files of 20 kB at most, which is what the kernel says of a full disk, too: an error of every write.
        full = ["sh", "-c", 'trap "" XFSZ; ulimit -f 20; exec "$@"', "sh", *map(str, self.command("--part", "gradients,curve,gemm,block", "--rounds", "1"))]
        (self.out / "batches").mkdir(parents=True)
        subprocess.run([sys.executable, SCRIPT, "--batches", self.out / "batches"], check=True, env=self.environment())
        self.rules(["ours curve", {"errors": "x" * 100_000, "set": {"losses": [1.5] * 10_000}}])
        done = subprocess.run(full, env=self.environment(PATH=f"{self.bin}:/usr/bin:/bin"), capture_output=True, text=True, timeout=60)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn("the results cannot be written: [Errno 27] File too large", done.stderr)
        # What was measured is said, if it cannot be kept.
        self.assertIn("| losses of 200 steps of the tiny model in f32 beside the CPU's, the farthest | 2 % | 0.00 % |", done.stdout)
        self.assertEqual(sorted(path.name for path in (self.out / "jobs").iterdir()), ["gradients-ours-0.json"])

    def test_an_archive_that_cannot_be_written_ends_nothing(self):
        code, _, errors = self.run_it("--part", "block", "--rounds", "1", "--archive", "/proc/all.tar.gz")
        self.assertEqual(code, 0, errors)
        self.assertIn("warning: the archive was not written", errors)

    def test_a_program_that_goes_away(self):
        self.rules(["ours gradients", {"sleep": 1}])
        process = subprocess.Popen(self.command("--part", "gradients,block", "--rounds", "1"), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.wait_for(lambda: self.ran())
        (self.bin / "gpu_steps").unlink()
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 75, errors)
        self.assertIn("block-ours-0: FAILED (not started): [Errno 2] No such file", errors)
        self.program("gpu_steps", "ours")
        self.assertEqual(self.run_it("--part", "gradients,block", "--rounds", "1")[0], 0)

    def test_children_that_stay_hold_nothing_up(self):
        self.rules(["ours block", {"child": 60}])
        began = time.monotonic()
        self.assertEqual(self.run_it("--part", "block", "--rounds", "1")[0], 0)
        self.assertLess(time.monotonic() - began, 20)


if __name__ == "__main__":
    unittest.main()
