"""Every tool: where it comes from, how it is given a load, how what it says is read.

`command(load, url, folder)` is what to run; `read(said, folder)` what it found, with as many digits as it tells.
"""

import csv
import json
import pathlib
import statistics
import subprocess
from dataclasses import dataclass, field
from typing import Callable

import obtain
import truth
import verdict

HERE = pathlib.Path(__file__).resolve().parent
BODY = '{"model":"m","messages":[{"role":"user","content":"Say hello."}]}'
CHAT = "/v1/chat/completions"


@dataclass
class Found:
    """What a tool tells: how many requests were answered, and their figures in milliseconds, as a mean or one by one."""

    requests: int
    latency_mean: float | None = None
    ttft_median: float | None = None
    # By the number at the end of the prompt: (latency, ttft); either may be None.
    each: dict = field(default_factory=dict)


@dataclass
class Tool:
    name: str
    kinds: tuple
    command: Callable
    read: Callable
    version: str = ""
    # It gets fewer requests in the closed loop, and one start a round.
    slow: bool = False
    # Writes a record of every request, as ours does.
    records: bool = False
    floor: bool = False
    # It is told how long, not how many.
    timed: bool = False
    timeout_s: int = 60
    # The most connections that it is asked for.
    most: int = 1_000_000

    def can(self, load):
        return load.kind in self.kinds and load.connections <= self.most


def last_json(said):
    """The last line that is an object."""
    return json.loads(next(line for line in reversed(said.splitlines()) if line.startswith("{")))


def sums(said, _):
    found = last_json(said)
    return Found(found["requests"], found["latency_mean_ms"])


def ours(binary):
    def command(load, url, folder):
        closed = [f"[closed]\nrequests = {load.requests}"] if load.kind == "closed" else []
        scenario = folder / "side.toml"
        scenario.write_text(truth.scenario(url, load.connections, load.stream, *closed))
        return [binary, "run", scenario, "--out", folder, "--allow-invalid"]

    def read(_, folder):
        rows = truth.load_rows(folder / "side" / "latest")
        ms = lambda text: float(text) if text else None  # noqa: E731
        ok = [row for row in rows if row["outcome"] == "ok"]
        return Found(len(ok), each={int(row["request"]): (ms(row["latency_ms"]), ms(row["ttft_ms"])) for row in ok})

    kinds = ("burst", "streams", "closed", "start")
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return Tool("lamb-load", kinds, command, read, version, records=True)


def floor(binary, kind, name):
    def command(load, url, folder):
        shape, address = "stream" if load.stream else "whole", url.removeprefix("http://")
        rows = [folder / "floor.csv"] if load.kind in ("burst", "streams") else []
        return [binary, kind, shape, address, load.connections, load.requests, *rows]

    def read(said, folder):
        each = {}
        if (folder / "floor.csv").exists():
            with open(folder / "floor.csv", newline="") as file:
                for row in csv.DictReader(file):
                    ttft = float(row["ttft_ms"]) if row["ttft_ms"] else None
                    each[int(row["request"])] = (float(row["latency_ms"]), ttft)
        return Found(last_json(said)["requests"], each=each)

    return Tool(name, ("burst", "streams", "closed", "start"), command, read, floor=True)


def ancestor(install):
    binaries = obtain.python("aiohttp", ["aiohttp==3.*"], install)

    def command(load, url, _):
        requests = load.requests_of_slow or load.requests
        return [binaries / "python", HERE / "ancestor.py", url, load.connections, requests]

    return Tool("the ancestor's algorithm (aiohttp)", ("burst", "closed", "start"), command, sums, slow=True)


def oha(install):
    binary = obtain.crate("oha", "1.16.0", install, "--no-default-features", "--features", "rustls")

    def command(load, url, folder):
        flags = ["--no-tui", "--output-format", "json", "-o", folder / "oha.json", "-m", "POST", "-T", "application/json"]
        return [binary, "-n", load.requests, "-c", load.connections, *flags, "-d", BODY, url + CHAT]

    def read(_, folder):
        said = json.loads((folder / "oha.json").read_text())
        return Found(said["statusCodeDistribution"].get("200", 0), said["summary"]["average"] * 1000)

    return Tool("oha", ("burst", "closed", "start"), command, read, "1.16.0")


