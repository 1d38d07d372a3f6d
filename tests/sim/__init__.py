"""Simulation: the real exchange under one integer seed that decides a whole day of it; checkers of their own judge it.

Real, unchanged and in one thread: `Exchange.turn` with translation, matching, risk, reports, drop copies, pipeline,
storage, resends, start-up and recovery, and the journal on a real LMDB file. Simulated:

- *Time* (`clock`): goes on by what the seed says; a commit or a pause may take seconds or hours of it. Once a second of
  it what the clock makes due is done, as the timers do it: expiry of orders, phases of a calendar, indicative prices.
- *The wire* (`wire`, `wire_session`): what `gateway/wire/_wire.pyi` says, in Python: it numbers per session and epoch,
  on one or two IO threads, holds until released, asks for resends slice by slice, resets, parks, cuts. A thread does
  one small step at a time, and the seed says when: what was read, numbered, released and written is at every distance
  from what is committed. Inbound items may come later than outbound ones of the same moment, as the hub allows.
- *Members* (`member`): FIX counterparties with a memory of their own of what was sent and received, who reconcile by
  MsgSeqNum(34) after every cut and kill, reset their numbers, repeat with PossResend(97) what a reset left unanswered.
  They send plain orders and orders with terms (`special_trading`: icebergs, stops, trailing stops, pegs, good till a
  time, for an auction, post-only, reduce-only, self-match prevention, brackets by tags, linked pairs, lists), quote
  (`quoting`: mass quotes, cancels of quotes, resets of market-maker protection), replace
  and cancel them one by one and by mass cancel, flood the throttles of session and account until they are cut; two
  sessions and an account have different rules of cancel on disconnect.
- *The store's faults* (`disk`): a commit that fails (full disk, input/output error) for a while or for good; a slow
  commit, during which the IO threads go on; the end of the process at every fault point of batch, commit and release;
  and power loss in a commit: LMDB writes new pages, syncs, then writes the meta page that makes them count, so what is
  lost is anything of the pages that the unfinished transaction wrote. The file is put back to the last commit, with
  a random part of those pages (whole, torn at a sector, or not at all, in any order) and its length of before or after.
- *Bounds*: slices, steps and counts that are large in the product are small here, so that they are reached.
- *Operators*: kill switches of session, account, firm and market and their release, resets of frozen quotes, busts and
  corrections of trades that the journal is asked for, trading phases and auctions,
  reference and mark prices, deposits, cancels of a session, the end of a trading day; restarts in order, snapshots, and
  a configuration that has changed at a restart (limits, band, circuit breaker, throttles, a further instrument).

The judges (`checks`, `market_fold` and the folds beside it) go by commands, events and what members have: no crossed
book in continuous trading, price and time, quantities add up, shown parts of icebergs, one price in an auction, all of
a scope gone when its end is said, nobody enters a killed scope, linked orders end together, quotes stand as they were
asked for and leave when their protection says so, reports equal books,
members' records equal the journal, drop copies without gap or repeat, postings sum to zero, the replay is equal. Of the
engine they ask what no event says: which of linked orders holds for the others, and whether work is left.

Not modelled: shards, TCP, TLS, the logon gate and passwords, QuickFIX's parsing and dictionaries (members send what
translation is given), heartbeats and time limits of the session layer, schedules and their resets, renumbering by an
operator, slow readers, retention, a disk that loses what it has acknowledged or rots, an LMDB commit that fails half
way through its own meta page. The tests in tests/wire, tests/crash and tests/journal look at those.
"""
