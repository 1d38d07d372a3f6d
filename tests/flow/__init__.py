"""Real order flow through a real FIX session, judged by what NASDAQ's record says."""
