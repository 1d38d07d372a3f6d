"""exchange.toml: the machine's side of the exchange. Listeners, shards, bounds, journal, logs."""

import ipaddress
import os
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from config import file_keys
from config.descriptors import descriptors_needed, hard_limit
from config.faults import FaultLog, quote
from config.time_zones import is_known_zone
from config.toml_tables import Table, TomlFile, refuse_repeats

FILE: Final = "exchange.toml"
LISTENERS_MAX: Final = 64
SHARDS_MAX: Final = 256


class TlsSettings(msgspec.Struct, frozen=True):
    """TLS of one listener; paths are absolute. `authorities` is "" where no client certificate is asked for."""

    certificate: str
    private_key: str
    client_certificates: Literal["none", "optional", "required"] = "none"
    authorities: str = ""


class ListenerSettings(msgspec.Struct, frozen=True):
    """One address to accept connections at."""

    name: str
    host: str
    port: int
    tls: TlsSettings | None

    @property
    def is_loopback(self) -> bool:
        """Say whether only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback


class ShardSettings(msgspec.Struct, frozen=True):
    """One matching thread and the core that it is pinned to; None: not pinned."""

    name: str
    core: int | None
    line: int


class TradingDaySettings(msgspec.Struct, frozen=True):
    """When a trading day ends: seconds since midnight in a time zone."""

    end_time: int
    time_zone: str


class LogonSettings(msgspec.Struct, frozen=True):
    """Bounds of what a peer may cost before it has proved who it is. The reasons stand in `file_keys.LOGON`."""

    connections_max: int
    connections_per_address_max: int
    logon_timeout_seconds: int
    first_message_bytes_max: int
    attempts_queue_max: int
    failures_max: int
    backoff_seconds: int
    backoff_seconds_max: int


class BoundSettings(msgspec.Struct, frozen=True):
    """Bounds of queues and of what waits in them. The reasons stand in `file_keys.BOUNDS`."""

    message_bytes_max: int
    messages_ahead_max: int
    inbound_messages_max: int
    batch_messages_max: int
    outbound_bytes_per_session_max: int
    resend_slice_messages: int
    market_data_numbers_reserved: int
    market_data_bytes_per_session_max: int
    market_data_depth_max: int
    market_data_subscriptions_max: int


class SnapshotSettings(msgspec.Struct, frozen=True):
    """When a snapshot is written: after so long or so many commands, whichever comes first."""

    every_seconds: int
    every_commands: int


class JournalSettings(msgspec.Struct, frozen=True):
    """The journal's space on the disk and how long it is kept."""

    map_gib: int
    retention_days: int
    disk_free_bytes_min: int
    ballast_bytes: int
    disk_alarm_percent: int


class LogSettings(msgspec.Struct, frozen=True):
    """How the exchange logs. `file` None: standard error."""

    format: Literal["console", "json"]
    level: Literal["debug", "info", "warning", "error"]
    file: str | None
    fix_messages: bool
    rotate_bytes: int
    files_max: int


class AdminSettings(msgspec.Struct, frozen=True):
    """The socket for live commands, relative to the data folder."""

    socket: str


class ExchangeSettings(msgspec.Struct, frozen=True):
    """All of exchange.toml, with the listeners that sessions.cfg asked for added behind its own."""

    durability: Literal["fsync", "async"]
    io_threads: int
    bind_address: str
    listeners: tuple[ListenerSettings, ...]
    shards: tuple[ShardSettings, ...]
    trading_day: TradingDaySettings
    logon: LogonSettings
    bounds: BoundSettings
    snapshot: SnapshotSettings
    journal: JournalSettings
    logs: LogSettings
    admin: AdminSettings


_SECTIONS: Final[dict[str, type[msgspec.Struct]]] = {
    "trading_day": TradingDaySettings,
    "logon": LogonSettings,
    "bounds": BoundSettings,
    "snapshot": SnapshotSettings,
    "journal": JournalSettings,
    "logs": LogSettings,
    "admin": AdminSettings,
}


