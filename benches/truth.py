"""The truth about a run: what the embedded endpoint did, beside what lamb-load measured, request by request.

Linux, Python 3.10 or later, nothing else. `accuracy` and `self_knowledge` stand on it.

The endpoint runs in a process of its own on the first core, the client on the last. Each request is found in the
endpoint's log by the "(request N)" at the end of its prompt. The truth is the kernel's instant of the request's first
byte, and the span of the write that carried a token or the end: an instant within that span is no error, since nobody
knows when within the write the bytes reached the other side.
"""

import contextlib
import csv
import ctypes
import itertools
import json
import os
import pathlib
import platform
import re
import resource
import signal
import subprocess
import threading
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = ROOT / "target" / "release" / "lamb-load"
CORES = sorted(os.sched_getaffinity(0))
ENDPOINT_CORE, CLIENT_CORE = CORES[0], CORES[-1]

# What has a label of its own in summary.json.
METRICS = ("latency", "latency_from_due", "ttft", "ttfo", "tpot", "gap", "max_gap")

# Milliseconds between two writes below which one read may bring both.
TOGETHER = 1.0


def prepare():
    """Raises the limit of descriptors, and ends in good order on SIGTERM, so that no child is left behind."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: exit(143))


def machine():
    """The machine that the figures come from, and how busy it is with other things."""
    with open("/proc/cpuinfo") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{cpu}, {len(CORES)} cores, Linux {platform.release()}; load average {os.getloadavg()[0]:.1f}"


def die_with_parent():
    """In a child: not even a SIGKILL of this script leaves it running."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(command, core, prepare_child=lambda: None, **streams):
    """A process pinned to a core, dead when this script is."""

    def in_child():
        die_with_parent()
        os.sched_setaffinity(0, {core})
        prepare_child()

    return subprocess.Popen([str(part) for part in command], preexec_fn=in_child, text=True, **streams)


