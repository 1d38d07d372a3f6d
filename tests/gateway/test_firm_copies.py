"""A drop copy of a firm watches the accounts that the firm gets later, and goes on where it was."""

from pathlib import Path

import pytest

from tests.support.exchange import running_exchange, set_keys
from tests.support.orders import answer_to, order_fields

NEW_ACCOUNT = ["", "[[account]]", 'name = "ACC4"', 'firm = "FIRM1"', 'opening = { USD = "1000000" }']


@pytest.mark.slow
def test_an_account_that_a_firm_gets_later_is_copied(tmp_path: Path) -> None:
    keys = {"DROP1": {"Accounts": "ACC3", "Firms": "FIRM1"}}
    with running_exchange(tmp_path, session_keys=keys) as exchange:
        first, second, copy = exchange.peer("TRADER1"), exchange.peer("TRADER2"), exchange.peer("DROP1")
        for peer in (first, second, copy):
            peer.logon()
        for peer, name in ((second, "others"), (first, "firm")):
            peer.send("D", order_fields(name, "AAPL", "580.00"))
            assert answer_to(peer, name)[150] == "0"
        report = copy.receive_application()
        assert (report[11], report[1]) == ("firm", "ACC1")
        for peer in (first, second, copy):
            peer.logout()
        assert exchange.terminate() == 0
        set_keys(exchange.config_dir / "accounts.toml", "", NEW_ACCOUNT)
        file = exchange.sessions()
        file.set("Accounts", "ACC4", comp_id="TRADER2")
        file.write()
        exchange.start()
        second.logon()
        second.send("D", order_fields("later", "AAPL", "580.00"))
        assert answer_to(second, "later")[150] == "0"
        copy.logon()
        report = copy.receive_application()
        assert (report[11], report[1], report.get(43)) == ("later", "ACC4", None)
        second.cut()
        copy.cut()
