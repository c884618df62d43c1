"""Injects the faults that the validity checks are for, on this machine, and says of each check whether it fired.

Usage: python3 benches/validity.py [BINARY]      Linux; Python 3.10 or later, nothing else

BINARY must be built with `--features faults` (never a release). Each fault has its pair: the same run without it, in
which the check must stay silent. What this machine cannot inject (steal, a quota without a writable cgroup) is said to
be so; its pair on recorded facts is in `src/stats/validity/tests.rs`. Exits 1 if a check did not do what it should.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIRED = {"note", "not_comparable", "degraded", "invalid"}
# An answer of a second: 300 ms to the first token, then 35 of 20 ms.
PACE = ["--first-token", "300ms", "--per-token", "20ms"]


class Endpoint:
    def __init__(self, binary, *flags):
        command = [binary, "mock", "--port", "0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = re.search(r"http://\S+", self.process.stdout.readline())[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()


class Client:
    """One run; `summary` is its document, `None` where there is none."""

    def __init__(self, binary, url, *, users=40, top="", target="", request="stream = true", prefix=(), faults="", preflight=1, meanwhile=None):
        with tempfile.TemporaryDirectory() as folder:
            text = f'models = ["m"]\nprompts = ["Count to thirty-five."]\nusers = [{users}]\n{top}\n[request]\n{request}\n'
            text += f'[targets.t]\nurl = "{url}"\n{target}\n[preflight]\nrequests = {preflight}\n'
            (pathlib.Path(folder) / "s.toml").write_text(text)
            environment = {**os.environ, "LAMB_LOAD_FAULTS": faults}
            command = [*prefix, binary, "run", "s.toml", "--format", "json"]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            process = subprocess.Popen(command, cwd=folder, env=environment, **pipes)
            if meanwhile:
                meanwhile(process)
            out, self.said = process.communicate()
            self.code = process.returncode
            self.summary = json.loads(out) if out.strip() else None

    def case(self):
        return self.summary["cases"][0]["validity"]

    def check(self, name):
        found = [check for check in self.case()["checks"] if check["id"] == name]
        return found[0]["label"], found[0]["sentence"]

    def metric(self, name):
        metric = self.case()["metrics"][name]
        return metric["label"], f"error {metric['error_ms']:.3f} ms, valid up to {metric['limit_ms']:.1f} ms"


def stop(process, after, held):
    """SIGSTOP for a while."""
    time.sleep(after)
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(held)
        process.send_signal(signal.SIGCONT)


ANSWER = " ".join(str(number) for number in range(1, 36))


def set_clock(process):
    """The wall clock, which the kernel stamps with, is set by 20 ms and back; nothing where we may not."""
    offset = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    for by in (0.02, 0.0):
        time.sleep(0.4)
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_MONOTONIC) + offset + by)


def may_set_clock():
    with contextlib.suppress(OSError):
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME))
        return True
    return False


def drop_pages(process):
    """Asks the kernel to take the client's program out of memory while it runs: it must come back from the disk."""
    class Range(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    time.sleep(0.7)
    libc, madv_pageout, process_madvise = ctypes.CDLL(None, use_errno=True), 21, 440
    pidfd, program = os.pidfd_open(process.pid), os.readlink(f"/proc/{process.pid}/exe")
    for line in pathlib.Path(f"/proc/{process.pid}/maps").read_text().splitlines():
        if line.split()[-1] == program:
            low, high = (int(end, 16) for end in line.split()[0].split("-"))
            if libc.syscall(process_madvise, pidfd, ctypes.byref(Range(low, high - low)), 1, madv_pageout, 0) < 0:
                raise OSError(ctypes.get_errno(), "process_madvise")
    os.close(pidfd)
    # Pages that nobody maps any more are let go of, so that the next touch has to read them.
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("1")


@contextlib.contextmanager
def closing_server(after):
    """A server that closes a connection on which nothing came for that long, and answers otherwise."""
    answer = json.dumps(
        {
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        }
    )

    def serve(connection):
        with connection:
            connection.settimeout(after)
            try:
                if connection.recv(65536):
                    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
                    time.sleep(0.2)
                    connection.sendall((head + answer).encode())
            except TimeoutError:
                pass

    def listen():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def quota_group():
    """A cgroup with half a processor, or nothing where none can be made."""
    for root, files in [
        ("/sys/fs/cgroup", {"cpu.max": "10000 50000"}),
        ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "50000", "cpu.cfs_quota_us": "10000"}),
    ]:
        group = pathlib.Path(root) / f"lamb-validity-{os.getpid()}"
        try:
            group.mkdir()
            if not (group / "cgroup.procs").exists():
                raise OSError("a folder, and no group")
            for name, value in files.items():
                (group / name).write_text(value)
            return group
        except OSError:
            if group.is_dir():
                group.rmdir()
    return None


