"""Risk in line: decides before the match, settles after it, holds the ledgers. The theory stands in README.md."""
