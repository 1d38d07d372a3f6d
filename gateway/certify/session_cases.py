"""Cases of the session layer: Logon, heartbeats, resends, gaps, cuts, Logout."""

from gateway.certify.acts import QTY, asked, be_logged_on, enter, fill_type, log_on, maker_sells, order_fields
from gateway.certify.raw import RawMessage
from gateway.certify.rules import Fault
from gateway.certify.run import Act, CaseFailed, Run

ATTEMPTS = 3
FULL_HEARTS_S = 5.0
"""From this HeartBtInt(108) on the timers of engines count as exact to the second."""


def logon(run: Run) -> None:
    """Connect, log on, and stay."""
    if run.is_logged_on:
        run.note("already logged on; the Logon was judged when it came")
        return
    text = (
        f"Connect and log on: SenderCompID(49)={run.comp_id}, TargetCompID(56)={run.target}, EncryptMethod(98)=0, "
        f"HeartBtInt(108) from 1 to 60, Username(553)={run.comp_id}, Password(554) as agreed; in FIXT.1.1 "
        "DefaultApplVerID(1137)=9. ResetSeqNumFlag(141)=Y is welcome this once."
    )
    log_on(run, "logon", text)


def heartbeat(run: Run) -> None:
    """Say nothing else for three intervals."""
    be_logged_on(run)
    said, _ = run.mark()
    heart_s = run.session_judge.heart_s
    run.tell(Act("nothing", f"Send nothing for {3 * heart_s + 2:g} seconds; your engine's Heartbeats(0) are judged."))
    run.pause(3 * heart_s + 2)
    run.check()
    # One that answers a TestRequest(1) shows that the client's own timer was late.
    alone = [one for one in run.said[said:] if one.msg_type == "0" and one.get(112) is None]
    wanted = 2 if heart_s >= FULL_HEARTS_S else 1
    if len(alone) < wanted:
        found = f"{len(alone)} Heartbeats(0) came by themselves in {3 * heart_s + 2:g} s, at least {wanted} should"
        raise CaseFailed(Fault("heartbeat-late", found))


def test_request(run: Run) -> None:
    """Keep the client's messages from the exchange until it asks whether the client is there."""
    for _ in range(ATTEMPTS):
        if _is_asked(run):
            return
    raise CaseFailed(Fault("act", "the exchange has sent no TestRequest(1)"))


def _is_asked(run: Run) -> bool:
    """Have the exchange ask, and the client answer; False where the exchange, which had asked before, has left."""
    be_logged_on(run)
    link = run.open_link
    said, heard = run.mark()
    run.tell(Act("nothing", "Send nothing; the exchange will send a TestRequest(1), which your engine answers."))
    link.is_held = True
    try:
        run.wait(
            lambda: not link.is_open or _first(run.heard[heard:], "1") is not None, "a TestRequest(1) of the exchange"
        )
        question = _first(run.heard[heard:], "1")
        if question is None:
            return False
        run.wait_said("0", {112: question.get(112) or ""}, since=said, what="a Heartbeat(0) with its TestReqID(112)")
        return True
    finally:
        link.release()


def resend(run: Run) -> None:
    """Lose one order on its way to the exchange, which then asks for it."""
    be_logged_on(run)
    link = run.open_link
    said, heard = run.mark()
    link.lose_from_client = _is_new_order
    first = asked(run, "D", order_fields(run, run.next_price()))
    run.note("This order is lost on its way to the exchange, which asks for it when the next message comes.")
    asked(run, "D", order_fields(run, run.next_price()))
    run.wait(lambda: _first(run.heard[heard:], "2") is not None, "a ResendRequest(2) of the exchange")
    run.wait_said("D", {11: first.get(11) or "", 43: "Y"}, since=said, what="the lost order again, 43=Y", seconds=None)
    run.wait_heard(("8",), {11: first.get(11) or "", 150: "0"}, since=heard)


def gap(run: Run) -> None:
    """Lose one report on its way to the client, which then has to ask for it."""
    be_logged_on(run)
    link = run.open_link
    said, heard = run.mark()
    lost: list[RawMessage] = []

    def is_report(message: RawMessage) -> bool:
        if message.msg_type == "8":
            lost.append(message)
        return message.msg_type == "8"

    link.lose_to_client = is_report
    asked(run, "D", order_fields(run, run.next_price()))
    run.wait(lambda: bool(lost), "the report of the exchange")
    run.note("The report of this order is lost on its way to you; the next message shows the gap.")
    asked(run, "D", order_fields(run, run.next_price()))
    request = run.wait_said("2", since=said, what=f"a ResendRequest(2) from {lost[0].number} on")
    if int(request.get(7) or 0) > lost[0].number:
        found = f"BeginSeqNo(7)={request.get(7)}, number {lost[0].number} is missing"
        raise CaseFailed(Fault("resend-not-asked", found, str(request)))
    run.wait_heard(("8",), {17: lost[0].get(17) or "", 43: "Y"}, since=heard)


