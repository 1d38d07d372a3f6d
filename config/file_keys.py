"""The keys of exchange.toml, instruments.toml and accounts.toml: what each may say, its default and its reason.

The reader, the checks and the reference in README.md are all drawn from these tables.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from config.text_values import DATE, DAY, PATH, TIME, Address, Choice, FolderName, Text, UnreadableError, Word
from config.toml_tables import Exact, Flag, Integer, ListOf, NamedAmounts, OneOf, Quoted, TomlKey

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

NAME: Final = Quoted(Word("name", 32))
SHARD_NAME: Final = Quoted(FolderName("name of a folder", 32))
SIDES: Final = Quoted(Choice(("both", "buy", "sell", "none")))
FILE: Final = Quoted(PATH)
PORT: Final = Integer(1, 65535)
ADDRESS: Final = Quoted(Address())
CLIENT_CERTIFICATES: Final = ("none", "optional", "required")


class Tables:
    """An array of tables below a table; it is read by its owner."""

    allowed: Final = "tables"

    def read(self, value: object) -> Any:
        """Pass an array of tables on as it is."""
        if not isinstance(value, list):
            raise UnreadableError
        return value


EXCHANGE: Final = (
    TomlKey(
        "durability",
        Quoted(Choice(("fsync", "async"))),
        "`fsync`: nothing leaves before it is on the disk. `async`: nothing leaves before it is written, and a loss "
        "of power may lose the last moments.",
        "fsync",
    ),
    TomlKey("io_threads", Integer(1, 64), "Threads that serve sockets; sessions are spread over them.", 1),
    TomlKey(
        "bind_address", ADDRESS, "Address of listeners that a SocketAcceptPort in sessions.cfg asks for.", "127.0.0.1"
    ),
)

LISTENER: Final = (
    TomlKey("name", NAME, "What logs and `outcry status` call it."),
    TomlKey("host", ADDRESS, "Address to listen at.", "127.0.0.1"),
    TomlKey("port", PORT, "TCP port."),
    TomlKey("tls", Flag(), "TLS 1.2 and 1.3, or plain TCP.", False),
    TomlKey(
        "certificate",
        FILE,
        "PEM file of the server's certificate, relative to this folder; needed with TLS.",
        optional=True,
    ),
    TomlKey("private_key", FILE, "PEM file of its key; without it the file of the certificate.", optional=True),
    TomlKey("client_certificates", Quoted(Choice(CLIENT_CERTIFICATES)), "Whether clients show a certificate.", "none"),
    TomlKey(
        "authorities",
        FILE,
        "PEM file of those who sign client certificates; needed where they are shown.",
        optional=True,
    ),
)

SHARD: Final = (
    TomlKey(
        "name",
        SHARD_NAME,
        "What instruments.toml and accounts.toml call it; with more than one shard also its folder in the data folder. "
        "At least one instrument lives on it.",
    ),
    TomlKey(
        "core",
        OneOf((Integer(0, 4095), Quoted(Choice(("auto", "none"))))),
        "Core that the matching thread is pinned to, as the system numbers it. `auto`: the highest free one of those "
        "that this process may use. `none`: not pinned.",
        "auto",
    ),
)

TRADING_DAY: Final = (
    TomlKey("end_time", Quoted(TIME), "When a trading day ends and Day orders expire.", TIME.read("00:00:00")),
    TomlKey("time_zone", Quoted(Text("IANA name of a time zone", 64)), "Time zone of `end_time`.", "UTC"),
)

LOGON: Final = (
    TomlKey(
        "connections_max",
        Integer(1, 100_000),
        "Connections at once that have not logged on: bounds memory and descriptors. The hard limit of open files has "
        "to leave room for them and for every session.",
        1_000,
    ),
    TomlKey(
        "connections_per_address_max",
        Integer(1, 100_000),
        "Connections of one address before logon, so that a stranger cannot take all of them.",
        64,
    ),
    TomlKey(
        "logon_timeout_seconds",
        Integer(1, 60),
        "A connection without a whole Logon, TLS handshake included, is closed after it.",
        5,
    ),
    TomlKey(
        "first_message_bytes_max",
        Integer(256, 65_536),
        "A Logon is shorter; more is not buffered for a stranger.",
        4_096,
    ),
    TomlKey(
        "attempts_queue_max", Integer(1, 10_000), "Logons that wait for their password check; one more is closed.", 256
    ),
    TomlKey("failures_max", Integer(1, 1_000), "Failed Logons of an address or CompID before it has to wait.", 5),
    TomlKey(
        "backoff_seconds", Integer(1, 3_600), "First wait after too many failures; it doubles with each further one.", 1
    ),
    TomlKey("backoff_seconds_max", Integer(1, 86_400), "Longest wait.", 60),
)

BOUNDS: Final = (
    TomlKey(
        "message_bytes_max",
        Integer(1_024, 16 * MIB),
        "Longest message of a client; BodyLength(9) above it cuts it off.",
        65_536,
    ),
    TomlKey(
        "messages_ahead_max",
        Integer(1, 4_096),
        "Messages held behind a gap of MsgSeqNum(34); QuickFIX recurses over them.",
        256,
    ),
    TomlKey(
        "inbound_messages_max",
        Integer(64, 1_048_576),
        "Messages between the wire and matching; full, sockets are not read: senders wait, nothing is dropped.",
        65_536,
    ),
    TomlKey(
        "batch_messages_max",
        Integer(1, 65_536),
        "Messages matched, journaled and committed together; more shares an fsync, and waits longer for it.",
        2_048,
    ),
    TomlKey(
        "outbound_bytes_per_session_max",
        Integer(64 * KIB, 4 * GIB),
        "Bytes held for a client that reads too slowly; full, it is cut and gets the rest by resend.",
        64 * MIB,
    ),
    TomlKey(
        "resend_slice_messages",
        Integer(1, 100_000),
        "Messages of a resend loaded at once, so that no other session waits.",
        1_000,
    ),
    TomlKey(
        "market_data_numbers_reserved",
        Integer(100, 1_000_000),
        "MsgSeqNum(34) reserved at once for market data.",
        10_000,
    ),
    TomlKey(
        "market_data_bytes_per_session_max",
        Integer(64 * KIB, 1 * GIB),
        "Bytes held for a subscriber; above it updates are left out, and a fresh W follows once it has caught up.",
        4 * MIB,
    ),
    TomlKey("market_data_depth_max", Integer(1, 100_000), "Deepest MarketDepth(264) beside 0, the full book.", 1_000),
    TomlKey(
        "market_data_subscriptions_max", Integer(1, 100_000), "Instruments that one session may subscribe to.", 200
    ),
)

SNAPSHOT: Final = (
    TomlKey(
        "every_seconds",
        Integer(1, 86_400),
        "A snapshot at the latest after so long; recovery replays what came since.",
        300,
    ),
    TomlKey(
        "every_commands", Integer(1_000, 1_000_000_000), "A snapshot at the latest after so many commands.", 2_000_000
    ),
)

JOURNAL: Final = (
    TomlKey(
        "map_gib", Integer(1, 16_384), "Address space reserved for the journal; sparse, so it costs no disk.", 1_024
    ),
    TomlKey("retention_days", Integer(1, 3_660), "Session days of messages and commands that are kept.", 30),
    TomlKey(
        "disk_free_bytes_min",
        Integer(16 * MIB, 1 << 50),
        "With less free disk new orders are refused; cancels pass.",
        1 * GIB,
    ),
    TomlKey(
        "ballast_bytes",
        Integer(1 * MIB, 1 << 40),
        "A file that is given back when the disk is full, so that cancels can be journaled.",
        64 * MIB,
    ),
    TomlKey("disk_alarm_percent", Integer(1, 100), "Used disk from which on an alarm is logged.", 70),
)

LOGS: Final = (
    TomlKey("format", Quoted(Choice(("console", "json"))), "For people or for machines.", "console"),
    TomlKey("level", Quoted(Choice(("debug", "info", "warning", "error"))), "Least level that is written.", "info"),
    TomlKey("file", FILE, "File in the data folder; without it standard error.", optional=True),
    TomlKey(
        "fix_messages", Flag(), "Every FIX message in and out into `fix.log` in the data folder, secrets masked.", False
    ),
    TomlKey(
        "rotate_bytes", Integer(64 * KIB, 64 * GIB), "A file is closed and the next begun at this size.", 256 * MIB
    ),
    TomlKey("files_max", Integer(1, 10_000), "Files kept of each log.", 8),
)

ADMIN: Final = (TomlKey("socket", FILE, "Socket for live commands, in the data folder, mode 0600.", "admin.sock"),)

PRICE: Final = Exact(Decimal("0.00000001"), Decimal(10_000_000_000))
QUANTITY: Final = Exact(Decimal("0.00000001"), Decimal(1_000_000_000_000))
AMOUNT: Final = Exact(Decimal(0), Decimal(1_000_000_000_000), 8)
BREAKER: Final = Exact(Decimal("0.01"), Decimal("99.99"), 2)
MONEY: Final = Exact(Decimal("0.000001"), Decimal(1_000_000_000_000), 6)

INSTRUMENT: Final = (
    TomlKey(
        "id",
        Integer(1, 1_000_000),
        "Number in the journal; without it the next free one, in the order of the file.",
        optional=True,
    ),
    TomlKey("symbol", Quoted(Word("symbol", 32)), "Symbol(55)."),
    TomlKey(
        "kind",
        Quoted(Choice(("spot", "perpetual"))),
        "`spot`: shares change hands. `perpetual`: a position without end.",
    ),
    TomlKey("currency", Quoted(Word("currency", 8)), "Currency of prices and settlement."),
    TomlKey("tick", PRICE, "Prices are whole multiples of it."),
    TomlKey("lot", QUANTITY, "Quantities are whole multiples of it."),
    TomlKey("reference_price", PRICE, "Middle of the price band at the start."),
    TomlKey(
        "band_percent",
        Exact(Decimal("0.01"), Decimal("99.99"), 2),
        "Orders further from the reference price are refused.",
    ),
    TomlKey("shard", SHARD_NAME, "Shard of exchange.toml that the instrument lives on."),
    TomlKey(
        "calendar",
        NAME,
        "Name of the [[calendar]] with its trading phases; without it continuous trading around the clock, and "
        "whatever the operator sets.",
        optional=True,
    ),
    TomlKey(
        "breaker_percent",
        BREAKER,
        "Circuit breaker: a trade further from the last trade before it halts the instrument; without it none does.",
        optional=True,
    ),
    TomlKey(
        "breaker_static_percent",
        BREAKER,
        "The same, measured from the price of the last auction.",
        optional=True,
    ),
    TomlKey(
        "breaker_seconds",
        Integer(1, 86_400),
        "How long such a halt calls for the auction that ends it; only with one of the two.",
        optional=True,
    ),
    TomlKey(
        "breaker_extended_percent",
        BREAKER,
        "An auction that would end a volatility halt further from the last trade is put off: the call is extended by "
        "breaker_seconds; without it none is. Wider than breaker_percent.",
        optional=True,
    ),
    TomlKey(
        "breaker_extensions",
        Integer(0, 1_000),
        "How often it is extended by itself; then it calls until the operator ends it. Without it: at once.",
        optional=True,
    ),
)

CALENDAR_PHASES: Final = ("pre-open", "opening auction", "continuous", "closing auction", "closed")

CALENDAR: Final = (
    TomlKey("name", NAME, "What instruments call it; TradingSessionID(336)."),
    TomlKey("time_zone", Quoted(Text("IANA name of a time zone", 64)), "Time zone of its times.", "UTC"),
    TomlKey("days", ListOf(Quoted(DAY), 7), "Days of the week on which there is trading.", (2, 3, 4, 5, 6)),
    TomlKey("holidays", ListOf(Quoted(DATE), 10_000), "Dates on which there is none.", ()),
    TomlKey("phase", Tables(), "The phases of a day, each a [[calendar.phase]].", optional=True),
)

CALENDAR_PHASE: Final = (
    TomlKey("phase", Quoted(Choice(CALENDAR_PHASES)), "The phase; before the first of a day the market is closed."),
    TomlKey("start", Quoted(TIME), "Local time at which it begins."),
)

ACCOUNT: Final = (
    TomlKey(
        "id",
        Integer(1, 1_000_000),
        "Number in the journal; without it the next free one, in the order of the file.",
        optional=True,
    ),
    TomlKey("name", NAME, "Account(1)."),
    TomlKey("firm", NAME, "Firm that the account belongs to."),
    TomlKey(
        "opening",
        NamedAmounts(AMOUNT),
        "Balances that the account is opened with, by currency or spot symbol. A spot symbol belongs to the shard of "
        "its instrument; with more than one shard a currency stands in [[account.shard]] instead.",
        {},
    ),
    TomlKey(
        "order_value_max", MONEY, "Greatest value of one order in any instrument; without it no limit.", optional=True
    ),
    TomlKey(
        "open_orders_max",
        Integer(1, 100_000_000),
        "Open orders over all instruments; without it no limit. With more than one shard it holds on each by itself.",
        optional=True,
    ),
    TomlKey(
        "message_rate",
        Integer(1, 10_000_000),
        "Messages a second over all sessions; without it no throttle. With more than one shard it holds on each by "
        "itself.",
        optional=True,
    ),
    TomlKey("message_burst", Integer(1, 10_000_000), "Messages at once; without it `message_rate`.", optional=True),
    TomlKey("sides", SIDES, "Which sides may be entered: both, buy, sell, none.", "both"),
    TomlKey("shard", Tables(), "What it is opened with on one shard, each an [[account.shard]].", optional=True),
    TomlKey("limit", Tables(), "Limits in one instrument, each an [[account.limit]].", optional=True),
)

ACCOUNT_SHARD: Final = (
    TomlKey("name", SHARD_NAME, "Shard of exchange.toml, once in an account."),
    TomlKey(
        "opening",
        NamedAmounts(AMOUNT),
        "Balances that the account is opened with on this shard, by currency or by spot symbol that lives on it.",
    ),
)

LIMIT: Final = (
    TomlKey("symbol", Quoted(Word("symbol", 32)), "Instrument of instruments.toml."),
    TomlKey("order_qty_max", QUANTITY, "Greatest quantity of one order.", optional=True),
    TomlKey("order_value_max", MONEY, "Greatest value of one order.", optional=True),
    TomlKey("open_orders_max", Integer(1, 100_000_000), "Open orders.", optional=True),
    TomlKey("position_max", QUANTITY, "Greatest position on either side, open orders counted in.", optional=True),
    TomlKey("sides", SIDES, "Which sides may be entered here; without it those of the account.", optional=True),
)

FIRM: Final = (
    TomlKey("name", NAME, "Firm of an account; its limits hold for all its accounts together."),
    TomlKey(
        "open_orders_max",
        Integer(1, 100_000_000),
        "Open orders of all its accounts; without it no limit. With more than one shard it holds on each by itself.",
        optional=True,
    ),
    TomlKey(
        "open_value_max",
        MONEY,
        "Greatest value of all that its accounts have open, price times quantity, in each currency by itself; without "
        "it no limit. With more than one shard it holds on each by itself.",
        optional=True,
    ),
    TomlKey("limit", Tables(), "Limits in one instrument, each a [[firm.limit]].", optional=True),
)

FIRM_LIMIT: Final = (
    TomlKey("symbol", Quoted(Word("symbol", 32)), "Instrument of instruments.toml."),
    TomlKey(
        "position_max",
        QUANTITY,
        "Greatest position on either side, summed over all its accounts, open orders of that side counted in.",
    ),
)

FILES: Final[Mapping[str, Mapping[str, tuple[TomlKey, ...]]]] = {
    "exchange.toml": {
        "": EXCHANGE,
        "[[listener]]": LISTENER,
        "[[shard]]": SHARD,
        "[trading_day]": TRADING_DAY,
        "[logon]": LOGON,
        "[bounds]": BOUNDS,
        "[snapshot]": SNAPSHOT,
        "[journal]": JOURNAL,
        "[logs]": LOGS,
        "[admin]": ADMIN,
    },
    "instruments.toml": {
        "[[instrument]]": INSTRUMENT,
        "[[calendar]]": CALENDAR,
        "[[calendar.phase]]": CALENDAR_PHASE,
    },
    "accounts.toml": {
        "[[account]]": ACCOUNT,
        "[[account.shard]]": ACCOUNT_SHARD,
        "[[account.limit]]": LIMIT,
        "[[firm]]": FIRM,
        "[[firm.limit]]": FIRM_LIMIT,
    },
}
