#!/usr/bin/env python3
"""Functions of measure.py by themselves: what is counted, which jobs a call has time for, and the tables."""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import measure
from measure import is_final
from plan import PARTS, SHAPES
from process import Gpu, said_by
from report import far_apart, flops
from tables import TABLES, tables


class Alone(unittest.TestCase):
    """Functions by themselves."""

    def test_operations_are_those_of_our_program(self):
        for lora, length, giga in ((False, 2048, 43.56), (False, 4096, 45.17), (True, 2048, 29.90), (True, 4096, 31.51)):
            counted = flops(SHAPES["7b"], lora, length, length, length * (length + 1) // 2) / length / 1e9
            self.assertAlmostEqual(counted, giga, delta=0.006)
        # Where the loss does not look the last block ends with attention; no head, and adapters of rank 32.
        h, f, v, rank = 4096, 11008, 125696, 32
        for lora, passes, adapters in ((False, 3, 0), (True, 2, 3 * rank * (2 * h + 3 * (h + f)))):
            spared = flops(SHAPES["7b"], lora, 1000, 1000, 0) - flops(SHAPES["7b"], lora, 1000, 100, 0)
            self.assertEqual(spared, 2 * 900 * (passes * (h * h + 3 * h * f + v * h) + adapters))

    def test_what_ran_out_of_time_has_another_try_where_it_helps(self):
        of = lambda **more: is_final({"exit": "out of time", "had_all": True} | more)
        self.assertFalse(of(had_all=False))
        self.assertFalse(of(of_ours=True, tries=1))
        self.assertTrue(of(of_ours=True, tries=2))
        self.assertTrue(of(of_ours=False, tries=1))
        self.assertFalse(is_final({"exit": "not started", "had_all": True}))
        self.assertTrue(is_final({"exit": -9, "had_all": False}))

    def test_a_process_that_does_not_end_leaves_what_it_said_and_nothing_else(self):
        began = time.monotonic()
        # What it began itself has its streams, too.
        said, errors, code = said_by(["sh", "-c", 'sleep 60 & echo "{}"; echo no >&2; echo $!; sleep 60'], {}, 0.5)
        self.assertEqual((said.splitlines()[0], errors, code), ("{}", "no\n", "out of time"))
        self.assertLess(time.monotonic() - began, 10)
        left = Path(f"/proc/{said.splitlines()[1]}/stat")
        until = time.monotonic() + 20
        while left.exists() and left.read_text().split()[2] != "Z":
            self.assertLess(time.monotonic(), until, "the child is still there")
            time.sleep(0.02)

    def test_numbers_that_are_too_far_away(self):
        row = {"part": "gradients", "method": "full", "dtype": "f32", "worst": [{"distance": 2e-3}], "median_distance": 1e-9}
        self.assertIn("2.00e-03 from the reference, allowed are 0.001", far_apart(row))
        self.assertIsNone(far_apart(row | {"dtype": "bf16"}))
        self.assertIn("nothing from the reference", far_apart({"part": "curve", "dtype": "bf16"}))
        self.assertIsNone(far_apart({"part": "curve", "dtype": "bf16", "worst_relative_difference": 0.1}))
        self.assertIsNotNone(far_apart({"part": "curve", "dtype": "f32", "worst_relative_difference": float("nan")}))

    def test_a_tool_that_does_not_answer_is_asked_once(self):
        gpu = Gpu()
        saved, os.environ["PATH"] = os.environ["PATH"], "/nowhere"
        try:
            self.assertIsNone(gpu.now())
            self.assertEqual(gpu.fields, ())
            self.assertIsNone(gpu.now())
        finally:
            os.environ["PATH"] = saved

    def test_the_page_of_the_benchmarks_has_these_tables(self):
        measured = HERE.parents[2] / "benchmarks" / "gpu" / "summary.json"
        found = json.loads(measured.read_text()) if measured.exists() else {"rows": [], "beside_pytorch": []}
        page = (HERE.parents[2] / "benchmarks" / "gpu.md").read_text()
        made = tables(found["rows"], found["beside_pytorch"])
        self.assertEqual(len(TABLES), made.count("## "))
        missing = [line for line in made.splitlines() if line and line not in page]
        self.assertEqual(missing, [])

    def test_only_what_was_measured_is_said(self):
        cells = [line.split(" | ") for line in tables([], []).splitlines() if line.startswith("| ")]
        with contextlib.redirect_stdout(io.StringIO()):
            digits = [cell for row in cells for cell in row[1:] if any(c.isdigit() for c in cell.replace("not measured", ""))]
        # Of these tables' own words only.
        self.assertEqual({cell.strip(" |") for cell in digits}, {"1e-3", "5e-2", "2 %", "10 %", "1", "8"})


class Clock:
    """Time that only jobs take, and what they say."""

    def __init__(self, seconds):
        self.now, self.seconds, self.ran = 1e9, seconds, []

    def time(self):
        return self.now

    def run(self, job, _, seconds, about):
        began, needed = self.now, self.seconds.get(job.name, 10)
        self.now += min(needed, seconds)
        self.ran.append((job.name, round(seconds)))
        code = 0 if needed <= seconds else "out of time"
        return {"job": job.name, "part": job.part, "begun": began, "seconds": min(needed, seconds), "exit": code, "lines": [], "errors": ""} | about


class Scheduled(unittest.TestCase):
    """Which jobs a call has time for: calls of 9.5 minutes, in time that is made up."""

    def setUp(self):
        self.out = Path(tempfile.mkdtemp(prefix="measure-test-"))
        self.addCleanup(shutil.rmtree, self.out)
        (self.out / "jobs").mkdir()

    def call(self, clock, parts, only=""):
        """One call: what it ran, with the seconds that each was given, and what it left."""
        arguments = argparse.Namespace(
            out=self.out, parts=parts, only=only, device="cuda", preset="7b", rounds=1, programs=Path("."), python="python", fusion_programs=None,
            environment={}, archive=None, again=None, any_calibration=False, minutes=9.5, started=clock.now, revision=None)
        clock.ran = []
        with unittest.mock.patch.multiple(measure, run=clock.run, time=clock), contextlib.redirect_stderr(io.StringIO()):
            call = measure.Call(arguments)
            call.work()
        # Less than the call's time, in which there is a summary to be written.
        self.assertLessEqual(clock.now - arguments.started, 570 - 15)
        return dict(clock.ran), call.left

    def test_what_has_no_time_waits_and_shorter_ones_go_before(self):
        clock = Clock({"steps-ours-lora-dense-k1-0": 300, "steps-torch-lora-dense-compiled-0": 130})
        ran, left = self.call(clock, ("steps", "gemm"))
        # 140 s are left: none that should take 150 s begins, one of a minute does.
        self.assertEqual(list(ran)[:2], ["steps-ours-lora-dense-k1-0", "steps-torch-lora-dense-compiled-0"])
        self.assertEqual(left[0], "steps-torch-lora-dense-cudnn-compiled-0")
        self.assertIn("steps-torch-lora-ie-llama-factory-0", ran)
        self.assertNotIn("steps-ours-full-dense-k1-0", ran)
        ran, _ = self.call(clock, ("steps", "gemm"))
        self.assertEqual(next(iter(ran)), "steps-torch-lora-dense-cudnn-compiled-0")

    def test_one_that_hangs_is_cut_off_and_the_call_goes_on(self):
        clock = Clock({"calibrate-ours-0": 1e6})
        ran, left = self.call(clock, ("calibrate", "steps"))
        self.assertEqual(ran["calibrate-ours-0"], 240)
        self.assertIn("steps-ours-lora-dense-k1-0", ran)
        self.assertIn("calibrate-ours-0", left)
        # Ours has another try, which is the last.
        self.call(clock, ("calibrate", "steps"))
        ran, left = self.call(clock, ("calibrate", "steps"))
        self.assertNotIn("calibrate-ours-0", ran)
        self.assertNotIn("calibrate-ours-0", left)

    def test_one_that_was_cut_short_has_a_call_to_itself(self):
        clock = Clock({"steps-ours-lora-dense-k1-0": 200, "steps-torch-lora-dense-compiled-0": 400})
        only = "lora-dense"
        ran, left = self.call(clock, ("steps",), only)
        # 355 s of 450.
        self.assertEqual(ran["steps-torch-lora-dense-compiled-0"], 355)
        self.assertEqual(left, ["steps-torch-lora-dense-compiled-0", "steps-torch-lora-dense-cudnn-compiled-0"])
        ran, left = self.call(clock, ("steps",), only)
        self.assertEqual((ran, left), ({"steps-torch-lora-dense-compiled-0": 555, "steps-torch-lora-dense-cudnn-compiled-0": 155}, []))

    def test_everything_ends(self):
        clock, calls = Clock({}), 0
        while calls < 20:
            calls += 1
            if not self.call(clock, PARTS)[1]:
                break
        self.assertLess(calls, 20)


if __name__ == "__main__":
    unittest.main()
