"""Finds a tool, or builds or installs it from a package registry; what it installs goes under target/, but for Debian's
packages, which only root may install. Whatever fails is a sentence in the table's notes and ends nothing."""

import json
import os
import shutil
import subprocess
import sys

import truth

HOME = truth.ROOT / "target" / "side_by_side"


class Missing(Exception):
    """Why a tool cannot be run."""


def run(command, what, timeout_s, **more):
    """A step of an installation, its output only told when it fails."""
    print(f"… {what}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s, **more)
    except FileNotFoundError:
        raise Missing(f"there is no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise Missing(f"{what} took longer than {timeout_s} s") from None
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise Missing(f"{what} failed: {lines[-1] if lines else 'it does not say why'}")


def crate(name, version, install, *flags):
    """A binary that cargo builds."""
    root = HOME / name
    binary = root / "bin" / name
    if binary.exists():
        return binary
    if not install:
        raise Missing("not installed")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(HOME / "build")}
    command = ["cargo", "install", "--locked", "--root", root, *flags, f"{name}@{version}"]
    run(command, f"cargo install {name}@{version}", 1200, env=environment)
    return binary


def debian(binary, package, install):
    """A binary from a package of Debian's."""
    if found := shutil.which(binary):
        return found
    if not install:
        raise Missing("not installed")
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"not installed, and only root may install it: apt-get install {package}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], "apt-get update", 120, env=quiet)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], f"apt-get install {package}", 300, env=quiet)
    return shutil.which(binary)


def python(name, wanted, install):
    """The folder of binaries of a virtual environment with one package that pip installs."""
    root = HOME / name
    whole = root / "whole"
    if not whole.exists():
        if not install:
            raise Missing("not installed")
        run([sys.executable, "-m", "venv", "--clear", root], f"a virtual environment for {name}", 120)
        run([root / "bin" / "pip", "install", "-q", *wanted], f"pip install {' '.join(wanted)}", 1200)
        whole.touch()
    return root / "bin"


def floors(binary):
    """The floors: the binary given, or built as a bench of this crate."""
    if binary:
        return os.path.abspath(binary)
    command = ["cargo", "bench", "--locked", "--bench", "floors", "--no-run", "--message-format", "json"]
    print("… cargo bench --bench floors --no-run", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=truth.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=1800)
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if said.get("executable") and said["target"]["name"] == "floors":
            return said["executable"]
    raise SystemExit(f"the floors do not build:\n{done.stderr}")


def ours(binary):
    """lamb-load: the binary given, or a release build."""
    if binary:
        return os.path.abspath(binary)
    print("… cargo build --release", file=sys.stderr, flush=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=truth.ROOT, check=True, timeout=1800)
    return truth.BINARY
