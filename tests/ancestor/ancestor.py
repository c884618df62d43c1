"""The ancestor's algorithm, with nothing but Python's standard library: one request, then N at once, then the block.

Usage: ancestor.py --url URL --api-key KEY --model MODEL --users N --timeout SECONDS [--prompt TEXT]

What it does as the ancestor did, mistakes included: a wall clock, the time of the head for the time of the answer,
every 200 a success, and exit 0 when the pre-flight fails.
"""

import argparse
import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

import stats


async def post(place, key, body):
    """Status, seconds to the head, and the body of one request on a connection of its own."""
    started = time.time()
    reader, writer = await asyncio.open_connection(place.hostname, place.port or 80, limit=1 << 20)
    try:
        head = (
            f"POST {place.path.rstrip('/')}/v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        seconds = time.time() - started
        lines = answer.split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        if "chunked" in fields.get("transfer-encoding", ""):
            text = b""
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                text += (await reader.readexactly(size + 2))[:-2]
        elif "content-length" in fields:
            text = await reader.readexactly(int(fields["content-length"]))
        else:
            text = await reader.read()
        return int(lines[0].split()[1]), seconds, text.decode("utf-8", "replace")
    finally:
        writer.close()


async def user(number, options, results):
    """One user's request: a row in `results`, a line on the screen."""
    said = f"{options.prompt} (request {number})" if options.prompt else f"User {number}: Say hello in exactly one word."
    body = json.dumps({"model": options.model, "messages": [{"role": "user", "content": said}], "stream": False}).encode()
    started = time.time()
    status, preview = 0, ""
    try:
        status, seconds, text = await asyncio.wait_for(post(urlsplit(options.url), options.api_key, body), options.timeout)
        preview = "" if status == 200 else text[:120]
        print(f"  User {number:3d}  {'OK' if status == 200 else 'FAIL'}  {status}  {seconds:6.2f}s")
    except asyncio.TimeoutError:
        seconds, preview = time.time() - started, "TIMEOUT"
        print(f"  User {number:3d}  TIMEOUT          {seconds:6.2f}s")
    except Exception as problem:  # the ancestor, too, took whatever came
        seconds, preview = time.time() - started, str(problem)[:120]
        print(f"  User {number:3d}  ERROR            {seconds:6.2f}s  {preview[:80]}")
    results.append({"user": number, "status": status, "ok": status == 200, "seconds": seconds, "preview": preview})


async def run(options):
    print(f"\n{stats.RULE}\n  LAMB Load Test - /v1/chat/completions\n{stats.RULE}")
    for label, value in (
        ("URL", options.url),
        ("Model", options.model),
        ("Concurrent users", options.users),
        ("Request timeout", f"{options.timeout}s"),
    ):
        print(f"  {label + ':':<18}{value}")
    print(f"{stats.RULE}\n\nPre-flight check: single request...")
    first = []
    await user(0, options, first)
    if not first[0]["ok"]:
        print(f"\nPre-flight FAILED: {first[0]}\nAborting load test. Fix single-request issues first.")
        return 0
    print(f"\nPre-flight OK ({first[0]['seconds']:.2f}s). Starting load test...\n")
    results = []
    started = time.time()
    await asyncio.gather(*(user(number, options, results) for number in range(1, options.users + 1)))
    total = time.time() - started
    print("\n" + "\n".join(stats.block(total, results)))
    print(stats.verdict(results))
    return 0 if stats.passed(results) else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://localhost:9099")
    parser.add_argument("--api-key", default="0p3n-w3bu!")
    parser.add_argument("--model", default="lamb_assistant.58")
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--timeout", type=int, default=180)
    parser.add_argument("--prompt")
    sys.exit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
