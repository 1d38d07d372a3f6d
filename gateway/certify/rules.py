"""The rules that bytes are judged by: a name, what FIX asks, in which part of the specification."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """`asks` is the specification's demand in short; `where` the part of it, "Outcry" for what we ask beyond it."""

    asks: str
    where: str


class Fault(NamedTuple):
    """A rule that was broken, and by what."""

    rule: str
    found: str
    message: str = ""

    @property
    def text(self) -> str:
        """What was found and what the rule asks."""
        rule = RULES[self.rule]
        return f"{self.found}. {rule.where}: {rule.asks}"


_LAYER: Final = "FIX session layer"
_FORM: Final = "FIX message format"

RULES: Final[Mapping[str, Rule]] = {
    "framing": Rule("nothing stands between the end of CheckSum(10) and the next BeginString(8)", _FORM),
    "field": Rule("a field is tag=value and the delimiter SOH, with a value", _FORM),
    "header-order": Rule("the first three fields are BeginString(8), BodyLength(9), MsgType(35), in this order", _FORM),
    "body-length": Rule(
        "BodyLength(9) counts the characters behind its own delimiter up to and including the one before CheckSum(10)",
        _FORM,
    ),
    "check-sum": Rule(
        "CheckSum(10) is the sum of all bytes up to and including the delimiter before it, modulo 256, three digits",
        _FORM,
    ),
    "header": Rule("every message carries 49, 56, 34 and 52 in its header, the CompIDs of its session", _FORM),
    "sending-time": Rule("SendingTime(52) is a UTCTimestamp of the moment of sending", _FORM),
    "dictionary-message": Rule("the message is one that the exchange takes from this role", "Outcry's dictionary"),
    "dictionary-required": Rule("a required field is always there", "Outcry's dictionary"),
    "dictionary-field": Rule("a message has no fields but those of its definition, each once", "Outcry's dictionary"),
    "dictionary-value": Rule("an enumerated field has one of its values", "Outcry's dictionary"),
    "group": Rule("a counter is followed by as many entries as it says, each begun by its first field", _FORM),
    "first-logon": Rule("the first message on a connection is a Logon(A)", f"{_LAYER}, Logon process"),
    "credential": Rule(
        "the Logon proves who the client is: Username(553) and Password(554), or RawData(96)",
        "Outcry, rules of engagement",
    ),
    "number-repeated": Rule(
        "each message that is sent for the first time has the next MsgSeqNum(34)", f"{_LAYER}, Sequence numbers"
    ),
    "number-gap": Rule("no MsgSeqNum(34) is left out", f"{_LAYER}, Sequence numbers"),
    "reset-unasked": Rule(
        "numbers begin anew only where both sides have agreed on it; a new connection goes on with them",
        f"{_LAYER}, Sequence numbers",
    ),
    "orig-sending-time": Rule(
        "a message with PossDupFlag(43)=Y carries OrigSendingTime(122), not after SendingTime(52)",
        f"{_LAYER}, Possible duplicates",
    ),
    "resend-unanswered": Rule(
        "a ResendRequest(2) is answered by every message asked for, with PossDupFlag(43)=Y, or by a SequenceReset(4)"
        " with GapFillFlag(123)=Y in its place",
        f"{_LAYER}, Message recovery",
    ),
    "resend-not-asked": Rule(
        "a MsgSeqNum(34) higher than expected is answered by a ResendRequest(2) that begins at the first one missing",
        f"{_LAYER}, Ordered message processing",
    ),
    "test-request": Rule(
        "a TestRequest(1) is answered by a Heartbeat(0) with its TestReqID(112)", f"{_LAYER}, Test Request"
    ),
    "heartbeat-late": Rule(
        "after HeartBtInt(108) seconds without another message a Heartbeat(0) is sent", f"{_LAYER}, Heartbeat"
    ),
    "after-logout": Rule(
        "after a Logout(5) nothing is sent but the answer to a ResendRequest(2) and the Logout(5) that confirms it",
        f"{_LAYER}, Logout process",
    ),
    "logout-unanswered": Rule("a Logout(5) is answered by a Logout(5)", f"{_LAYER}, Logout process"),
    "report-refused": Rule(
        "what the exchange sends is of its published dictionary and is not refused with Reject(3) or"
        " BusinessMessageReject(j)",
        "Outcry, rules of engagement",
    ),
    "cl-ord-id": Rule(
        "ClOrdID(11) of every new order, cancel and replace is unique on the trading day", "FIX application layer"
    ),
    "orig-cl-ord-id": Rule(
        "a cancel or replace names the order by OrigClOrdID(41), the last ClOrdID(11) of it that was accepted",
        "FIX application layer",
    ),
    "act": Rule("the client does what the case asks for", "Outcry, certification"),
}
"""What the certification judges by. The texts are ours; `where` names the part of the FIX specification."""
