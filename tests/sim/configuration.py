"""The configuration of the simulated exchange, in generations: what an operator changes between two starts."""

import atexit
import functools
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Final

from config.settings import Settings, load
from tests.support.exchange import SHIPPED_CONFIG, replace_in

TRADING: Final = (
    ("FIX.4.2", "TRADER1"),
    ("FIXT.1.1", "TRADER1"),
    ("FIX.4.4", "TRADER2"),
    ("FIXT.1.1", "TRADER2"),
    ("FIX.4.4", "MAKER1"),
)
DROP_COPIES: Final = (("FIX.4.4", "DROP1"), ("FIXT.1.1", "DROP1"))
MARKET_DATA: Final = ("FIXT.1.1", "MD1")
DICTIONARIES: Final = {"FIX.4.2": "FIX42.xml", "FIX.4.4": "FIX44.xml"}
ACCOUNTS: Final = {"TRADER1": "ACC1", "TRADER2": "ACC2", "MAKER1": "ACC3", "DROP1": "ACC1, ACC2, ACC3"}
CANCELED_ON_DISCONNECT: Final = ("FIX.4.4", "TRADER2")
THROTTLED: Final = ("FIXT.1.1", "TRADER2")
SESSIONS_BEGIN_S: Final = (0, 32_388, 32_410, 32_432, 36_000, 43_200)
"""When a trading session of the calendar begins, in seconds of the day; simulated days begin at 32,400."""
GENERATIONS: Final = 4
"""0: as it begins; 1: a tight limit, a circuit breaker, a throttle of repeated executions, other rules of disconnect;
2: a narrow band and a further instrument; 3: throttles of a session, of an account, and the cut behind them.
"""
TICK_E8: Final = {"AAPL": 1_000_000, "MSFT": 1_000_000, "BTC-PERP": 50_000_000}
LOT_E8: Final = {"AAPL": 100_000_000, "MSFT": 100_000_000, "BTC-PERP": 100_000}
REFERENCE: Final = {"AAPL": 58_500, "MSFT": 3_000, "BTC-PERP": 120_000}
"""In ticks."""
OPENING: Final = 'opening = {{ USD = "{cash}", AAPL = "{shares}", MSFT = "{shares}" }}'


