"""The exchange as a deterministic state machine: commands in, events out. The theory stands in README.md."""