def cut(run: Run) -> None:
    """Cut the line, fill the order meanwhile, and see the client come back for it."""
    price = run.next_price()
    order = enter(run, price)
    _, heard = run.mark()
    run.cut()
    maker_sells(run, price, int(QTY))
    text = "The line was cut. Connect and log on again; numbers go on, and you ask for what you have missed."
    log_on(run, "logon again", text)
    run.wait_heard(("8",), {11: order, 150: fill_type(run, is_full=True), 43: "Y"}, since=heard)


def wrong_password(run: Run) -> None:
    """Be refused, and go on with the old numbers."""
    be_logged_on(run)
    _leave(run)
    said, heard = run.mark()
    text = "Log on with a wrong password, once, without ResetSeqNumFlag(141)."
    run.tell(Act("logon with a wrong password", text))
    attempt = run.wait_said("A", since=said, what="a Logon(A) from the client")
    answer = run.wait_heard(("A", "5"), since=heard)
    if answer.msg_type == "A":
        raise CaseFailed(Fault("act", "the Logon was right, a wrong password was asked for", str(attempt)))
    run.wait(lambda: run.link is None, "the end of the connection")
    run.tell(Act("logon again", "Log on with the right password; numbers go on as before."))
    # An engine that connects again by itself may try the wrong one once more before it is told.
    run.wait(lambda: run.is_logged_on, "a Logon(A) with the right password")


def sequence_reset(run: Run) -> None:
    """Begin anew at 1 on both sides."""
    be_logged_on(run)
    _leave(run)
    run.session_judge.agree_on_reset()
    message = log_on(
        run, "logon with a reset", "Log on with ResetSeqNumFlag(141)=Y and MsgSeqNum(34)=1: both sides begin anew."
    )
    if message.get(141) != "Y":
        raise CaseFailed(Fault("act", "ResetSeqNumFlag(141)=Y is not in the Logon(A)", str(message)))


def told_to_log_out(run: Run) -> None:
    """Be logged out by the exchange."""
    be_logged_on(run)
    said, heard = run.mark()
    assert run.desk.operate is not None
    begin_string = run.said[-1].get(8)
    run.tell(Act("nothing", "The exchange logs you out; your engine answers, and says nothing more."))
    run.desk.operate("session_logout", {"name": f"{begin_string}:{run.target}->{run.comp_id}"})
    run.wait(lambda: _first(run.heard[heard:], "5") is not None, "a Logout(5) of the exchange")
    run.wait(
        lambda: run.link is None or _first(run.said[said:], "5") is not None, "the client's Logout(5)", seconds=10.0
    )
    run.check()
    if _first(run.said[said:], "5") is None:
        raise CaseFailed(Fault("logout-unanswered", "the connection ended without the client's Logout(5)"))
    _nothing_behind(run, said)


def logout(run: Run) -> None:
    """Log out in order."""
    be_logged_on(run)
    said, _ = run.mark()
    _leave(run)
    _nothing_behind(run, said)


def _leave(run: Run) -> None:
    """Have the client log out, and wait for the end of the connection."""
    said, heard = run.mark()
    run.tell(Act("logout", "Log out: send a Logout(5), wait for the one of the exchange, and disconnect."))
    run.wait_said("5", since=said)
    run.wait_heard(("5",), since=heard)
    run.pause(0.5)
    run.check()
    run.wait(lambda: run.link is None, "the end of the connection after the Logout(5)")


def _nothing_behind(run: Run, since: int) -> None:
    """See that nothing but the session layer speaks behind a Logout(5)."""
    run.pause(0.5)
    run.check()
    messages = run.said[since:]
    place = next(at for at, one in enumerate(messages) if one.msg_type == "5")
    late = [one for one in messages[place + 1 :] if one.msg_type not in "A0245" and not one.is_poss_dup]
    if late:
        found = f"MsgType(35)={late[0].msg_type} came after the Logout(5)"
        raise CaseFailed(Fault("after-logout", found, str(late[0])))


def _is_new_order(message: RawMessage) -> bool:
    return message.msg_type == "D" and not message.is_poss_dup


def _first(messages: list[RawMessage], msg_type: str) -> RawMessage | None:
    return next((one for one in messages if one.msg_type == msg_type), None)