@functools.cache
def settings_of(generation: int, io_threads: int) -> Settings:
    """Return the checked settings of a generation, read once per process."""
    folder = Path(tempfile.mkdtemp(prefix="outcry-sim-config-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / "config"
    shutil.copytree(SHIPPED_CONFIG, target, ignore=shutil.ignore_patterns("*.py", "__pycache__", "certs"))
    (target / "sessions.cfg").write_text(_sessions(generation), encoding="utf-8")
    (target / "accounts.toml").write_text(_accounts(generation), encoding="utf-8")
    (target / "instruments.toml").write_text(_instruments(generation), encoding="utf-8")
    exchange = target / "exchange.toml"
    text = exchange.read_text(encoding="utf-8")
    begin, end = text.index('[[listener]]\nname = "tls"'), text.index("[[shard]]")
    exchange.write_text(text[:begin] + text[end:], encoding="utf-8")
    replace_in(exchange, "io_threads = 1", f"io_threads = {io_threads}")
    # The file is on the machine's own disk; that it is synced is what tests/crash looks at.
    replace_in(exchange, 'durability = "fsync"', 'durability = "async"')
    replace_in(exchange, "disk_alarm_percent = 70", "disk_alarm_percent = 100")
    return load(target)


def _sessions(generation: int) -> str:
    text = (
        "[DEFAULT]\nConnectionType=acceptor\nSenderCompID=OUTCRY\nDefaultApplVerID=FIX.5.0SP2\n"
        "TransportDataDictionary=dictionaries/FIXT11.xml\nAppDataDictionary=dictionaries/FIX50SP2.xml\n"
        "NonStopSession=Y\nAuthentication=password\n"
    )
    for begin_string, comp_id in (*TRADING, *DROP_COPIES, MARKET_DATA):
        role = {"DROP1": "drop_copy", "MD1": "market_data"}.get(comp_id, "order_entry")
        text += f"\n[SESSION]\nBeginString={begin_string}\nTargetCompID={comp_id}\nRole={role}\n"
        text += f"Accounts={ACCOUNTS[comp_id]}\n" if comp_id in ACCOUNTS else ""
        if begin_string in DICTIONARIES:
            text += f"DataDictionary=dictionaries/{DICTIONARIES[begin_string]}\n"
        text += _keys(begin_string, comp_id, generation)
    return text


def _keys(begin_string: str, comp_id: str, generation: int) -> str:
    """Return the keys of a session by which it differs from others."""
    name, text = (begin_string, comp_id), ""
    if begin_string == "FIXT.1.1" and comp_id in ACCOUNTS:
        text += "ValidateUserDefinedFields=N\n"
    if name == CANCELED_ON_DISCONNECT:
        text += "CancelOnDisconnect=Y\n"
    if name == ("FIXT.1.1", "TRADER1"):
        text += "CancelOnDisconnect=Y\nCancelOnDisconnectSparesGTC=Y\nCancelOnDisconnectGrace=5\n"
        text += f"QuoteProtectionCount={2 - generation % 2}\nQuoteProtectionMilliseconds=60000\n"
    if comp_id == "MAKER1":
        text += "SelfMatchPreventionID=maker\nSelfMatchPreventionMode=decrement\n"
        text += "QuoteProtectionQty=6\nQuoteProtectionDelta=5\nQuoteProtectionMilliseconds=20000\n"
        if generation == 1:
            text += "CancelOnDisconnect=ACCOUNTS\nCancelOnLogout=N\n"
    if name == ("FIX.4.2", "TRADER1") and generation == 1:
        text += "RepeatedExecutionMax=2\nRepeatedExecutionSeconds=1\n"
    if name == THROTTLED and generation == 3:
        text += "MessageRate=1\nMessageBurst=3\nCancelRate=1\nCancelBurst=3\n"
        text += "LogoutAfterThrottled=6\nLogoutAfterThrottledSeconds=1\n"
    return text


def _accounts(generation: int) -> str:
    text = ""
    for number, cash, shares in ((1, 500_000, 1_000), (2, 200_000, 300), (3, 2_000_000, 5_000)):
        text += f'[[account]]\nname = "ACC{number}"\nfirm = "FIRM{number}"\n'
        text += OPENING.format(cash=cash, shares=shares) + "\n"
        text += f"open_orders_max = {6 if generation == 1 and number == 1 else 1_000}\n"
        if generation == 3 and number == 3:
            text += "message_rate = 20\nmessage_burst = 6\n"
        position = 150 if generation == 1 else 100_000
        text += f'  [[account.limit]]\n  symbol = "AAPL"\n  order_qty_max = "500"\n  position_max = "{position}00"\n\n'
    return text


def _instruments(generation: int) -> str:
    band = "0.01" if generation == 2 else "50"
    text = ""
    for symbol, kind, tick, lot, price in (
        ("AAPL", "spot", "0.01", "1", "585.00"),
        ("MSFT", "spot", "0.01", "1", "30.00"),
        ("BTC-PERP", "perpetual", "0.5", "0.001", "60000.0"),
    ):
        width = band if symbol == "AAPL" else "50"
        more = 'calendar = "SIM"\n' if symbol == "MSFT" else ""
        if symbol == "MSFT" and generation == 1:
            more += 'breaker_percent = "0.1"\nbreaker_seconds = 1\n'
        text += _instrument(symbol, kind, tick, lot, price, width, more)
    if generation == 2:
        text += _instrument("TSLA", "spot", "0.01", "1", "250.00", "50")
    return text + _calendar()


def _calendar() -> str:
    """A calendar with several trading sessions a day, so that every wait of a day meets another phase."""
    text = '[[calendar]]\nname = "SIM"\ntime_zone = "UTC"\ndays = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]\n'
    text += "holidays = []\n\n"
    begins = [*SESSIONS_BEGIN_S, 86_400]
    for begin, following in pairwise(begins):
        for phase, start in (
            ("pre-open", begin),
            ("opening auction", begin + 3),
            ("continuous", begin + 6),
            ("closing auction", following - 6),
            ("closed", following - 3),
        ):
            hour, second = divmod(start, 3_600)
            text += f'[[calendar.phase]]\nphase = "{phase}"\n'
            text += f'start = "{hour:02}:{second // 60:02}:{second % 60:02}"\n\n'
    return text


def _instrument(symbol: str, kind: str, tick: str, lot: str, price: str, band: str, more: str = "") -> str:
    return (
        f'[[instrument]]\nsymbol = "{symbol}"\nkind = "{kind}"\ncurrency = "USD"\ntick = "{tick}"\nlot = "{lot}"\n'
        f'reference_price = "{price}"\nband_percent = "{band}"\nshard = "main"\n{more}\n'
    )