def h2load(install):
    binary = obtain.debian("h2load", "nghttp2-client", install)

    def command(load, url, folder):
        (folder / "body").write_text(BODY)
        rows = [f"--log-file={folder / 'h2load.tsv'}"] if load.kind == "burst" else []
        size = ["-n", load.requests, "-c", load.connections, "-t", 1]
        return [binary, "--h1", *size, *rows, "-d", folder / "body", "-H", "content-type: application/json", url + CHAT]

    def read(said, folder):
        ok = int(next(line for line in said.splitlines() if line.startswith("status codes:")).split()[2])
        if not (folder / "h2load.tsv").exists():
            return Found(ok)
        lines = (folder / "h2load.tsv").read_text().splitlines()
        return Found(ok, statistics.fmean(float(line.split("\t")[2]) / 1000 for line in lines))

    return Tool("h2load", ("burst", "closed", "start"), command, read, debian_version("nghttp2-client"))


def wrk(install):
    binary = obtain.debian("wrk", "wrk", install)

    def command(load, url, _):
        # It knows only how long, not how many. Two seconds are one answer a user of a second's burst, and some 100,000
        # requests of a closed loop.
        seconds = 1 if load.kind == "start" else 2
        return [binary, "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "30s", "-s", HERE / "post.lua", url + CHAT]

    return Tool("wrk", ("burst", "closed", "start"), command, sums, debian_version("wrk"), timed=True)


def ab(install):
    binary = obtain.debian("ab", "apache2-utils", install)

    def command(load, url, folder):
        (folder / "body").write_text(BODY)
        rows = ["-g", folder / "ab.tsv"] if load.kind == "burst" else []
        size = ["-n", load.requests, "-c", load.connections, "-k", "-l", "-q", "-s", "30"]
        return [binary, *size, *rows, "-p", folder / "body", "-T", "application/json", url + CHAT]

    def read(said, folder):
        count = lambda label: int(next(line for line in said.splitlines() if line.startswith(label)).split()[2])  # noqa: E731
        done = count("Complete requests:") - count("Failed requests:")
        if not (folder / "ab.tsv").exists():
            return Found(done)
        with open(folder / "ab.tsv", newline="") as file:
            return Found(done, statistics.fmean(float(row["dtime"]) for row in csv.DictReader(file, delimiter="\t")))

    return Tool("ab", ("burst", "closed", "start"), command, read, debian_version("apache2-utils"))


def llm_bench(install):
    binary = obtain.crate("llm-bench", "0.3.1", install)

    def command(load, url, folder):
        prompts = [f"Say hello. (request {number})" for number in range(1, load.requests + 1)]
        (folder / "prompts").write_text("\n".join(prompts))
        size = ["--prompt-file", folder / "prompts", "--runs", 1, "--concurrency", load.connections]
        flags = ["--openai-base-url", url, "--models", "openai:m", "--output", "json", "--output-file", folder / "bench.json"]
        return [binary, "run", *flags, *size, *(["--stream"] if load.stream else [])]

    def read(_, folder):
        each = {}
        for row in json.loads((folder / "bench.json").read_text()):
            number = int(row["prompt"].rsplit(" ", 1)[1].rstrip(")"))
            each[number] = (row.get("total_ms") or row["latency_ms"], row.get("ttft_ms"))
        return Found(len(each), each=each)

    kinds = ("burst", "streams", "closed", "start")
    return Tool("llm-bench", kinds, command, read, "0.3.1", records=True)


def debian_version(package):
    said = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return said.stdout.split("-")[0].split("+")[0]


# In the order of the table.
PEERS = [
    ("the ancestor's algorithm (aiohttp)", ancestor),
    ("oha", oha),
    ("h2load", h2load),
    ("wrk", wrk),
    ("ab", ab),
    ("llm-bench", llm_bench),
]
FLOORS = [
    ("raw", verdict.RAW_FLOOR),
    ("hyper", verdict.FLOOR),
    ("kernel", verdict.KERNEL_FLOOR),
]
