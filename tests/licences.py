"""Holds Cargo.lock to deny.toml's licences, bans and sources, without cargo-deny.

Usage: tests/licences.py        needs Python 3.11 and cargo
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]


def allowed(expression, allow):
    """Whether an SPDX expression can be met by the allowed licences: OR chooses, AND needs both."""
    # `MIT/Apache-2.0` is the old way to say OR.
    parts = re.findall(r"\(|\)|[^\s()]+(?: WITH [^\s()]+)?", expression.replace("/", " OR "))
    words = ["(" if part == "(" else ")" if part == ")" else {"OR": "or", "AND": "and"}.get(part, str(part in allow)) for part in parts]
    return eval(" ".join(words), {"__builtins__": {}})  # only True, False, and, or and brackets are left


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allow = set(rules["licenses"]["allow"])
    banned = {ban["name"]: ban["reason"] for ban in rules["bans"]["deny"]}
    assert allowed("MIT AND (ISC OR LGPL-3.0)", {"MIT", "ISC"}) and not allowed("GPL-3.0/LGPL-3.0", {"MIT"})
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)["packages"]
    wrong = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if not package["license"] or not allowed(package["license"], allow):
            wrong.append(f"{name}: licence {package['license']} is not in deny.toml")
        if package["name"] in banned:
            wrong.append(f"{name}: {banned[package['name']]}")
        if package["source"] and not package["source"].startswith("registry+"):
            wrong.append(f"{name}: comes from {package['source']}")
    print("\n".join(wrong) if wrong else f"{len(packages)} packages: licences, bans and sources are as deny.toml says")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
