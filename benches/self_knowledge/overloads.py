"""Ways to make a client measure badly, each drawn at random, each bounded in time and undone whatever happens."""

import contextlib
import fcntl
import os
import pathlib
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import truth  # noqa: E402


def nothing(*_):
    return None


@dataclass
class Overload:
    """One drawn overload: what it is in words, and where it takes hold."""

    what: str
    # The client, if not the one that is tested.
    binary: pathlib.Path | None = None
    # In the client's process, before it becomes the client.
    prepare_child: Callable = nothing
    # A context around the client's life; it gets a pidfd. And one that gets the endpoint's.
    during: Callable = contextlib.nullcontext
    beside: Callable = contextlib.nullcontext
    # Lines of the target, flags of `run`, flags of the endpoint.
    target: tuple = ()
    arguments: tuple = ()
    endpoint: tuple = ()
    # The fewest users with whom it bites.
    users: tuple = (10, 100)
    # Where results go, if not beside the scenario.
    out: pathlib.Path | None = None
    # Whether the endpoint cannot know when first bytes were sent: see truth.Join.
    lost: bool = False


@contextlib.contextmanager
def thread(work):
    """`work(ended)` in a thread until the block is over; `ended(seconds)` sleeps, and is true once it is."""
    over = threading.Event()
    worker = threading.Thread(target=work, args=(over.wait,))
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def tell(pidfd, number):
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


def stop_for(pidfd, seconds, ended):
    tell(pidfd, signal.SIGSTOP)
    ended(seconds)
    tell(pidfd, signal.SIGCONT)


def hog(random, _):
    """Busy loops on the client's core."""
    count = random.randint(1, 3)

    @contextlib.contextmanager
    def during(_):
        loops = [truth.start([sys.executable, "-c", "while True: pass"], truth.CLIENT_CORE) for _ in range(count)]
        try:
            yield
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()

    return Overload(f"{count} busy loops on its core", during=during, users=(10, 200))


def duty_cycle(random, _):
    """Stopped and let go on, again and again."""
    share, period = random.uniform(0.2, 0.8), random.uniform(0.02, 0.2)

    def during(pidfd):
        def work(ended):
            while not ended(period * share):
                stop_for(pidfd, period * (1 - share), ended)

        return thread(work)

    return Overload(f"runs {share:.0%} of every {period * 1e3:.0f} ms", during=during)


def stopped(random, _):
    """Stopped once to three times for 50 to 500 ms."""
    stops = [(random.uniform(0.05, 0.8), random.uniform(0.05, 0.5)) for _ in range(random.randint(1, 3))]

    def during(pidfd):
        def work(ended):
            for after, seconds in stops:
                if ended(after):
                    return
                stop_for(pidfd, seconds, ended)

        return thread(work)

    return Overload("stopped for " + ", ".join(f"{seconds * 1e3:.0f} ms" for _, seconds in stops), during=during)


def late_endpoint(random, _):
    """The endpoint stands still now and then, and writes what was due all at once: its fault, to be told as such."""
    still, moving = random.uniform(0.002, 0.02), random.uniform(0.05, 1.0)

    def beside(pidfd):
        def work(ended):
            while not ended(moving):
                stop_for(pidfd, still, ended)

        return thread(work)

    return Overload(f"its endpoint stands still for {still * 1e3:.0f} of {(still + moving) * 1e3:.0f} ms", beside=beside)


def quota(random, tools):
    """A cgroup's quota; without one that we may write to, the duty cycle in its place."""
    if not tools.cgroup:
        return duty_cycle(random, tools)
    share, period_us = random.uniform(0.2, 0.8), random.choice([20_000, 50_000, 100_000])
    tools.cgroup.limit(share, period_us)
    what = f"a quota of {share:.0%} in {period_us // 1000} ms ({tools.cgroup.version})"
    return Overload(what, prepare_child=tools.cgroup.enter, users=(200, 500))


