-- What wrk has counted, exactly: its own summary rounds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'COUNTED {"requests":%d,"bytes":%d,"seconds":%.6f,"wrongStatus":%d,"socketErrors":%d,"p50Ms":%.3f,"p99Ms":%.3f}\n',
    summary.requests, summary.bytes, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
