"""After a reset the reports of the old epoch are sent anew: their bodies, without the old header, as possible
resends.
"""

from gateway.resends import report_bodies


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
