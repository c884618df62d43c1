"""What the checks against real servers share: install, start, wait, run lamb-load, read its rows, compare.

Everything is installed below `target/real_servers/` of the repository, from PyPI and npm by package name, and every
server listens on 127.0.0.1 only.
"""

import csv
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = ROOT / "target" / "real_servers"


def venv(name, *packages):
    """A virtual environment with these packages; made once, made again when the list changes."""
    home = HOME / name
    marker = home / "installed.txt"
    wanted = "\n".join(packages)
    if not marker.exists() or marker.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
        marker.write_text(wanted)
    return home / "bin"


def npm(name, package):
    """A folder with this package and what it needs."""
    home = HOME / name
    marker = home / "installed.txt"
    if not marker.exists() or marker.read_text() != package:
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", package], cwd=home, check=True)
        marker.write_text(package)
    return home / "node_modules"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server's process: its log is a file, and it ends with the block."""

    def __init__(self, name, command, ready, environment=None):
        self.name, self.command, self.ready, self.environment = name, [str(part) for part in command], ready, environment
        HOME.mkdir(parents=True, exist_ok=True)
        self.log_path = HOME / f"{name}.log"

    def __enter__(self):
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(self.environment or {})},
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self, seconds=180):
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                sys.exit(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-4000:]}")
            try:
                with urllib.request.urlopen(self.ready, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)
        sys.exit(f"{self.name} was not ready within {seconds} s:\n{self.log()[-4000:]}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def log(self):
        return self.log_path.read_text(errors="replace")


def get_json(url, headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=30) as answer:
        return json.load(answer)


class Run:
    """One `lamb-load run` and what it left."""

    def __init__(self, binary, scenario, out, *flags, environment=None):
        command = [binary, "run", scenario, "--out", out, "--color", "never", "--allow-invalid", *flags]
        self.finished = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **(environment or {})},
            timeout=300,
        )
        self.code = self.finished.returncode
        self.folder = pathlib.Path(out) / pathlib.Path(scenario).stem / "latest"
        self.rows = []
        if (self.folder / "requests.csv").exists():
            with open(self.folder / "requests.csv", newline="", encoding="utf-8") as file:
                self.rows = list(csv.DictReader(file))

    def said(self):
        return f"{self.finished.stdout}\n{self.finished.stderr}"


class Check:
    """Collects what differs; `end()` says it and exits 1, or says what was compared."""

    def __init__(self, server):
        self.server, self.differences, self.compared = server, [], 0

    def equal(self, what, ours, theirs):
        self.compared += 1
        if ours != theirs:
            self.differences.append(f"{what}:\n    lamb-load  {ours}\n    {self.server:<9}  {theirs}")

    def run_was(self, what, run, code):
        self.compared += 1
        if run.code != code:
            self.differences.append(f"{what}: exit code {run.code}, not {code}\n{run.said()[-3000:]}")

    def end(self):
        for difference in self.differences:
            print(f"MISMATCH {difference}")
        passed = self.compared - len(self.differences)
        print(f"{self.server}: {passed} of {self.compared} comparisons with the server's own log agree")
        sys.exit(1 if self.differences else 0)


def count(rows, *columns):
    """How often each combination of these columns occurs, sorted, as plain values."""
    return sorted(Counter(tuple(row[column] for column in columns) for row in rows).items())
