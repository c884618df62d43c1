"""The table: medians and ranges of what was measured, as Markdown, with its notes. It measures nothing."""

import statistics

HEAD = [
    "",
    "burst of 10,000, true answer 1.000 s: mean error · spread of sends · CPU · RSS",
    "500 streams, 100 events/s: TTFT error p50 · µs CPU per event · RSS",
    "5,000 streams, 10 events/s: TTFT error p50 · µs CPU per event · RSS",
    "closed loop, no delay: µs CPU per request at 50 / 500 connections",
    "start to first request",
]


class Result:
    """Everything that was measured, as it stands in the file, and how to look it up."""

    def __init__(self, told):
        self.told = told
        self.tools = told["tools"]
        self.rows = told["rows"]
        seen = {}
        for row in self.rows:
            # Results from before there were turns: the order in which they came.
            at = (row["round"], row["load"], row["tool"])
            seen[at] = seen.get(at, 0) + 1
            row.setdefault("turn", seen[at])
        self.late_limits = {load["name"]: load["may_be_late"] for load in told["loads"]}

    def by_turn(self, tool, load, field):
        """By round and turn."""
        rows = [row for row in self.rows if row["tool"] == tool and row["load"] == load and not row["failure"]]
        return {(row["round"], row["turn"]): row[field] for row in rows if row[field] is not None}

    def values(self, tool, load, field):
        return list(self.by_turn(tool, load, field).values())

    def median(self, tool, load, field):
        values = self.values(tool, load, field)
        return statistics.median(values) if values else None

    def was_late(self, tool, load):
        """The endpoint was too late in most rounds."""
        late = self.median(tool, load, "late_p99_ms")
        return late is not None and late > self.late_limits[load]


def number(value):
    """As many digits as tell something."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.3f}"


def signed(value):
    # A zero is neither above nor below.
    return number(0.0) if abs(value) < 0.0005 else ("+" if value > 0 else "−") + number(abs(value))


def spanned(values, show, unit):
    """The median, and the range where there are several."""
    middle, low, high = show(statistics.median(values)), show(min(values)), show(max(values))
    span = f" ({low} to {high})" if low != high else ""
    return f"{middle}{span}{unit}"


def part(result, tool, load, field, unit="", show=number):
    values = result.values(tool, load, field)
    return spanned(values, show, unit) if values else "–"


def error(result, tool, load):
    told = part(result, tool, load, "error_ms", " ms", signed)
    p99 = result.values(tool, load, "error_p99_ms")
    return f"{told}, p99 {signed(statistics.median(p99))}" if p99 else told


def cell(result, tool, load, fields):
    parts = [error(result, tool, load), *(part(result, tool, load, *field) for field in fields)]
    if all(text == "–" for text in parts):
        return "–"
    return " · ".join(parts) + (" †" if result.was_late(tool, load) else "")


def cells(result, tool):
    each = ("cpu_each_us", " µs")
    rss = ("rss_mib", " MiB")
    closed = [part(result, tool, load, *each) for load in ("closed-50", "closed-500")]
    return [
        cell(result, tool, "burst-10000", [("spread_ms", " ms"), ("cpu_s", " s"), rss]),
        cell(result, tool, "streams-500", [each, rss]),
        cell(result, tool, "streams-5000", [each, rss]),
        "–" if closed == ["–", "–"] else " / ".join(closed),
        part(result, tool, "start", "start_ms", " ms"),
    ]


def markdown(result):
    """The block for the README: where and when, the table, what is to be known of it."""
    told = result.told
    sizes = "" if not told["short"] else " **Small loads, to prove that the script works: these are no results.**"
    turns = max((row["turn"] for row in result.rows if row["load"] != "start"), default=1)
    several = f", {turns} turns in each for the floors and lamb-load" if turns > 1 else ""
    rounds = "one round" if told["rounds"] == 1 else f"{told['rounds']} rounds"
    medians = ": medians, ranges in brackets" if told["rounds"] * turns > 1 else ""
    lines = [
        f"{told['machine']}. {told['date']}, `python3 benches/side_by_side`, {rounds}{several}{medians}.{sizes}",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
    ]
    for tool in result.tools:
        name = f"{tool['name']} {tool['version']}".strip()
        texts = cells(result, tool["name"])
        ours = tool["name"] == "lamb-load"
        shown = [f"**{name}**" if ours else name, *(f"**{text}**" if ours and text != "–" else text for text in texts)]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join([*lines, "", *notes(result)])


def notes(result):
    """What is inside a figure, and what is missing."""
    lines = [
        "CPU is all that the client's process took, user and kernel, its start, its connections and its files included; RSS is the most it held. An event is a write of the endpoint's. "
        "Errors are told minus true by the endpoint's log (first byte in the kernel to the write): request by request where a tool tells requests, else of the mean that it prints. "
        "The endpoint has one core, the client the other.",
    ]
    late = sorted({row["load"] for row in result.rows if result.was_late(row["tool"], row["load"])})
    if late:
        worst = [(load, max(result.median(tool["name"], load, "late_p99_ms") or 0 for tool in result.tools)) for load in late]
        told = ", ".join(f"{load}: P99 up to {number(value)} ms" for load, value in worst)
        lines.append(f"† The endpoint itself was late ({told}).")
    missing = [f"{name} ({why})" for name, why in result.told["missing"].items()]
    if missing:
        lines.append("Not run: " + "; ".join(missing) + ".")
    failed = {}
    for row in result.rows:
        if row["failure"]:
            failed.setdefault(f"{row['tool']}, {row['load']}: {row['failure']}", []).append(row["round"])
    lines += [f"Failed: {what} (round {', '.join(map(str, sorted(set(rounds))))})." for what, rounds in failed.items()]
    return "\n\n".join(lines).split("\n")
