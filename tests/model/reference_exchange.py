"""The judge: the exchange as slow and obvious as its rules are said. Lists, linear scans, sums from scratch.

It shares no code with `matching` and `risk` but the words (commands, events). Texts are empty: they are for people.
Here are the commands of operators; the others are in the modules that this one is built on.
"""

from dataclasses import dataclass

import msgspec

from matching import commands as c
from matching import events as e
from tests.model.reference_steps import ReferenceSteps


@dataclass
class ReferenceExchange(ReferenceSteps):
    """Takes the same commands as the engine and says the same events, with empty texts."""

    def on_DefineInstrument(self, command: c.DefineInstrument) -> None:  # noqa: N802  # named after the command
        if self.risk.define_instrument(command):
            self.out.append(e.InstrumentDefined(command.instrument_id, command.symbol))
        else:
            self.refuse_command(command)

    def on_DefineAccount(self, command: c.DefineAccount) -> None:  # noqa: N802  # named after the command
        if self.risk.define_account(command):
            self.out.append(e.AccountDefined(command.account_id, command.name))
        else:
            self.refuse_command(command)

    def on_DefineSession(self, command: c.DefineSession) -> None:  # noqa: N802  # named after the command
        present = self.sessions.get(command.session_id)
        same = present is not None and (present.name, present.comp_id) == (command.name, command.comp_id)
        taken = any(each.name == command.name for each in self.sessions.values())
        negative = min(command.rate, command.burst, command.cancel_rate, command.cancel_burst) < 0
        if command.session_id < 1 or negative or (present is not None and not same) or (present is None and taken):
            self.refuse_command(command)
            return
        self.sessions[command.session_id] = command
        self.comp_ids[command.session_id] = command.comp_id
        self.risk.set_bucket("session", command.session_id, command.rate, command.burst)
        self.risk.set_bucket("cancel", command.session_id, command.cancel_rate, command.cancel_burst)
        self.out.append(e.SessionDefined(command.session_id, command.name))

    def on_SetLimits(self, command: c.SetLimits) -> None:  # noqa: N802  # named after the command
        if self.risk.set_limits(command):
            self.out.append(e.LimitsSet(command.account_id, command.instrument_id))
        else:
            self.refuse_command(command)

    def on_Deposit(self, command: c.Deposit) -> None:  # noqa: N802  # named after the command
        balance = self.risk.deposit(command)
        if balance is None:
            self.refuse_command(command)
        else:
            event = e.Posted(command.account_id, command.asset, command.amount, balance, command.transfer_id)
            self.out.append(event)

    def on_TransferOut(self, command: c.TransferOut) -> None:  # noqa: N802  # named after the command
        balance = self.risk.transfer_out(command)
        if balance is None:
            self.refuse_command(command)
        else:
            self.out.append(e.TransferredOut(**msgspec.structs.asdict(command), balance=balance))

    def on_TransferIn(self, command: c.TransferIn) -> None:  # noqa: N802  # named after the command
        balance = self.risk.transfer_in(command)
        if balance is None:
            self.refuse_command(command)
        else:
            self.out.append(e.TransferredIn(**msgspec.structs.asdict(command), balance=balance))

    def on_SetAcceptance(self, command: c.SetAcceptance) -> None:  # noqa: N802  # named after the command
        self.risk.accepting = command.accepting
        self.out.append(e.AcceptanceSet(command.accepting, command.reason))

    def on_SetTradingPhase(self, command: c.SetTradingPhase) -> None:  # noqa: N802  # named after the command
        if command.instrument_id not in self.risk.instruments:
            self.refuse_command(command)
            return
        self.risk.phases[command.instrument_id] = command.phase
        self.out.append(e.TradingPhaseSet(command.instrument_id, command.phase, command.reason))

    def on_SetReferencePrice(self, command: c.SetReferencePrice) -> None:  # noqa: N802  # named after the command
        if command.instrument_id not in self.risk.instruments or command.price < 0:
            self.refuse_command(command)
            return
        self.risk.references[command.instrument_id] = command.price
        self.out.append(e.ReferencePriceSet(command.instrument_id, command.price))

    def on_SetKillSwitch(self, command: c.SetKillSwitch) -> None:  # noqa: N802  # named after the command
        known = {
            "market": command.target_id == 0,
            "account": command.target_id in self.risk.accounts,
            "session": command.target_id in self.sessions,
        }[command.scope]
        if not known:
            self.refuse_command(command)
            return
        key = (command.scope, command.target_id)
        self.risk.killed = [each for each in self.risk.killed if each != key]
        if command.engaged:
            self.risk.killed.append(key)
        self.out.append(e.KillSwitchSet(command.scope, command.target_id, command.engaged, command.by, command.reason))
        if command.engaged:
            self.begin(command.scope, command.target_id)

    def on_CancelSessionOrders(self, command: c.CancelSessionOrders) -> None:  # noqa: N802  # as above
        if command.session_id in self.sessions:
            self.begin("disconnected", command.session_id)
        else:
            self.refuse_command(command)

    def on_EndTradingDay(self, command: c.EndTradingDay) -> None:  # noqa: N802  # named after the command
        if command.trading_day <= self.trading_day:
            self.refuse_command(command)
            return
        self.trading_day = command.trading_day
        self.begin("end", command.trading_day)
