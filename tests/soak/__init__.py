"""Long runs: load for an hour, judged by memory, latency, journal growth and snapshot pauses."""
