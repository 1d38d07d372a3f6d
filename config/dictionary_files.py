"""FIX dictionaries: whether a file is one, of which version, and whether its Logon lets the client prove who it is."""

from functools import lru_cache
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import msgspec

from config.faults import FaultLog, quote

FILE_BYTES_MAX: Final = 32 * 1024 * 1024
SHIPPED: Final = {
    "FIX.4.2": "dictionaries/FIX42.xml",
    "FIX.4.4": "dictionaries/FIX44.xml",
    "FIXT.1.1": "dictionaries/FIXT11.xml",
    "FIX.5.0SP2": "dictionaries/FIX50SP2.xml",
}
LOGON_FIELDS: Final = {"password": ("Username", "Password"), "hmac": ("RawDataLength", "RawData"), "none": ()}


class Dictionary(msgspec.Struct, frozen=True):
    """What has to be known of a dictionary: its version, as FIX.4.4 or FIX.5.0SP2, and the fields of its Logon(A)."""

    version: str
    logon: frozenset[str]


class DictionaryError(Exception):
    """A file is no FIX dictionary; the text says why."""


def resolve(config_dir: Path, given: str | None, *, version: str) -> Path:
    """Return the file: as given, relative to the configuration's folder; else the shipped one of `version`."""
    if given is not None:
        return config_dir / given
    own = config_dir / SHIPPED[version]
    return own if own.is_file() else Path(__file__).parent / SHIPPED[version]


def check_dictionary(
    path: Path, *, version: str, authentication: str | None, place: tuple[str, int, str], log: FaultLog
) -> None:
    """Record a fault where the file is no dictionary of `version`, or its Logon(A) lacks what is needed.

    `authentication` None: the file holds no Logon, as the application layer of FIX 5.0.
    """
    file, line, key = place
    try:
        dictionary = read_dictionary(path)
    except DictionaryError as error:
        log.add(file, line, key, found=f"{quote(str(path))}: {error}", allowed=f"a FIX dictionary of {version}")
        return
    if dictionary.version != version:
        log.add(
            file, line, key, found=f"{quote(str(path))} of {dictionary.version}", allowed=f"a dictionary of {version}"
        )
        return
    missing = [name for name in LOGON_FIELDS[authentication or "none"] if name not in dictionary.logon]
    if missing:
        allowed = f"a dictionary whose Logon(A) has {', '.join(missing)}, as {SHIPPED[version]}"
        log.add(file, line, key, found=quote(str(path)), allowed=allowed)


def read_dictionary(path: Path) -> Dictionary:
    """Read the head and the Logon of a dictionary. Raises `DictionaryError`."""
    try:
        status = path.stat()
        if status.st_size > FILE_BYTES_MAX:
            raise DictionaryError(f"longer than {FILE_BYTES_MAX} bytes")
        return _read(path, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError) as error:
        raise DictionaryError(getattr(error, "strerror", None) or str(error) or type(error).__name__) from None


@lru_cache(maxsize=64)
def _read(path: Path, _modified_ns: int, _size: int) -> Dictionary:
    """Read a file once for all the sessions that name it, and again once it has changed."""
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DictionaryError(f"not XML: {error}") from None
    if root.tag != "fix" or root.find("fields") is None or root.find("messages") is None:
        raise DictionaryError("no <fix> with <fields> and <messages>")
    pack = root.get("servicepack", "0")
    version = f"{root.get('type', 'FIX')}.{root.get('major')}.{root.get('minor')}{'' if pack == '0' else 'SP' + pack}"
    logon = root.find("messages/message[@msgtype='A']")
    fields = () if logon is None else logon.findall("field")
    return Dictionary(version, frozenset(name for field in fields if (name := field.get("name"))))
