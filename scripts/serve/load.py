#!/usr/bin/env python3
"""Load on a server: many clients at once, then as many requests one by one.

    scripts/serve/load.py --program target/release/knowcoder --checkpoint DIR --schema FILE.py \\
        --clients 32 --seconds 30 --what extract > load.json
    scripts/serve/load.py --url http://127.0.0.1:8765 --clients 8 --seconds 10 --what completions

Starts the server by itself, or asks one that runs. Each client keeps a connection and asks for the next text as
soon as it has an answer. A request is dropped if it has no answer with status 200, whatever the reason. Then one
client asks for the same texts, as many, one after the other: what batches gain is the ratio. Needs Python 3.11 and
nothing else. Prints one JSON document. Exit code 0: none dropped; 1: some.
"""

import argparse
import http.client
import itertools
import json
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
from server import Server  # noqa: E402

NAMES = ["Nora Webb", "Zhou Minghua", "Mateo Cano", "Haruka Mizuno", "Amalia Nystrom", "Ivo Brandt"]
TOWNS = ["Bonn", "Wexcombe", "Lyon", "Osaka", "Porto", "Graz"]
FRAMES = [
    "{0} moved from {1} to {2} last spring.",
    "In {1}, {0} opened a workshop with a friend from {2}.",
    "{0} lives in {1}.",
    "The train from {1} to {2} was late, said {0}, who had waited for an hour.",
]


def texts():
    """Sentences without end, the same ones in every run."""
    for number in itertools.count():
        name, town, other = NAMES[number % 6], TOWNS[number // 6 % 6], TOWNS[number // 2 % 6]
        yield FRAMES[number % 4].format(name, town, other)


def request(options, text):
    """Path and body of a request."""
    if options.what == "extract":
        body = {"text": text, "task": options.task}
        return "/extract", body
    return "/v1/completions", {"prompt": text, "max_tokens": options.max_tokens, "temperature": 0}


class Client:
    """One connection, and what became of its requests."""

    def __init__(self, options, url):
        self.options, self.address = options, urllib.parse.urlsplit(url)
        self.connection = None
        self.latencies, self.tokens, self.failures = [], 0, []

    def ask(self, text):
        path, body = request(self.options, text)
        started = time.perf_counter()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=600)
            self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = self.connection.getresponse()
            answer = json.loads(response.read())
            if response.status != 200:
                raise ValueError(f"status {response.status}: {answer['error']['message']}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.failures.append(str(error))
            self.connection = None
            return
        self.latencies.append(time.perf_counter() - started)
        usage = answer["usage"]
        self.tokens += usage.get("answer_tokens", usage.get("completion_tokens", 0))


def together(options, url):
    """What all clients did until the time was over, and the seconds until the last answer."""
    source, lock = texts(), threading.Lock()
    end = time.perf_counter() + options.seconds
    clients = [Client(options, url) for _ in range(options.clients)]

    def work(client):
        while time.perf_counter() < end:
            with lock:
                text = next(source)
            client.ask(text)

    started = time.perf_counter()
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients, time.perf_counter() - started


def alone(options, url, count):
    """The same requests by one client."""
    client, started = Client(options, url), time.perf_counter()
    for text in itertools.islice(texts(), count):
        client.ask(text)
    return [client], time.perf_counter() - started


def summary(clients, seconds):
    """What stands in the document."""
    latencies = sorted(latency for client in clients for latency in client.latencies)
    failures = [failure for client in clients for failure in client.failures]

    def percentile(share):
        # The smallest value that so many are not above.
        return round(latencies[max(0, -(-len(latencies) * share // 100) - 1)], 4) if latencies else None

    tokens = sum(client.tokens for client in clients)
    return {
        "clients": len(clients),
        "requests": len(latencies) + len(failures),
        "dropped": len(failures),
        "reasons": sorted(set(failures))[:5],
        "seconds": round(seconds, 2),
        "requests_per_second": round(len(latencies) / seconds, 2),
        "tokens_per_second": round(tokens / seconds, 1),
        "latency_seconds": {"p50": percentile(50), "p95": percentile(95), "p99": percentile(99)},
    }


def measure(options, url):
    # Not counted: what is first computed or compiled.
    Client(options, url).ask(next(texts()))
    many = summary(*together(options, url))
    one = summary(*alone(options, url, many["requests"]))
    gain = one["seconds"] / many["seconds"] if many["seconds"] else None
    document = {"what": options.what, "together": many, "one_by_one": one, "times_as_fast": gain and round(gain, 2)}
    print(json.dumps(document, indent=2))
    return 1 if many["dropped"] or one["dropped"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server that runs; without it, one is started")
    parser.add_argument("--program")
    parser.add_argument("--checkpoint")
    parser.add_argument("--schema", help="needed for --what extract with a server of its own")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--what", choices=("extract", "completions"), default="extract")
    parser.add_argument("--task", default="ner")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--serve", action="append", default=[], help="an argument for the server, such as --serve=--rows=8")
    options = parser.parse_args()
    if options.clients < 1:
        parser.error("--clients must be at least 1")
    if options.url:
        return measure(options, options.url)
    if not (options.program and options.checkpoint):
        parser.error("name a --url, or --program and --checkpoint")
    arguments = [*(("--schema", options.schema) if options.schema else ()), *options.serve]
    with Server(options.program, options.checkpoint, arguments) as server:
        code = measure(options, server.url)
        if ended := server.stop():
            raise SystemExit(f"the server ended with exit code {ended}: {''.join(server.said)}")
        return code


if __name__ == "__main__":
    sys.exit(main())