class Bench:
    def __init__(self, binary):
        self.binary = binary
        self.wrong = 0

    def run(self, mock=(), endpoint=None, tokens=35, pace=PACE, **wishes):
        """A run against an endpoint of its own; `endpoint` does something to the endpoint's process meanwhile."""
        with Endpoint(self.binary, *pace, "--tokens", str(tokens), *mock) as server:
            meanwhile = wishes.pop("meanwhile", None)
            both = (lambda client: endpoint(server.process)) if endpoint else meanwhile
            return Client(self.binary, server.url, meanwhile=both, **wishes)

    def tell(self, name, fault, right, what):
        self.wrong += not right
        print(f"{'ok   ' if right else 'WRONG'}  {name:16} {fault:44} {what}", flush=True)

    def fires(self, names, fault, client):
        if client.summary is None:
            return self.tell(",".join(names), fault, False, f"exit {client.code}: {client.said.strip()[:200]}")
        for name in names:
            label, sentence = client.check(name)
            self.tell(name, fault, label in FIRED, f"{label}: {sentence[:150]}")

    def doubts(self, names, fault, client):
        for name in names:
            label, what = client.metric(name)
            self.tell(name, fault, label != "valid", f"{label}: {what}")


def main():
    binary = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/lamb-load").resolve())
    bench = Bench(binary)

    clean = bench.run()
    for check in clean.case()["checks"]:
        silent = check["label"] not in FIRED
        bench.tell(check["id"], "none", silent, f"{check['label']}: {check['sentence'][:150]}")
    for name in clean.case()["metrics"]:
        label, what = clean.metric(name)
        bench.tell(name, "none", label == "valid", f"{label}: {what}")
    twins = bench.run(mock=["--fault", "many_tokens_per_chunk"])
    bench.tell("gap", "several tokens an event, idle client", twins.metric("gap")[0] == "valid", twins.metric("gap")[1])

    held = bench.run(faults="block=150/200")
    bench.fires(["runtime_lag", "control_stream"], "crews blocked 150 of 200 ms", held)
    bench.doubts(["gap"], "crews blocked 150 of 200 ms", held)
    unstamped = bench.run(faults="block=150/200,no_kernel_time")
    bench.doubts(["latency", "ttft", "gap"], "the same without kernel time", unstamped)
    stopped = bench.run(tokens=60, preflight=0, meanwhile=lambda client: stop(client, 1.0, 0.4))
    bench.doubts(["gap"], "SIGSTOP for 400 ms in the stream", stopped)
    wave = bench.run(users=4000, tokens=2, faults="block=150/160", top="timeout = \"60s\"")
    bench.fires(["send_lag", "skew"], "4000 users, crews blocked 150 of 160 ms", wave)
    bench.fires(["client_cpu"], "crews at work 95 of 100 ms", bench.run(faults="spin=95/100"))

    few = bench.run(users=400, prefix=["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"])
    refused = few.code == 2 and "ulimit" in few.said
    bench.tell("limits", "64 descriptors for 400 users", refused, f"exit {few.code}: {few.said.strip()[:150]}")
    queue = bench.run(
        mock=["--backlog", "4"], users=60, preflight=0, target='connections = "cold"',
        endpoint=lambda server: stop(server, 0.0, 1.6),
    )
    bench.fires(["connect"], "backlog of 4, stopped for 1.6 s", queue)
    lost = bench.run(faults="lose_row")
    bench.fires(["conservation"], "one row lost", lost)
    bench.tell("conservation", "one row lost", lost.code == 4, f"exit {lost.code}")
    bench.fires(["identity"], "half from another model", bench.run(mock=["--fault", "other_fingerprint=50%"]))
    buffered = bench.run(mock=["--fault", "buffered"])
    bench.fires(["buffered"], "everything in one write", buffered)
    bench.doubts(["ttft", "gap"] if "gap" in buffered.case()["metrics"] else ["ttft"], "everything in one write", buffered)
    bench.fires(["length_limited"], "cut at a length", bench.run(mock=["--fault", "length"]))

    at_once = bench.run(users=400, pace=["--first-token", "1ms", "--per-token", "0ms"], tokens=1)
    bench.fires(["simultaneity"], "answers of a millisecond to 400 users", at_once)
    lowered = lambda client: (time.sleep(0.3), resource.prlimit(client.pid, resource.RLIMIT_NOFILE, (40, 40)))  # noqa: E731
    failed = bench.run(users=60, preflight=0, top="[burst]\nspread = \"2s\"", target='connections = "cold"', meanwhile=lowered)
    bench.fires(["client_failed"], "40 descriptors, once it runs, for 60 users", failed)
    with closing_server(5.0) as url:
        bench.fires(["caching"], "the same answer to everybody", Client(bench.binary, url, request=""))
    with closing_server(0.5) as url:
        met = Client(bench.binary, url, preflight=0, top="[burst]\nspread = \"2s\"", request="")
    bench.fires(["stale"], "connections closed half a second after they stood", met)
    if may_set_clock():
        moved = bench.run(tokens=60, preflight=0, meanwhile=set_clock)
        bench.fires(["clock"], "the wall clock set by 20 ms and back", moved)
        bench.doubts(["latency", "ttft", "gap"], "the wall clock set by 20 ms and back", moved)
        bench.fires(["memory"], "its program taken out of memory", bench.run(tokens=60, preflight=0, meanwhile=drop_pages))
    else:
        print("-      clock, memory    need root: recorded facts only")

    group = quota_group()
    if group:
        enter = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
        bench.fires(["throttled"], "a fifth of a processor", bench.run(users=300, prefix=enter))
        group.rmdir()
    else:
        print("-      throttled        no cgroup can be made here: recorded facts only")
    print("-      steal, read_lag  cannot be injected from here: recorded facts only")
    print(f"{bench.wrong} wrong")
    sys.exit(1 if bench.wrong else 0)


if __name__ == "__main__":
    main()
