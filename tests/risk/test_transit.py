"""The two steps of a transfer between shards: what each posts, once per id, and what it refuses."""

import msgspec
import pytest

from matching import codec
from matching.commands import Command, Deposit, SetKillSwitch, TransferIn, TransferOut
from matching.engine import Engine
from matching.events import CommandRefused, Posted, TransferredIn, TransferredOut
from risk.accounts import AMOUNT_MAX
from risk.engine import RiskEngine
from tests.matching.harness import AAPL, ACC1, ACC2, ACC3, CASH, SHARES, Harness, buy, order, text_of

USD = 1_000_000
WITHOUT_TRANSFERS = bytes.fromhex(
    "9b01c3a0a090919201943214cf000000046c7cfe0005909293a44141504cf90093a3555344d3fffffffed5fa0e0000919701a441434331"
    "00a473746f70c09293a44141504c070093a3555344cf000000012a05f2000091990d010000002800000091960101000000009294a463617368"
    "01a3555344cf000000012a05f20094a673686172657301a44141504c07"
)
"""A state of the risk engine as it was written before there were transfers between shards."""


@pytest.fixture
def exchange() -> Harness:
    return Harness()


def transfer_out(amount: int, transfer_id: str = "t1", *, asset: str = "USD", account_id: int = ACC1) -> TransferOut:
    """From an account of this shard to the shard b."""
    return TransferOut(account_id, asset, amount, transfer_id, "b", "ops", "more trading there")


def transfer_in(amount: int, transfer_id: str = "t1", *, asset: str = "USD", account_id: int = ACC1) -> TransferIn:
    """From the shard b to an account of this one."""
    return TransferIn(account_id, asset, amount, transfer_id, "b", "ops", "more trading here")


def held_by_transit(exchange: Harness) -> tuple[int, int]:
    """What is in transit, USD and AAPL."""
    return exchange.risk.in_transit("USD"), exchange.risk.in_transit("AAPL")


def test_out_takes_what_is_available_into_transit(exchange: Harness) -> None:
    assert exchange.apply(transfer_out(30 * USD), transfer_out(7, "t2", asset="AAPL")) == [
        TransferredOut(ACC1, "USD", 30 * USD, "t1", "b", "ops", "more trading there", CASH - 30 * USD),
        TransferredOut(ACC1, "AAPL", 7, "t2", "b", "ops", "more trading there", SHARES - 7),
    ]
    assert exchange.cash(ACC1) == (-30 * USD, 0)
    assert held_by_transit(exchange) == (30 * USD, 7)


def test_in_gives_out_of_transit_what_never_left_this_shard(exchange: Harness) -> None:
    assert exchange.apply(transfer_in(30 * USD), transfer_in(7, "t2", asset="AAPL", account_id=ACC2)) == [
        TransferredIn(ACC1, "USD", 30 * USD, "t1", "b", "ops", "more trading here", CASH + 30 * USD),
        TransferredIn(ACC2, "AAPL", 7, "t2", "b", "ops", "more trading here", SHARES + 7),
    ]
    assert held_by_transit(exchange) == (-30 * USD, -7)


def test_what_came_in_trades(exchange: Harness) -> None:
    whole = CASH // 10_000 // 10_000
    exchange.apply(transfer_in(10_000 * 10_000))
    exchange.apply(buy("a", whole + 1, 10_000))
    assert exchange.cash(ACC1) == (10_000 * 10_000, CASH + 10_000 * 10_000)


def test_what_orders_hold_does_not_leave(exchange: Harness) -> None:
    exchange.apply(buy("a", 1, 10_000), order("s", "2", 4, 10_500))
    free = CASH - 10_000 * 10_000
    refused = exchange.apply(transfer_out(free + 1), transfer_out(SHARES - 3, asset="AAPL"))
    assert refused == [
        CommandRefused("TransferOut", "transfer of 999900.000001 USD exceeds the 999900 USD available to account 1"),
        CommandRefused("TransferOut", "transfer of 9997 AAPL exceeds the 9996 AAPL available to account 1"),
    ]
    taken = exchange.apply(transfer_out(free), transfer_out(SHARES - 4, "t2", asset="AAPL"))
    assert [event.balance for event in taken if isinstance(event, TransferredOut)] == [10_000 * 10_000, 4]


