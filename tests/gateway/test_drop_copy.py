"""A drop copy is brought up to date from its cursor on; what was numbered for it before a reset goes first."""

from pathlib import Path
from typing import cast

from gateway.drop_copy import DropCopies
from gateway.pipeline import Pipeline
from gateway.reports import ReportWriter
from gateway.sessions import GatewaySession, SessionBook
from gateway.storage import Storage
from gateway.wire import Wire
from matching.codec import SessionState, Unsent
from matching.journal import Ballast, Journal
from tests.journal.building import batch


def drop_copy(*anew: Unsent) -> GatewaySession:
    """A drop copy of no account in epoch 2, whose cursor is at the begin of the journal."""
    return GatewaySession(
        state=SessionState(1, "FIX.4.4:OUTCRY->D", "D", 2, 0, 1, 2, 1, 0, 0, 0, anew),
        begin_string="FIX.4.4",
        sender_comp_id="OUTCRY",
        target_comp_id="D",
        role="drop_copy",
        accounts={},
        strict=True,
        cancel_on_disconnect=False,
    )


def test_a_backlog_waits_for_reports_that_a_reset_has_left(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", durability="async", map_bytes=1 << 24)
    journal.append([batch(1, 1)])
    session = drop_copy(Unsent(1, 7, True), Unsent(1, 7, False))
    book = SessionBook([session])
    pipeline = Pipeline(journal, book, 1, lambda _name: None)
    storage = Storage(journal, Ballast(tmp_path / "ballast", 1), free_bytes_min=0, alarm_percent=100, give_up_s=0.0)
    copies = DropCopies(cast("Wire", None), book, storage, pipeline, ReportWriter({}, {}))
    copies.logged_on(session)
    for anew, epoch in (((Unsent(1, 7, False),), 2), ((), 3)):
        session.state.anew, session.epoch = anew, epoch
        copies.catch_up(lambda *_: None)
        assert (copies.has_backlog(), copies.lag(session)) == (True, 1)
    session.state.epoch = 3
    copies.catch_up(lambda *_: None)
    assert (copies.has_backlog(), copies.lag(session)) == (False, 0)
    journal.close()
