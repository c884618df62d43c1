"""Runs to look at: a clean one, one whose every server-controlled word is a payload, and a burst of 10,000 users."""

import csv
import json
import random
import subprocess

PAYLOADS = [
    "</script><script>window.ran=true</script>",
    "<img src=x onerror=\"window.ran=true\">",
    "<svg onload=alert(1)>",
    "'\"><iframe srcdoc=\"<script>parent.ran=true</script>\"></iframe>",
    "{{ 7 * 7 }} {% raw %} ${alert(1)} `javascript:alert(1)`",
    "]]><!--<style>*{display:none}</style>",
    "x" * 400,
]

CLEAN = """
description = "Answers that stream, and a server that works on twelve at once."
models  = ["demo-small", "demo-large"]
users   = [10, 40, 80]
prompts = ["Say hello."]
repeat  = 2
tags    = ["browser"]

[targets.demo]
mock = { first_token = { lognormal = { median = "60ms", sigma = 0.3 } }, per_token = "4ms", tokens = { min = 10, max = 40 }, slots = 12 }

[request]
stream = true

[expect]
success_rate = ">= 99%"
latency_p90  = "< 10s"
ttft_p90     = "< 5s"
"""

FAILING = """
description = "One in three requests fails, in every way."
models  = ["any"]
users   = [30, 60]
prompts = ["Say hello."]
timeout = "2s"

[targets.demo]
mock = { first_token = "80ms", per_token = "3ms", tokens = 30, slots = 20, faults = { status_429 = "8%", status_500 = "8%", html_200 = "6%", reset_mid_body = "4%", truncated = "4%", stall = "4%" } }

[request]
stream = true

[preflight]
requests = 0

[expect]
success_rate = ">= 95%"
latency_p90  = "< 8s"
ttft_median  = "< 500ms"
"""


def run(lamb, folder, name, scenario):
    """Runs a scenario for real, whatever it exits with; the run's folder."""
    file = folder / f"{name}.toml"
    file.write_text(scenario)
    subprocess.run([lamb, "run", file, "--out", folder / "runs", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (folder / "runs" / name / "latest").resolve()


def report(lamb, folder):
    subprocess.run([lamb, "report", folder], check=True, stdout=subprocess.DEVNULL)
    return folder / "report.html"


def clean(lamb, folder):
    return report(lamb, run(lamb, folder, "clean", CLEAN))


def rewrite(folder, change_row, change_manifest):
    """Changes a run on disk, row by row and in its manifest."""
    with open(folder / "requests.csv", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames
    with open(folder / "requests.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(change_row(number, row) for number, row in enumerate(rows))
    manifest = json.loads((folder / "run.json").read_text())
    change_manifest(manifest)
    (folder / "run.json").write_text(json.dumps(manifest))


def hostile(lamb, folder):
    """What a server says is a payload in every column that it has a say in, and in what run.json keeps of it."""
    folder = run(lamb, folder, "hostile", FAILING)
    words = ["error", "finish_reason", "served_model", "fingerprint", "request_id"]

    def change_row(number, row):
        for place, column in enumerate(words):
            if row[column] or column in ("fingerprint", "request_id", "served_model"):
                row[column] = PAYLOADS[(number + place) % len(PAYLOADS)]
        return row

    def change_manifest(manifest):
        payload = " ".join(PAYLOADS[:5])
        for target in manifest["targets"]:
            target["models"], target["addresses"] = {"data": [{"id": payload}]}, [payload]
        manifest["preflights"] = [{
            "target": "demo", "model": "any", "passed": True, "sentence": payload, "hint": payload, "notes": PAYLOADS,
            "served_model": payload, "fingerprint": payload,
        }]
        manifest["host"]["name"] = payload
        for case in manifest["cases"]:
            for facts in case["rounds"]:
                facts["client"].update(preflight_model=payload, preflight_fingerprint=payload, unchecked=[payload])

    rewrite(folder, change_row, change_manifest)
    return report(lamb, folder)


LARGE = """
description = "Ten thousand users at once, a server that works on two thousand."
models  = ["any"]
users   = [20]
prompts = ["Say hello."]

[targets.demo]
mock = { first_token = "20ms", per_token = "1ms", tokens = 5 }

[request]
stream = true

[expect]
success_rate = ">= 99%"
"""


def large(lamb, folder, users=10_000):
    """The rows of a small run, again and again, with instants of a queue of two thousand places."""
    folder = run(lamb, folder, "large", LARGE)
    with open(folder / "requests.csv", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames
    load = [row for row in rows if row["phase"] == "load"]
    chance = random.Random(7)
    with open(folder / "requests.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if row["phase"] != "load")
        for user in range(1, users + 1):
            row = dict(load[user % len(load)], user=user, request=user, case=f"demo/any/all/{users}", users=users)
            sent, wave = user * 0.012, (user - 1) // 2000
            first = 1000 * wave * chance.uniform(0.9, 1.1) + chance.lognormvariate(5, 0.3)
            took = first + chance.lognormvariate(6.4, 0.2)
            failed = chance.random() < 0.004
            row.update(sent_ms=f"{sent:.3f}", send_lag_ms=f"{sent:.3f}", end_ms=f"{sent + took:.3f}", error="")
            if failed:
                row.update(outcome="timeout_total", error="no complete answer within 3 s", latency_ms="", latency_from_due_ms="", end_ms=f"{sent + 3000:.3f}")
            else:
                row.update(ttfe_ms=f"{first:.3f}", ttft_ms=f"{first:.3f}", ttfo_ms=f"{first:.3f}", latency_ms=f"{took:.3f}", latency_from_due_ms=f"{sent + took:.3f}")
            writer.writerow(row)
    manifest = json.loads((folder / "run.json").read_text())
    manifest["rows"] = users + len(rows) - len(load)
    for case in manifest["cases"]:
        case.update(case=f"demo/any/all/{users}", load=str(users), users=users, requests=users)
        for facts in case["rounds"]:
            facts["client"].update(planned=users, issued=users, rows=users)
    (folder / "run.json").write_text(json.dumps(manifest))
    return report(lamb, folder)


def comparison(lamb, folder, name, before, after):
    """The page of two runs side by side; whatever is said of them."""
    page = folder / f"{name}.html"
    with open(page, "w") as file:
        code = subprocess.run([lamb, "compare", before, after, "--format", "html"], stdout=file).returncode
    assert code in (0, 1, 4), f"compare ended with {code}"
    return page


def slower(lamb, folder):
    """The clean scenario again, on a server that works on fewer at once."""
    return comparison(lamb, folder, "slower", (folder / "runs/clean/latest").resolve(), run(lamb, folder, "clean", CLEAN.replace("slots = 12", "slots = 9")))


def hostile_pair(lamb, folder):
    """Payloads on both sides."""
    found = (folder / "runs/hostile/latest").resolve()
    return comparison(lamb, folder, "hostile_pair", found, found)
