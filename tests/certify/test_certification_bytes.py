"""What certification finds in bytes, without an exchange: frames, fields and groups, numbers and answers."""

import pytest

from gateway.certify.message_rules import MessageJudge
from gateway.certify.raw import RawFramer, RawMessage, without_secrets
from gateway.certify.rules import RULES, Fault
from gateway.certify.session_rules import SessionJudge
from gateway.inbound import Role
from gateway.sessions import FIX42, FIX44, FIX50SP2, Version
from tests.support.fix_peer import encode, utc_timestamp

ORDER = ((11, "a"), (55, "AAPL"), (54, "1"), (60, "20260101-00:00:00"), (38, "1"), (40, "1"))
QUOTE = ((117, "q"), (296, "1"), (302, "S"), (304, "1"), (295, "1"), (299, "E"), (55, "AAPL"), (132, "1"), (134, "1"))


def message(msg_type: str, body: tuple[tuple[int, str], ...] = (), *, number: int = 1, head: str = "") -> RawMessage:
    """Return a message of CLIENT1, read as certification reads it; `head` are more fields of the header, 43=Y."""
    more = [(int(tag), value) for tag, _, value in (one.partition("=") for one in head.split())]
    fixed = [(8, "FIX.4.4"), (35, msg_type), (34, str(number)), (49, "CLIENT1"), (52, utc_timestamp()), (56, "OUTCRY")]
    [found] = RawFramer().feed(encode([*fixed, *more, *body]))
    return found


def rules_of(body: tuple[tuple[int, str], ...], msg_type: str = "D", version: Version = FIX44) -> list[str]:
    """Return the rules that a message breaks by itself."""
    role: Role = "order_entry"
    return [fault.rule for fault in MessageJudge(version, role).faults(message(msg_type, body))]


def test_bytes_in_any_pieces_are_the_same_messages() -> None:
    raw = message("D", ORDER).raw + message("0", number=2).raw
    framer = RawFramer()
    found = [one for at in range(len(raw)) for one in framer.feed(raw[at : at + 1])]
    assert [(one.msg_type, one.number, one.faults) for one in found] == [("D", 1, ()), ("0", 2, ())]
    assert b"".join(one.raw for one in found) == raw


def damaged(raw: bytes, old: bytes, new: bytes, *, is_summed: bool = True) -> bytes:
    """Return a message with some of its bytes replaced, with a right CheckSum(10) again."""
    whole = raw.replace(old, new, 1)[:-7]
    return whole + (b"10=%03d\x01" % (sum(whole) % 256)) if is_summed else whole + raw[-7:]


@pytest.mark.parametrize(
    ("old", "new", "is_summed", "rules"),
    [
        (b"\x0155=AAPL", b"\x0155=AAPLE", True, ["body-length"]),
        (b"\x0155=AAPL", b"\x0155=AAPM", False, ["check-sum"]),
        (b"\x0155=AAPL", b"\x0155AAPL=", True, ["field"]),
        (b"\x0155=AAPL", b"\x0155=\x01262=1", True, ["body-length", "field"]),
        (b"\x0135=D\x0134=1", b"\x0134=1\x0135=D", True, ["header-order"]),
    ],
)
def test_what_is_wrong_with_a_frame_is_named(old: bytes, new: bytes, is_summed: bool, rules: list[str]) -> None:
    raw = damaged(message("D", ORDER).raw, old, new, is_summed=is_summed)
    [found] = RawFramer().feed(raw)
    assert [rule for rule, _ in found.faults] == rules
    assert found.raw == raw


def test_bytes_between_messages_are_garbage_and_what_follows_is_read() -> None:
    found = RawFramer().feed(b"hello" + message("0").raw)
    assert [one.is_garbage for one in found] == [True, False]
    assert found[0].faults[0][0] == "framing"


def test_secrets_are_masked() -> None:
    raw = message("A", ((98, "0"), (108, "30"), (554, "secret"), (925, "newer"))).raw
    assert b"secret" not in without_secrets(raw)
    assert b"newer" not in without_secrets(raw)
    assert b"554=***\x01925=***" in without_secrets(raw)


