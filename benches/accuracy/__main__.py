"""Holds what lamb-load measured to what the embedded endpoint did, load by load, and exits 1 beyond the limits.

    python3 benches/accuracy [BINARY]       every load of the table, on an idle machine of two cores (about a minute)
    python3 benches/accuracy --short        what no machine may miss, however busy (CI)
    python3 benches/accuracy --loads        lists the loads
    python3 benches/accuracy --only burst-1000,streams-500

The endpoint has the first core to itself, the client the last one. See ../truth.py for what counts as the truth.
"""

import argparse
import json
import pathlib
import sys
import tempfile
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import truth  # noqa: E402


@dataclass
class Load:
    """What is asked of the client, and how far off it may be, in milliseconds."""

    name: str
    users: int
    # Empty for a burst that does not stream: a second of service.
    stream: list
    spread: float
    median: float = 0.05
    p99: float = 0.2
    # Up to a thousand users our spread must be the endpoint's within a millisecond; of more, the wave is the news.
    spread_error: float | None = 1
    held: tuple = ("latency", "ttft", "max_gap", "gap")

    @property
    def flags(self):
        return self.stream or ["--first-token", "1s", "--per-token", "0ms", "--tokens", "1"]


def stream(every, tokens, first="200ms"):
    return ["--first-token", first, "--per-token", every, "--tokens", str(tokens)]


# Many slow streams do not speak in chorus: where a token comes every 40 ms or more, first tokens come over a few of them.
LOADS = [
    Load("stream-1", 1, stream("10ms", 100), 5),
    Load("streams-30", 30, stream("10ms", 100), 5),
    Load("streams-50", 50, stream("10ms", 100), 5),
    Load("streams-500", 500, stream("10ms", 100), 5),
    Load("streams-2000", 2000, stream("40ms", 50, "{lognormal={median='300ms',sigma=0.3}}"), 20, spread_error=None),
    Load("streams-5000", 5000, stream("100ms", 30, "{lognormal={median='400ms',sigma=0.3}}"), 50, spread_error=None),
    Load("burst-50", 50, [], 5),
    Load("burst-1000", 1000, [], 15),
    Load("burst-10000", 10000, [], 150, spread_error=None),
]
# What no machine misses, even one that does five other things at once; an instant taken in the wrong place does. Gaps are
# told and not held: a client that is kept from its core finds several tokens in one read. The pace is held in their place.
ROUGH = ("latency", "ttft", "tpot")
SHORT = [
    Load("stream-1", 1, stream("10ms", 50), 100, 10, 50, None, ROUGH),
    Load("streams-50", 50, stream("10ms", 50), 500, 10, 100, None, ROUGH),
    Load("burst-200", 200, [], 500, 10, 100, None, ROUGH),
]


class Report:
    """Lines of figures with their targets, and what lies beyond."""

    def __init__(self):
        self.beyond = []

    def line(self, load, what, figures):
        """`figures` are name, measured, target and unit; a target of None is none."""
        cells, missed = [], False
        for name, value, target, unit in figures:
            over = target is not None and abs(value) > target
            missed |= over
            aim = "" if target is None else f" (≤ {target:g})"
            cells.append(f"{name} {value:+.3f}{aim} {unit}{' ✗' if over else ''}")
        text = f"{load:13} {what:17} {'   '.join(cells)}"
        print(text, flush=True)
        if missed:
            self.beyond.append(text)


def measure(binary, load, report):
    """One load: a line a metric."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with truth.Endpoint(binary, folder, *load.flags) as endpoint:
            scenario = folder / "truth.toml"
            scenario.write_text(truth.scenario(endpoint.url, load.users, bool(load.stream)))
            command = [binary, "run", scenario, "--out", folder, "--allow-invalid", "-q"]
            finished = truth.client(command, folder, timeout_s=120)
            records = endpoint.stop()
        if finished.code != 0:
            report.beyond.append(f"{load.name}: exit code {finished.code}\n{finished.said}")
            return
        run = folder / "truth" / "latest"
        rows = truth.load_rows(run)
        case = json.loads((run / "summary.json").read_text())["cases"][0]
    join = truth.Join(rows, records)
    if len(join.both) != load.users:
        report.beyond.append(f"{load.name}: {len(join.both)} of {load.users} rows are ok")
        return
    for metric, error in join.errors(case["summary"]).items():
        if metric not in load.held:
            continue
        # Pooled gaps are kept in a histogram of three digits, and the summary says so.
        extra = error.true_median / 1000 if metric == "gap" else 0
        figures = [("median", error.median, load.median + extra, "ms"), ("P99", error.p99, load.p99 + extra, "ms")]
        report.line(load.name, metric, [*figures, ("worst", error.worst, None, "ms")])
    tell_sends(load, join, report)
    events = max(sum(int(row["events"] or 0) for row in rows), len(rows))
    each = finished.cpu_s * 1e6 / events
    label = case["validity"]["label"]
    print(f"{load.name:13} {'cost':17} {each:.1f} µs of CPU an event ({events} events, {finished.cpu_s:.2f} s), ", end="")
    print(f"{finished.rss_bytes / 2**20:.0f} MiB; it calls itself {label}\n", flush=True)


def tell_sends(load, join, report):
    ours, seen = join.spreads()
    figures = [("ours", ours, load.spread, "ms"), ("the endpoint's", seen, None, "ms")]
    report.line(load.name, "spread of sends", [*figures, ("error", ours - seen, load.spread_error, "ms")])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", nargs="?", default=truth.BINARY, help="lamb-load, a release build")
    parser.add_argument("--short", action="store_true", help="limits that hold on a busy machine; best of three")
    parser.add_argument("--loads", action="store_true", help="list the loads and end")
    parser.add_argument("--only", default="", help="names of loads, with commas between")
    options = parser.parse_args()
    loads = SHORT if options.short else LOADS
    if options.loads:
        for load in loads:
            print(f"{load.name:13} {load.users:6} users  mock {' '.join(load.flags)}")
        return 0
    wanted = options.only.split(",") if options.only else [load.name for load in loads]
    unknown = sorted(set(wanted) - {load.name for load in loads})
    if unknown:
        parser.error(f"no such load: {', '.join(unknown)} (--loads lists them)")
    truth.prepare()
    print(f"{truth.machine()}\n")
    beyond = []
    for load in (load for load in loads if load.name in wanted):
        for attempt in range(3 if options.short else 1):
            report = Report()
            measure(options.binary, load, report)
            if not report.beyond:
                break
        beyond += report.beyond
    print("\n".join(["beyond the limits:", *beyond] if beyond else ["all within the limits"]))
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
