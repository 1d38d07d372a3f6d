"""Start-up: open the journal, bring back the state, and make the configuration part of it. Runs before any thread is
there.
"""

import gc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import structlog

from config.commands import configuration_commands
from config.sessions import SessionSettings
from config.settings import Settings
from config.shards import refuse_moves
from gateway.relay import GatewayEngine, RelayEngine
from matching.clock import Clock
from matching.codec import SessionState, encode_commands, encode_event_counts, encode_events
from matching.commands import Command, DefineSession, DefineShard, SetAcceptance
from matching.engine import Engine
from matching.events import CommandRefused, Event
from matching.fault_points import passed
from matching.journal import Batch, Journal
from matching.recovery import RecoveredState, recover
from matching.replay import EngineFactory, EngineT
from risk.engine import RiskEngine

ENGINE_FACTORY: Final = "gateway.start_up:new_engine"
RELAY_FACTORY: Final = "gateway.start_up:new_relay"
JOURNAL_FOLDER: Final = "journal"
SNAPSHOT_FOLDER: Final = "snapshots"
FIRST_EPOCH: Final = 1

log = structlog.get_logger("start-up")


class StartUpError(Exception):
    """The configuration cannot be made part of the journaled state; names the command and why."""


class Started:
    """What is there when start-up is done: the journal, the engine as configured, and the state of every session.

    `recovered_ns` is the time of the last batch that the journal had.
    """

    def __init__(
        self, journal: Journal, engine: GatewayEngine, recovered_ns: int, states: dict[str, SessionState]
    ) -> None:
        self.journal = journal
        self.engine = engine
        self.recovered_ns = recovered_ns
        self.states = states


def new_engine() -> Engine:
    """Return an engine that has seen no command, with risk in line. Recovery and the snapshot process begin with it."""
    return Engine(RiskEngine())


def start_up(settings: Settings, data_dir: Path, clock: Clock) -> Started:
    """Open and recover the journal, then journal what the configuration changes.

    Raises:
        JournalError, RecoveryError: the journal cannot be opened, or does not lead back to the state it claims.
        StartUpError: the engine refuses a command of the configuration.
    """
    journal, engine, recovered_ns = _recovered(settings, data_dir)
    try:
        states = _session_states(settings, journal, clock)
        started = Started(journal, engine, recovered_ns, states)
        _configure(settings, started, clock)
    except BaseException:
        journal.close()
        raise
    if settings.exchange.durability == "async":
        log.warning("durability is async: a loss of power may lose what was acknowledged last")
    return started


def new_relay() -> RelayEngine:
    """Return the engine of a gateway whose markets are in shards, before its first command."""
    return RelayEngine(RiskEngine())


def is_sharded(settings: Settings) -> bool:
    """Whether every shard is a process of its own; a single one lives in the gateway's."""
    return len(settings.exchange.shards) > 1


def _recovered(settings: Settings, data_dir: Path) -> tuple[Journal, GatewayEngine, int]:
    if is_sharded(settings):
        journal, relayed = _open(settings, data_dir, new_relay)
        return journal, relayed.engine, relayed.time_ns
    journal, matched = _open(settings, data_dir, new_engine)
    return journal, matched.engine, matched.time_ns


def open_journal(settings: Settings, data_dir: Path) -> tuple[Journal, RecoveredState[Engine]]:
    """Open the journal in `data_dir` and recover the matching engine. Raises JournalError, RecoveryError."""
    return _open(settings, data_dir, new_engine)


def _open(
    settings: Settings, data_dir: Path, factory: EngineFactory[EngineT]
) -> tuple[Journal, RecoveredState[EngineT]]:
    journal = Journal.open(
        data_dir / JOURNAL_FOLDER,
        durability=settings.exchange.durability,
        map_bytes=settings.exchange.journal.map_gib << 30,
    )
    try:
        recovered = recover(journal, data_dir / SNAPSHOT_FOLDER, factory)
    except BaseException:
        journal.close()
        raise
    log.info(
        "recovered",
        batches=journal.last.batch_seq,
        commands=journal.last.seq,
        replayed=recovered.replayed_commands,
        snapshot=recovered.snapshot_used,
    )
    for reason in recovered.snapshots_ignored:
        log.warning("a snapshot was not used", reason=reason)
    return journal, recovered


