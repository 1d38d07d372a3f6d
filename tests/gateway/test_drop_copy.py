"""A drop copy is brought up to date from its cursor on; what was numbered for it before a reset goes first."""

from pathlib import Path
from typing import cast

from gateway.drop_copy import DropCopies
from gateway.pipeline import Pipeline
from gateway.reports import ReportWriter
from gateway.sessions import SessionBook
from gateway.storage import Storage
from gateway.wire import Wire
from matching.codec import Unsent
from matching.journal import Ballast, Journal
from tests.journal.building import batch
from tests.support.sessions import gateway_session


def test_a_backlog_waits_for_reports_that_a_reset_has_left(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", durability="async", map_bytes=1 << 24)
    journal.append([batch(1, 1)])
    session = gateway_session(epoch=2, anew=(Unsent(1, 7, True), Unsent(1, 7, False)), role="drop_copy")
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
