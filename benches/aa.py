"""How often `ab --aa` raises a false alarm in earnest: real runs, real sockets, one endpoint against itself.

Usage: aa.py [BINARY] [--runs 200] [--pairs 5] [--users 10] [--seed N]
                                for example: python3 benches/aa.py target/release/lamb-load

The endpoint is the embedded one in a process of its own, time-scaled: answers take a few milliseconds, lognormal. Each run is
`lamb-load ab --aa` with another seed, by turns with a fixed number of pairs and with `--pairs auto`. Exits 1 where more runs
are called worse or better than luck explains once in a hundred times: more than 18 of 200.
"""

import argparse
import collections
import json
import math
import pathlib
import subprocess
import sys
import tempfile

ALARMS = ("worse", "slightly_worse", "better")

SCENARIO = """models = ["m"]
users = [{users}]
prompts = ["Say hello."]
timeout = "10s"

[preflight]
requests = 1
models = false

[targets.endpoint]
url = "{url}"
"""


def most(runs, chance=0.05, luck=0.01):
    """The smallest count that as many runs exceed less often than `luck`, each an alarm with `chance`."""
    below = 0.0
    for count in range(runs + 1):
        below += math.comb(runs, count) * chance**count * (1 - chance) ** (runs - count)
        if 1 - below <= luck:
            return count
    return runs


def endpoint(binary):
    command = [binary, "mock", "--port", "0", "--tokens", "1"]
    command += ["--first-token", '{lognormal={median="4ms",sigma=0.5}}', "--per-token", "0ms"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    url = next((word for word in line.split() if word.startswith("http://")), None)
    if url is None:
        process.kill()
        sys.exit(f"the endpoint did not say where it listens: {line!r}")
    return process, url


def verdict(binary, folder, pairs, seed):
    command = [binary, "ab", "aa.toml", "--aa", "--pairs", pairs, "--set", f"seed={seed}", "--allow-invalid", "--format", "json"]
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"exit {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)["verdict"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="target/release/lamb-load", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    binary = args.binary.resolve()
    process, url = endpoint(binary)
    found = {str(args.pairs): collections.Counter(), "auto": collections.Counter()}
    try:
        for run in range(args.runs):
            pairs = list(found)[run % 2]
            # Each run has a folder of its own, gone with it: what is counted is the verdict.
            with tempfile.TemporaryDirectory() as folder:
                pathlib.Path(folder, "aa.toml").write_text(SCENARIO.format(users=args.users, url=url))
                found[pairs][verdict(binary, folder, pairs, args.seed + run)] += 1
            if (run + 1) % 20 == 0:
                print(f"{run + 1} of {args.runs}", file=sys.stderr)
    finally:
        process.terminate()
        process.wait()
    for pairs, verdicts in found.items():
        print(f"--pairs {pairs}: " + ", ".join(f"{count} {name}" for name, count in verdicts.most_common()))
    alarms = sum(verdicts[name] for verdicts in found.values() for name in ALARMS)
    limit = most(args.runs)
    print(f"false alarms: {alarms} of {args.runs} runs (at most {limit})")
    return 1 if alarms > limit else 0


if __name__ == "__main__":
    sys.exit(main())
