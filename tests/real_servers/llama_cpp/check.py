"""Holds a run against llama.cpp's server to its own log: requests, and tokens in and out of each.

Usage: check.py BINARY          for example: python3 tests/real_servers/llama_cpp/check.py target/release/lamb-load

Exits 1 when anything differs.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402

SLOTS = 4


def logged(log):
    """Tokens in and out of each finished task, as llama.cpp's log has them, in the columns' words."""
    written, tasks = {}, []
    for line in log.splitlines():
        if found := re.search(r"print_timing: id +\d+ \| task (\d+) \| +eval time = +\S+ ms / +(\d+) tokens", line):
            written[found[1]] = int(found[2])
        elif found := re.search(r"release: id +\d+ \| task (\d+) \| stop processing: n_tokens = (\d+)", line):
            # What a slot holds at the end: the prompt and the answer, less the last token, which was never read back.
            out = written[found[1]]
            tasks.append({"tokens_in": str(int(found[2]) - out + 1), "tokens_out": str(out)})
    return tasks


def compare(check, binary, url, server, stream):
    name = "streamed" if stream else "whole"
    before = len(server.log())
    run = common.Run(
        binary,
        HERE / "answers.toml",
        common.HOME / "runs" / f"llama_cpp-{name}",
        "--set",
        f'targets.llama.url="{url}"',
        "--set",
        f"request.stream={'true' if stream else 'false'}",
    )
    theirs = logged(server.log()[before:])
    check.run_was(name, run, 0)
    check.equal(f"{name}: load", len([row for row in run.rows if row["phase"] == "load"]), 34)
    check.equal(f"{name}: requests", len(run.rows), len(theirs))
    check.equal(f"{name}: outcomes", common.count(run.rows, "outcome", "status"), [(("ok", "200"), len(theirs))])
    check.equal(f"{name}: tokens", common.count(run.rows, "tokens_in", "tokens_out"), common.count(theirs, "tokens_in", "tokens_out"))
    check.equal(f"{name}: served model", common.count(run.rows, "served_model"), [(("tiny-random",), len(theirs))])
    check.equal(f"{name}: finish reason", common.count(run.rows, "finish_reason"), [(("length",), len(theirs))])


def main(binary):
    tools = common.venv("llama_cpp", "xllamacpp==2026.10.11549", "gguf==0.19.0", "numpy")
    model = common.HOME / "tiny-random.gguf"
    common.subprocess.run([tools / "python", HERE / "tiny_model.py", model], check=True)
    port = common.free_port()
    url = f"http://127.0.0.1:{port}"
    check = common.Check("llama.cpp")
    command = [tools / "python", HERE / "serve.py", model, port, SLOTS]
    with common.Server("llama_cpp", command, f"{url}/health") as server:
        for stream in (False, True):
            compare(check, binary, url, server, stream)
    check.end()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else common.ROOT / "target" / "release" / "lamb-load")
