"""Does it know when it is wrong? Randomised overloads and clean runs, each held to the endpoint's own log.

    python3 benches/self_knowledge [BINARY] [--overloads 200] [--clean 200]     about a quarter of an hour; Linux
    python3 benches/self_knowledge --overloads 10 --clean 10                    what CI runs
    python3 benches/self_knowledge --seed 7 --only hog,quota                    the same again, or a part of it

The promise: no metric is labelled valid whose true error (the larger of |our P50 − the log's| and |our P99 − the log's|)
exceeds max(1 ms, 5 % of its median). Exits 1 when it is broken. Clean runs that call themselves anything but valid are
counted, with the cause that they name: a tool that doubts everything keeps its promise too, and helps nobody.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import sys
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import overloads  # noqa: E402
import truth  # noqa: E402

# Of 200 clean runs, the most that may call themselves anything but valid.
CLEAN_SHARE = 6 / 200


@dataclass
class Verdict:
    """What became of a run: its label (or why it has none), the causes that it names, and promises that it broke."""

    label: str
    causes: list = field(default_factory=list)
    broken: list = field(default_factory=list)
    checked: int = 0


@contextlib.contextmanager
def held(pid):
    """A descriptor of that process, which nobody else's can take the place of."""
    pidfd = os.pidfd_open(pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def one(binary, draw, overload, folder):
    """One run under an overload, judged."""
    users, streamed = draw.randint(*overload.users), draw.random() < 0.8
    if streamed:
        every = draw.choice([5, 10, 20])
        flags = ["--first-token", f"{draw.randint(50, 300)}ms", "--per-token", f"{every}ms", "--tokens", str(1000 // every)]
    else:
        flags = ["--first-token", f"{draw.randint(300, 1200)}ms", "--per-token", "0ms", "--tokens", "1"]
    what = f"{users} {'streams' if streamed else 'requests'}, {overload.what}"
    out = overload.out or folder
    with truth.Endpoint(binary, folder, *flags, *overload.endpoint) as endpoint:
        scenario = folder / "case.toml"
        scenario.write_text(truth.scenario(endpoint.url, users, streamed, *overload.target))
        command = [overload.binary or binary, "run", scenario, "--out", out, "--allow-invalid", "-q", *overload.arguments]

        @contextlib.contextmanager
        def during(pid):
            with held(pid) as client, held(endpoint.process.pid) as server:
                with overload.during(client), overload.beside(server):
                    yield

        finished = truth.client(command, folder, 60, overload.prepare_child, during)
        records = endpoint.stop()
    run = out / "case" / "latest"
    try:
        return what, judge(finished, run, records, overload.lost)
    finally:
        if overload.out:
            shutil.rmtree(out / "case", ignore_errors=True)


def judge(finished, run, records, lost):
    """Labels against the truth."""
    if finished.code == 2:
        # It refused, said why, and printed no number.
        return Verdict("refused", [finished.said.strip().split("\n")[0]])
    if finished.code < 0 or not (run / "summary.json").exists():
        return Verdict("no summary", [f"exit code {finished.code}: {finished.said.strip()[-300:]}"])
    case = json.loads((run / "summary.json").read_text())["cases"][0]
    validity, rows = case["validity"], truth.load_rows(run)
    verdict = Verdict(validity["label"])
    verdict.causes = [check["id"] for check in validity["checks"] if check["label"] in ("degraded", "invalid")]
    verdict.causes += [f"e({name})" for name, metric in validity["metrics"].items() if metric["error_ms"] is None or metric["error_ms"] > metric["limit_ms"]]
    for row in rows:
        record = records.get(int(row["request"]))
        if row["outcome"] == "ok" and (record is None or record["ended"] != "complete"):
            verdict.broken.append(f"request {row['request']} is ok, and the endpoint says {record and record['ended']}")
            return verdict
    errors = truth.Join(rows, records, lost).errors(case["summary"])
    for name, metric in validity["metrics"].items():
        error = errors.get(name)
        if error is None or metric["label"] != "valid":
            continue
        verdict.checked += 1
        limit = max(1.0, 0.05 * error.true_median)
        if error.larger > limit:
            says = "nothing" if metric["error_ms"] is None else f"{metric['error_ms']:.3f} ms"
            verdict.broken.append(
                f"{name} is valid (its own error: {says}), and off by {error.median:+.3f} ms (P50) and {error.p99:+.3f} ms"
                f" (P99); the promise is {limit:.3f} ms"
            )
    return verdict


def kinds_of(options):
    """Kinds by turns, so that a short run sees each of them."""
    wanted = options.only.split(",") if options.only else list(overloads.KINDS)
    known = overloads.KINDS | overloads.RUDE_KINDS
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.exit(f"no such overload: {', '.join(unknown)} ({', '.join(known)})")
    return wanted


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", nargs="?", default=truth.BINARY, help="lamb-load, a release build")
    parser.add_argument("--faulty", metavar="BINARY", help="a build with `--features faults`, to block its workers")
    parser.add_argument("--overloads", type=int, default=200, metavar="N")
    parser.add_argument("--clean", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", default="", metavar="KINDS", help=f"of {', '.join(overloads.KINDS)}; and by name only {', '.join(overloads.RUDE_KINDS)}")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="keep the folders of runs that break the promise")
    options = parser.parse_args()
    truth.prepare()
    kinds, kinds_known = kinds_of(options), overloads.KINDS | overloads.RUDE_KINDS
    print(f"{truth.machine()}; seed {options.seed}")
    table, broken, doubted = collections.defaultdict(collections.Counter), 0, []
    with overloads.Tools(options.faulty) as tools:
        for what in tools.missing():
            print(f"left out: {what}")
        plan = [kinds[number % len(kinds)] for number in range(options.overloads)] + ["clean"] * options.clean
        for number, kind in enumerate(plan):
            draw = random.Random(f"{options.seed}/{kind}/{number}")
            folder = tools.folder / f"run-{number}"
            folder.mkdir()
            overload = overloads.Overload("nothing in its way") if kind == "clean" else kinds_known[kind](draw, tools)
            what, verdict = one(options.binary, draw, overload, folder)
            table[kind][verdict.label] += 1
            table[kind]["metrics held"] += verdict.checked
            table[kind]["broken"] += bool(verdict.broken)
            for promise in verdict.broken:
                print(f"BROKEN  run {number}, {kind} ({what}): {promise}", flush=True)
            if verdict.label == "no summary":
                print(f"no summary: run {number}, {kind} ({what}): {verdict.causes[0]}", flush=True)
            if kind == "clean" and verdict.label != "valid":
                doubted.append(f"run {number} ({what}): {verdict.label}: {', '.join(verdict.causes) or 'no cause named'}")
            if verdict.broken and options.keep:
                shutil.copytree(folder, options.keep / f"{options.seed}-{number}", symlinks=True, dirs_exist_ok=True)
            broken += bool(verdict.broken)
            shutil.rmtree(folder)
    tell(table, broken, doubted, options)
    return 1 if broken else 0


def tell(table, broken, doubted, options):
    """Both counts, and where they come from."""
    labels = ("valid", "degraded", "invalid", "refused", "no summary", "metrics held", "broken")
    print(f"\n{'':12}" + "".join(f"{label:>14}" for label in labels))
    for kind, counts in table.items():
        print(f"{kind:12}" + "".join(f"{counts[label]:14}" for label in labels))
    print(f"\n{broken} of {options.overloads + options.clean} runs break the promise (must be 0)")
    if options.clean:
        most = int(options.clean * CLEAN_SHARE)
        print(f"{len(doubted)} of {options.clean} clean runs call themselves anything but valid (at most {most} on an idle machine)")
        for line in doubted:
            print(f"  {line}")
    print(truth.machine())


if __name__ == "__main__":
    sys.exit(main())
