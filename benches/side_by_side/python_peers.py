"""aiperf and guidellm, which start many processes and take a minute to start and to end: only on request."""

import json
import re

import obtain
from tools import Found, Tool

TIMEOUT_S = 180
# What they are asked for at most: they cannot hold many thousand streams on one core.
MOST = 1000
# Both want a tokenizer, and would fetch one from a hub: words, and one number for all of them.
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
}


def tokenizer(folder):
    place = folder / "tokenizer"
    place.mkdir()
    (place / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (place / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}')
    return place


def prompts(load, folder, key):
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps({key: f"Say hello. (request {n})"}) + "\n" for n in range(1, load.requests + 1)))
    return path


def python_tool(name, command, read, version):
    kinds = ("streams", "start")
    return Tool(name, kinds, command, read, version, slow=True, records=True, timeout_s=TIMEOUT_S, most=MOST)


def aiperf(install):
    binaries = obtain.python("aiperf", ["aiperf==0.13.0"], install)

    def command(load, url, folder):
        size = ["--concurrency", load.connections, "--request-count", load.requests]
        data = ["--input-file", prompts(load, folder, "text"), "--custom-dataset-type", "single_turn"]
        quiet = ["--no-server-metrics", "--no-gpu-telemetry", "--ui", "none", "--output-artifact-dir", folder / "told"]
        stream = ["--streaming"] if load.stream else []
        place = ["-m", "m", "--url", url, "--endpoint-type", "chat", "--tokenizer", tokenizer(folder)]
        return [binaries / "aiperf", "profile", *place, *stream, *size, *data, *quiet]

    def read(_, folder):
        told = json.loads((folder / "told" / "profile_export_aiperf.json").read_text())
        ttft = told.get("time_to_first_token", {}).get("p50")
        return Found(int(told["request_count"]["avg"]), told["request_latency"]["avg"], ttft)

    return python_tool("aiperf", command, read, "0.13.0")


def guidellm(install):
    binaries = obtain.python("guidellm", ["guidellm==0.8.1"], install)

    def command(load, url, folder):
        place = ["--backend", f"kind=openai_http,target={url},model=m,validate_backend=false"]
        size = ["--profile", f"kind=concurrent,streams={load.connections}", "--constraint", f"kind=max_requests,count={load.requests}"]
        data = ["--data", f"kind=json_file,path={prompts(load, folder, 'prompt')}"]
        told = ["--output", f"kind=json,path={folder / 'told.json'}", "--disable-console"]
        return [binaries / "guidellm", "run", *place, *size, *data, *told]

    def read(_, folder):
        each = {}
        told = json.loads((folder / "told.json").read_text())
        for request in told["benchmarks"][0]["requests"]["successful"]:
            number = int(re.search(r"\(request (\d+)\)", request["request_args"])[1])
            each[number] = (request["request_latency"] * 1000, request["time_to_first_token_ms"])
        return Found(len(each), each=each)

    return python_tool("guidellm", command, read, "0.8.1")


PEERS = [("aiperf", aiperf), ("guidellm", guidellm)]