# -- once per id ------------------------------------------------------------------------------------------------------


def test_a_repeat_posts_nothing_and_gets_its_event_with_the_balance_of_now(exchange: Harness) -> None:
    exchange.apply(transfer_out(USD), transfer_in(2 * USD), Deposit(ACC1, "USD", 5, "d"))
    before = exchange.risk.dump()
    balance = CASH + USD + 5
    assert exchange.apply(transfer_out(USD), transfer_in(2 * USD)) == [
        TransferredOut(ACC1, "USD", USD, "t1", "b", "ops", "more trading there", balance),
        TransferredIn(ACC1, "USD", 2 * USD, "t1", "b", "ops", "more trading here", balance),
    ]
    assert exchange.risk.dump() == before


def test_a_repeat_by_somebody_else_is_the_same_transfer(exchange: Harness) -> None:
    first = transfer_out(USD)
    again = msgspec.structs.replace(first, by="night shift", reason="was it done?")
    exchange.apply(first)
    assert exchange.apply(again) == [
        TransferredOut(ACC1, "USD", USD, "t1", "b", "night shift", "was it done?", CASH - USD)
    ]


def test_a_repeat_is_answered_when_a_first_step_would_be_refused(exchange: Harness) -> None:
    exchange.apply(transfer_out(CASH), SetKillSwitch("account", ACC1, True, "ops", "stop"))
    assert isinstance(exchange.apply(transfer_out(CASH))[0], TransferredOut)


OTHERS = [
    ({"account_id": ACC2}, "30 USD of account 2"),
    ({"asset": "AAPL"}, "30000000 AAPL of account 1"),
    ({"asset": "???"}, "30000000 ??? of account 1"),
    ({"account_id": 99}, "30 USD of account 99"),
    ({"amount": 30 * USD + 1}, "30.000001 USD of account 1"),
    ({"amount": 0}, "0 USD of account 1"),
    ({"shard": "c"}, "30 USD of account 1"),
]


@pytest.mark.parametrize(("change", "found"), OTHERS)
@pytest.mark.parametrize("step", ["out", "in"])
def test_an_id_with_other_content_is_refused_and_both_are_named(
    exchange: Harness, step: str, change: dict[str, object], found: str
) -> None:
    first: TransferOut | TransferIn = transfer_out(30 * USD) if step == "out" else transfer_in(30 * USD)
    way = "to" if step == "out" else "from"
    named = {f"{way}_shard" if key == "shard" else key: value for key, value in change.items()}
    exchange.apply(first)
    before = exchange.risk.dump()
    said = (
        "transfer_id t1 was posted before with other content: "
        f"30 USD of account 1 {way} shard b; found {found} {way} shard {change.get('shard', 'b')}"
    )
    other = msgspec.structs.replace(first, **named)
    assert exchange.apply(other) == [CommandRefused(type(first).__name__, said)]
    assert exchange.risk.dump() == before


def test_ids_of_out_in_and_deposits_are_separate(exchange: Harness) -> None:
    events = exchange.apply(Deposit(ACC1, "USD", 1, "x"), transfer_out(2, "x"), transfer_in(3, "x"))
    assert [type(event) for event in events] == [Posted, TransferredOut, TransferredIn]
    assert exchange.apply(Deposit(ACC1, "USD", 1, "x")) == [
        CommandRefused("Deposit", "transfer_id x was posted before")
    ]
    assert held_by_transit(exchange) == (-1, 0)


# -- refused ----------------------------------------------------------------------------------------------------------

