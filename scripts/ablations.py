#!/usr/bin/env python3
"""The small data of configs/ablations, and a smoke run of every ablation.

    scripts/ablations.py corpus [--check]                  corpus/train.jsonl and test.jsonl from frames and names
    scripts/ablations.py pairs [--check] --program FILE    what stand-ins for language models translate of it
    scripts/ablations.py smoke --program FILE --out DIR    `ablate --smoke` of every file, each within its time

`pairs` runs the jobs of configs/ablations/jobs with `knowcoder data parallel` against a server in this
process: two stand-ins whose replies are functions of the request. The small one copies every seventh
sentence untranslated, says in every third that a name reads otherwise than it does, and calls every
second name by a variant of it; the large one makes no mistake, but knows the terms no better. Both write a name as a
glossary wants it. `--check` writes nothing and fails where a file is not what would be written.
"""

import argparse
import hashlib
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent.parent / "configs" / "ablations"
CORPUS = HERE / "corpus"
LANGUAGES = ["en", "zh", "de", "es"]
REPETITIONS = {"train": 4, "test": 3}
# What a stand-in that does not know the term makes of a name, by class.
VARIANTS = {"Person": "先生", "Organization": "集团", "Location": "地区"}
# Seconds that one ablation may take; four times what two cores need.
LIMIT = 600


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def number(*parts):
    """A number that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:6], "big")


def filled(template, names, language):
    """A frame's text in a language, and where its names stand, in characters."""
    text, entities = "", []
    for piece in re.split(r"(\{\w+\})", template):
        if not piece.startswith("{"):
            text += piece
            continue
        name = names[piece[1:-1]]
        surface = name["zh"] if language == "zh" else name["latin"]
        entities.append(
            {"start": len(text), "end": len(text) + len(surface), "label": name["class"], "text": surface}
        )
        text += surface
    return {"text": text, "entities": entities}


def corpus():
    """The lines of each part: every frame a few times, in every language."""
    classes = {"p": "Person", "o": "Organization", "l": "Location"}
    every = rows(CORPUS / "names.jsonl")
    parts = {"train": [], "test": []}
    for frame in rows(CORPUS / "frames.jsonl"):
        slots = sorted(set(re.findall(r"\{(\w+)\}", frame["en"])))
        # Without a slot it is the same sentence each time.
        for repetition in range(REPETITIONS[frame["part"]] if slots else 1):
            names, taken = {}, set()
            for slot in slots:
                known = [
                    name
                    for name in every
                    if name["part"] == frame["part"] and name["class"] == classes[slot[0]]
                    and name["latin"] not in taken
                ]
                names[slot] = known[number(frame["id"], repetition, slot) % len(known)]
                taken.add(names[slot]["latin"])
            row = {"id": f"{frame['id']}.{repetition + 1}"}
            row.update({language: filled(frame[language], names, language) for language in LANGUAGES})
            parts[frame["part"]].append(row)
    lines = lambda part: "".join(
        json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in part
    )
    return {CORPUS / f"{name}.jsonl": lines(part).encode() for name, part in parts.items()}


class StandIn:
    """Answers what `data parallel` asks, without a model."""

    def __init__(self):
        self.pairs = {row["en"]["text"]: row for row in rows(CORPUS / "train.jsonl")}
        self.names = {name["latin"]: name for name in rows(CORPUS / "names.jsonl")}

    def written(self, model, latin, user):
        """How a model writes a name; a glossary stands in what it is asked."""
        name = self.names[latin]
        if name["zh"] in user or (model == "large" and number(latin) % 4):
            return name["zh"]
        return name["zh"] if number(latin) % 2 else name["zh"] + VARIANTS[name["class"]]

    def reply(self, model, user):
        text = re.search(r"^Sentence: (.*)$", user, re.M).group(1)
        row = self.pairs[text]
        chinese = row["zh"]["text"]
        for entity in sorted(row["zh"]["entities"], key=lambda it: -it["start"]):
            latin = next(it for it in self.names.values() if it["zh"] == entity["text"])["latin"]
            chinese = (
                chinese[: entity["start"]] + self.written(model, latin, user) + chinese[entity["end"] :]
            )
        asked = re.findall(r"^(\d+)\. (\w+): (.*)$", user, re.M)
        names = [
            {"id": int(place), "class": label, "text": self.written(model, latin, user)}
            for place, label, latin in asked
        ]
        if "Names:\n" in user and model == "small":
            if number("copied", text) % 7 == 0:
                chinese = text
            if names and number("lost", text) % 3 == 0:
                names[0]["text"] = "某某"
        return json.dumps({"sentence": chinese, "names": names}, ensure_ascii=False)


