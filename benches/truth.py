"""Holds what lamb-load measured to what the embedded endpoint did, request by request, and exits 1 beyond the limits.

Usage: python3 benches/truth.py [BINARY] [--full]      on an idle machine; Linux; Python 3.10 or later, nothing else

The endpoint runs in a process of its own on the first core, the client on the second. Each request is found in the
endpoint's log by the "(request N)" at the end of its prompt. The truth is the kernel's instant of the request's first
byte, and the span of the write that carried a token or the end: an instant within that span is no error.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

# What MEASUREMENT promises: users, streamed, error of the median and of the P99, spread of sends; milliseconds.
STREAMS = [(1, 0.05, 0.2, 5), (50, 0.05, 0.2, 5), (500, 0.05, 0.2, 5)]
BURSTS = [(50, 0.05, 0.2, 5), (1000, 0.05, 0.2, 15), (10000, 0.05, 0.2, 150)]


def pinned(core):
    """Commands that are pinned to a core, where there is more than one."""
    return ["taskset", "-c", str(core)] if os.cpu_count() > 1 else []


class Endpoint:
    def __init__(self, binary, folder, *flags):
        self.log = folder / "mock.jsonl"
        command = [*pinned(0), binary, "mock", "--port", "0", "--log", self.log, *flags]
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        self.url = re.search(r"http://\S+", self.process.stdout.readline())[0]

    def stop(self):
        """Ends it, and says what it did: the number of each request, and its record."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        records = [json.loads(line) for line in self.log.read_text().splitlines()]
        found = [(re.search(r"\(request (\d+)\)$", record["marker"] or ""), record) for record in records]
        return {int(match[1]): record for match, record in found if match}


def percentile(values, q):
    """The floor rule of the whole program."""
    return sorted(values)[min(int(len(values) * q), len(values) - 1)]


def nearest(ours, write, origin):
    """The instant within a write's span that is nearest to ours, in milliseconds since `origin`."""
    _, begun, done = write
    return min(max(ours, (begun - origin) / 1e6), (done - origin) / 1e6)


def compare(rows, records, stream):
    """Pairs of ours and true, by metric."""
    pairs = {"latency": [], "ttft": [], "max_gap": []}
    for row in rows:
        record = records[int(row["request"])]
        origin = record["first_byte_kernel_ns"] or record["first_byte_ns"]
        writes = record["writes"]
        latency = float(row["latency_ms"])
        pairs["latency"].append((latency, nearest(latency, writes[-1], origin)))
        if stream:
            ttft = float(row["ttft_ms"])
            pairs["ttft"].append((ttft, nearest(ttft, writes[1], origin)))
            tokens = writes[1 : 1 + record["tokens"]]
            low = max((after[1] - before[2]) / 1e6 for before, after in zip(tokens, tokens[1:]))
            high = max((after[2] - before[1]) / 1e6 for before, after in zip(tokens, tokens[1:]))
            gap = float(row["max_gap_ms"])
            pairs["max_gap"].append((gap, min(max(gap, low), high)))
    return {metric: values for metric, values in pairs.items() if values}


def measure(binary, users, stream, limits):
    """One case; prints a line a metric and returns what is beyond the limits."""
    median_limit, p99_limit, spread_limit = limits
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        flags = ["--first-token", "200ms", "--per-token", "10ms", "--tokens", "100"] if stream else ["--first-token", "1s", "--per-token", "0ms", "--tokens", "1"]
        endpoint = Endpoint(binary, folder, *flags)
        scenario = folder / "truth.toml"
        scenario.write_text(
            f'models = ["m"]\nusers = [{users}]\nprompts = ["Say hello."]\ntimeout = "120s"\n[targets.t]\nurl = "{endpoint.url}"\n'
            f"[request]\nstream = {str(stream).lower()}\n[preflight]\nrequests = 0\n"
        )
        command = [*pinned(min(1, os.cpu_count() - 1)), binary, "run", scenario, "--out", folder, "--allow-invalid", "-q"]
        finished = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        records = endpoint.stop()
        if finished.returncode != 0:
            return [f"{users} users: exit code {finished.returncode}\n{finished.stdout}{finished.stderr}"]
        with open(folder / "truth" / "latest" / "requests.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["phase"] == "load" and row["outcome"] == "ok"]
    what = f"{users:6d} {'streams' if stream else 'users  '}"
    beyond = []
    if len(rows) != users:
        beyond.append(f"{what}: {len(rows)} rows are ok")
    for metric, pairs in compare(rows, records, stream).items():
        ours, true = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        median = statistics.median(ours) - statistics.median(true)
        p99 = percentile(ours, 0.99) - percentile(true, 0.99)
        worst = max(abs(a - b) for a, b in pairs)
        print(f"{what}  {metric:8} error of the median {median:+8.3f} ms, of the P99 {p99:+8.3f} ms, worst of one {worst:7.3f} ms")
        if abs(median) > median_limit or abs(p99) > p99_limit:
            beyond.append(f"{what} {metric}: beyond {median_limit} and {p99_limit} ms")
    sent = [float(row["sent_ms"]) for row in rows]
    seen = [records[int(row["request"])]["first_byte_kernel_ns"] / 1e6 for row in rows]
    ours, true = max(sent) - min(sent), max(seen) - min(seen)
    print(f"{what}  spread   of sends {ours:8.3f} ms, as the endpoint saw it {true:8.3f} ms")
    if ours > spread_limit or (users <= 1000 and abs(ours - true) > 1):
        beyond.append(f"{what} spread: beyond {spread_limit} ms, or not what the endpoint saw within 1 ms")
    return beyond


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?", default=ROOT / "target" / "release" / "lamb-load")
    parser.add_argument("--full", action="store_true", help="also 10,000 users at once")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    beyond = []
    for stream, cases in ((True, STREAMS), (False, BURSTS)):
        for users, *limits in cases:
            if users <= 1000 or options.full:
                beyond += measure(options.binary, users, stream, limits)
                time.sleep(1)
    print("\n".join(["", *beyond] if beyond else ["", "all within the limits"]))
    sys.exit(1 if beyond else 0)


if __name__ == "__main__":
    main()