def read_exchange(data: bytes, *, config_dir: Path, log: FaultLog) -> ExchangeSettings | None:
    """Read and check exchange.toml; None if it is no TOML. After a fault the result serves further checks only."""
    file = TomlFile(data, file=FILE, log=log)
    known = [name.strip("[]") for name in file_keys.FILES[FILE] if name]
    top = file.table("", file_keys.EXCHANGE)
    file.refuse_unknown_tables(known)
    tables = file.tables("listener", file_keys.LISTENER, count_max=LISTENERS_MAX)
    listeners = [_listener(table, config_dir=config_dir, log=log) for table in tables]
    refuse_repeats(tables, "name", log)
    _refuse_clashes(tables, log)
    shards = _shards(file.tables("shard", file_keys.SHARD, count_max=SHARDS_MAX), file=file, log=log)
    sections = {name: file.table(name, file_keys.FILES[FILE][f"[{name}]"]) for name in _SECTIONS}
    _check_relations(sections, log)
    if not file.readable:
        return None
    _check_descriptors(top, sections["logon"], listeners=len(tables), shards=len(shards), log=log)
    parts: dict[str, Any] = {name: kind(**sections[name].with_defaults()) for name, kind in _SECTIONS.items()}
    return ExchangeSettings(
        **top.with_defaults(),
        listeners=tuple(listener for listener in listeners if listener is not None),
        shards=tuple(shards),
        **parts,
    )


def usable_cores() -> list[int]:
    """Return the cores that this process may be pinned to, in ascending order."""
    return sorted(os.sched_getaffinity(0))


def _listener(table: Table, *, config_dir: Path, log: FaultLog) -> ListenerSettings | None:
    if not table.has("name", "host", "port", "tls", "client_certificates"):
        return None
    tls = None
    if table["tls"]:
        tls = _tls(table, config_dir=config_dir, log=log)
        if tls is None:
            return None
    else:
        for key in ("certificate", "private_key", "authorities"):
            if table.has(key):
                log.note(table.file, table.line(key), key, "without effect where tls = false")
    return ListenerSettings(table["name"], table["host"], table["port"], tls)


def _refuse_clashes(tables: list[Table], log: FaultLog) -> None:
    """Refuse a port that is taken twice: at one address, or at one address and at all of them."""
    for number, table in enumerate(tables):
        for earlier in tables[:number]:
            if not (table.has("host", "port") and earlier.has("host", "port")):
                continue
            hosts = (ipaddress.ip_address(earlier["host"]), ipaddress.ip_address(table["host"]))
            clash = hosts[0] == hosts[1] or any(host.is_unspecified for host in hosts)
            if clash and table["port"] == earlier["port"]:
                allowed = f"a port that line {earlier.line('port')} does not take at {earlier['host']}"
                log.add(FILE, table.line("port"), "port", found=str(table["port"]), allowed=allowed)


def _tls(table: Table, *, config_dir: Path, log: FaultLog) -> TlsSettings | None:
    if not table.has("certificate"):
        log.add(table.file, table.line(), "certificate", found="nothing", allowed="a path, where tls = true")
        return None
    wanted = table["client_certificates"]
    if wanted != "none" and not table.has("authorities"):
        allowed = f"a path, where client_certificates = {quote(wanted)}"
        log.add(table.file, table.line("client_certificates"), "authorities", found="nothing", allowed=allowed)
        return None
    paths = {key: _resolved(table, key, config_dir=config_dir) for key in ("certificate", "private_key", "authorities")}
    for key, path in paths.items():
        if path and not Path(path).is_file():
            allowed = "a file that exists; `make run` makes the demo's certificate"
            log.add(table.file, table.line(key), key, found=quote(table[key]), allowed=allowed)
    return TlsSettings(paths["certificate"], paths["private_key"] or paths["certificate"], wanted, paths["authorities"])


def _resolved(table: Table, key: str, *, config_dir: Path) -> str:
    return str(config_dir / table[key]) if table.has(key) else ""


