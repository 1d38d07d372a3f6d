"""Simulation: the real exchange under one integer seed that decides a whole day of it; checkers of their own judge it.

Real, unchanged and in one thread: `Exchange.turn` with translation, matching, risk, reports, drop copies, pipeline,
storage, resends, start-up and recovery, and the journal on a real LMDB file. Simulated:

- *Time* (`clock`): goes on by what the seed says; a commit or a pause may take seconds or hours of it.
- *The wire* (`wire`, `wire_session`): what `gateway/wire/_wire.pyi` says, in Python: it numbers per session and epoch,
  on one or two IO threads, holds until released, asks for resends slice by slice, resets, parks, cuts. A thread does
  one small step at a time, and the seed says when: what was read, numbered, released and written is at every distance
  from what is committed. Inbound items may come later than outbound ones of the same moment, as the hub allows.
- *Members* (`member`): FIX counterparties with a memory of their own of what was sent and received, who reconcile by
  MsgSeqNum(34) after every cut and kill, reset their numbers, repeat with PossResend(97) what a reset left unanswered.
- *The store's faults* (`disk`): a commit that fails (full disk, input/output error) for a while or for good; a slow
  commit, during which the IO threads go on; the end of the process at every fault point of batch, commit and release;
  and power loss in a commit: LMDB writes new pages, syncs, then writes the meta page that makes them count, so what is
  lost is anything of the pages that the unfinished transaction wrote. The file is put back to the last commit, with
  a random part of those pages (whole, torn at a sector, or not at all, in any order) and its length of before or after.
- *Bounds*: slices, steps and counts that are large in the product are small here, so that they are reached.
- *Operators*: kill switches, trading phases, reference prices, deposits, the end of a trading day; restarts in order,
  snapshots, and a configuration that has changed at a restart (limits, band, throttle, a further instrument).

Not modelled: TCP, TLS, the logon gate and passwords, QuickFIX's parsing and dictionaries (members send what translation
is given), heartbeats and time limits of the session layer, schedules, renumbering by an operator, slow readers,
retention, a disk that loses what it has acknowledged or rots, an LMDB commit that fails half way through its own meta
page. The tests in tests/wire, tests/crash and tests/journal look at those.
"""
