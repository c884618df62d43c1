"""Holds a run against LiteLLM's proxy to LiteLLM's own log.

Usage: check.py BINARY          for example: python3 tests/real_servers/litellm/check.py target/release/lamb-load

Access lines are counted by status, and its callback tells the id, the model group and the tokens of each request.
Exits 1 when anything differs.
"""

import json
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402

KEY = "sk-lamb-load-test"


def witnessed(path, expected):
    """The callback's lines; they are written a moment after the answer."""
    give_up = time.monotonic() + 20
    while True:
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        if len(lines) >= expected or time.monotonic() > give_up:
            return lines
        time.sleep(0.2)


def statuses(log):
    found = re.findall(r'"POST /v1/chat/completions HTTP/1.1" (\d+)', log)
    return common.count([{"status": status} for status in found], "status")


def compare(check, binary, url, server, stream):
    name = "streamed" if stream else "whole"
    log = common.HOME / "litellm-witness.jsonl"
    log.write_text("")
    before = len(server.log())
    flags = ["--set", f'targets.litellm.url="{url}"', "--set", f"request.stream={'true' if stream else 'false'}"]
    out = common.HOME / "runs" / f"litellm-{name}"
    run = common.Run(binary, HERE / "answers.toml", out, *flags, environment={"LITELLM_KEY": KEY})
    check.run_was(f"{name} answers", run, 0)
    check.equal(f"{name} answers: load", len([row for row in run.rows if row["phase"] == "load"]), 50)
    theirs = witnessed(log, len(run.rows))
    check.equal(f"{name} answers: requests", len(run.rows), len(theirs))
    check.equal(f"{name} answers: outcomes", common.count(run.rows, "outcome", "status"), [(("ok", "200"), len(theirs))])
    check.equal(f"{name} answers: served model", common.count(run.rows, "served_model"), common.count(theirs, "group"))
    check.equal(f"{name} answers: access lines", common.count(run.rows, "status"), statuses(server.log()[before:]))
    ours = {row["request_id"]: (int(row["tokens_in"] or 0), int(row["tokens_out"] or 0)) for row in run.rows}
    check.equal(f"{name} answers: ids and tokens", ours, {one["id"]: (one["tokens_in"], one["tokens_out"]) for one in theirs})

    before = len(server.log())
    run = common.Run(binary, HERE / "faults.toml", out, *flags, environment={"LITELLM_KEY": KEY})
    check.run_was(f"{name} faults", run, 1)
    expected = [(("mock-error", "http_error", "500"), 7), (("mock-ratelimit", "rate_limited", "429"), 7)]
    check.equal(f"{name} faults: outcomes", common.count(run.rows, "model", "outcome", "status"), expected)
    check.equal(f"{name} faults: access lines", common.count(run.rows, "status"), statuses(server.log()[before:]))


def main(binary):
    tools = common.venv("litellm", "litellm[proxy]==1.106.2")
    port = common.free_port()
    url = f"http://127.0.0.1:{port}"
    check = common.Check("litellm")
    command = [tools / "litellm", "--config", HERE / "config.yaml", "--host", "127.0.0.1", "--port", port]
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "WITNESS_LOG": str(common.HOME / "litellm-witness.jsonl"),
        "NO_COLOR": "1",
    }
    with common.Server("litellm", command, f"{url}/health/liveliness", environment) as server:
        for stream in (False, True):
            compare(check, binary, url, server, stream)
        run = common.Run(
            binary,
            HERE / "answers.toml",
            common.HOME / "runs" / "litellm-key",
            "--set",
            f'targets.litellm.url="{url}"',
            environment={"LITELLM_KEY": "sk-not-the-key"},
        )
        check.run_was("wrong key", run, 3)
        check.equal("wrong key: no load", [row for row in run.rows if row["phase"] == "load"], [])
        check.equal("wrong key: named", "key" in run.said().lower(), True)
    check.end()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else common.ROOT / "target" / "release" / "lamb-load")
