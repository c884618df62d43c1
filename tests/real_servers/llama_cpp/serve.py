"""Runs llama.cpp's HTTP server on 127.0.0.1 until it is told to stop.

Usage: serve.py MODEL PORT SLOTS

The server is llama.cpp's own C++ code; the package only starts it. Its log, one line a request, goes to stderr.
"""

import signal
import sys

import xllamacpp


def main(model, port, slots):
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {"tiny-random"}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = 1024 * slots
    params.n_parallel = slots
    params.n_threads_http = slots + 4
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.sampling.seed = 1
    params.n_predict = 256
    params.endpoint_metrics = True
    params.verbosity = 3
    server = xllamacpp.Server(params)
    print(f"ready at {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