@pytest.mark.parametrize(
    ("msg_type", "body", "rules"),
    [
        ("D", ORDER, []),
        ("D", ORDER[:2] + ORDER[3:], ["dictionary-required"]),
        ("D", (*ORDER, (59, "x")), ["dictionary-value"]),
        ("D", (*ORDER, (262, "1")), ["dictionary-field"]),
        ("D", (*ORDER, (11, "b")), ["dictionary-field"]),
        ("D", (*ORDER, (5951, "L")), []),
        ("D", (*ORDER, (18, "6 E")), []),
        ("D", (*ORDER, (18, "6 ?")), ["dictionary-value"]),
        ("i", QUOTE, []),
        ("i", (*QUOTE[:4], (295, "2"), *QUOTE[5:]), ["group"]),
        ("i", (*QUOTE, (302, "T"), (304, "1"), (295, "1"), (299, "F")), ["group"]),
        ("8", ORDER, ["dictionary-message"]),
        ("V", (), ["dictionary-message"]),
        ("zz", (), ["dictionary-message"]),
        ("3", ((45, "1"), (58, "what")), ["report-refused"]),
    ],
)
def test_a_message_is_judged_by_the_dictionary_and_the_tables(
    msg_type: str, body: tuple[tuple[int, str], ...], rules: list[str]
) -> None:
    found = rules_of(body, msg_type)
    assert found[: len(rules)] == rules
    assert bool(found) == bool(rules)


@pytest.mark.slow
def test_a_version_has_its_own_dictionary() -> None:
    assert rules_of(ORDER, version=FIX42) == ["dictionary-required"]
    assert rules_of((*ORDER, (1138, "1")), version=FIX50SP2) == []
    assert rules_of((*ORDER, (1138, "1"))) == ["dictionary-field"]


class Talk:
    """A session judge after a Logon with HeartBtInt(108)=30; time is what the test says."""

    def __init__(self) -> None:
        self.judge = SessionJudge(MessageJudge(FIX44, "order_entry"), "CLIENT1", "OUTCRY", answer_s=5.0)
        self.now = 100.0
        self.judge.connected(self.now)
        self.says("A", ((98, "0"), (108, "30")), number=1)
        self.hears("A", number=1)

    def says(self, msg_type: str, body: tuple[tuple[int, str], ...] = (), *, number: int, head: str = "") -> None:
        self.judge.from_client(message(msg_type, body, number=number, head=head), self.now)

    def hears(self, msg_type: str, body: tuple[tuple[int, str], ...] = (), *, number: int) -> None:
        self.judge.to_client(message(msg_type, body, number=number), self.now)

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.judge.tick(self.now)

    def faults(self) -> list[str]:
        return [fault.rule for fault in self.judge.take_faults()]


def test_numbers_are_counted() -> None:
    talk = Talk()
    talk.says("0", number=2)
    assert talk.faults() == []
    talk.says("0", number=2)
    assert talk.faults() == ["number-repeated"]
    talk.says("0", number=5)
    assert talk.faults() == ["number-gap"]


def test_a_heartbeat_is_late_after_its_interval_and_a_fifth() -> None:
    talk = Talk()
    talk.after(36.5)
    assert talk.faults() == []
    talk.after(1.0)
    assert talk.faults() == ["heartbeat-late"]


def test_a_test_request_wants_its_own_answer() -> None:
    talk = Talk()
    talk.hears("1", ((112, "x"),), number=2)
    talk.says("0", ((112, "y"),), number=2)
    talk.after(5.5)
    assert talk.faults() == ["test-request"]
    talk.hears("1", ((112, "z"),), number=3)
    talk.says("0", ((112, "z"),), number=3)
    talk.after(5.5)
    assert talk.faults() == []


