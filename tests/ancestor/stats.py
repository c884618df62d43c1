"""The ancestor's RESULTS block, from latencies that are given.

Usage: stats.py requests.csv        the block of a run's load, from end_ms - due_ms of every row
       stats.py --sets < FILE       one JSON object a line: {"total": s, "rows": [{"user", "status", "ok", "seconds", "preview"}]};
                                    the blocks follow each other, each ended by a line "%%"

Written from what the ancestor prints, not from its text: labels, order and number formats are the contract, Python's
`statistics` module is the arithmetic.
"""

import csv
import json
import statistics
import sys

RULE = "=" * 65


def number(label, seconds):
    return f"    {label + ':':<16}{seconds:6.2f}s"


def spread(title, seconds, everything):
    """Min to median; standard deviation and P90 only where every request counts."""
    lines = [f"  Response times ({title}):"]
    lines.append(number("Min", min(seconds)))
    lines.append(number("Max", max(seconds)))
    lines.append(number("Mean", statistics.mean(seconds)))
    lines.append(number("Median", statistics.median(seconds)))
    if everything and len(seconds) > 1:
        lines.append(number("Std dev", statistics.stdev(seconds)))
    if everything:
        lines.append(number("P90", sorted(seconds)[int(len(seconds) * 0.9)]))
    return lines


def block(total, rows):
    """The lines between the header and the last line; `rows` in the order in which requests ended."""
    good = [row for row in rows if row["ok"]]
    bad = [row for row in rows if not row["ok"]]
    lines = [RULE, "  RESULTS", RULE]
    for label, value in (
        ("Total time", f"{total:.2f}s"),
        ("Requests sent", len(rows)),
        ("Successful", len(good)),
        ("Failed", len(bad)),
        ("Success rate", f"{len(good) / len(rows) * 100:.1f}%"),
    ):
        lines.append(f"  {label + ':':<18}{value}")
    lines.append("")
    lines += spread("all", [row["seconds"] for row in rows], True)
    if good:
        lines += [""] + spread("successes only", [row["seconds"] for row in good], False)
    if bad:
        lines += ["", "  Failures:"]
        lines += [f"    User {row['user']:3d}: status={row['status']} - {row['preview'][:80]}" for row in bad[:10]]
        if len(bad) > 10:
            lines.append(f"    ... and {len(bad) - 10} more")
    return lines + [RULE, ""]


def passed(rows):
    return sum(row["ok"] for row in rows) / len(rows) >= 0.9


def verdict(rows):
    return "LOAD TEST PASSED" if passed(rows) else "LOAD TEST FAILED (< 90% success rate)"


def read(path):
    """The load's rows of a requests.csv, in order of end, and the makespan."""
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["phase"] != "load":
                continue
            due, end = float(row["due_ms"]), float(row["end_ms"])
            rows.append(
                {
                    "user": int(row["user"]),
                    "status": int(row["status"] or 0),
                    "ok": row["outcome"] == "ok",
                    "seconds": round(end - due, 6) / 1000,
                    "end": end,
                    "preview": row["error"],
                }
            )
    rows.sort(key=lambda row: row["end"])
    return max(row["end"] for row in rows) / 1000, rows


def main():
    if sys.argv[1:] == ["--sets"]:
        for line in sys.stdin:
            one = json.loads(line)
            print("\n".join(block(one["total"], one["rows"]) + [verdict(one["rows"]), "%%"]))
        return
    total, rows = read(sys.argv[1])
    print("\n".join(block(total, rows) + [verdict(rows)]))


if __name__ == "__main__":
    main()
