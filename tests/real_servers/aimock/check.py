"""Holds a run against aimock's faults to aimock's own journal, row by row by request id.

Usage: check.py BINARY          for example: python3 tests/real_servers/aimock/check.py target/release/lamb-load

Exits 1 when anything differs.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402

USERS = 4
# Model: what each request must be called, whole and streamed. A cut needs a stream to be cut.
OUTCOMES = {
    "ok": ("ok", "ok"),
    "error-500": ("http_error", "http_error"),
    "rate-limited": ("rate_limited", "rate_limited"),
    "chaos-429": ("rate_limited", "rate_limited"),
    "drop": ("http_error", "http_error"),
    "malformed": ("malformed", "malformed"),
    "disconnect": ("truncated", "truncated"),
    "cut": ("ok", "truncated"),
    "cut-mid": ("ok", "truncated"),
    "length": ("ok", "ok"),
    "other-model": ("ok", "ok"),
    "reasoning": ("ok", "ok"),
}


def compare(check, binary, url, stream, seen):
    name = "streamed" if stream else "whole"
    run = common.Run(
        binary,
        HERE / "faults.toml",
        common.HOME / "runs" / f"aimock-{name}",
        "--set",
        f'targets.aimock.url="{url}"',
        "--set",
        f"request.stream={'true' if stream else 'false'}",
    )
    check.run_was(name, run, 1)
    journal = [one for one in common.get_json(f"{url}/__aimock/journal") if one["path"] == "/v1/chat/completions"][seen:]
    check.equal(f"{name}: requests", len(run.rows), len(journal))
    wanted = sorted(((model, outcomes[stream]), USERS) for model, outcomes in OUTCOMES.items())
    check.equal(f"{name}: outcomes", common.count(run.rows, "model", "outcome"), wanted)
    theirs = [
        {"model": one["body"]["model"], "status": str(one["response"]["status"] or ""), "id": one["headers"]["x-request-id"]}
        for one in journal
    ]
    check.equal(f"{name}: statuses", common.count(run.rows, "model", "status"), common.count(theirs, "model", "status"))
    # A request that got no byte back knows no id.
    ids = sorted((row["request_id"], row["model"]) for row in run.rows if row["status"])
    check.equal(f"{name}: ids", ids, sorted((one["id"], one["model"]) for one in theirs if one["status"]))
    answered = [row for row in run.rows if row["outcome"] == "ok"]
    served = {row["model"]: row["served_model"] for row in answered}
    expected = {model: "the-fallback" if model == "other-model" else model for model in served}
    check.equal(f"{name}: served models", served, expected)
    tokens = {(row["tokens_in"], row["tokens_out"]) for row in answered if row["model"] in ("ok", "length")}
    check.equal(f"{name}: tokens", tokens, {("9", "12"), ("7", "11")})
    reasons = {row["finish_reason"] for row in answered if row["model"] == "length"}
    check.equal(f"{name}: finish reason", reasons, {"length"})
    return seen + len(journal)


def main(binary):
    modules = common.npm("aimock", "@copilotkit/aimock@1.43.0")
    port = common.free_port()
    url = f"http://127.0.0.1:{port}"
    check = common.Check("aimock")
    program = modules / "@copilotkit" / "aimock" / "dist" / "cli.js"
    command = ["node", program, "-p", port, "-f", HERE / "fixtures.json", "--journal-max", "0"]
    with common.Server("aimock", command, f"{url}/v1/models"):
        seen = 0
        for stream in (False, True):
            seen = compare(check, binary, url, stream, seen)
    check.end()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else common.ROOT / "target" / "release" / "lamb-load")
