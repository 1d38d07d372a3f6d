"""Every message that is sent, with each field and each value of an enumerated one, by version: the one table of it.

The writers are `reports` and its like; the tests hold everything that they write, and everything that the exchange
says in every conversation, against this table, and this table against what they write. A new message or field is a new
row here. Versions and values are as in the writers; a field is in no version whose dictionary lacks it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway import rejects
from gateway.inbound import TRIGGER_BASIS
from gateway.market_data import ENTRY_TYPES
from gateway.order_terms import PEG_OF_PRICE_TYPE
from gateway.range_requests import APPLICATION_DOES_NOT_EXIST, MESSAGES_NOT_AVAILABLE, PROCESSED, RETRANSMISSION
from gateway.rules.sent_fields import (
    AFTER_42,
    ANY_ROLE,
    BUSINESS,
    CXL_REJ,
    DATA,
    EXEC_INST,
    EXEC_TYPES,
    EXTENDED,
    MASS_REJ,
    ONLY_42,
    ONLY_44,
    ONLY_50,
    ORD_REJ,
    ORD_TYPES,
    ORDERS,
    QUOTE_REJ,
    REPORTS,
    RESTATED,
    RICH,
    SAID_MODES,
    SIDES,
    STATUS,
    STATUSES,
    TIMES,
    TRADING_STATUS,
    UP_TO_44,
    Sent,
    SentMessage,
    as_asked,
    codes,
    numbers,
)
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2
from gateway.status import SUB_ID, TRAD_SES_STATUS
from gateway.stop_notices import FLASH
from gateway.user_desk import LOGGED_IN
from matching import refusals
from matching.users import PASSWORD_CHANGED

TEXT: Final = Sent(58, "a refusal, which it begins the code of, or a step that needs words")
ERROR_CODE: Final = Sent(rejects.ERROR_CODE_TAG, "a refusal: its code", EXTENDED)
CLOCK: Final = Sent(60)

EXECUTION_REPORT: Final = SentMessage(
    "8",
    REPORTS,
    "every step in an order's life, its refusal and its status",
    (
        Sent(584, "answers AF", AFTER_42),
        Sent(911, "answers AF", AFTER_42),
        Sent(912, "answers AF", AFTER_42, ("N", "Y")),
        Sent(37),
        Sent(17),
        Sent(20, "", ONLY_42, ("0", "1", "2", "3")),
        Sent(150, values=EXEC_TYPES),
        Sent(39, values=STATUSES),
        Sent(11, "the order has one"),
        Sent(66, "the order is of a list"),
        Sent(41, "a cancel or replace that was asked for"),
        Sent(1, "the account is known"),
        Sent(55),
        Sent(54, values=SIDES),
        Sent(38, "the quantity is a number"),
        Sent(40, "the version has the value", values=ORD_TYPES),
        Sent(44, "the order has a limit"),
        Sent(839, "40=P and the order is in the book", AFTER_42),
        Sent(59, "the version has the value", values=TIMES),
        Sent(99, "the order has a trigger price"),
        Sent(111, "an iceberg", UP_TO_44),
        Sent(1138, "an iceberg", ONLY_50),
        Sent(126, "59=6"),
        Sent(583, "the order is linked by it", AFTER_42),
        Sent(18, "a peg, a trailing stop, reduce-only", values=EXEC_INST),
        Sent(TRIGGER_BASIS, "a trigger", EXTENDED, ("L", "M")),
        Sent(1094, "a peg or trailing stop", ONLY_50, tuple(PEG_OF_PRICE_TYPE)),
        Sent(1107, "the last price triggers", ONLY_50, ("2",)),
        Sent(2362, "self-match prevention", ONLY_50),
        Sent(2964, "self-match prevention", ONLY_50, SAID_MODES),
        Sent(211, "a peg or trailing stop has an offset"),
        Sent(1166, "a quote", ONLY_50),
        Sent(117, "a quote", EXTENDED),
        Sent(299, "a quote", EXTENDED),
        Sent(19, "a bust or correction"),
        Sent(32, "a fill or correction"),
        Sent(31, "a fill or correction"),
        Sent(
            851,
            "a fill; none in auctions but in FIX.5.0SP2",
            AFTER_42,
            {FIX44: ("1", "2"), FIX44_EXTENDED: ("1", "2"), FIX50SP2: ("1", "2", "4")},
        ),
        Sent(880, "a fill, bust or correction", RICH),
        Sent(1057, "a fill that is not in an auction", RICH, ("N", "Y")),
        Sent(151),
        Sent(14),
        Sent(6),
        Sent(103, "a refusal", values=ORD_REJ),
        Sent(378, "a cancel or change nobody asked for", values=RESTATED),
        TEXT,
        ERROR_CODE,
        Sent(790, "answers an H that has one", AFTER_42),
        CLOCK,
    ),
)
ORDER_CANCEL_REJECT: Final = SentMessage(
    "9",
    REPORTS,
    "a cancel or replace that is refused",
    (
        Sent(37),
        Sent(11),
        Sent(41),
        Sent(39, values=("0", "1", "2", "4", "8", "C")),
        Sent(1, "the account is known"),
        Sent(434, values=("1", "2")),
        Sent(102, values=CXL_REJ),
        TEXT,
        ERROR_CODE,
        CLOCK,
    ),
)
LIST_STATUS: Final = SentMessage(
    "N",
    ORDERS,
    "the answer to E, behind the reports of its orders",
    (
        Sent(66),
        Sent(429, values=("1", "2")),
        Sent(82),
        Sent(431, values=("3", "6", "7")),
        Sent(1385, "the list was taken", ONLY_50, ("1", "2")),
        Sent(1386, "the list is refused", ONLY_50, ("2", "6", "11", "99")),
        Sent(83),
        Sent(444, "the list is refused"),
        CLOCK,
        Sent(68),
        Sent(
            73,
            "always, in FIX.5.0SP2 where there are orders",
            group=(Sent(11), Sent(14), Sent(39, values=("0", "1", "2", "4", "8", "C")), Sent(151), Sent(84), Sent(6)),
        ),
    ),
)
MASS_CANCEL_REPORT: Final = SentMessage(
    "r",
    ORDERS,
    "the answer to q, behind the reports of its orders",
    (
        Sent(11, "the request has one"),
        Sent(37),
        Sent(1369, "", ONLY_50),
        Sent(530, "as it was asked for", values=as_asked(530)),
        Sent(531, values=("0", "1", "3", "7")),
        Sent(532, "531=0", values=MASS_REJ),
        Sent(533),
        Sent(55, "the request has one"),
        Sent(54, "the request has one", values=SIDES),
        TEXT,
        ERROR_CODE,
        CLOCK,
    ),
    AFTER_42,
)
QUOTE_ACKNOWLEDGEMENT: Final = SentMessage(
    "b",
    ORDERS,
    "the answer to i and Z, and quotes that market-maker protection has frozen",
    (
        Sent(117),
        Sent(297, values={FIX42: ("0", "1", "4", "5"), **dict.fromkeys(AFTER_42, ("0", "1", "4", "5", "6"))}),
        Sent(300, "a refusal or a freeze", values=QUOTE_REJ),
        Sent(301, "the request has one", values=("0", "1", "2")),
        Sent(298, "answers Z: as it was asked for", ONLY_50, as_asked(298)),
        TEXT,
        ERROR_CODE,
        Sent(
            296,
            "entries are told",
            group=(
                Sent(302),
                Sent(304),
                Sent(
                    295,
                    group=(
                        Sent(299),
                        Sent(55, "it is known"),
                        Sent(368, "a refusal or a freeze", values=QUOTE_REJ),
                    ),
                ),
            ),
        ),
    ),
)
SNAPSHOT: Final = SentMessage(
    "W",
    DATA,
    "the book of an instrument, asked for once or at the beginning of a subscription",
    (
        Sent(262),
        Sent(779, "", ONLY_50),
        Sent(55),
        Sent(
            268,
            group=(
                Sent(269, values=ENTRY_TYPES),
                Sent(270),
                Sent(271),
                Sent(286, "269=4 or 5", ONLY_44, ("5",)),
                Sent(346, "a level"),
                Sent(290, "a level"),
            ),
        ),
    ),
)
UPDATE: Final = SentMessage(
    "X",
    DATA,
    "what one commit of the exchange has changed",
    (
        Sent(262),
        Sent(
            268,
            group=(
                Sent(279, values=("0", "1", "2")),
                Sent(83, "", ONLY_50),
                Sent(269, values=ENTRY_TYPES),
                Sent(278),
                Sent(55),
                Sent(270, "not of an indicative price that is gone"),
                Sent(271, "not of what is gone"),
                Sent(286, "269=4 or 5", ONLY_44, ("5",)),
                Sent(346, "a level that is there"),
            ),
        ),
    ),
)
DATA_REJECT: Final = SentMessage(
    "Y",
    DATA,
    "a refused V",
    (Sent(262), Sent(281, values=("0", "1", "3", "4", "5", "6", "7", "8")), Sent(58)),
)
SECURITY_STATUS: Final = SentMessage(
    "f",
    STATUS,
    "the trading phase of an instrument, as e asked for it",
    (
        Sent(324),
        Sent(55),
        Sent(336, "the instrument is known", values={FIX50SP2: ("1",), FIX42: (), FIX44: (), FIX44_EXTENDED: ()}),
        Sent(1300, "the instrument is known", ONLY_50),
        Sent(325, values=("N", "Y")),
        Sent(326, values=TRADING_STATUS),
        Sent(625, "the instrument is known", AFTER_42, tuple(sorted(set(SUB_ID.values())))),
        Sent(58, "", AFTER_42),
    ),
)
SESSION_STATUS: Final = SentMessage(
    "h",
    STATUS,
    "the phase of a trading session, as g asked for it",
    (
        Sent(335),
        Sent(336, values={FIX50SP2: ("1",), FIX42: (), FIX44: (), FIX44_EXTENDED: ()}),
        Sent(1300, "", ONLY_50),
        Sent(325, values=("N", "Y")),
        Sent(
            340,
            values={
                FIX42: tuple(sorted(set(TRAD_SES_STATUS.values()))),
                **{version: tuple(sorted({*TRAD_SES_STATUS.values(), "6"})) for version in AFTER_42},
            },
        ),
        Sent(567, "340=6", AFTER_42, ("1",)),
        Sent(58),
    ),
)
BUSINESS_REJECT: Final = SentMessage(
    "j",
    ANY_ROLE,
    "a message that is throttled, not for this role, not offered, or cannot be answered now",
    (
        Sent(45, "the number is known"),
        Sent(372),
        Sent(379, "the message has an id"),
        Sent(380, values=BUSINESS),
        TEXT,
        ERROR_CODE,
    ),
)
RANGE_ANSWER: Final = SentMessage(
    "BX",
    ("drop_copy",),
    "the end of a range of reports by ExecID(17), or its refusal",
    (
        Sent(1353),
        Sent(1346, "the request has one"),
        Sent(1347, values=(RETRANSMISSION,)),
        Sent(1348, values=numbers((PROCESSED, APPLICATION_DOES_NOT_EXIST, MESSAGES_NOT_AVAILABLE))),
        Sent(1349, "the end of a range"),
        Sent(
            1351,
            "a range was told or can be named",
            group=(
                Sent(1355),
                Sent(1182),
                Sent(1183),
                Sent(1354, "a refusal", values=numbers({refusals.appl_response_error(code) for code in codes(6)})),
            ),
        ),
        TEXT,
        ERROR_CODE,
    ),
)
USER_RESPONSE: Final = SentMessage(
    "BF",
    ANY_ROLE,
    "the answer to BE",
    (
        Sent(923, "the request has one"),
        Sent(553),
        Sent(926, values=numbers({LOGGED_IN, PASSWORD_CHANGED, *map(refusals.user_status, codes(7))})),
        Sent(927, "a refusal, which it begins the code of"),
    ),
    AFTER_42,
)
NEWS: Final = SentMessage(
    "B",
    ANY_ROLE,
    "a stop is planned or called off",
    (Sent(42), Sent(61, values=(FLASH,)), Sent(148), Sent(33, group=(Sent(58),))),
)

SENT: Final[tuple[SentMessage, ...]] = (
    EXECUTION_REPORT,
    ORDER_CANCEL_REJECT,
    LIST_STATUS,
    MASS_CANCEL_REPORT,
    QUOTE_ACKNOWLEDGEMENT,
    SNAPSHOT,
    UPDATE,
    DATA_REJECT,
    SECURITY_STATUS,
    SESSION_STATUS,
    RANGE_ANSWER,
    USER_RESPONSE,
    NEWS,
    BUSINESS_REJECT,
)
ADMIN: Final[tuple[SentMessage, ...]] = (
    SentMessage(
        "A",
        ANY_ROLE,
        "a Logon that was taken",
        (
            Sent(98, values=("0",)),
            Sent(108),
            Sent(141, "the client has sent it", values=("N", "Y")),
            Sent(789, "the client has sent it"),
            Sent(1137, "", ONLY_50, ("9",)),
        ),
    ),
    SentMessage(
        "0", ANY_ROLE, "HeartBtInt(108) without another message, or the answer to 1", (Sent(112, "answers 1"),)
    ),
    SentMessage("1", ANY_ROLE, "nothing was received for 1.2 times HeartBtInt(108)", (Sent(112),)),
    SentMessage("2", ANY_ROLE, "a number is too high", (Sent(7), Sent(16))),
    SentMessage(
        "3",
        ANY_ROLE,
        "a message that the session layer or the dictionary refuses",
        (
            Sent(45),
            Sent(371, "a field is the reason"),
            Sent(372),
            Sent(
                373,
                "the version has the value",
                values={
                    FIX42: tuple(str(value) for value in range(12)),
                    **{version: (*(str(value) for value in range(18)), "99") for version in AFTER_42},
                },
            ),
            Sent(58),
        ),
    ),
    SentMessage(
        "4",
        ANY_ROLE,
        "answers 2: numbers that are not sent again",
        (
            Sent(123, "", values=("N", "Y")),
            Sent(36),
        ),
    ),
    SentMessage("5", ANY_ROLE, "the session ends", (Sent(58, "it is not the answer to a Logout"),)),
)


def sent_message(msg_type: str) -> SentMessage | None:
    """The row of a message type."""
    return _BY_TYPE.get(msg_type)


def flat(fields: Sequence[Sent]) -> Iterator[Sent]:
    """Every field, those of groups behind their counters."""
    for field in fields:
        yield field
        yield from flat(field.group)


_BY_TYPE: Final = {message.msg_type: message for message in (*SENT, *ADMIN)}
