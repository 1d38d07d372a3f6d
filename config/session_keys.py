"""The one table of the keys of sessions.cfg: every key of QuickFIX C++ 1.16 and ours, and what each does here.

The reader, the checks and the reference in README.md are all drawn from this table. Defaults are QuickFIX's own.
"""

import difflib
from typing import Final, Literal, TypeAlias

import msgspec

from config.text_values import (
    ANY,
    DAY,
    PATH,
    PORT,
    TIME,
    YES_NO,
    Addresses,
    Choice,
    CompId,
    Kind,
    Text,
    UnreadableError,
    Whole,
    Words,
    seconds,
)

Effect: TypeAlias = Literal["honoured", "without effect", "refused"]
HONOURED: Final = "honoured"
WITHOUT_EFFECT: Final = "without effect"
REFUSED: Final = "refused"


class SessionKey(msgspec.Struct, frozen=True):
    """One key. `default` is a text as in a file, "" for none; `text` says what it does, or why it does nothing."""

    name: str
    kind: Kind
    default: str
    effect: Effect
    text: str
    group: str = ""


def _honoured(name: str, kind: Kind, default: str, text: str) -> SessionKey:
    return SessionKey(name, kind, default, HONOURED, text)


def _idle(name: str, text: str, kind: Kind = ANY) -> SessionKey:
    return SessionKey(name, kind, "", WITHOUT_EFFECT, text)


def _group(name: str, *keys: SessionKey) -> tuple[SessionKey, ...]:
    return tuple(msgspec.structs.replace(key, group=name) for key in keys)


ONLY_YES: Final = Choice(("Y",))
_INITIATOR: Final = "the exchange accepts connections and makes none"
_STORE: Final = "numbers and messages are kept in the journal of the data folder"
_LOG: Final = "logs are configured in exchange.toml"
_SOCKET: Final = "the transport sets the options of its sockets itself"

