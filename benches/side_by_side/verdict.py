"""What the table says, in words: who is first in each column, how far the floor is, and which claims hold."""

import statistics

from table import number, signed

OURS = "lamb-load"
RAW_FLOOR = "floor: bytes over tokio"
FLOOR, KERNEL_FLOOR = "floor: hyper, stamping socket", "floor: hyper, kernel time"
NEAR = 1.3
LATENCY = ("burst-10000", "streams-500", "streams-5000")
# Column, field, what it is called.
COSTS = [
    ("burst-10000", "cpu_s", "s of CPU"),
    ("streams-500", "cpu_each_us", "µs of CPU an event"),
    ("streams-5000", "cpu_each_us", "µs of CPU an event"),
    ("closed-50", "cpu_each_us", "µs of CPU a request"),
    ("closed-500", "cpu_each_us", "µs of CPU a request"),
]
# What we aim at on a machine of two cores: column, field, limit, unit.
AIMS = [
    ("burst-10000", "error_ms", 0.05, "ms"),
    ("burst-10000", "error_p99_ms", 0.2, "ms"),
    ("burst-10000", "spread_ms", 150, "ms"),
    ("burst-10000", "cpu_s", 0.9, "s"),
    ("burst-10000", "rss_mib", 200, "MiB"),
    ("streams-500", "error_ms", 0.05, "ms"),
    ("streams-500", "error_p99_ms", 0.2, "ms"),
    ("streams-500", "cpu_each_us", 12, "µs"),
    ("streams-500", "rss_mib", 25, "MiB"),
    ("streams-5000", "error_ms", 0.05, "ms"),
    ("streams-5000", "error_p99_ms", 0.2, "ms"),
    ("streams-5000", "cpu_each_us", 12, "µs"),
    ("streams-5000", "rss_mib", 140, "MiB"),
    ("closed-50", "cpu_each_us", 12, "µs"),
    ("closed-500", "cpu_each_us", 18, "µs"),
    ("start", "start_ms", 10, "ms"),
]


def judge(result):
    """Lines to read, and the claims that do not hold."""
    lines, broken = [], []
    for holds, text in [*accuracy(result), *near_the_floor(result), *lighter(result)]:
        lines.append(f"{'✓' if holds else '✗'} {text}")
        if not holds:
            broken.append(text)
    return [*lines, *firsts(result), *aims(result)], broken


def ranking(result, load, field, among):
    """Tools with their medians, the smallest first."""
    found = [(abs(value), tool) for tool in among if (value := result.median(tool, load, field)) is not None]
    return [(tool, value) for value, tool in sorted(found)]


def peers(result):
    return [tool["name"] for tool in result.tools if not tool["floor"]]


def accuracy(result):
    for load in LATENCY:
        order = ranking(result, load, "error_ms", peers(result))
        if not any(tool == OURS for tool, _ in order):
            yield False, f"{load}: ours was not measured"
            continue
        ours = result.median(OURS, load, "error_ms")
        others = [(tool, value) for tool, value in order if tool != OURS]
        next_best = f"; {others[0][0]} {signed(result.median(others[0][0], load, 'error_ms'))} ms" if others else "; alone"
        yield order[0][0] == OURS, f"{load}: first in accuracy (ours {signed(ours)} ms{next_best})"


def near_the_floor(result):
    """Held turn by turn, since the machine's own speed is the same to both only then."""
    for load, field, unit in COSTS:
        over, over_kernel = (ratios(result, floor, load, field) for floor in (FLOOR, KERNEL_FLOOR))
        if not (over and over_kernel):
            yield False, f"{load}: no floor to hold it to"
            continue
        told = " / ".join(number(result.median(tool, load, field)) for tool in (OURS, FLOOR))
        ratio, low, high = statistics.median(over), min(over), max(over)
        text = f"{load}: {unit}, ours / hyper floor = {told}: {ratio:.2f} ({low:.2f} to {high:.2f} in {len(over)} turns; ≤ {NEAR})"
        yield ratio <= NEAR, f"{text}; to the floor with kernel time {statistics.median(over_kernel):.2f}"


def ratios(result, floor, load, field):
    """Ours by the floor's, of every turn that has both."""
    ours, theirs = result.by_turn(OURS, load, field), result.by_turn(floor, load, field)
    return [ours[turn] / theirs[turn] for turn in ours if theirs.get(turn)]


def lighter(result):
    """Nobody who writes as much of each request takes less."""
    writers = [tool["name"] for tool in result.tools if tool["records"]]
    for load, field, unit in [*COSTS, *((load, "rss_mib", "MiB") for load in LATENCY)]:
        order = ranking(result, load, field, writers)
        if len(order) > 1:
            told = ", ".join(f"{tool} {number(value)}" for tool, value in order)
            yield order[0][0] == OURS, f"{load}: no tool that writes a record of each request is lighter: {told} {unit}"


def firsts(result):
    for load, field, unit in [*COSTS, ("burst-10000", "spread_ms", "ms of spread"), ("start", "start_ms", "ms to the first request")]:
        order = ranking(result, load, field, peers(result))
        if order:
            yield f"  {load}: least {unit}: " + ", ".join(f"{tool} {number(value)}" for tool, value in order[:3])


def aims(result):
    missed = []
    for load, field, limit, unit in AIMS:
        value = result.median(OURS, load, field)
        if value is not None and abs(value) > limit:
            missed.append(f"{load} {field.rsplit('_', 1)[0]} {number(value)} {unit} (≤ {limit:g})")
    yield f"  aims missed: {'; '.join(missed)}" if missed else "  all aims are met"