def _shards(tables: list[Table], *, file: TomlFile, log: FaultLog) -> list[ShardSettings]:
    """Give each shard its core; `auto` takes the highest core that is free, in the file's order, or none at all."""
    cores = usable_cores()
    if not tables and file.readable:
        log.add(FILE, 0, "shard", found="nothing", allowed="at least one [[shard]]")
    refuse_repeats(tables, "name", log)
    named: dict[int, int] = {}
    for table in tables:
        core = table["core"]
        if not isinstance(core, int):
            continue
        line = table.line("core")
        if core not in cores:
            allowed = f"a core that this process may use: {', '.join(map(str, cores))}"
            log.add(FILE, line, "core", found=str(core), allowed=allowed)
        elif named.setdefault(core, line) != line:
            log.add(
                FILE, line, "core", found=str(core), allowed=f"a core of its own; line {named[core]} has it already"
            )
    free = [core for core in cores if core not in named]
    unpinned, shards = [], []
    for table in tables:
        if table["core"] == "auto":
            core = free.pop() if free else None
            if core is None:
                unpinned.append(table)
        else:
            core = table["core"] if isinstance(table["core"], int) else None
        if table.has("name"):
            shards.append(ShardSettings(table["name"], core, table.line("name")))
    _note_unpinned(unpinned, cores, log)
    return shards


def _note_unpinned(tables: list[Table], cores: list[int], log: FaultLog) -> None:
    """Name in one note all shards for which no core is left."""
    if tables:
        names = ", ".join(str(table["name"]) for table in tables if table.has("name"))
        text = f"not pinned, as this process may use {len(cores)} cores and none is left: {names}"
        log.note(FILE, tables[0].line("core"), "core", text)


_NOT_ABOVE: Final = (
    ("logon", "connections_per_address_max", "logon", "connections_max"),
    ("logon", "backoff_seconds", "logon", "backoff_seconds_max"),
    ("logon", "first_message_bytes_max", "bounds", "message_bytes_max"),
    ("bounds", "message_bytes_max", "bounds", "outbound_bytes_per_session_max"),
    ("bounds", "batch_messages_max", "bounds", "inbound_messages_max"),
    ("bounds", "messages_ahead_max", "bounds", "inbound_messages_max"),
    ("journal", "ballast_bytes", "journal", "disk_free_bytes_min"),
)
"""Pairs of bounds of which the first may not be above the second."""


def _check_relations(sections: dict[str, Table], log: FaultLog) -> None:
    for lower_section, lower, upper_section, upper in _NOT_ABOVE:
        below, above = sections[lower_section], sections[upper_section]
        if below.has(lower) and above.has(upper) and below[lower] > above[upper]:
            allowed = f"at most {upper} of [{upper_section}], which is {above[upper]}"
            log.add(FILE, below.line(lower) or above.line(upper), lower, found=str(below[lower]), allowed=allowed)
    day = sections["trading_day"]
    if day.has("time_zone") and not is_known_zone(day["time_zone"]):
        allowed = "the IANA name of a time zone that this machine knows, such as UTC or America/New_York"
        log.add(FILE, day.line("time_zone"), "time_zone", found=quote(day["time_zone"]), allowed=allowed)


def _check_descriptors(top: Table, logon: Table, *, listeners: int, shards: int, log: FaultLog) -> None:
    """Refuse connections that the hard limit of open files leaves no room for; sessions come on top of them."""
    hard = hard_limit()
    if hard is None or not (top.has("io_threads") and logon.has("connections_max")):
        return
    rest = descriptors_needed(
        connections_max=0, listeners=listeners, io_threads=top["io_threads"], sessions=0, shards=shards
    )
    if logon["connections_max"] > hard - rest:
        allowed = f"at most {max(hard - rest, 0)}, since the hard limit of open files (RLIMIT_NOFILE) is {hard}"
        line = logon.line("connections_max")
        log.add(FILE, line, "connections_max", found=str(logon["connections_max"]), allowed=allowed)
