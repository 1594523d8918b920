"""One job of scripts/gpu/measure.py as a process: what it said, how it ended, and the GPU before and after it."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

GPU_FIELDS = ("name", "driver_version", "clocks.sm", "clocks.mem", "power.draw", "power.limit", "temperature.gpu",
              "clocks_event_reasons.active", "memory.used", "memory.total")
# A call of the driver's own tool that takes longer takes for ever.
TOOL_SECONDS = 20


class Gpu:
    """What the driver's tool says of the GPU; nothing is changed."""

    def __init__(self):
        # Fields that it knows; `None` until it was asked.
        self.fields = None

    def now(self):
        if self.fields is None:
            self.fields = GPU_FIELDS if self.ask(GPU_FIELDS) else tuple(field for field in GPU_FIELDS if self.ask([field]))
        return self.ask(self.fields) if self.fields else None

    def ask(self, fields):
        """The values; `None` where there is no such tool, it does not answer, or does not know a field."""
        if self.fields == ():
            return None
        command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        try:
            said = subprocess.run(command, capture_output=True, timeout=TOOL_SECONDS, check=True, stdin=subprocess.DEVNULL).stdout
            return dict(zip(fields, (value.strip() for value in said.decode(errors="replace").splitlines()[0].split(","))))
        except (FileNotFoundError, PermissionError, subprocess.TimeoutExpired):
            # Nor will it answer the next time.
            self.fields = ()
        except (OSError, subprocess.SubprocessError, IndexError):
            pass
        return None


def ended(process):
    """Ends a process and all that it began."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def said_by(command, environment, seconds):
    """What a command says on both streams, and how it ended: its exit code, or words."""
    try:
        # A group of its own: what it began itself must end with it, and does not keep the GPU's memory.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=os.environ | environment, process_group=0)
    except OSError as error:
        return "", f"{error}", "not started"
    found = [b"", b""]

    def read(place, stream):
        for part in iter(lambda: stream.read1(1 << 16), b""):
            found[place] += part

    readers = [threading.Thread(target=read, args=it, daemon=True) for it in enumerate((process.stdout, process.stderr))]
    try:
        for reader in readers:
            reader.start()
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        code = "out of time"
    finally:
        ended(process)
        for reader in readers:
            reader.join(timeout=5)
        for stream, reader in zip((process.stdout, process.stderr), readers):
            # What left the group may hold the other end for ever.
            if not reader.is_alive():
                stream.close()
    said, errors = (it.decode(errors="replace") for it in found)
    return said, errors, code


def lines_of(text):
    """The lines that are objects of JSON: programs may say other things, too, and a last line may be a half."""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found


def run(job, gpu, seconds, about):
    """Runs the job for at most so long; the record of it."""
    record = {"job": job.name, "part": job.part, "command": job.command, "begun": time.time(),
              "started": time.strftime("%FT%TZ", time.gmtime()), "gpu_before": gpu.now()} | about
    started = time.monotonic()
    said, errors, code = said_by(job.command, job.environment, seconds)
    lines = list(lines_of(said))
    built = next((line.get("revision") for line in lines if line.get("part") == "build"), None)
    return record | {"seconds": round(time.monotonic() - started, 1), "exit": code, "lines": lines, "errors": errors[-3000:],
                     "revision": (built or about.get("revision")) if job.is_ours else None, "gpu_after": gpu.now()}
