-- What wrk sends, and its figures with all the digits that it has.
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"model":"m","messages":[{"role":"user","content":"Say hello."}]}'

done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('{"requests": %d, "failed": %d, "latency_mean_ms": %.6f}', summary.requests, failed, latency.mean / 1000))
end
