"""Start-up: open the journal, bring back the state, and make the configuration part of it. Runs before any thread is
there.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from config.commands import configuration_commands
from config.settings import Settings
from matching.clock import Clock
from matching.codec import SessionState, encode_commands, encode_event_counts, encode_events
from matching.commands import Command, DefineSession, SetAcceptance
from matching.engine import Engine
from matching.events import CommandRefused, Event
from matching.journal import Batch, Journal
from matching.recovery import RecoveredState, recover
from risk.engine import RiskEngine

ENGINE_FACTORY: Final = "gateway.start_up:new_engine"
JOURNAL_FOLDER: Final = "journal"
SNAPSHOT_FOLDER: Final = "snapshots"
FIRST_EPOCH: Final = 1

log = structlog.get_logger("start-up")


class StartUpError(Exception):
    """The configuration cannot be made part of the journaled state; names the command and why."""


class Started:
    """What is there when start-up is done: the journal, the engine as configured, and the state of every session."""

    def __init__(self, journal: Journal, recovered: RecoveredState[Engine], states: dict[str, SessionState]) -> None:
        self.journal = journal
        self.engine = recovered.engine
        self.recovered = recovered
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
    journal = Journal.open(
        data_dir / JOURNAL_FOLDER,
        durability=settings.exchange.durability,
        map_bytes=settings.exchange.journal.map_gib << 30,
    )
    try:
        recovered = recover(journal, data_dir / SNAPSHOT_FOLDER, new_engine)
        log.info(
            "recovered",
            batches=journal.last.batch_seq,
            commands=journal.last.seq,
            replayed=recovered.replayed_commands,
            snapshot=recovered.snapshot_used,
        )
        states = _session_states(settings, journal, clock)
        started = Started(journal, recovered, states)
        _configure(settings, started, clock)
    except BaseException:
        journal.close()
        raise
    if settings.exchange.durability == "async":
        log.warning("durability is async: a loss of power may lose what was acknowledged last")
    return started


def _session_states(settings: Settings, journal: Journal, clock: Clock) -> dict[str, SessionState]:
    """Return the state of every configured session by name; a session that is new begins with number 1."""
    known = {state.name: state for state in journal.sessions().values()}
    next_id = max((state.session_id for state in known.values()), default=0) + 1
    for session in settings.sessions:
        if session.name not in known:
            known[session.name] = SessionState(
                session_id=next_id,
                name=session.name,
                comp_id=session.target_comp_id,
                epoch=FIRST_EPOCH,
                created_s=clock.now_ns() // 1_000_000_000,
                next_sender=1,
                target_epoch=FIRST_EPOCH,
                next_target=1,
                written_through=0,
                reserved_through=0,
                drop_copy_seq=journal.last.batch_seq,
            )
            next_id += 1
    return known


def _configure(settings: Settings, started: Started, clock: Clock) -> None:
    """Journal, in one batch, the commands that bring the engine to what the configuration says, and the new
    sessions.
    """
    journal, engine = started.journal, started.engine
    session_ids: Mapping[str, int] = {name: state.session_id for name, state in started.states.items()}
    commands: list[Command] = list(configuration_commands(settings, engine, session_ids))
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
    journal.append([batch], started.states.values())
    log.info("configured", commands=len(commands), sessions=len(started.states))


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


def journal_folder(data_dir: Path) -> Path:
    """Return where the journal of a data folder lies."""
    return data_dir / JOURNAL_FOLDER


def snapshot_folder(data_dir: Path) -> Path:
    """Return where the snapshots of a data folder lie."""
    folder = data_dir / SNAPSHOT_FOLDER
    os.makedirs(folder, exist_ok=True)
    return folder
