"""The parts of the client without a socket: messages, framing, stores, names."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import Dictionary, FileStore, MalformedMessageError, MemoryStore, encode, parse
from gateway.client.dictionary import shipped
from gateway.client.message import MESSAGE_BYTES_MAX, Framer

LOGON = encode("FIX.4.4", "A", [(34, 1), (49, "A"), (56, "B"), (553, "A"), (554, "geheim")])
TEXT = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\x01"), min_size=1, max_size=40)


@given(st.lists(st.tuples(st.integers(5000, 9999), TEXT), max_size=30))
def test_what_is_encoded_is_what_is_parsed(fields: list[tuple[int, str]]) -> None:
    message = parse(encode("FIX.4.4", "D", [(34, 7), *fields]))
    assert message.fields[3:-1] == ((34, "7"), *fields)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_framing_does_not_depend_on_how_the_bytes_arrive(cuts: list[int]) -> None:
    stream = LOGON * 3
    framer, found, at = Framer(), [], 0
    for cut in [*cuts, len(stream)]:
        framer.feed(stream[at : at + cut])
        at += cut
        while (raw := framer.next()) is not None:
            found.append(raw)
    assert found == [LOGON] * 3


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"8=FIX.4.4\x0135=A\x01",
        b"8=FIX.4.4\x019=-5\x0135=A\x01",
        b"8=FIX.4.4\x019=%d\x01" % MESSAGE_BYTES_MAX,
        b"8=FIX" + b"4" * 100,
        b"8=FIX.4.4\x019=" + b"0" * 100,
    ],
)
def test_stream_that_is_no_fix_is_refused(data: bytes) -> None:
    framer = Framer()
    framer.feed(data)
    with pytest.raises(MalformedMessageError):
        framer.next()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"8=FIX.4.4\x019=5\x0135=A\x01",
        LOGON.replace(b"554=geheim", b"554=geheis"),
        b"8=FIX.4.4\x019=5\x01x=1\x01y\x0110=000\x01",
        encode("FIX.4.4", "A", [(34, 1)]).replace(b"35=A\x01", b""),
    ],
)
def test_bytes_that_are_no_message_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse(raw)


def test_data_field_may_hold_the_separator() -> None:
    message = parse(encode("FIX.4.4", "A", [(34, 1), (95, 5), (96, b"a\x01b=c")]))
    assert message[96] == "a\x01b=c"


def test_decimals_are_written_without_an_exponent() -> None:
    assert parse(encode("FIX.4.4", "D", [(44, Decimal("1E+3")), (38, Decimal("0.00001"))]))[44] == "1000"


def test_large_book_is_parsed_in_linear_time() -> None:
    levels = 20_000
    body = b"35=W\x0134=1\x01268=%d\x01" % levels + b"269=0\x01270=7.5\x01271=10\x01" * levels
    head = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    group = parse(head + b"10=%03d\x01" % (sum(head) % 256)).group(268)
    assert (len(group), group[-1][270]) == (levels, "7.5")


def test_group_that_is_not_there_is_empty() -> None:
    assert parse(LOGON).group(268) == []


def test_missing_field_is_named_with_its_message() -> None:
    with pytest.raises(KeyError, match="field 11 is not in this message"):
        parse(LOGON)[11]


@pytest.mark.parametrize("begin_string", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_shipped_names_say_what_a_message_is(begin_string: str) -> None:
    names = shipped(begin_string)
    order = parse(encode(begin_string, "D", [(34, 2), (11, "x"), (54, "1"), (5009, "?")]))
    assert names.message_name("D") in ("NewOrderSingle", "OrderSingle")
    assert names.describe(order) == ["MsgSeqNum(34)=2", "ClOrdID(11)=x", "Side(54)=1 buy", "?(5009)=?"]


def test_password_is_never_described() -> None:
    assert "geheim" not in " ".join(shipped("FIX.4.4").describe(parse(LOGON)))
    assert Dictionary().describe(parse(LOGON))[-1] == "?(554)=***"


def test_file_store_goes_on_where_a_process_stopped(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "TRADER1.numbers")
    store.sent(1, LOGON)
    store.sent(2, LOGON)
    store.received(9)
    store.close()
    again = FileStore(tmp_path / "TRADER1.numbers")
    assert (again.next_sender, again.next_target, again.find(2), again.find(3)) == (3, 9, LOGON, None)
    again.close()


def test_file_store_drops_a_line_that_a_crash_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "TRADER1.numbers"
    store = FileStore(path)
    store.received(4)
    store.close()
    path.write_bytes(path.read_bytes() + b'{"next_tar')
    again = FileStore(path)
    assert again.next_target == 4
    again.close()


def test_reset_store_begins_at_one_and_forgets(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "TRADER1.numbers")
    store.sent(1, LOGON)
    store.received(5)
    store.reset()
    store.close()
    again = FileStore(tmp_path / "TRADER1.numbers")
    assert (again.next_sender, again.next_target, again.find(1)) == (1, 1, None)
    again.close()


def test_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.client.store.SENT_COUNT_MAX", 2)
    store = MemoryStore()
    for seq in (1, 2, 3):
        store.sent(seq, LOGON)
    assert [store.find(seq) is not None for seq in (1, 2, 3)] == [False, True, True]
