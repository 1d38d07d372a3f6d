"""After a reset the reports of the old epoch are sent anew: their bodies, without the old header, as possible
resends.
"""

from pathlib import Path
from typing import Any, cast

import pytest

from gateway.pipeline import PendingBatch, Pipeline
from gateway.resends import Resends, report_bodies
from gateway.sessions import SessionBook
from gateway.storage import Storage
from gateway.wire import Wire
from matching.codec import Unsent
from matching.journal import Ballast, Batch, Journal
from tests.support.sessions import gateway_session


def message(body: str) -> bytes:
    """A FIX message with right length and any checksum."""
    text = body.replace("|", "\x01")
    return f"8=FIX.4.4\x019={len(text)}\x01{text}10=000\x01".encode()


def test_reports_keep_their_body_and_lose_their_header() -> None:
    blob = message("35=8|34=7|49=OUTCRY|56=T|52=20260101-00:00:00|37=O1|17=E5|58=10=9|") + message(
        "35=9|34=8|49=OUTCRY|56=T|52=20260101-00:00:00|97=Y|37=O1|"
    )
    assert list(report_bodies(blob, poss_resend=False)) == [("8", "97=Y\x0137=O1\x0117=E5\x0158=10=9\x01")]
    assert list(report_bodies(blob, poss_resend=True)) == [("9", "97=Y\x0137=O1\x01")]


def test_reports_that_were_sent_anew_already_are_told_from_those_said_first() -> None:
    blob = message("35=8|34=7|97=Y|17=E5|") + message("35=8|34=8|17=E6|58=97=Y|") + message("35=5|34=9|")
    assert list(report_bodies(blob, poss_resend=True)) == [("8", "97=Y\x0117=E5\x01")]
    assert list(report_bodies(blob, poss_resend=False)) == [("8", "97=Y\x0117=E6\x0158=97=Y\x01")]


def test_admin_messages_are_not_sent_anew() -> None:
    blob = b"".join(message(f"35={kind}|34=1|49=A|56=B|52=x|") for kind in "012345A")
    assert list(report_bodies(blob, poss_resend=False)) == []


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_session_that_is_reset_again_and_again_holds_up_no_other(tmp_path: Path, is_waiting: bool) -> None:
    often, once = gateway_session(1, epoch=9), gateway_session(2, epoch=9)
    journal = Journal.open(tmp_path / "journal", durability="async", map_bytes=1 << 24)
    book = SessionBook([often, once])
    pipeline = Pipeline(journal, book, 1, lambda _name: None)
    storage = Storage(journal, Ballast(tmp_path / "ballast", 1), free_bytes_min=0, alarm_percent=100, give_up_s=0.0)
    resends = Resends(cast("Wire", None), storage, pipeline, book, lambda _name: None)
    resends.session_reset(often, 8, 0)
    resends.session_reset(once, 8, 0)
    once.state.anew = (Unsent(3, 1, False),)
    if is_waiting:
        # The wire has begun another epoch, and the end of the one before is not committed yet.
        often.epoch = 10
    else:
        often.state.anew = tuple(Unsent(epoch, 1, False) for epoch in range(1, 8))

    def begin(batch: Batch, events: list[Any], _messages: object, _ns: int, _cursors: object, anew: Any) -> None:
        pipeline.begin(PendingBatch(batch, events=events, targets={}, oldest_ns=0, drop_copy_cursors={}, anew=anew))

    for _ in range(2):
        resends.go_on(begin)
        pipeline.commit()
    assert book.by_id[2].state.anew == ()
    journal.close()
