"""What tests that run the real exchange share: a FIX peer of our own, the exchange as a process, free ports."""