def server(stand_in):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = stand_in.reply(body["model"], body["messages"][1]["content"])
            message = {"role": "assistant", "content": content}
            reply = {
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            }
            reply = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    return found


def pairs(program):
    """The files that training reads of what each job makes."""
    listening = server(StandIn())
    address = f"http://127.0.0.1:{listening.server_address[1]}/v1"
    made = {}
    with tempfile.TemporaryDirectory() as scratch:
        # Beside a copy of everything that jobs name.
        scratch = pathlib.Path(scratch)
        for name in ["datasets", "schemas", "parallel", "quickstart"]:
            shutil.copytree(HERE.parent / name, scratch / name, ignore=shutil.ignore_patterns("base"))
        shutil.copytree(HERE, scratch / "ablations", ignore=shutil.ignore_patterns("parallel"))
        for job in sorted((scratch / "ablations/jobs").glob("*.toml")):
            text = job.read_text(encoding="utf-8").replace("http://127.0.0.1:1/v1", address)
            job.write_text(text, encoding="utf-8")
            subprocess.run(
                [program, "data", "parallel", job, "--json"], check=True, stdout=subprocess.DEVNULL
            )
            out = scratch / "ablations/parallel" / job.stem
            for path in [*out.glob("datasets/*"), *out.glob("schemas/*"), out / "pairs.jsonl"]:
                made[HERE / "parallel" / job.stem / path.relative_to(out)] = path.read_bytes()
    listening.shutdown()
    return made


def keep(files, check):
    """Writes files, or says which of them are not what they should be."""
    for path, content in files.items():
        known = path.read_bytes() if path.exists() else None
        if known == content:
            continue
        if check:
            sys.exit(f"{path.relative_to(HERE)} is not what this script writes; run it without --check")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"{len(files)} files, {sum(map(len, files.values())):,} bytes")


def smoke(program, out):
    """Runs every ablation at its smallest and looks at what it says."""
    for path in sorted(HERE.glob("*.toml")):
        started = time.monotonic()
        run_dir = out / path.stem
        command = [program, "ablate", path, "--smoke", "--run-dir", run_dir, "--json"]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=LIMIT).stdout)
        results = answer["results"]
        print((run_dir / "results.txt").read_text(encoding="utf-8"))
        if answer["status"] != "done" or answer["left"] != 0 or not results["contests"]:
            sys.exit(f"{path.name}: {answer['status']}, {answer['left']} left")
        for contest in results["contests"]:
            if contest["gold"] == 0 or contest.get("undefined"):
                continue
            where = f"{path.name}: {contest['dataset']} {contest['language']}"
            for index, reached in enumerate(contest["results"]):
                if reached is None or not reached["low"] <= reached["f1"] <= reached["high"]:
                    sys.exit(f"{where}: no F1 with an interval: {reached}")
                if (reached["difference"] is None) != (index == 0):
                    sys.exit(f"{where}: the first variant, and only it, is compared with none")
        print(f"{path.stem}: {time.monotonic() - started:.0f} s\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["corpus", "pairs", "smoke"])
    parser.add_argument("--program", help="the program `knowcoder`")
    parser.add_argument("--out", type=pathlib.Path, help="where smoke runs are written")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something differs")
    arguments = parser.parse_args()
    if arguments.what != "corpus" and not arguments.program:
        parser.error("--program is needed")
    if arguments.what == "corpus":
        keep(corpus(), arguments.check)
    elif arguments.what == "pairs":
        keep(pairs(arguments.program), arguments.check)
    elif arguments.out is None:
        parser.error("--out is needed")
    else:
        smoke(arguments.program, arguments.out)


if __name__ == "__main__":
    main()