def test_a_resend_request_is_answered_whole() -> None:
    talk = Talk()
    for number in (2, 3, 4):
        talk.says("0", number=number)
    talk.hears("2", ((7, "2"), (16, "0")), number=2)
    assert talk.judge.has_open_question
    talk.says("4", ((123, "Y"), (36, "4")), number=2, head="43=Y 122=20260101-00:00:00")
    talk.says("4", ((123, "Y"), (36, "5")), number=4, head="43=Y 122=20260101-00:00:00")
    talk.after(6.0)
    assert talk.faults() == []
    talk.hears("2", ((7, "2"), (16, "3")), number=3)
    talk.says("4", ((123, "Y"), (36, "4")), number=3, head="43=Y 122=20260101-00:00:00")
    assert talk.faults() == ["resend-unanswered"]


def test_a_duplicate_says_when_it_was_sent_first() -> None:
    talk = Talk()
    talk.says("0", number=1, head="43=Y")
    assert talk.faults() == ["orig-sending-time"]
    talk.says("0", number=1, head="43=Y 122=20991231-00:00:00")
    assert talk.faults() == ["orig-sending-time"]


def test_a_gap_has_to_be_asked_for_from_its_begin() -> None:
    talk = Talk()
    talk.hears("0", number=4)
    talk.after(6.0)
    assert talk.faults() == ["resend-not-asked"]
    talk = Talk()
    talk.hears("0", number=4)
    talk.says("2", ((7, "3"), (16, "0")), number=2)
    assert talk.faults() == ["resend-not-asked"]
    talk = Talk()
    talk.hears("0", number=4)
    talk.says("2", ((7, "2"), (16, "0")), number=2)
    talk.after(6.0)
    assert talk.faults() == []


def test_numbers_begin_anew_only_where_that_is_agreed() -> None:
    talk = Talk()
    talk.judge.disconnected(by_client=True)
    talk.judge.connected(talk.now)
    talk.says("A", ((98, "0"), (108, "30"), (141, "Y")), number=1)
    assert talk.faults() == ["reset-unasked"]
    talk.judge.agree_on_reset()
    talk.judge.connected(talk.now)
    talk.says("A", ((98, "0"), (108, "30"), (141, "Y")), number=1)
    assert talk.faults() == []
    talk.says("4", ((36, "9"),), number=2)
    assert talk.faults() == ["reset-unasked"]


def test_a_refused_logon_has_used_no_number() -> None:
    talk = Talk()
    talk.judge.disconnected(by_client=True)
    talk.judge.connected(talk.now)
    talk.says("A", ((98, "0"), (108, "30")), number=2)
    talk.hears("5", number=2)
    talk.judge.disconnected(by_client=False)
    talk.judge.connected(talk.now)
    talk.says("A", ((98, "0"), (108, "30")), number=2)
    assert talk.faults() == []


def test_nothing_comes_behind_a_logout() -> None:
    talk = Talk()
    talk.says("5", number=2)
    talk.says("D", ORDER, number=3)
    assert talk.faults() == ["after-logout"]
    talk = Talk()
    talk.hears("5", number=2)
    talk.after(1.0)
    talk.says("D", ORDER, number=2)
    assert talk.faults() == ["after-logout"]


def test_ids_of_orders_are_used_once_and_name_what_was_sent() -> None:
    talk = Talk()
    talk.says("D", ORDER, number=2)
    talk.says("D", ORDER, number=3, head="97=Y")
    assert talk.faults() == []
    talk.says("D", ORDER, number=4)
    assert talk.faults() == ["cl-ord-id"]
    talk.says("F", ((11, "c"), (41, "nobody"), *ORDER[1:5]), number=5)
    assert talk.faults() == ["orig-cl-ord-id"]


def test_the_header_names_the_session_and_the_moment() -> None:
    talk = Talk()
    other = message("0", number=2)
    raw = other.raw.replace(b"49=CLIENT1", b"49=CLIENT2").replace(b"52=20", b"52=19")
    talk.judge.from_client(RawFramer().feed(damaged(raw, b"", b""))[0], talk.now)
    assert talk.faults() == ["header", "sending-time"]


def test_every_fault_says_what_the_rule_asks() -> None:
    for name, rule in RULES.items():
        assert Fault(name, "found").text == f"found. {rule.where}: {rule.asks}"
