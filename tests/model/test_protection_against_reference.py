"""Mass requests, cancel on disconnect and kill switches of firms among random orders: as the slow reference says."""

import random
from typing import Any, cast

import pytest

from matching import commands as c
from matching import refusals, work
from tests.model.flow import ACCOUNTS, SESSIONS, Flow
from tests.model.reference_protection import ReferenceProtection
from tests.model.test_engine_against_reference import STEP_MAX, compare


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make work of more than four orders go on in steps."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", STEP_MAX)


class ProtectionFlow(Flow):
    """A flow of which every eighth command protects somebody."""

    def next(self) -> tuple[int, c.Command]:
        time_ns, command = super().next()
        if isinstance(command, c.ContinueWork) or self.rng.random() > 0.12:
            return time_ns, command
        return time_ns, self.protect()

    def scope(self) -> dict[str, Any]:
        """A scope, mostly wide."""
        rng = self.rng
        narrow: dict[str, Any] = {}
        if rng.random() < 0.3:
            narrow["instrument_id"] = rng.choice((1, 2, 3))
        elif rng.random() < 0.3:
            narrow["kind"] = rng.choice(("spot", "perpetual"))
        if rng.random() < 0.3:
            narrow["side"] = rng.choice(("1", "2"))
        if rng.random() < 0.2:
            narrow["account_id"] = rng.choice(ACCOUNTS)
        if rng.random() < 0.05:
            narrow["code"] = refusals.MASS_UNKNOWN_SYMBOL
        return narrow

    def protect(self) -> c.Command:
        rng = self.rng
        draw = rng.random()
        session_id = rng.choice(SESSIONS)
        if draw < 0.45:
            resent = rng.random() < 0.4
            name = self.known() if resent else self.name()
            return c.MassCancel(session_id, 1, 1, name, "7", poss_resend=resent, **self.scope())
        if draw < 0.7:
            return c.RequestMassStatus(session_id, 1, 1, "S", **self.scope())
        if draw < 0.85:
            accounts = tuple(rng.sample(ACCOUNTS, rng.randint(1, 2)))
            return c.CancelSessionOrders(session_id, "gone", accounts, rng.random() < 0.5, rng.choice((12, 13)))
        if draw < 0.92:
            return c.DefineAccount(account_id := rng.choice(ACCOUNTS), f"ACC{account_id}", rng.choice(("FIRM", "B")))
        firm = rng.choice(("FIRM", "B", "NOBODY"))
        self.reopen = c.SetKillSwitch("firm", 0, False, "ops", "", firm)
        return cast(c.Command, c.SetKillSwitch("firm", 0, True, "ops", "test", firm))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_protection_gives_the_events_of_the_reference(seed: int) -> None:
    compare(ProtectionFlow(random.Random(seed), calm=seed % 2 == 0), 500, ReferenceProtection(STEP_MAX))