NO_ASSET = "is neither a currency nor a spot symbol of this exchange"
REFUSED: list[tuple[dict[str, object], str]] = [
    ({"account_id": 99}, "account 99 is not defined"),
    ({"account_id": 0}, "account 0 is not defined"),
    ({"account_id": -1}, "account -1 is not defined"),
    ({"asset": "EUR"}, f"asset EUR {NO_ASSET}"),
    ({"asset": "BTC-PERP"}, f"asset BTC-PERP {NO_ASSET}"),
    ({"amount": 0}, f"amount 0 of USD is not within 1 to {AMOUNT_MAX}"),
    ({"amount": -5}, f"amount -5 of USD is not within 1 to {AMOUNT_MAX}"),
    ({"amount": AMOUNT_MAX + 1}, f"amount {AMOUNT_MAX + 1} of USD is not within 1 to {AMOUNT_MAX}"),
    ({"transfer_id": ""}, "transfer_id has 0 characters, allowed are 1 to 128"),
    ({"transfer_id": "x" * 129}, "transfer_id has 129 characters, allowed are 1 to 128"),
    ({"shard": ""}, "name of the other shard has 0 characters, allowed are 1 to 128"),
    ({"shard": "x" * 129}, "name of the other shard has 129 characters, allowed are 1 to 128"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
@pytest.mark.parametrize("step", ["out", "in"])
def test_a_bad_step_is_refused_and_changes_nothing(
    exchange: Harness, step: str, change: dict[str, object], said: str
) -> None:
    good: TransferOut | TransferIn = transfer_out(USD) if step == "out" else transfer_in(USD)
    shard = "to_shard" if step == "out" else "from_shard"
    named = {shard if key == "shard" else key: value for key, value in change.items()}
    before = exchange.risk.dump()
    bad = msgspec.structs.replace(good, **named)
    assert exchange.apply(bad) == [CommandRefused(type(good).__name__, said)]
    assert exchange.risk.dump() == before
    assert not isinstance(exchange.apply(good)[0], CommandRefused), "a refused step leaves its id free"


def test_kill_switch_of_an_account_stops_out_and_not_in(exchange: Harness) -> None:
    exchange.apply(SetKillSwitch("account", ACC1, True, "ops", "lost laptop"))
    assert exchange.apply(transfer_out(USD)) == [
        CommandRefused("TransferOut", "kill switch of account ACC1 is engaged: lost laptop")
    ]
    assert isinstance(exchange.apply(transfer_in(USD))[0], TransferredIn)
    assert isinstance(exchange.apply(transfer_out(USD, account_id=ACC2))[0], TransferredOut)
    exchange.apply(SetKillSwitch("account", ACC1, False, "ops", ""))
    assert "was posted before with other content" in text_of(exchange.apply(transfer_out(USD)))
    assert isinstance(exchange.apply(transfer_out(USD, "t2"))[0], TransferredOut)


def test_what_comes_in_is_bounded_so_that_every_balance_fits_a_record(exchange: Harness) -> None:
    room = AMOUNT_MAX - 3 * CASH
    exchange.apply(Deposit(ACC1, "USD", room, "all"), transfer_in(AMOUNT_MAX))
    assert exchange.risk.balance_of(ACC1, "USD")[0] == room + CASH + AMOUNT_MAX < 1 << 63
    said = f"amount 1 of USD brings what came in less what left to {AMOUNT_MAX + 1}, allowed is {AMOUNT_MAX}"
    assert exchange.apply(transfer_in(1, "t2")) == [CommandRefused("TransferIn", said)]
    reloaded(exchange)
    everything = [transfer_out(AMOUNT_MAX), transfer_out(room + CASH, "t2")]
    everything += [transfer_out(CASH, f"of {number}", account_id=number) for number in (ACC2, ACC3)]
    assert [type(event) for event in exchange.apply(*everything)] == [TransferredOut] * 4
    assert exchange.risk.in_transit("USD") == AMOUNT_MAX
    assert "exceeds the 0 USD available" in text_of(exchange.apply(transfer_out(1, "t5", account_id=ACC2)))
    reloaded(exchange)


# -- bytes ------------------------------------------------------------------------------------------------------------


def reloaded(exchange: Harness) -> Engine:
    """The engine out of its snapshot, which it writes again in the same bytes."""
    engine = Engine(RiskEngine())
    engine.load(exchange.engine.snapshot())
    engine.check_invariants()
    assert engine.snapshot() == exchange.engine.snapshot()
    return engine


def test_transfers_survive_a_reload(exchange: Harness) -> None:
    exchange.apply(transfer_out(USD), transfer_in(5, asset="AAPL", account_id=ACC2))
    engine = reloaded(exchange)
    again: list[Command] = [transfer_out(USD), transfer_in(5, asset="AAPL", account_id=ACC2), transfer_in(USD, "new")]
    out: list[object] = []
    for command in again:
        engine.apply(engine.seq + 1, exchange.time_ns, command, out)  # type: ignore[arg-type]  # any list takes events
    assert out == exchange.apply(*again)
    assert engine.state_hash() == exchange.engine.state_hash()


def risk_with_aapl() -> RiskEngine:
    """A risk engine that knows AAPL, as the engine makes it before it loads the rest."""
    engine = Engine(RiskEngine())
    engine.apply(1, 1, AAPL, [])
    assert isinstance(engine.risk, RiskEngine)
    return engine.risk


def test_a_state_from_before_transfers_is_read_and_written_as_it_was() -> None:
    risk = risk_with_aapl()
    risk.load(WITHOUT_TRANSFERS)
    assert risk.balance_of(1, "USD") == (5_000 * USD, 0)
    assert risk.dump() == WITHOUT_TRANSFERS
    assert risk.transfer_in(transfer_in(USD)) == ("", 5_001 * USD)
    risk.check_invariants([])
    again = risk_with_aapl()
    again.load(risk.dump())
    assert again.dump() == risk.dump()


def test_a_state_of_a_later_version_is_refused() -> None:
    for version in (0, 5):
        record = msgspec.msgpack.decode(WITHOUT_TRANSFERS)
        record[0] = version
        with pytest.raises(ValueError, match=f"risk record has version {version}, known are 1 to 4"):
            risk_with_aapl().load(msgspec.msgpack.encode(record))


def test_the_bytes_of_commands_and_events_are_the_format_and_must_not_change() -> None:
    commands: list[Command] = [transfer_out(258), transfer_in(1)]
    data = codec.encode_commands(commands)
    assert codec.decode_commands(data) == commands
    assert msgspec.msgpack.decode(data) == [
        [22, 1, "USD", 258, "t1", "b", "ops", "more trading there"],
        [23, 1, "USD", 1, "t1", "b", "ops", "more trading here"],
    ]
    events = codec.encode_events(
        [TransferredOut(1, "USD", 2, "t", "b", "o", "r", 3), TransferredIn(1, "USD", 2, "t", "b", "o", "r", 4)]
    )
    assert msgspec.msgpack.decode(events) == [
        [22, 1, "USD", 2, "t", "b", "o", "r", 3],
        [23, 1, "USD", 2, "t", "b", "o", "r", 4],
    ]


def test_the_audit_finds_what_transfers_do_not_explain(exchange: Harness) -> None:
    exchange.apply(transfer_out(USD))
    ledger = exchange.risk.transit.ledger
    ledger.balance("USD").amount -= 1
    with pytest.raises(AssertionError, match="USD sums to -1 over all ledgers"):
        exchange.engine.check_invariants()
    exchange.risk.deposits.outside.balance("USD").amount += 1
    with pytest.raises(AssertionError, match="its transfers add up to"):
        exchange.engine.check_invariants()
