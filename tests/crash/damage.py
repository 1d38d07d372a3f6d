"""Damages a journal as a disk would: bits, records, pages, the end of the file. Works behind the back of LMDB."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import lmdb

from matching.journal.records import KEY
from tests.support.exchange import ExchangeProcess

PAGE_BYTES: Final = 4_096
Change = Callable[[bytearray], None]


def data_file(exchange: ExchangeProcess) -> Path:
    """The file in which LMDB keeps everything."""
    return exchange.data_dir / "journal" / "data.mdb"


def change_record(exchange: ExchangeProcess, database: bytes, number: int, change: Change) -> None:
    """Change the bytes of one record in place."""
    environment = lmdb.Environment(str(exchange.data_dir / "journal"), max_dbs=4)
    with environment.begin(write=True) as txn:
        handle = environment.open_db(database, txn=txn, create=False)
        data = bytearray(txn.get(KEY.pack(number), db=handle) or b"")
        assert data, f"no record {number} in {database!r}"
        change(data)
        txn.put(KEY.pack(number), bytes(data), db=handle)
    environment.close()


def flip(share: float) -> Change:
    """Flip one bit at a share of the length."""

    def change(data: bytearray) -> None:
        data[int(share * (len(data) - 1))] ^= 0x10

    return change


def tear(data: bytearray) -> None:
    """The second half was never written."""
    half = len(data) // 2
    data[half:] = bytes(len(data) - half)


def change_file(path: Path, change: Change) -> None:
    """Change a whole file in place."""
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def truncate(path: Path, share: float) -> None:
    """Cut the file off at a page."""
    os.truncate(path, int(path.stat().st_size * share) // PAGE_BYTES * PAGE_BYTES)


def zero_page(path: Path, number: int) -> None:
    """A page that the disk gives back as zeros."""
    with path.open("r+b") as file:
        file.seek(number * PAGE_BYTES)
        file.write(bytes(PAGE_BYTES))


def pages_of_kind(path: Path, flags: int) -> list[int]:
    """Numbers of the pages that call themselves of that kind (1 branch, 2 leaf); some may be in use no longer."""
    data = path.read_bytes()
    found = []
    for number in range(len(data) // PAGE_BYTES):
        head = data[number * PAGE_BYTES : number * PAGE_BYTES + 16]
        if int.from_bytes(head[:8], "little") == number and head[8:12] == bytes((0, 0, flags, 0)):
            found.append(number)
    return found


def page_in_use(exchange: ExchangeProcess, database: bytes) -> int:
    """The root page of a sub-database: in use for certain."""
    environment = lmdb.Environment(str(exchange.data_dir / "journal"), max_dbs=4, readonly=True)
    with environment.begin() as txn:
        record = txn.get(database)
    environment.close()
    assert record is not None
    return int.from_bytes(record[40:48], "little")
