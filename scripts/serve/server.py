"""Starts `knowcoder serve` for the scripts beside this one, and stops it as an operator would."""

import os
import re
import signal
import subprocess
import threading
import urllib.request

TOKEN = "a token for this run only"


class Server:
    """A server on a free port of this machine; as a context it ends behind its block."""

    def __init__(self, program, checkpoint, arguments=(), token=False):
        command = [program, "serve", "--checkpoint", checkpoint, "--port", "0", *arguments]
        environment = dict(os.environ)
        if token:
            environment["KNOWCODER_SERVE_TOKEN"] = TOKEN
            command += ["--token-env", "KNOWCODER_SERVE_TOKEN"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.said, self.url = [], None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"http://[^;\s]+", line):
                self.url = found[0]
            if "is ready" in line:
                break
        if self.url is None or self.process.poll() is not None:
            raise SystemExit(f"the server did not start: {''.join(self.said)}")
        # Whatever it says later must not fill the pipe.
        self.listener = threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True)
        self.listener.start()
        self.wait()

    def wait(self):
        """Until it is ready: the line that says so comes a moment before."""
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=10) as response:
                    if response.status == 200:
                        return
            except OSError:
                pass
            threading.Event().wait(0.05)
        raise SystemExit("the server is not ready after 30 s")

    def stop(self):
        """Asks it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.listener.join(timeout=10)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
