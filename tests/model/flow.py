"""Random commands out of one seed: every kind, right and wrong, over few names so that they meet."""

import random
from typing import Any, Final, cast

import msgspec

from matching import commands as c

INSTRUMENTS: Final = (
    c.DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 100, 2_000),
    c.DefineInstrument(2, "MSFT", "spot", "USD", 1_000_000, 100_000_000, 10_000, 103, 1_111),
    c.DefineInstrument(3, "BTC-PERP", "perpetual", "USD", 50_000_000, 100_000, 500, 100, 5_000),
)
ACCOUNTS: Final = (1, 2, 3)
SESSIONS: Final = (1, 2, 3, 4)


def definitions() -> list[c.Command]:
    """A small exchange: three accounts, four sessions of three members, limits and money that bind now and then."""
    commands: list[c.Command] = [*INSTRUMENTS]
    commands += [c.DefineAccount(number, f"ACC{number}", "FIRM") for number in ACCOUNTS]
    commands += [
        c.DefineSession(1, "S1", "TRADER1", 0, 0, 0, 0),
        c.DefineSession(2, "S2", "TRADER1", 0, 0, 0, 0),
        c.DefineSession(3, "S3", "TRADER2", 50, 20, 50, 10),
        c.DefineSession(4, "S4", "MAKER1", 0, 0, 0, 0),
        c.SetLimits(1, 0, 0, 0, 40, 0),
        c.SetLimits(2, 1, 35, 30_000_000, 8, 120),
        c.SetLimits(3, 0, 0, 0, 0, 0, 100, 30),
        c.SetLimits(3, 3, 0, 0, 0, 60),
    ]
    for number in ACCOUNTS:
        commands.append(c.Deposit(number, "USD", 120_000_000, f"cash {number}"))
        commands += [c.Deposit(number, symbol, 150, f"{symbol} {number}") for symbol in ("AAPL", "MSFT")]
    return commands