TABLE: Final[tuple[SessionKey, ...]] = (
    *_group(
        "Identity",
        _honoured(
            "BeginString", Choice(("FIX.4.2", "FIX.4.4", "FIXT.1.1")), "", "Version of the session layer. Required."
        ),
        _honoured("SenderCompID", CompId(), "", "The exchange's own CompID. Required."),
        _honoured("TargetCompID", CompId(), "", "The client's CompID. Required."),
        _honoured(
            "DefaultApplVerID",
            Choice(("FIX.5.0SP2", "9")),
            "",
            "Application version of a FIXT.1.1 session, DefaultApplVerID(1137). Required there, no meaning elsewhere.",
        ),
        _honoured("ConnectionType", Choice(("acceptor",)), "acceptor", "Who connects: the client does."),
        SessionKey(
            "SessionQualifier", ANY, "", REFUSED, "no SessionQualifier: QuickFIX refuses it for an acceptor too"
        ),
    ),
    *_group(
        "Dictionaries and validation",
        _honoured("UseDataDictionary", ONLY_YES, "Y", "Always on: fields are read by their type in the dictionary."),
        _honoured(
            "DataDictionary",
            PATH,
            "",
            "XML file of a FIX.4.2 or FIX.4.4 session, relative to this folder; without it the shipped file.",
        ),
        _honoured(
            "TransportDataDictionary",
            PATH,
            "",
            "XML file of the session layer of a FIXT.1.1 session; without it the shipped file.",
        ),
        _honoured(
            "AppDataDictionary",
            PATH,
            "",
            "XML file of the application layer of a FIXT.1.1 session; without it the shipped file. "
            "AppDataDictionary.FIX.5.0SP2 is the same key; other versions after the dot are without effect.",
        ),
        _honoured("ValidateLengthAndChecksum", YES_NO, "Y", "N accepts a wrong BodyLength(9) or CheckSum(10)."),
        _honoured("ValidateFieldsOutOfOrder", YES_NO, "Y", "N accepts header and trailer fields in the body."),
        _honoured("ValidateFieldsHaveValues", YES_NO, "Y", "N accepts fields without a value."),
        _honoured(
            "ValidateUserDefinedFields", YES_NO, "Y", "N accepts tags from 5000 up that the dictionary does not know."
        ),
        _honoured("AllowUnknownMsgFields", YES_NO, "N", "Y accepts tags below 5000 that the message does not have."),
        _honoured("PreserveMessageFieldsOrder", YES_NO, "N", "Y sends body fields in the order of the dictionary."),
        _honoured("CheckCompID", ONLY_YES, "Y", "Always on: a message must carry the CompIDs of its session."),
        _honoured(
            "CheckLatency", YES_NO, "Y", "Y refuses a message whose SendingTime(52) is more than MaxLatency off."
        ),
        _honoured("MaxLatency", seconds(1, 86_400), "120", "Greatest distance of SendingTime(52) from our clock."),
    ),
    *_group(
        "Schedule",
        _honoured(
            "StartTime", TIME, "", "Begin of the session, every day or on StartDay. Required unless NonStopSession=Y."
        ),
        _honoured("EndTime", TIME, "", "End of the session, every day or on EndDay. Required unless NonStopSession=Y."),
        _honoured("StartDay", DAY, "", "Day on which a session of a week begins; needs EndDay."),
        _honoured("EndDay", DAY, "", "Day on which a session of a week ends; needs StartDay."),
        _honoured("LogonTime", TIME, "", "Begin of the time in which a Logon is taken; without it StartTime."),
        _honoured("LogoutTime", TIME, "", "End of the time in which a client may be logged on; without it EndTime."),
        _honoured("LogonDay", DAY, "", "Day of LogonTime; without it StartDay."),
        _honoured("LogoutDay", DAY, "", "Day of LogoutTime; without it EndDay."),
        _honoured("UseLocalTime", YES_NO, "N", "Y: times are of TimeZone, or without it of this machine. N: UTC."),
        _honoured("NonStopSession", YES_NO, "N", "Y: the session never ends and its numbers go on from day to day."),
        _honoured("TimeZone", Text("IANA name of a time zone", 64), "", "Ours. Time zone of all times of the session."),
    ),
    *_group(
        "Session layer",
        _honoured("ResetOnLogon", YES_NO, "N", "Numbers begin at 1 with every Logon."),
        _honoured("ResetOnLogout", YES_NO, "N", "Numbers begin at 1 after a Logout."),
        _honoured("ResetOnDisconnect", YES_NO, "N", "Numbers begin at 1 after the connection is gone."),
        _honoured("RefreshOnLogon", YES_NO, "N", "Numbers are read from the store again at a Logon."),
        _honoured("SendRedundantResendRequests", YES_NO, "N", "Y asks for a resend again while one is under way."),
        _honoured(
            "SendNextExpectedMsgSeqNum", YES_NO, "N", "Y sends NextExpectedMsgSeqNum(789) in the Logon and answers it."
        ),
        _honoured(
            "MillisecondsInTimeStamp", YES_NO, "Y", "N sends times in seconds. TimestampPrecision goes before it."
        ),
        _honoured(
            "TimestampPrecision",
            Whole(0, 9, "number of digits"),
            "",
            "Digits of the fraction of a second in times sent.",
        ),
        _honoured("LogonTimeout", seconds(1, 3600), "10", "Time for a Logon to be answered."),
        _honoured(
            "LogoutTimeout", seconds(1, 3600), "2", "Time for a Logout to be answered; then the connection is closed."
        ),
        _honoured("PersistMessages", ONLY_YES, "Y", "Always on: every message sent can be sent again."),
        _idle(
            "HeartBtInt",
            "the client's Logon says HeartBtInt(108), within HeartBtIntMin and HeartBtIntMax",
            seconds(1, 3600),
        ),
        _idle("SendResetSeqNumFlag", _INITIATOR, YES_NO),
        _honoured("HeartBtIntMin", seconds(1, 3600), "5", "Ours. Least HeartBtInt(108) that a Logon may ask for."),
        _honoured("HeartBtIntMax", seconds(1, 3600), "60", "Ours. Greatest HeartBtInt(108) that a Logon may ask for."),
    ),
    *_group(
        "Network",
        _honoured(
            "SocketAcceptPort",
            PORT,
            "",
            "Only port at which the session is taken; without it every listener of exchange.toml. A port without a "
            "listener there gets one at `bind_address`, with TLS if ServerCertificateFile is given.",
        ),
        _honoured(
            "AllowedRemoteAddresses", Addresses(), "", "Only these addresses may log on; without it every address."
        ),
        _honoured("RequireTLS", YES_NO, "N", "Ours. Y takes the session over TLS only."),
        _honoured(
            "CertificateCN", Text("common name of a certificate", 64), "", "Ours. Client certificate's CN. Implies TLS."
        ),
        _honoured(
            "ServerCertificateFile",
            PATH,
            "",
            "PEM file for ports that exchange.toml has no listener for. [DEFAULT] only.",
        ),
        _honoured(
            "ServerCertificateKeyFile", PATH, "", "PEM file of the private key; without it the certificate's file."
        ),
        _honoured(
            "CertificationAuthoritiesFile", PATH, "", "PEM file of the authorities that sign client certificates."
        ),
        _honoured(
            "CertificateVerifyLevel", Whole(0, 3), "0", "Client certificate: 0 and 3 none, 1 required, 2 optional."
        ),
        SessionKey(
            "CertificationAuthoritiesDirectory", PATH, "", REFUSED, "CertificationAuthoritiesFile with all authorities"
        ),
        SessionKey("CertificateRevocationListFile", PATH, "", REFUSED, "no revocation list: it would not be looked at"),
        SessionKey(
            "CertificateRevocationListDirectory", PATH, "", REFUSED, "no revocation list: it would not be looked at"
        ),
        _idle("SSLProtocol", "TLS 1.2 and 1.3 are spoken, nothing older"),
        _idle("SSLCipherSuite", "the cipher suites are OpenSSL's own choice for TLS 1.2"),
        _idle("TLSCipherSuites", "the cipher suites are OpenSSL's own choice for TLS 1.3"),
        _idle("ClientCertificateFile", _INITIATOR),
        _idle("ClientCertificateKeyFile", _INITIATOR),
        _idle("SocketReuseAddress", _SOCKET, YES_NO),
        _idle("SocketNodelay", _SOCKET, YES_NO),
        _idle("SocketSendBufferSize", _SOCKET),
        _idle("SocketReceiveBufferSize", _SOCKET),
        _idle("HttpAcceptPort", "`outcry status` shows what QuickFIX's page would"),
        _idle("SocketConnectHost", _INITIATOR),
        _idle("SocketConnectPort", _INITIATOR),
        _idle("SocketConnectSourceHost", _INITIATOR),
        _idle("SocketConnectSourcePort", _INITIATOR),
        _idle("HostSelectionPolicy", _INITIATOR),
        _idle("HostSelectionPolicyPriorityStartOverInterval", _INITIATOR),
        _idle("ReconnectInterval", _INITIATOR, Whole(0, 2**31 - 1)),
    ),
    *_group(
        "Stores and logs",
        *(
            _idle(name, _STORE)
            for name in (
                "FileStorePath",
                *(f"MySQLStore{end}" for end in ("UseConnectionPool", "Database", "User", "Password", "Host", "Port")),
                *(
                    f"PostgreSQLStore{end}"
                    for end in ("UseConnectionPool", "Database", "User", "Password", "Host", "Port")
                ),
                *(f"OdbcStore{end}" for end in ("User", "Password", "ConnectionString")),
            )
        ),
        *(
            _idle(name, _LOG)
            for name in (
                "FileLogPath",
                "FileLogBackupPath",
                *(f"ScreenLogShow{end}" for end in ("Incoming", "Outgoing", "Events")),
                *(f"MySQLLog{end}" for end in ("UseConnectionPool", "Database", "User", "Password", "Host", "Port")),
                *(f"MySQLLog{end}Table" for end in ("Incoming", "Outgoing", "Event")),
                *(
                    f"PostgreSQLLog{end}"
                    for end in ("UseConnectionPool", "Database", "User", "Password", "Host", "Port")
                ),
                *(f"PostgreSQLLog{end}Table" for end in ("Incoming", "Outgoing", "Event")),
                *(f"OdbcLog{end}" for end in ("User", "Password", "ConnectionString")),
                *(f"OdbcLog{end}Table" for end in ("Incoming", "Outgoing", "Event")),
            )
        ),
    ),
    *_group(
        "Exchange (all ours)",
        _honoured(
            "Role", Choice(("order_entry", "drop_copy", "market_data")), "order_entry", "What the session is for."
        ),
        _honoured(
            "Accounts",
            Words("names of accounts"),
            "",
            "Accounts of accounts.toml: an order entry session trades for them, the first where Account(1) is absent; "
            "a drop copy session receives all their reports.",
        ),
        _honoured(
            "Firms",
            Words("names of firms"),
            "",
            "Only with Role=drop_copy: firms of accounts.toml. The session receives the reports of all their accounts, "
            "also of accounts that are added later, beside those of Accounts.",
        ),
        _honoured(
            "Instruments",
            Words("symbols"),
            "",
            "Symbols of instruments.toml: an order entry session enters orders and quotes in these alone, and every "
            "session sees status and market data of these alone; without it all, those listed later too. Cancels, "
            "OrderStatusRequest(H) and requests over many orders pass.",
        ),
        _honoured("Enabled", YES_NO, "Y", "N: no Logon is taken; the session and its numbers are kept."),
        _honoured(
            "Authentication",
            Choice(("password", "hmac", "none")),
            "password",
            "How a Logon is proved; `none` only at addresses of this machine.",
        ),
        _honoured("Username", CompId(), "", "Username(553) and name in `passwords`; without it TargetCompID."),
        _honoured(
            "CancelOnDisconnect",
            Choice(("N", "Y", "ACCOUNTS")),
            "N",
            "Y cancels the session's open orders when its connection is gone; ACCOUNTS all of its Accounts, whichever "
            "session entered them.",
        ),
        _honoured("CancelOnDisconnectSparesGTC", YES_NO, "N", "Y: orders with TimeInForce(59) 1 and 6 stay then."),
        _honoured(
            "CancelOnDisconnectGrace",
            seconds(0, 3600),
            "0",
            "Seconds in which the session may come back and finds its orders as they were. They begin anew when the "
            "exchange is started.",
        ),
        _honoured("CancelOnLogout", YES_NO, "Y", "N: after a Logout in order nothing is canceled."),
        _honoured("StrictFix44", YES_NO, "Y", "Y sends only what QuickFIX's stock FIX44.xml knows."),
        _honoured(
            "MessageRate",
            Whole(0, 10_000_000),
            "0",
            "Messages a second, without cancels; 0: no throttle. Each shard counts by itself.",
        ),
        _honoured("MessageBurst", Whole(0, 10_000_000), "0", "Messages at once; 0: as MessageRate."),
        _honoured(
            "CancelRate", Whole(0, 10_000_000), "0", "Cancels a second; 0: no throttle. Each shard counts by itself."
        ),
        _honoured(
            "SelfMatchPreventionID",
            CompId(),
            "",
            "SelfMatchPreventionID(2362) of every order that has none of its own: orders of one firm with the same id "
            "never trade with each other. Without it: off.",
        ),
        _honoured(
            "SelfMatchPreventionMode",
            Choice(("newest", "oldest", "both", "decrement")),
            "newest",
            "Which order gives way where an order says no SelfMatchPreventionInstruction(2964): the one coming in, the "
            "resting one, both; decrement takes the smaller quantity off both.",
        ),
        _honoured(
            "TriggerPriceType",
            Choice(("last", "mark")),
            "last",
            "Price that triggers a stop or market-if-touched order which does not say it.",
        ),
        _honoured("CancelBurst", Whole(0, 10_000_000), "0", "Cancels at once; 0: as CancelRate."),
        _honoured(
            "LogoutAfterThrottled",
            Whole(0, 10_000_000),
            "0",
            "More refused messages than this over any throttle within LogoutAfterThrottledSeconds: the session is "
            "logged out and its orders are canceled; 0: never.",
        ),
        _honoured("LogoutAfterThrottledSeconds", seconds(1, 3600), "1", "Length of that window."),
        _honoured(
            "RepeatedExecutionMax",
            Whole(0, 10_000_000),
            "0",
            "More orders of one account, instrument and side than this that were executed on entry within "
            "RepeatedExecutionSeconds: the session's kill switch is engaged, until an operator releases it; 0: never.",
        ),
        _honoured("RepeatedExecutionSeconds", seconds(1, 3600), "1", "Length of that window."),
        _honoured(
            "QuoteProtectionQty",
            Whole(0, 1_000_000_000_000),
            "0",
            "Market-maker protection: more lots of the session's quotes than this, in one account and instrument, that "
            "were filled within QuoteProtectionMilliseconds cancel those quotes and freeze them, until the member or "
            "an operator resets them; 0: no such bound. So do the next two keys.",
        ),
        _honoured(
            "QuoteProtectionDelta",
            Whole(0, 1_000_000_000_000),
            "0",
            "More lots than this that were bought beyond those sold, or the other way round; 0: no such bound.",
        ),
        _honoured("QuoteProtectionCount", Whole(0, 10_000_000), "0", "More fills than this; 0: no such bound."),
        _honoured(
            "QuoteProtectionMilliseconds",
            Whole(1, 3_600_000, "number of milliseconds"),
            "1000",
            "Length of the window that slides with the time.",
        ),
    ),
)

