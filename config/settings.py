"""The configuration as a whole: read, checked and typed, or refused with every fault at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from config.accounts import FILE as ACCOUNTS
from config.accounts import AccountSettings, AccountsFile, FirmSettings, read_accounts
from config.descriptors import DESCRIPTORS_PER_SESSION, descriptors_needed, hard_limit
from config.exchange import FILE as EXCHANGE
from config.exchange import ExchangeSettings, ListenerSettings, read_exchange
from config.faults import ConfigFaults, Fault, FaultLog, Note, quote
from config.instruments import FILE as INSTRUMENTS
from config.instruments import InstrumentSettings, InstrumentsFile, read_instruments
from config.passwords import FILE as PASSWORDS
from config.passwords import Credential, read_passwords
from config.session_file import FILE as SESSIONS
from config.session_file import SessionsFile, Surroundings, read_sessions
from config.sessions import SessionSettings

__all__ = ["SHIPPED", "ConfigFaults", "Fault", "Note", "Report", "Settings", "check", "load"]

SHIPPED: Final = Path(__file__).parent
"""The folder of the shipped configuration, which is the demo."""

FILE_BYTES_MAX: Final = 64 * 1024 * 1024


class Settings(msgspec.Struct, frozen=True):
    """A configuration without a fault. `notes` is what start has to say once, as keys without effect."""

    config_dir: Path
    exchange: ExchangeSettings
    instruments: tuple[InstrumentSettings, ...]
    accounts: tuple[AccountSettings, ...]
    sessions: tuple[SessionSettings, ...]
    passwords: dict[str, Credential]
    notes: tuple[Note, ...]
    firms: tuple[FirmSettings, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """What `outcry check` prints. `settings` is None where there are faults."""

    faults: tuple[Fault, ...]
    notes: tuple[Note, ...]
    settings: Settings | None


def load(config_dir: Path, *, sessions_file: str = SESSIONS) -> Settings:
    """Return the configuration of a folder. Raises `ConfigFaults` with every fault of every file, and nothing else."""
    report = check(config_dir, sessions_file=sessions_file)
    if report.settings is None:
        raise ConfigFaults(report.faults)
    return report.settings


def check(config_dir: Path, *, sessions_file: str = SESSIONS) -> Report:
    """Read and check every file of a folder; never raises for what is in them. `sessions_file` stands for
    sessions.cfg.
    """
    config_dir = config_dir.absolute()
    log = FaultLog()
    exchange = _read_exchange(config_dir, log)
    shards = _shard_names(exchange, log)
    instruments = _read_instruments(config_dir, shards, log)
    accounts = _read_accounts(config_dir, instruments, shards, log)
    passwords = read_passwords(_bytes(config_dir, PASSWORDS, log, required=False) or b"", log=log)
    names = None if accounts is None else accounts.names
    firms = None if accounts is None else accounts.firm_names
    surroundings = Surroundings(config_dir, exchange, names, firms, passwords, _symbols(instruments, log))
    sessions = _read_sessions(config_dir, sessions_file, surroundings, log)
    if exchange is not None:
        listeners = (*exchange.listeners, *(sessions.listeners if sessions else ()))
        _check_listeners(listeners, log)
        exchange = msgspec.structs.replace(exchange, listeners=listeners)
        _check_inhabited(exchange, instruments, log)
        if sessions is not None:
            _check_descriptors(exchange, len(sessions.sessions), log)
    faults, notes = tuple(log.faults), tuple(log.notes)
    if faults or exchange is None or instruments is None or accounts is None or sessions is None:
        assert faults, "a file that could not be read is a fault"
        return Report(faults, notes, None)
    settings = Settings(
        config_dir,
        exchange,
        instruments.instruments,
        accounts.accounts,
        sessions.sessions,
        passwords,
        notes,
        accounts.firms,
    )
    return Report((), notes, settings)


def _symbols(instruments: InstrumentsFile | None, log: FaultLog) -> frozenset[str] | None:
    """Return the symbols of instruments.toml; None where it has a fault, so that nobody knows all of them."""
    if instruments is None or any(fault.file == INSTRUMENTS for fault in log.faults):
        return None
    return frozenset(instrument.symbol for instrument in instruments.instruments)


def _read_exchange(config_dir: Path, log: FaultLog) -> ExchangeSettings | None:
    data = _bytes(config_dir, EXCHANGE, log)
    return None if data is None else read_exchange(data, config_dir=config_dir, log=log)


def _shard_names(exchange: ExchangeSettings | None, log: FaultLog) -> list[str] | None:
    """Return the names of the shards; None where one could not be read, so that nobody can say what is not there.

    A fault in a listener's name counts too: what it hides is told when that one is mended.
    """
    if exchange is None or any(fault.file == EXCHANGE and fault.key in ("name", "shard") for fault in log.faults):
        return None
    return [shard.name for shard in exchange.shards]


def _read_instruments(config_dir: Path, shards: Sequence[str] | None, log: FaultLog) -> InstrumentsFile | None:
    data = _bytes(config_dir, INSTRUMENTS, log)
    return None if data is None else read_instruments(data, shards=shards, log=log)


def _read_accounts(
    config_dir: Path, instruments: InstrumentsFile | None, shards: Sequence[str] | None, log: FaultLog
) -> AccountsFile | None:
    data = _bytes(config_dir, ACCOUNTS, log)
    return None if data is None else read_accounts(data, instruments=instruments, shards=shards, log=log)


def _read_sessions(config_dir: Path, name: str, around: Surroundings, log: FaultLog) -> SessionsFile | None:
    data = _bytes(config_dir, name, log)
    return None if data is None else read_sessions(data, around=around, log=log)


def _bytes(config_dir: Path, name: str, log: FaultLog, *, required: bool = True) -> bytes | None:
    """Return the content of a file; None where it cannot be read, which is a fault unless it may be absent."""
    path = config_dir / name
    try:
        if not required and not path.exists():
            return None
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        log.add(name, 0, "file", found=quote(f"{path}: {reason}")[1:-1], allowed="a file that can be read")
        return None
    if len(data) > FILE_BYTES_MAX:
        log.add(name, 0, "file", found=f"more than {FILE_BYTES_MAX} bytes", allowed=f"at most {FILE_BYTES_MAX} bytes")
        return None
    return data


def _check_listeners(listeners: tuple[ListenerSettings, ...], log: FaultLog) -> None:
    """Refuse an exchange that nobody could reach."""
    if not listeners and not any(fault.file == EXCHANGE for fault in log.faults):
        log.add(EXCHANGE, 0, "listener", found="nothing", allowed="at least one [[listener]], or a SocketAcceptPort")


def _check_inhabited(exchange: ExchangeSettings, instruments: InstrumentsFile | None, log: FaultLog) -> None:
    """Refuse a shard on which nothing is traded, unless an instrument may be meant for it and names it wrongly."""
    homes = None if instruments is None else instruments.shards
    if not homes or not homes <= {shard.name for shard in exchange.shards}:
        return
    for shard in exchange.shards:
        if shard.name not in homes:
            allowed = f"a shard of which {INSTRUMENTS} has an instrument: {', '.join(sorted(homes))}"
            log.add(EXCHANGE, shard.line, "name", found=quote(shard.name), allowed=allowed)


def _check_descriptors(exchange: ExchangeSettings, sessions: int, log: FaultLog) -> None:
    """Refuse more sessions than can be connected beside the strangers of connections_max; one fault is enough."""
    hard = hard_limit()
    if hard is None or any(fault.key == "connections_max" for fault in log.faults):
        return
    connections = exchange.logon.connections_max
    rest = descriptors_needed(
        connections_max=connections,
        listeners=len(exchange.listeners),
        io_threads=exchange.io_threads,
        sessions=0,
        shards=len(exchange.shards),
    )
    sessions_max = max(hard - rest, 0) // DESCRIPTORS_PER_SESSION
    if sessions > sessions_max:
        allowed = (
            f"at most {sessions_max}, since the hard limit of open files (RLIMIT_NOFILE) is {hard} "
            f"and connections_max is {connections}"
        )
        log.add(SESSIONS, 0, "SESSION", found=f"{sessions} sessions", allowed=allowed)