def blocked_worker(random, tools):
    """The threads that read are held, asleep or at work, by tasks of the client's own; needs a build with its faults."""
    if not tools.faulty:
        return duty_cycle(random, tools)
    held, free = random.randint(5, 150), random.randint(5, 100)
    how = random.choice(["block", "spin"])
    faults = {"LAMB_LOAD_FAULTS": f"{how}={held}/{held + free}"}
    what = f"its threads held for {held} of every {held + free} ms ({how})"
    return Overload(what, binary=tools.faulty, prepare_child=lambda: os.environ.update(faults))


def descriptors(random, _):
    """A hard limit of descriptors, near what is needed or far below."""
    spare = random.choice([-random.randint(1, 9), random.randint(5, 40), random.randint(60, 75)])
    users = random.randint(10, 100)
    limit = max(12, users + spare)

    def prepare_child():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    return Overload(f"{limit} descriptors for {users} users", prepare_child=prepare_child, users=(users, users))


def backlog(_, __):
    """A server that queues four connections, met by cold ones."""
    cold, queue = ('connections = "cold"',), ("--backlog", "4")
    return Overload("a backlog of 4", target=cold, endpoint=queue, users=(8, 40), lost=True)


def slow_disk(random, tools):
    """A file system under the results that stands still again and again; without one, a reader that is slow."""
    if not tools.disk:
        return slow_reader(random, tools)
    frozen, moving = random.uniform(0.05, 0.5), random.uniform(0.02, 0.3)
    what = f"its disk stands still for {frozen * 1e3:.0f} ms, moves for {moving * 1e3:.0f}"
    return Overload(what, during=lambda _: tools.disk.slow(frozen, moving), out=tools.disk.folder)


def slow_reader(random, tools):
    """`--responses` into a pipe of one page that is read a little at a time, by the hand that also writes the CSV."""
    pause = random.uniform(0.02, 0.1)
    # It stands before the client opens it.
    pipe = tools.folder / f"responses-{random.getrandbits(64):x}"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)

    @contextlib.contextmanager
    def during(_):
        def work(ended):
            while not ended(pause):
                if select.select([reader], [], [], 0)[0]:
                    os.read(reader, 2048)

        try:
            with thread(work):
                yield
        finally:
            os.close(reader)

    what = f"its answers go into a pipe read every {pause * 1e3:.0f} ms"
    return Overload(what, during=during, arguments=("--responses", pipe))


def clock(random, _):
    """The wall clock, which the kernel stamps with, is set back and forth all the time. Needs root, and is undone."""
    step, pause = random.uniform(0.002, 0.05), random.uniform(0.002, 0.05)

    def during(_):
        def work(ended):
            offset = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
            moved = 0.0
            while not ended(pause):
                moved = step - moved
                time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_MONOTONIC) + offset + moved)
            time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_MONOTONIC) + offset)

        return thread(work)

    return Overload(f"its wall clock is set by {step * 1e3:.0f} ms every {pause * 1e3:.0f} ms", during=during, users=(50, 300), lost=True)


KINDS = {
    "hog": hog,
    "quota": quota,
    "duty_cycle": duty_cycle,
    "stopped": stopped,
    "blocked_worker": blocked_worker,
    "late_endpoint": late_endpoint,
    "slow_disk": slow_disk,
    "slow_reader": slow_reader,
    "descriptors": descriptors,
    "backlog": backlog,
}


# What is not done to a machine unless it is asked for by name.
RUDE_KINDS = {"clock": clock}


