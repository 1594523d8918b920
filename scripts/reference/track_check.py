#!/usr/bin/env python3
"""MLflow and W&B read what `knowcoder track` writes of a run.

    track_check.py --program target/release/knowcoder RUN

MLflow's own client opens the store: every value of metrics.jsonl must be in the history of its metric, at
its step, and the run must have its settings and tags. W&B's own `wandb sync` uploads the offline run to a
small server of this script on 127.0.0.1: what arrives must be every step with its values. Nothing leaves
this machine. Exit code 1: something differs, and is said.

Needs two packages that the other checks do not, so they have an environment of their own (350 MB):

    python3 -m venv ~/.cache/knowcoder/track
    ~/.cache/knowcoder/track/bin/pip install mlflow-skinny==3.17.2 sqlalchemy==2.1.9 wandb==0.31.0
"""

import argparse
import gzip
import http.server
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

# MLflow reads its older store on request only.
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

from mlflow.tracking import MlflowClient


def expected(run):
    """{(name, step): value} for the losses, rates and norms of a run, steps counted over its phases."""
    values, first, newest = {}, {}, 0
    for line in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(line)
        phase = line["phase"]
        step = first.setdefault(phase, newest) + line["step"]
        newest = max(newest, step)
        for key in ["loss", "learning_rate", "gradient_norm", "tokens_per_second", "samples"]:
            values[f"{phase}/{key}", step] = line[key]
        values[f"{phase}/seconds.compute", step] = line["parts"]["compute"]
        for source in line["sources"]:
            name = "{dataset}.{language}.{task}".format(**source)
            values[f"{phase}/loss.{name}", step] = source["loss"]
    return values


def differences(name, values, found):
    wrong = [f"{name}: {key} is missing" for key in values if key not in found]
    for key, value in values.items():
        if key in found and not math.isclose(found[key], value, rel_tol=1e-12):
            wrong.append(f"{name}: {key} is {found[key]}, expected {value}")
    return wrong


def track(program, run, form, out):
    command = [program, "track", run, "--format", form, "--out", out, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def mlflow(program, run, out):
    # Twice: the second call replaces what the first wrote.
    for _ in range(2):
        folder = Path(track(program, run, "mlflow", out)["folder"])
    client = MlflowClient(f"file://{out}")
    runs = client.search_runs([it.experiment_id for it in client.search_experiments()])
    if len(runs) != 1 or runs[0].info.run_id != folder.name:
        return [f"MLflow: finds {len(runs)} runs, expected the one in {folder}"]
    data, wrong = runs[0].data, []
    if runs[0].info.run_name != run.name or data.params.get("run.seed") is None:
        wrong.append(f"MLflow: the run is `{runs[0].info.run_name}` with {len(data.params)} settings")
    if "knowcoder.world" not in data.tags:
        wrong.append(f"MLflow: the tags are {data.tags}")
    found = {
        (key, metric.step): metric.value
        for key in data.metrics
        for metric in client.get_metric_history(folder.name, key)
    }
    return wrong + differences("MLflow", expected(run), found)


class Server(http.server.BaseHTTPRequestHandler):
    """As much of W&B's server as `wandb sync` asks for; keeps what arrives."""

    history, config, summary = {}, "", {}

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        answer = {}
        if self.path.endswith("/graphql"):
            answer = {"data": self.graph(json.loads(body).get("variables") or {})}
        elif self.path.endswith("/file_stream"):
            files = json.loads(body).get("files") or {}
            for line in files.get("wandb-history.jsonl", {}).get("content", []):
                row = json.loads(line)
                Server.history[row["_step"]] = row
            for line in files.get("wandb-summary.json", {}).get("content", []):
                Server.summary.update(json.loads(line))
        answer = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST

    def graph(self, variables):
        Server.config = variables.get("config") or Server.config
        project = {"id": "p", "name": "project", "entity": {"id": "e", "name": "entity"}}
        bucket = {"id": "r", "name": variables.get("name"), "displayName": "run", "project": project}
        bucket |= {"config": "{}", "sweepName": None, "historyLineCount": 0}
        viewer = {"id": "v", "entity": "entity", "username": "user", "flags": "{}", "teams": {"edges": []}}
        return {
            "viewer": viewer,
            "serverInfo": {"cliVersionInfo": {"max_cli_version": "0.99.0"}, "features": []},
            "upsertBucket": {"bucket": bucket, "inserted": True},
            "model": {"name": "project", "entity": project["entity"], "bucket": None},
            "createRunFiles": {"runID": "r", "uploadHeaders": [], "files": []},
        }


def wandb(program, run, out):
    for _ in range(2):
        folder = Path(track(program, run, "wandb", out)["folder"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = os.environ | {
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}",
        "WANDB_ERROR_REPORTING": "false",
        "HOME": str(out),
    }
    command = [Path(sys.executable).with_name("wandb"), "sync", "--yes", folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    server.shutdown()
    if done.returncode != 0 or "Finished syncing" not in done.stdout + done.stderr:
        return [f"W&B: `wandb sync` ended with {done.returncode}: {done.stderr[-500:]}"]
    wrong = [] if "run" in json.loads(Server.config or "{}") else [f"W&B: the settings are {Server.config[:200]}"]
    found = {(key, step): value for step, row in Server.history.items() for key, value in row.items()}
    return wrong + differences("W&B", expected(run), found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    program, run = arguments.program.resolve(), arguments.run.resolve()
    with tempfile.TemporaryDirectory() as folder:
        wrong = mlflow(program, run, Path(folder) / "mlruns") + wandb(program, run, Path(folder))
    for sentence in wrong[:20]:
        print(sentence)
    if wrong:
        sys.exit(f"{len(wrong)} difference(s) between the run and what was tracked")
    print(f"MLflow and W&B have all {len(expected(run))} values of `{run.name}`")


if __name__ == "__main__":
    main()