class Endpoint:
    """`lamb-load mock` in a process of its own, and the log of what it did, unless that would cost too much."""

    def __init__(self, binary, folder, *flags, logged=True):
        self.log = folder / "mock.jsonl" if logged else None
        command = [binary, "mock", "--port", "0", *(["--log", self.log] if logged else []), *flags]
        self.process = start(command, ENDPOINT_CORE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = re.search(r"http://\S+", self.process.stdout.readline())[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self):
        """Ends it, and says what it did: a record of each request."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        if not self.log:
            return []
        with open(self.log) as file:
            return [json.loads(line) for line in file]

    def stop(self):
        """Ends it, and says what it did: the number of each request, and its record."""
        return by_number(self.end())


def by_number(records):
    """The records of requests whose prompt ends with a number, by that number."""
    found = [(re.search(r"\(request (\d+)\)$", record["marker"] or ""), record) for record in records]
    return {int(match[1]): record for match, record in found if match}


@dataclass
class Finished:
    """A client that has ended: its exit code (negative: a signal's), what it said, what it took."""

    code: int
    said: str
    cpu_s: float
    rss_bytes: int


class Peak:
    """The most memory that a process held, looked at ten times a second, since the kernel's own figure for a child begins
    with what this script held when the child was made. That of one that starts others is what all of them hold."""

    def __init__(self):
        self.seen, self.several, self.over, self.watcher = 0, False, threading.Event(), None
        self.inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        if self.watcher:
            self.watcher.join()

    def watch(self, pid):
        self.watcher = threading.Thread(target=self._look, args=(pid,), daemon=True)
        self.watcher.start()

    def _look(self, pid):
        # Often at first, for those who are soon done.
        pauses = itertools.chain([0.002, 0.005, 0.01, 0.02, 0.05], itertools.repeat(0.1))
        while not self.over.wait(next(pauses)):
            others = descendants(pid)
            self.several |= bool(others)
            held = sum(held_by(one, "VmRSS") for one in (pid, *others)) if others else held_by(pid, "VmHWM")
            self.seen = max(self.seen, held)

    def of(self, usage):
        """The kernel's figure where it is the child's own."""
        told = usage.ru_maxrss * 1024
        return told if (told > self.inherited and not self.several) or not self.seen else self.seen


def held_by(pid, what):
    """Bytes that a process holds (VmRSS), or has held at most (VmHWM); 0 when it has ended."""
    with contextlib.suppress(OSError):
        found = re.search(rf"{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


def descendants(pid):
    """Processes that a process has started, and those that these have, where the kernel tells."""
    found = []
    with contextlib.suppress(OSError):
        for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def client(command, folder, timeout_s, prepare_child=lambda: None, during=contextlib.nullcontext, output=None):
    """Runs the client on its core to its end, or kills it; `during(pid)` is the context that it runs in.

    `output` is a file descriptor in place of a file for its stdout.
    """
    with open(folder / "said", "w+") as said, Peak() as peak:
        process = start(command, CLIENT_CORE, prepare_child, stdout=output or said, stderr=said)
        killer = threading.Timer(timeout_s, process.kill)
        killer.start()
        peak.watch(process.pid)
        try:
            with during(process.pid):
                _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return Finished(process.returncode, said.read(), usage.ru_utime + usage.ru_stime, peak.of(usage))


def scenario(url, users, stream, *more):
    """A burst at that endpoint, every request numbered."""
    return "\n".join(
        [
            'models = ["m"]',
            f"users = [{users}]",
            'prompts = ["Say hello."]',
            'timeout = "20s"',
            f'[targets.t]\nurl = "{url}"',
            *more,
            f"[request]\nstream = {str(stream).lower()}",
            "[preflight]\nrequests = 0",
            "",
        ]
    )


def load_rows(run):
    """The rows of the load of a run's folder."""
    with open(run / "requests.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["phase"] == "load"]


def percentile(values, q):
    """The floor rule of the whole program; `q` in percent."""
    return sorted(values)[min(len(values) * q // 100, len(values) - 1)]


def nearest(ours, low, high):
    """The instant between `low` and `high` that is nearest to ours."""
    return min(max(ours, low), high)


@dataclass
class Error:
    """How far our percentiles lie from the true ones, in milliseconds; `worst` of one request, where they have pairs."""

    n: int
    true_median: float
    median: float
    p99: float
    worst: float

    @property
    def larger(self):
        return max(abs(self.median), abs(self.p99))


def error_of(pairs):
    """The error of (ours, true) pairs."""
    ours, true = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    at = lambda q: percentile(ours, q) - percentile(true, q)  # noqa: E731
    return Error(len(pairs), percentile(true, 50), at(50), at(99), max(abs(a - b) for a, b in pairs))


def origin_of(record):
    """The kernel had the request's first byte. It cannot have been later than our endpoint had it."""
    return min(record["first_byte_kernel_ns"] or record["first_byte_ns"], record["first_byte_ns"]) / 1e6


class Join:
    """Rows that are ok, each with its record.

    `lost` says that the endpoint's queue may lose first bytes, which the kernel then sends again: the endpoint cannot
    know when they were first sent, so their instant is the client's own there, and only what came back is held.
    """

    def __init__(self, rows, records, lost=False):
        self.lost = lost
        self.both = [(row, records[int(row["request"])]) for row in rows if row["outcome"] == "ok"]
        # The barrier on the endpoint's clock: the least that lay between it and a first byte.
        self.start = min((origin_of(record) - float(row["sent_ms"]) for row, record in self.both), default=0.0)

    def errors(self, summary=None):
        """The error of every metric that these requests have; that of the pooled gaps needs the run's summary."""
        pairs = {}
        for row, record in self.both:
            for metric, pair in self.pairs(row, record):
                pairs.setdefault(metric, []).append(pair)
        errors = {metric: error_of(found) for metric, found in pairs.items()}
        if summary and "ttft" in errors:
            errors["gap"] = self.pooled_gaps(summary["gap"])
        return errors

    def pairs(self, row, record):
        """Ours and the truth of one request, by metric."""
        origin = self.start + float(row["sent_ms"]) if self.lost else origin_of(record)
        writes = [(begun / 1e6, done / 1e6) for _, begun, done in record["writes"]]
        begun, done = writes[-1]
        since_due = self.start + float(row["due_ms"])
        for metric, since in (("latency", origin), ("latency_from_due", since_due)):
            ours = float(row[metric + "_ms"])
            yield metric, (ours, nearest(ours, begun - since, done - since))
        if not row["ttft_ms"]:
            return
        tokens = writes[1 : 1 + record["tokens"]]
        for metric in ("ttft", "ttfo"):
            ours = float(row[metric + "_ms"])
            yield metric, (ours, nearest(ours, tokens[0][0] - origin, tokens[0][1] - origin))
        if len(tokens) < 2:
            return
        low = max(after[0] - before[1] for before, after in zip(tokens, tokens[1:]))
        high = max(after[1] - before[0] for before, after in zip(tokens, tokens[1:]))
        # All in one read has neither a gap nor a pace, and says so by an empty cell.
        if row["max_gap_ms"]:
            ours = float(row["max_gap_ms"])
            yield "max_gap", (ours, nearest(ours, low, high))
        if row["tpot_ms"]:
            ours, steps = float(row["tpot_ms"]), len(tokens) - 1
            low, high = (tokens[-1][0] - tokens[0][1]) / steps, (tokens[-1][1] - tokens[0][0]) / steps
            yield "tpot", (ours, nearest(ours, low, high))

    def pooled_gaps(self, gap):
        """The error of the pooled gaps: their percentiles against those of the shortest and longest true ones.

        Writes closer together than `TOGETHER` come in one read or in two, and neither is wrong: a read has one instant,
        and gaps lie between reads. The truth is taken with such gaps and without them.
        """
        spans = []
        for _, record in self.both:
            tokens = [(begun / 1e6, done / 1e6) for _, begun, done in record["writes"][1 : 1 + record["tokens"]]]
            spans += [(max(after[0] - before[1], 0), after[1] - before[0]) for before, after in zip(tokens, tokens[1:])]
        apart = [span for span in spans if span[0] > TOGETHER] or spans
        truths = [sorted(span[end] for span in some) for some in (spans, apart) for end in (0, 1)]

        def off(q, name):
            true = [percentile(truth, q) for truth in truths]
            ours = gap["answered_only"][name]["value"]
            return ours - nearest(ours, min(true), max(true))

        median, p99 = off(50, "median"), off(99, "p99")
        return Error(len(spans), percentile(truths[0], 50), median, p99, max(abs(median), abs(p99)))

    def spreads(self):
        """From the first to the last request sent, as we say and as the endpoint saw it, in milliseconds."""
        ours = [float(row["sent_ms"]) for row, _ in self.both]
        seen = [origin_of(record) for _, record in self.both]
        return max(ours) - min(ours), max(seen) - min(seen)
