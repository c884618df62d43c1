"""Holds the statistics against SciPy's on random data, to 1e-9.

Usage: check.py ANSWERS         for example, after `cargo build --example scipy_answers`:
                                python3 tests/scipy/check.py target/debug/examples/scipy_answers

Makes a virtual environment below `target/` with SciPy in it and asks there (agree.py). Exits 1 when anything differs.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "real_servers"))
import common  # noqa: E402

if len(sys.argv) != 2:
    sys.exit(__doc__)
tools = common.venv("scipy", "scipy==1.17.1", "numpy==2.4.1")
sys.exit(subprocess.run([tools / "python", HERE / "agree.py", sys.argv[1]]).returncode)
