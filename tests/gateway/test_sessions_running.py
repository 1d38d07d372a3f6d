"""Sessions of a running exchange: added, changed and removed by the file and by commands, over restarts."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from gateway.cli.application import app
from tests.support.exchange import ExchangeProcess, replace_in, running_exchange
from tests.support.fix_peer import FixPeer, Message, PeerClosedError, unique_id, utc_timestamp

pytestmark = pytest.mark.slow

NEW: Final = "FIX.4.4:OUTCRY->TRADER9"
TRADER1: Final = "FIX.4.4:OUTCRY->TRADER1"
TRADER2: Final = "FIX.4.4:OUTCRY->TRADER2"
LEAVING_ORDERS_FIRST: Final = 1_200
LEAVING_ORDERS_MAX: Final = 200_000
PEERS: Final[list[FixPeer]] = []
"""All peers of a test, cut at its end."""
NOTHING: Final[dict[str, list[Any]]] = {"added": [], "removed": [], "changed": []}


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path) as running:
        yield running
    while PEERS:
        PEERS.pop().cut()


def outcry(exchange: ExchangeProcess, *words: str, code: int = 0) -> str:
    """Run a command of the operator; return what it prints."""
    result = CliRunner().invoke(app, [*words, "--data", str(exchange.data_dir)])
    assert result.exit_code == code, (words, result.output)
    return result.output


def changes(exchange: ExchangeProcess, *words: str) -> dict[str, Any]:
    """Run a command that changes sessions; return what it says was added, removed and changed."""
    result: dict[str, Any] = json.loads(outcry(exchange, "sessions", *words, "--json"))["result"]
    return {
        "added": result["added"],
        "removed": result["removed"],
        "changed": [(each["session"], [key["key"] for key in each["keys"]]) for each in result["changed"]],
    }


def file_of(exchange: ExchangeProcess) -> Path:
    return exchange.config_dir / "sessions.cfg"


def order(peer: FixPeer, *more: tuple[int, str], qty: str = "1") -> Message:
    """Send a limit order to buy that rests; return the first report of it."""
    fields = [(11, unique_id()), (55, "AAPL"), (54, "1"), (38, qty), (40, "2"), (44, "580.00"), (60, utc_timestamp())]
    peer.send("D", [*fields, *more])
    return peer.receive()


def logged_on(exchange: ExchangeProcess, comp_id: str, **more: Any) -> FixPeer:
    peer = exchange.peer(comp_id, "FIX.4.4")
    PEERS.append(peer)
    for name, value in more.items():
        setattr(peer, name, value)
    peer.logon()
    return peer


def test_a_session_is_added_changed_and_removed_by_commands_and_over_a_restart(exchange: ExchangeProcess) -> None:
    before = file_of(exchange).read_text(encoding="utf-8")
    other = logged_on(exchange, "TRADER1")
    added = changes(exchange, "add", NEW, "--set", "Accounts=ACC2", "--set", "Username=TRADER2")
    assert added == NOTHING | {"added": [NEW]}
    assert file_of(exchange).read_text(encoding="utf-8").startswith(before.rstrip("\n"))
    peer = logged_on(exchange, "TRADER9", username="TRADER2")
    assert order(peer)[39] == "0"
    changed = changes(exchange, "change", NEW, "--set", "Accounts=ACC2,ACC1", "--set", "MessageRate=1000")
    assert changed == NOTHING | {"changed": [(NEW, ["Accounts", "MessageRate", "MessageBurst"])]}
    report = order(peer, (1, "ACC1"))
    assert (report[39], report[1]) == ("0", "ACC1")

    refused = outcry(exchange, "sessions", "change", NEW, "--set", "Accounts=ACC2", code=2)
    assert 'Accounts: found "ACC2", allowed: with ACC1' in refused.replace("\n", " ")
    refused = outcry(exchange, "sessions", "remove", NEW, code=2)
    assert "has open orders" in refused
    assert order(peer)[39] == "0"

    exchange.remember(peer)
    exchange.kill()
    peer.cut()
    other.cut()
    exchange.start()
    exchange.numbers["TRADER9", "FIX.4.4"] = (peer.next_out, peer.next_in)
    peer = logged_on(exchange, "TRADER9", username="TRADER2")
    assert order(peer)[39] == "0"
    removed = changes(exchange, "remove", NEW, "--cancel-orders")
    assert removed == NOTHING | {"removed": [NEW]}
    told = peer.expect_closed()
    assert [message.get(39) for message in told if message.msg_type == "8"] == ["4"] * 4
    assert told[-1].msg_type == "5"
    assert told[-1][58] == "The session is no longer configured"
    assert file_of(exchange).read_text(encoding="utf-8").strip() == before.strip()
    with pytest.raises(PeerClosedError):
        logged_on(exchange, "TRADER9", username="TRADER2")

    changes(exchange, "add", NEW, "--set", "Accounts=ACC2", "--set", "Username=TRADER2")
    exchange.numbers["TRADER9", "FIX.4.4"] = (peer.next_out, peer.next_in)
    again = logged_on(exchange, "TRADER9", username="TRADER2")
    assert order(again)[39] == "0"
    again.logout()
    assert exchange.terminate() == 0
    exchange.verify()


def test_a_file_with_one_fault_or_contradiction_changes_nothing_and_says_where(exchange: ExchangeProcess) -> None:
    peer = logged_on(exchange, "TRADER1")
    assert order(peer)[39] == "0"
    shipped = file_of(exchange).read_text(encoding="utf-8")
    section = "\n[SESSION]\nBeginString=FIX.4.4\nTargetCompID=TRADER9\nUsername=TRADER2\n"
    faulty = shipped + section + "Accounts=NOBODY\n"
    taken = shipped.replace(
        "TargetCompID=TRADER1\nRole=order_entry\nAccounts=ACC1", "TargetCompID=TRADER1\nAccounts=ACC2"
    )
    gone = shipped.replace("BeginString=FIX.4.4\nTargetCompID=TRADER1\n", "BeginString=FIX.4.4\nTargetCompID=TRADER8\n")
    port = shipped + section + "Accounts=ACC1\nSocketAcceptPort=19999\n"
    role = shipped.replace(
        "BeginString=FIX.4.4\nTargetCompID=TRADER1\nRole=order_entry",
        "BeginString=FIX.4.4\nTargetCompID=TRADER1\nRole=drop_copy",
    )
    twice = shipped + section + section
    for text, said in (
        (faulty, f'sessions.cfg:{len(faulty.splitlines())}: Accounts: found "NOBODY"'),
        (taken, 'Accounts: found "ACC2", allowed: with ACC1, of which FIX.4.4:OUTCRY->TRADER1 has open orders'),
        (gone, "SESSION: found no FIX.4.4:OUTCRY->TRADER1 any longer, allowed: it stays while it has open orders"),
        (port, "exchange.toml: listener: found 127.0.0.1:19999 (port 19999), allowed: a listener that runs"),
        (role, 'Role: found "drop_copy", allowed: order_entry while FIX.4.4:OUTCRY->TRADER1 is logged on'),
        (twice, "SESSION: found a second FIX.4.4:OUTCRY->TRADER9"),
    ):
        file_of(exchange).write_text(text, encoding="utf-8")
        refused = outcry(exchange, "sessions", "reload", code=2)
        assert said in refused, refused
        assert "nothing has changed" in refused
        lines = outcry(exchange, "sessions", "reload", "--json", code=2).splitlines()
        answer = json.loads(next(line for line in lines if line.startswith("{")))
        assert answer["ok"] is False
        assert {"file", "line", "key", "found", "allowed", "text"} <= answer["faults"][0].keys()
    with pytest.raises(PeerClosedError):
        logged_on(exchange, "TRADER9", username="TRADER2")
    assert order(peer)[1] == "ACC1"
    file_of(exchange).write_text(shipped, encoding="utf-8")
    assert changes(exchange, "reload") == NOTHING


def test_begin_string_of_a_live_session_is_refused_and_of_a_dormant_one_taken(exchange: ExchangeProcess) -> None:
    changes(exchange, "add", NEW, "--set", "Accounts=ACC2", "--set", "Username=TRADER2")
    peer = logged_on(exchange, "TRADER9", username="TRADER2")
    replace_in(
        file_of(exchange), "BeginString=FIX.4.4\nTargetCompID=TRADER9", "BeginString=FIX.4.2\nTargetCompID=TRADER9"
    )
    refused = outcry(exchange, "sessions", "reload", code=2)
    assert 'BeginString: found "FIX.4.2", allowed: FIX.4.4 while FIX.4.4:OUTCRY->TRADER9 is logged on' in refused
    peer.logout()
    older = "FIX.4.2:OUTCRY->TRADER9"
    assert changes(exchange, "reload") == {"added": [older], "removed": [NEW], "changed": []}


def test_keys_of_the_logon_count_from_the_next_logon_and_leave_the_connection(exchange: ExchangeProcess) -> None:
    peer = logged_on(exchange, "TRADER1")
    said = outcry(exchange, "sessions", "change", TRADER1, "--set", "AllowedRemoteAddresses=127.0.0.7")
    assert f"changed  {TRADER1}: AllowedRemoteAddresses none -> 127.0.0.7 (from the next logon)" in said
    assert order(peer)[39] == "0"
    peer.logout()
    exchange.remember(peer)
    with pytest.raises(PeerClosedError):
        logged_on(exchange, "TRADER1")
    outcry(exchange, "sessions", "change", TRADER1, "--unset", "AllowedRemoteAddresses", "--set", "Enabled=N")
    with pytest.raises(AssertionError, match="expected a Logon"):
        logged_on(exchange, "TRADER1", check_numbers=False)
    outcry(exchange, "sessions", "change", TRADER1, "--set", "Enabled=Y")
    assert order(logged_on(exchange, "TRADER1"))[39] == "0"


def test_a_dry_run_says_what_would_change_and_changes_neither_file_nor_exchange(exchange: ExchangeProcess) -> None:
    shipped = file_of(exchange).read_text(encoding="utf-8")
    said = outcry(exchange, "sessions", "add", NEW, "--set", "Accounts=ACC1", "--dry-run")
    assert f"added    {NEW}" in said
    assert "nothing has been done: --dry-run" in said
    assert file_of(exchange).read_text(encoding="utf-8") == shipped
    assert sorted(path.name for path in exchange.config_dir.glob("sessions.*")) == ["sessions.cfg"]
    assert NEW not in outcry(exchange, "sessions", "list", "--json")


def test_a_new_member_comes_with_a_new_account_and_a_new_password(exchange: ExchangeProcess) -> None:
    accounts = exchange.config_dir / "accounts.toml"
    text = accounts.read_text(encoding="utf-8")
    accounts.write_text(
        text + '\n[[account]]\nname = "ACC9"\nfirm = "FIRM9"\nopening = { USD = "1000" }\n', encoding="utf-8"
    )
    words = ("--config", str(exchange.config_dir), "--stdin")
    done = CliRunner().invoke(app, ["passwd", "TRADER9", *words], input="first\n")
    assert done.exit_code == 0
    file = file_of(exchange)
    with file.open("a", encoding="utf-8") as out:
        out.write("\n[SESSION]\nBeginString=FIX.4.4\nTargetCompID=TRADER9\nAccounts=ACC9\n")
    said = outcry(exchange, "sessions", "reload", "--reason", "a new member")
    assert "changed  accounts or their limits" in said
    peer = exchange.peer("TRADER9", "FIX.4.4")
    PEERS.append(peer)
    peer.logon([(554, "first")])
    report = order(peer)
    assert (report[39], report[1]) == ("0", "ACC9")
    beyond = order(peer, qty="100")
    assert beyond[39] == "8"
    CliRunner().invoke(app, ["passwd", "TRADER9", *words], input="second\n")
    assert changes(exchange, "reload") == NOTHING | {"changed": [("FIX.4.4:OUTCRY->TRADER9", ["password"])]}
    assert "a new member" in outcry(exchange, "replay", "--json")
    assert exchange.terminate() == 0
    exchange.verify()


def test_a_drop_copy_gets_another_account_while_it_is_logged_on(exchange: ExchangeProcess) -> None:
    copy = "FIX.4.4:OUTCRY->COPY9"
    changes(exchange, "add", copy, "--set", "Accounts=ACC1", "--set", "Role=drop_copy", "--set", "Username=TRADER2")
    watcher = logged_on(exchange, "COPY9", username="TRADER2")
    first, second = logged_on(exchange, "TRADER1"), logged_on(exchange, "TRADER2")
    assert order(first)[17] == watcher.receive()[17]
    order(second)
    changes(exchange, "change", copy, "--set", "Accounts=ACC2")
    order(first)
    assert order(second)[17] == watcher.receive()[17]


def test_edits_wait_for_what_is_not_in_force_and_for_each_other(exchange: ExchangeProcess) -> None:
    shipped = file_of(exchange).read_text(encoding="utf-8")
    with file_of(exchange).open("a", encoding="utf-8") as out:
        out.write("\n[SESSION]\nBeginString=FIX.4.4\nTargetCompID=TRADER8\nAccounts=ACC1\n")
    said = outcry(exchange, "sessions", "add", NEW, "--set", "Accounts=ACC1", code=1)
    assert "has changes that are not in force" in said
    assert changes(exchange, "reload")["added"] == ["FIX.4.4:OUTCRY->TRADER8"]
    candidate = exchange.config_dir / "sessions.cfg.new"
    candidate.write_text("somebody else is at it\n", encoding="utf-8")
    assert "another change is under way" in outcry(exchange, "sessions", "remove", "FIX.4.4:OUTCRY->TRADER8", code=1)
    assert candidate.exists()
    candidate.unlink()
    outcry(exchange, "sessions", "remove", "FIX.4.4:OUTCRY->TRADER8")
    assert file_of(exchange).read_text(encoding="utf-8").strip() == shipped.strip()
    assert "has no session" in outcry(exchange, "sessions", "change", NEW, "--set", "Enabled=N", code=2)
    assert "nothing to change" in outcry(exchange, "sessions", "change", TRADER1, code=2)
    file_of(exchange).chmod(0o640)
    outcry(exchange, "sessions", "change", TRADER1, "--set", "Enabled=N")
    assert file_of(exchange).stat().st_mode & 0o777 == 0o640


def test_a_session_that_leaves_in_the_middle_of_its_orders_leaves_none_behind(exchange: ExchangeProcess) -> None:
    changes(exchange, "add", NEW, "--set", "Accounts=ACC2", "--set", "Username=TRADER2")
    peer = logged_on(exchange, "TRADER9", username="TRADER2")
    said: list[Message] = []
    leaving = threading.Thread(target=outcry, args=(exchange, "sessions", "remove", NEW, "--cancel-orders"))
    with contextlib.suppress(PeerClosedError):
        for count in range(LEAVING_ORDERS_MAX):
            if count == LEAVING_ORDERS_FIRST:
                leaving.start()
            fields = [(11, unique_id()), (55, "AAPL"), (54, "1"), (38, "1"), (40, "2"), (44, "580.00"), (59, "1")]
            peer.send("D", [*fields, (60, utc_timestamp())])
            said += peer.receive_nowait()
            if any(message.msg_type == "5" for message in said):
                peer.send("5")
                break
    said += peer.expect_closed()
    leaving.join()
    entered = {message[37] for message in said if message.get(150) == "0"}
    assert len(entered) >= LEAVING_ORDERS_FIRST
    assert entered == {message[37] for message in said if message.get(150) == "4"}
    refused = {message[58] for message in said if message.msg_type == "j"}
    assert all("no longer configured" in text for text in refused)
    exchange.kill()
    exchange.verify()