def _session_states(settings: Settings, journal: Journal, clock: Clock) -> dict[str, SessionState]:
    """Return the state of every configured session by name; a session that is new begins with number 1."""
    known = {state.name: state for state in journal.sessions().values()}
    next_id = max((state.session_id for state in known.values()), default=0) + 1
    for session in settings.sessions:
        if session.name not in known:
            created_s, last = clock.now_ns() // 1_000_000_000, journal.last.batch_seq
            known[session.name] = new_state(next_id, session, created_s=created_s, drop_copy_seq=last)
            next_id += 1
    return known


def new_state(session_id: int, session: SessionSettings, *, created_s: int, drop_copy_seq: int) -> SessionState:
    """Return the state of a session that nobody has known before: it begins with number 1, and its drop copies with
    what happens after the batch `drop_copy_seq`.
    """
    return SessionState(
        session_id=session_id,
        name=session.name,
        comp_id=session.target_comp_id,
        epoch=FIRST_EPOCH,
        created_s=created_s,
        next_sender=1,
        target_epoch=FIRST_EPOCH,
        next_target=1,
        written_through=0,
        reserved_through=0,
        drop_copy_seq=drop_copy_seq,
    )


def _configure(settings: Settings, started: Started, clock: Clock) -> None:
    """Journal, in one batch, the commands that bring the engine to what the configuration says, and the new
    sessions.
    """
    journal, engine = started.journal, started.engine
    session_ids: Mapping[str, int] = {name: state.session_id for name, state in started.states.items()}
    commands: list[Command] = []
    if isinstance(engine, RelayEngine):
        refuse_moves(settings, engine.homes)
        commands += _new_shards(settings, engine)
        settings = _without_money(settings)
    commands += configuration_commands(settings, engine, session_ids)
    commands += _forgotten_sessions(started, settings)
    if not engine.accepting:
        commands.append(SetAcceptance(True, "the exchange has started"))
    last = journal.last
    time_ns = max(last.time_ns + 1, clock.now_ns())
    events: list[Event] = []
    counts: list[int] = []
    for offset, command in enumerate(commands):
        before = len(events)
        engine.apply(last.seq + 1 + offset, time_ns, command, events)
        counts.append(len(events) - before)
    refused = [event for event in events if isinstance(event, CommandRefused)]
    if refused:
        raise StartUpError("; ".join(f"{event.command}: {event.text}" for event in refused))
    batch = Batch(
        last.batch_seq + 1,
        last.seq + 1,
        time_ns,
        encode_commands(commands) if commands else b"",
        len(commands),
        encode_events(events) if events else b"",
        len(events),
        [],
        encode_event_counts(counts),
    )
    passed("configure.before")
    journal.append([batch], started.states.values())
    passed("configure.after")
    log.info("configured", commands=len(commands), sessions=len(started.states))


def _new_shards(settings: Settings, engine: RelayEngine) -> list[Command]:
    """Return definitions of shards that are new; ids are never given twice."""
    last = max((shard.shard_id for shard in engine.shards.values()), default=0)
    new = [shard.name for shard in settings.exchange.shards if shard.name not in engine.shards]
    return [DefineShard(name, shard_id) for shard_id, name in enumerate(new, start=last + 1)]


def _without_money(settings: Settings) -> Settings:
    """Return the configuration as the gateway of shards has it: balances and limits are theirs."""
    accounts = tuple(msgspec.structs.replace(account, opening={}, limits=()) for account in settings.accounts)
    return msgspec.structs.replace(settings, accounts=accounts, firms=())


def _forgotten_sessions(started: Started, settings: Settings) -> list[Command]:
    """Return definitions of sessions that the journal knows and the engine does not (none, unless a start was cut
    short).
    """
    configured = {session.name for session in settings.sessions}
    return [
        DefineSession(state.session_id, state.name, state.comp_id, 0, 0, 0, 0)
        for state in started.states.values()
        if state.name not in configured and state.session_id not in started.engine.sessions
    ]


def end_collections() -> None:
    """Switch the cycle collector off: it would walk every resting order (0.3 s for a million) in the middle of trading.

    The order path makes no cycles; what the main thread leaves of them (tracebacks, tasks) is small.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


def journal_folder(data_dir: Path) -> Path:
    """Return where the journal of a data folder lies."""
    return data_dir / JOURNAL_FOLDER


def snapshot_folder(data_dir: Path) -> Path:
    """Return where the snapshots of a data folder lie."""
    folder = data_dir / SNAPSHOT_FOLDER
    os.makedirs(folder, exist_ok=True)
    return folder