class Cgroup:
    """A control group of our own with a quota of processor time; gone at the end."""

    def __init__(self, folder, version):
        self.folder, self.version = folder, version

    @staticmethod
    def make():
        """One under v2 or v1, whichever is writable; `None` where neither is."""
        name = f"lamb-load-self-knowledge-{os.getpid()}"
        for base, version, file in (
            ("/sys/fs/cgroup", "cgroup v2", "cpu.max"),
            ("/sys/fs/cgroup/cpu", "cgroup v1", "cpu.cfs_quota_us"),
            ("/sys/fs/cgroup/cpu,cpuacct", "cgroup v1", "cpu.cfs_quota_us"),
        ):
            folder = pathlib.Path(base) / name
            try:
                folder.mkdir()
            except OSError:
                continue
            if (folder / file).exists() and (folder / "cgroup.procs").exists():
                return Cgroup(folder, version)
            folder.rmdir()
        return None

    def limit(self, share, period_us):
        if self.version == "cgroup v2":
            (self.folder / "cpu.max").write_text(f"{int(share * period_us)} {period_us}")
        else:
            (self.folder / "cpu.cfs_quota_us").write_text("-1")
            (self.folder / "cpu.cfs_period_us").write_text(str(period_us))
            (self.folder / "cpu.cfs_quota_us").write_text(str(int(share * period_us)))

    def enter(self):
        (self.folder / "cgroup.procs").write_text("0")

    def remove(self):
        for _ in range(50):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.1)


class Disk:
    """A small file system in a file, frozen and thawed by a keeper of its own: not even our death leaves it frozen."""

    def __init__(self, base):
        self.folder = base / "disk"
        self.folder.mkdir()
        image = base / "image"
        with open(image, "wb") as file:
            file.truncate(64 * 2**20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        keeper = [sys.executable, __file__, image, self.folder]
        self.keeper = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        if self.keeper.stdout.readline() != "mounted\n":
            self.keeper.wait()
            raise OSError("no file system could be mounted")

    @staticmethod
    def make(base):
        """One, where we may mount; `None` elsewhere."""
        needed = ("mkfs.ext4", "mount", "umount", "fsfreeze")
        if os.geteuid() != 0 or not all(map(shutil.which, needed)):
            return None
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            return Disk(base)
        return None

    @contextlib.contextmanager
    def slow(self, frozen, moving):
        self.say(f"{frozen} {moving}")
        try:
            yield
        finally:
            self.say("0 0")

    def say(self, words):
        self.keeper.stdin.write(words + "\n")
        self.keeper.stdin.flush()
        self.keeper.stdout.readline()

    def remove(self):
        self.keeper.stdin.close()
        self.keeper.wait(30)


def keep(image, folder):
    """The keeper: mounts, freezes and thaws as it is told on stdin, and cleans up when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True).returncode != 0:
        return
    print("mounted", flush=True)
    freeze = lambda how: subprocess.run(["fsfreeze", how, folder], capture_output=True)  # noqa: E731
    frozen = moving = 0.0
    try:
        while True:
            if frozen:
                freeze("-f")
                heard = select.select([sys.stdin], [], [], frozen)[0]
                freeze("-u")
            if not frozen or heard or select.select([sys.stdin], [], [], moving)[0]:
                line = sys.stdin.readline()
                if not line:
                    return
                frozen, moving = map(float, line.split())
                print("heard", flush=True)
    finally:
        freeze("-u")
        while subprocess.run(["umount", folder], capture_output=True).returncode == 32:
            time.sleep(0.2)


class Tools:
    """What this machine lets us do to the client; undone at the end."""

    def __init__(self, faulty=None):
        self.faulty = faulty

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        self.cgroup, self.disk = Cgroup.make(), Disk.make(self.folder)
        return self

    def __exit__(self, *_):
        for tool in filter(None, (self.cgroup, self.disk)):
            tool.remove()
        self.scratch.cleanup()

    def missing(self):
        """What is left out here, and what stands in its place."""
        if not self.cgroup:
            yield "no cgroup that we may write to: a SIGSTOP/SIGCONT duty cycle in place of the quota"
        if not self.faulty:
            yield "no build with the client's faults (--faulty): a duty cycle in place of the blocked worker"
        if not self.disk:
            yield "no file system that we may mount and freeze: a slow reader of --responses in place of the slow disk"


if __name__ == "__main__":
    keep(sys.argv[1], sys.argv[2])
