"""The same work for lamb-load, its peers and the floors, by turns, at one endpoint that logs what it did; then the table.

    python3 benches/side_by_side                      installs what is missing, three rounds (about fifteen minutes)
    python3 benches/side_by_side --python-peers       with aiperf and guidellm, which take a minute each to start
    python3 benches/side_by_side --markdown           prints the README's block and nothing else
    python3 benches/side_by_side --render FILE        an earlier result again, without measuring
    python3 benches/side_by_side --short              small loads and only what is there: does the script still work?

Linux, two cores or more, nothing else at work. Peers come from package registries and live under target/, but for wrk,
h2load and ab, which are Debian's. The result is kept in target/side_by_side/result.json. Exit 1 when our own run or a floor's
failed, and with --strict when a claim does not hold.
"""

import argparse
import datetime
import json
import os
import pathlib
import sys
import time
from dataclasses import asdict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import loads  # noqa: E402
import measure  # noqa: E402
import obtain  # noqa: E402
import python_peers  # noqa: E402
import table  # noqa: E402
import tools  # noqa: E402
import truth  # noqa: E402
import verdict  # noqa: E402


def say(text):
    print(text, file=sys.stderr, flush=True)


def gather(options):
    """The tools that can be run, and why the others cannot."""
    ours, floors = obtain.ours(options.binary), obtain.floors(options.floors)
    wanted = options.tools.split(",") if options.tools else None
    found, missing = [], {}
    for name, make in [*tools.PEERS, *(python_peers.PEERS if options.python_peers else [])]:
        if not options.no_peers and (wanted is None or any(word in name for word in wanted)):
            try:
                found.append(make(not options.short))
            except obtain.Missing as problem:
                missing[name] = str(problem)
    found += [tools.floor(floors, kind, name) for kind, name in tools.FLOORS]
    return [*found, tools.ours(ours)], missing, ours


def run(options):
    """Every tool on every load, round by round; on each load the floors and ours last, in several turns."""
    members, missing, binary = gather(options)
    if not options.short:
        settle()
    chosen = loads.SHORT if options.short else loads.LOADS
    if options.only:
        chosen = [load for load in chosen if load.name in options.only.split(",")]
    machine, rows = truth.machine(), []
    say(machine)
    for number in range(1, options.rounds + 1):
        for load in chosen:
            for turn, tool in order(members, load, number, options.rounds):
                if tool.can(load):
                    rows.append(tell(measure.measure(tool, load, binary), number, turn))
    return {
        "machine": machine,
        "date": datetime.date.today().isoformat(),
        "rounds": options.rounds,
        "short": options.short,
        "missing": missing,
        "tools": [{"name": t.name, "version": t.version, "floor": t.floor, "records": t.records} for t in members],
        "loads": [asdict(load) for load in chosen],
        "rows": rows,
    }


def settle():
    """Waits, a minute at most, until what was built before is no longer in the load that is told with the machine."""
    for _ in range(60):
        if os.getloadavg()[0] < 0.5:
            return
        time.sleep(1)


def order(members, load, number, rounds):
    """Who runs when in a round, with the turn.

    A machine changes its speed from minute to minute. What is held against each other in CPU therefore runs one right after
    the other, in every other turn the other way round; each peer is once among the first, the middle ones and the last.
    """
    named = {tool.name: tool for tool in members}
    # Ours stands between the two floors that it is held to.
    last = [named.pop(name) for name in (verdict.RAW_FLOOR, verdict.FLOOR, verdict.OURS, verdict.KERNEL_FLOOR)]
    peers = list(named.values())
    first = (number - 1) * len(peers) // rounds
    for tool in [*peers[first:], *peers[:first]]:
        yield from ((turn, tool) for turn in range(1, load.turns_of(tool) + 1))
    for turn in range(1, load.turns + 1):
        yield from ((turn, tool) for tool in (last if (number + turn) % 2 else reversed(last)))


def tell(measured, number, turn):
    row = measure.row(measured, number, turn)
    figures = [f"{key} {table.number(value)}" for key, value in row.items() if isinstance(value, float)]
    say(f"round {number}  {row['load']:13} {row['tool']:36} {row['failure'] or '  '.join(figures)}")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", help="lamb-load; without it a release build is made")
    parser.add_argument("--floors", metavar="FILE", help="the floors, where they are built already")
    parser.add_argument("--rounds", type=int, help="how often each tool does each load (3)")
    parser.add_argument("--short", action="store_true", help="one round of small loads, nothing is installed")
    parser.add_argument("--python-peers", action="store_true", help="aiperf and guidellm too")
    parser.add_argument("--tools", help="only peers whose name holds one of these words, with commas between")
    parser.add_argument("--no-peers", action="store_true", help="only the floors and lamb-load")
    parser.add_argument("--only", help="only these loads, with commas between: " + ",".join(load.name for load in loads.LOADS))
    parser.add_argument("--markdown", action="store_true", help="print the README's block, and nothing else to stdout")
    parser.add_argument("--render", metavar="FILE", help="an earlier result, without measuring")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a claim does not hold")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.short else 3)
    if options.render:
        try:
            told = json.loads(pathlib.Path(options.render).read_text())
        except (OSError, ValueError) as problem:
            parser.error(f"--render {options.render}: {problem}")
    else:
        truth.prepare()
        measure.adopt_orphans()
        told = run(options)
        obtain.HOME.mkdir(parents=True, exist_ok=True)
        (obtain.HOME / f"result{'-short' if options.short else ''}.json").write_text(json.dumps(told, indent=1) + "\n")
    result = table.Result(told)
    print(table.markdown(result))
    lines, broken = verdict.judge(result)
    if told["short"]:
        lines = ["no verdict: small loads say nothing of a tool"]
    print("\n" + "\n".join(lines), file=sys.stderr if options.markdown else sys.stdout)
    relied_on = {verdict.OURS, *(name for _, name in tools.FLOORS)}
    failed = any(row["failure"] for row in told["rows"] if row["tool"] in relied_on)
    return 1 if failed or (options.strict and broken and not told["short"]) else 0


if __name__ == "__main__":
    sys.exit(main())
