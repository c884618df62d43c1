"""Runs one tool on one load, and holds what it says to the endpoint's log."""

import contextlib
import ctypes
import os
import pathlib
import signal
import struct
import tempfile
import time
from dataclasses import asdict, dataclass

import truth


@dataclass
class Measured:
    """One run; milliseconds, seconds, bytes. What a tool does not tell is None."""

    tool: str
    load: str
    requests: int = 0
    # Burst: of the mean latency. Streams: of the median time to the first token. Told minus true.
    error_ms: float | None = None
    error_p99_ms: float | None = None
    # From the first to the last request of a burst, as the endpoint saw them.
    spread_ms: float | None = None
    start_ms: float | None = None
    cpu_s: float = 0.0
    cpu_each_us: float | None = None
    # None where a tool is done before anybody can look.
    rss_mib: float | None = None
    # How late the endpoint itself was with its paced writes.
    late_p99_ms: float | None = None
    failure: str | None = None


def measure(tool, load, binary):
    """One run, in a folder of its own that is gone afterwards. A tool that fails is a row too."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "tool").mkdir()
        with truth.Endpoint(binary, folder, *load.flags, logged=load.logged) as endpoint:
            reader, writer = os.pipe()
            # The clock just before the program takes over, so that Python's own fork is not in its start.
            stamp = lambda: os.write(writer, struct.pack("q", time.monotonic_ns()))  # noqa: E731
            command = tool.command(load, endpoint.url, folder / "tool")
            finished = truth.client(command, folder, tool.timeout_s, prepare_child=stamp)
            executed = struct.unpack("q", os.read(reader, 8))[0] / 1e6
            os.close(reader)
            os.close(writer)
            sweep(endpoint.process.pid)
            records = [record for record in endpoint.end() if record["serial"] and record["ended"] == "complete"]
        measured = Measured(tool.name, load.name, cpu_s=finished.cpu_s)
        if load.kind != "start":
            measured.rss_mib = finished.rss_bytes / 2**20
        if finished.code == 0:
            hold(measured, tool, load, records, finished.said, folder / "tool")
        else:
            last = next((line for line in reversed(finished.said.splitlines()) if line.strip()), "it does not say why")
            measured.failure = f"exit code {finished.code}: {last[:160]}"
    if load.kind == "start" and records:
        measured.start_ms = min(map(truth.origin_of, records)) - executed
    return measured


def adopt_orphans():
    """What a tool leaves running becomes a child of this script, which ends it."""
    ctypes.CDLL(None).prctl(36, 1)


def sweep(endpoint):
    """Ends everything that a tool has left running: what is below this script and is not the endpoint."""
    for pid in truth.descendants(os.getpid()):
        if pid != endpoint:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def hold(measured, tool, load, records, said, folder):
    """Fills in what the run was for, from what the tool said and what the endpoint did."""
    try:
        found = tool.read(said, folder)
    except (KeyError, ValueError, IndexError, StopIteration, OSError) as problem:
        measured.failure = f"what it says cannot be read: {problem!r}"
        return
    measured.requests = found.requests
    asked = load.asked_of(tool)
    # Who is told how long, not how many, has a loop's figures for what it did, and no figure for a start.
    if found.requests < asked and not (tool.timed and load.kind in ("closed", "start")):
        measured.failure = f"{found.requests} of {asked} requests were answered"
        return
    if load.logged and not records:
        measured.failure = "the endpoint completed none of its answers"
        return
    if load.kind == "closed":
        measured.cpu_each_us = measured.cpu_s * 1e6 / max(found.requests, 1)
    if load.kind == "streams":
        measured.cpu_each_us = measured.cpu_s * 1e6 / sum(record["writes_total"] for record in records)
    if load.kind in ("burst", "streams"):
        late = [max(begun - due, 0) / 1e6 for record in records for due, begun, _ in record["writes"] if due]
        measured.late_p99_ms = truth.percentile(late, 99)
        origins = [truth.origin_of(record) for record in records if record["request"] == 1]
        measured.spread_ms = max(origins) - min(origins)
        measured.error_ms, measured.error_p99_ms = errors(load, found, records)


def errors(load, found, records):
    """Told minus true: of the mean of a burst, of the median of first tokens; and of their P99, request by request."""
    which, span = (1, first_token) if load.stream else (0, whole)
    if any(one[which] is not None for one in found.each.values()):
        numbered = truth.by_number(records)
        pairs = [(found.each[n][which], span(numbered[n])) for n in found.each if n in numbered and found.each[n][which] is not None]
        told = [ours for ours, _ in pairs]
        true = [truth.nearest(ours, low, high) for ours, (low, high) in pairs]
        of = (lambda values: truth.percentile(values, 50)) if load.stream else mean
        return of(told) - of(true), truth.percentile(told, 99) - truth.percentile(true, 99)
    told = found.ttft_median if load.stream else found.latency_mean
    if told is None:
        return None, None
    # Only sums: the truth is the same sum over all that the endpoint did.
    of = (lambda values: truth.percentile(values, 50)) if load.stream else mean
    spans = [span(record) for record in records]
    return told - truth.nearest(told, of([low for low, _ in spans]), of([high for _, high in spans])), None


def whole(record):
    """From a request's first byte to the write of its end: the least and the most that may be told."""
    _, begun, done = record["writes"][-1]
    origin = truth.origin_of(record)
    return begun / 1e6 - origin, done / 1e6 - origin


def first_token(record):
    """The same of the first token, which follows the head and the role."""
    _, begun, done = record["writes"][1]
    origin = truth.origin_of(record)
    return begun / 1e6 - origin, done / 1e6 - origin


def mean(values):
    return sum(values) / len(values)


def row(measured, round_number, turn):
    return {"round": round_number, "turn": turn, **asdict(measured)}
