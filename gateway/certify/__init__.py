"""Certification: a client's own FIX engine against a real exchange, its bytes judged case by case.

The client connects to a line of ours, which hands the very bytes on to the exchange and those of the exchange back, and
can hold, lose and cut them as networks do. Nothing is simulated: what the client hears is what the exchange said.
`raw` cuts and reads bytes, `session_rules` and `message_rules` judge them, `line` owns the sockets, `cases` are the
acts, `run` goes through them, `report` says what came of it.
"""
