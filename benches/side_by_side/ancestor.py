"""The ancestor's load on aiohttp, as it did it: a coroutine a user, a wall clock around each request, a list of results.

Usage: ancestor.py URL USERS REQUESTS          its pre-flight is left out, and so is its pool's limit of 100 connections

With as many requests as users it is the ancestor; with more, each user asks again when it has its answer.
"""

import asyncio
import json
import sys
import time

import aiohttp


async def user(number, session, url, left, results):
    while left:
        left.pop()
        body = {"model": "m", "messages": [{"role": "user", "content": "Say hello."}], "stream": False}
        start = time.time()
        async with session.post(f"{url}/v1/chat/completions", json=body) as response:
            elapsed = time.time() - start
            await response.text()
            results.append({"user": number, "status": response.status, "ok": response.status == 200, "seconds": elapsed})


async def main(url, users, requests):
    results, left = [], [None] * requests
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=180)) as session:
        await asyncio.gather(*(user(number, session, url, left, results) for number in range(users)))
    mean = sum(result["seconds"] for result in results) / len(results)
    ok = sum(result["ok"] for result in results)
    print(json.dumps({"requests": ok, "latency_mean_ms": mean * 1000}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