class Flow:
    """A stream of commands. `calm` leaves out what stops the market, so that much trading happens.

    The caller says in `has_work` whether work is left, which is then mostly continued.
    """

    def __init__(self, rng: random.Random, *, calm: bool = False) -> None:
        self.rng = rng
        self.calm = calm
        self.names: list[str] = []
        self.sent: list[c.NewOrder] = []
        self.transfers: list[c.Command] = []
        self.reopen: c.Command | None = None
        self.has_work = False
        self.time_ns = 1_700_000_000_000_000_000
        self.trading_day = 20_250_101

    def next(self) -> tuple[int, c.Command]:
        """Return time and command of the next step."""
        self.time_ns += self.rng.choice((0, 1_000, 3_000_000, 20_000_000))
        if self.has_work and self.rng.random() < 0.4:
            return self.time_ns, c.ContinueWork()
        if self.reopen is not None and self.rng.random() < 0.15:
            return self.time_ns, self.close_or_reopen(0)
        draw = self.rng.random()
        if draw < 0.60:
            return self.time_ns, self.new_order()
        if draw < 0.93:
            return self.time_ns, self.request()
        if draw < 0.94:
            return self.time_ns, c.ContinueWork()
        return self.time_ns, self.operation()

    def name(self) -> str:
        """A ClOrdID: mostly a new one, sometimes a known one."""
        if self.names and self.rng.random() < 0.04:
            return self.rng.choice(self.names[-40:])
        self.names.append(f"N{len(self.names)}")
        return self.names[-1]

    def known(self) -> str:
        """A ClOrdID that was used lately, or one that never was."""
        if self.names and self.rng.random() < 0.95:
            return self.rng.choice(self.names[-25:])
        return "never"

    def price(self) -> int:
        return self.rng.choice((100, 99, 101, 98, 102, self.rng.randint(70, 130)))

    def new_order(self) -> c.Command:
        rng = self.rng
        if rng.random() < 0.03:
            return self.refuse_order()
        ord_type = cast(Any, "1" if rng.random() < 0.08 else "2")
        order = c.NewOrder(
            session_id=rng.choice(SESSIONS),
            epoch=1,
            msg_seq_num=rng.randint(1, 9),
            poss_resend=rng.random() < 0.1,
            cl_ord_id=self.name(),
            account_id=rng.choice(ACCOUNTS),
            instrument_id=rng.choice((1, 1, 2, 3)),
            side=rng.choice(("1", "2")),
            ord_type=ord_type,
            time_in_force=rng.choice(("0", "0", "1", "1", "3", "4")),
            price=0 if ord_type == "1" else self.price(),
            qty=rng.choice((1, 3, 10, 20, 40, rng.randint(0, 60))),
            post_only=rng.random() < 0.1,
        )
        self.sent.append(order)
        return order

    def refuse_order(self) -> c.Command:
        rng = self.rng
        return c.RefuseOrder(
            rng.choice(SESSIONS),
            1,
            1,
            rng.random() < 0.2,
            self.name(),
            "A",
            "XYZ",
            "1",
            "2",
            "0",
            "1.005",
            "7",
            18,
            "bad",
        )

    def request(self) -> c.Command:
        """A request about an order that was sent lately, mostly with its own side and instrument."""
        rng = self.rng
        order = rng.choice(self.sent[-20:]) if self.sent else None
        session_id, instrument_id, side, named = rng.choice(SESSIONS), rng.choice((1, 2, 3, 0)), "1", self.known()
        if order is not None and rng.random() < 0.85:
            session_id, instrument_id, side = order.session_id, order.instrument_id, order.side
            named = order.cl_ord_id
            if session_id < 3 and rng.random() < 0.5:
                session_id = 3 - session_id
        order_id = 0 if rng.random() < 0.9 else rng.randint(1, 60)
        side = cast(Any, side)
        draw = rng.random()
        if draw < 0.25:
            resent = rng.random() < 0.1
            return c.CancelOrder(session_id, 1, 1, self.name(), named, order_id, instrument_id, side, resent)
        if draw < 0.85:
            price = order.price if order is not None and rng.random() < 0.6 else self.price()
            qty = rng.choice((order.qty - 1, order.qty, order.qty + 9)) if order is not None else 5
            ord_type = cast(Any, "1" if rng.random() < 0.03 else "2")
            tif = cast(Any, rng.choice(("0", "0", "0", "1", "1", "1", "3")))
            if order is not None and rng.random() < 0.6:
                tif = order.time_in_force
            name, post_only = self.name(), rng.random() < 0.1
            replace = c.ReplaceOrder(
                session_id,
                1,
                1,
                name,
                named,
                order_id,
                instrument_id,
                side,
                ord_type,
                tif,
                price,
                qty,
                post_only,
                rng.random() < 0.1,
            )
            if order is not None:
                self.sent.append(msgspec.structs.replace(order, cl_ord_id=name, price=price, qty=qty))
            return replace
        if draw < 0.95:
            return c.RequestStatus(session_id, 1, 1, named, order_id, "R", "AAPL", "1")
        response = cast(Any, rng.choice(("1", "2")))
        return c.RefuseCancel(session_id, 1, 1, self.name(), named, order_id, response, 99, "bad")

    def operation(self) -> c.Command:
        rng = self.rng
        if rng.random() < 0.15:
            return self.transfer()
        draw = rng.randint(1, 13)
        if draw == 1:
            return c.SetLimits(
                rng.choice((1, 2, 9)), rng.choice((0, 1, 9)), rng.choice((0, 30, -1)), 0, 8, rng.choice((120, 20))
            )
        if draw == 2:
            return c.Deposit(
                rng.choice(ACCOUNTS),
                rng.choice(("USD", "AAPL", "BTC-PERP")),
                rng.randint(-50, 50),
                f"t{rng.randint(1, 40)}",
            )
        if draw == 3:
            return c.SetReferencePrice(rng.choice((1, 2, 3, 7)), rng.choice((95, 100, 104, 100, 104, -1)), "ops")
        if draw == 4:
            return self.definition()
        if draw == 5:
            return c.DefineSession(3, "S3", "TRADER2", rng.choice((50, 30, 0)), rng.choice((20, 5)), 50, 10)
        if draw == 6 or (self.calm and draw > 6):
            return c.CancelSessionOrders(rng.choice((*SESSIONS, 8)), "disconnected")
        if draw <= 8:
            self.trading_day += rng.choice((0, 1))
            return c.EndTradingDay(self.trading_day)
        return self.close_or_reopen(draw)

    def transfer(self) -> c.Command:
        """A step of a transfer between shards: a new one, one again, or one whose id is taken by another."""
        rng = self.rng
        if self.transfers and rng.random() < 0.4:
            return rng.choice(self.transfers)
        step = rng.choice((c.TransferOut, c.TransferIn))
        asset = rng.choice(("USD", "USD", "AAPL", "BTC-PERP"))
        amount = rng.choice((0, 1, 30_000_000, 60_000_000, 90_000_000)) if asset == "USD" else rng.randint(0, 100)
        account_id = rng.choice((*ACCOUNTS, *ACCOUNTS, *ACCOUNTS, 9))
        self.transfers.append(
            step(account_id, asset, amount, f"t{rng.randint(1, 60)}", rng.choice(("b", "b", "c")), "ops", "")
        )
        return self.transfers[-1]

    def close_or_reopen(self, draw: int) -> c.Command:
        """Close something; if something is closed, mostly reopen that."""
        rng = self.rng
        if self.reopen is not None and rng.random() < 0.9:
            command, self.reopen = self.reopen, None
            return command
        if draw <= 10:
            scope = cast(Any, rng.choice(("session", "account", "market")))
            target_id = 0 if scope == "market" else rng.choice((1, 2, 3, 9))
            self.reopen = c.SetKillSwitch(scope, target_id, False, "ops", "")
            return c.SetKillSwitch(scope, target_id, True, "ops", "test")
        if draw == 11:
            self.reopen = c.SetAcceptance(True, "")
            return c.SetAcceptance(False, "disk full")
        instrument_id = rng.choice((1, 2, 3, 9))
        self.reopen = c.SetTradingPhase(instrument_id, "continuous", "ops", "")
        return c.SetTradingPhase(instrument_id, cast(Any, rng.choice(("halted", "closed"))), "ops", "news")

    def definition(self) -> c.Command:
        return self.rng.choice(
            (
                c.DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 100, 1_500),
                c.DefineInstrument(1, "AAPL", "spot", "USD", 2_000_000, 100_000_000, 10_000, 100, 2_000),
                c.DefineInstrument(4, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 100, 2_000),
                c.DefineAccount(1, "ACC1", "OTHER"),
                c.DefineAccount(1, "ACC2", "OTHER"),
                c.DefineAccount(7, "ACC3", "OTHER"),
                c.DefineSession(1, "S1", "TRADER9", 0, 0, 0, 0),
                c.DefineSession(9, "S1", "TRADER9", 0, 0, 0, 0),
            )
        )