BY_NAME: Final = {key.name.upper(): key for key in TABLE}
assert len(BY_NAME) == len(TABLE), "a key stands twice in the table"

NUMBERED: Final = ("SocketConnectHost", "SocketConnectPort", "SocketConnectSourceHost", "SocketConnectSourcePort")
"""Keys that QuickFIX also reads with a number behind: further addresses to connect to."""

APP_DICTIONARY: Final = "AppDataDictionary"


def find(name: str) -> SessionKey | None:
    """Return the key of that name, without regard to case, and with the number or qualifier that QuickFIX allows."""
    known = BY_NAME.get(name.upper())
    if known is not None:
        return known
    if name.upper().startswith(f"{APP_DICTIONARY.upper()}."):
        return BY_NAME[APP_DICTIONARY.upper()]
    stem = name.rstrip("0123456789")
    if stem != name and stem.upper() in {numbered.upper() for numbered in NUMBERED}:
        return BY_NAME[stem.upper()]
    return None


def nearest(name: str, names: list[str] | None = None) -> str:
    """Return the known name that is most like `name`, or "" if none is much like it."""
    known = {candidate.upper(): candidate for candidate in names or [key.name for key in TABLE]}
    close = difflib.get_close_matches(name.upper()[:100], list(known), n=1, cutoff=0.6)
    return known[close[0]] if close else ""


def default_of(name: str) -> object:
    """Return the value that a key has where no file gives one; None where there is none."""
    key = BY_NAME[name.upper()]
    if key.default == "":
        return None
    try:
        return key.kind.read(key.default)
    except UnreadableError as error:
        raise AssertionError(f"the default of {name} is not allowed by its own kind") from error
