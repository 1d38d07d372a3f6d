"""Salvage: how far a damaged journal is whole, found without LMDB.

LMDB maps its file and ends the process where a page is missing (SIGBUS) or is no page at all (an assertion of its own).
So this reads the file page by page, trusts nothing, and verifies every record as any reader does: checksum, chain, and
the outbound bytes that the chain names. Changes nothing, serves nothing.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from matching.journal.errors import JournalCorruptError, RecordError
from matching.journal.outbound_records import NO_OUTBOUND, decode_outbound
from matching.journal.records import KEY, NO_CHECKSUM, decode_batch, outbound_checksum_of
from matching.journal.state_records import decode_base

_MAGIC: Final = 0xBEEFC0DE
_PAGE_BYTES: Final = (4_096, 8_192, 16_384, 32_768, 65_536)
_DEPTH_MAX: Final = 32
_NO_ROOT: Final = (1 << 64) - 1
_BRANCH, _LEAF, _OVERFLOW = 0x01, 0x02, 0x04
_BIG, _SUB_DATABASE = 0x01, 0x02
# Page number, reserved, flags, begin of free space, end of free space; an overflow page has its page count in the last.
_PAGE: Final = struct.Struct("=QHHHH")
# Low and high half of the data's size (in a branch: of the child's page number), flags (its highest part), key size.
_NODE: Final = struct.Struct("=HHHH")
# Magic number, version, address, map size; page size within the record of the free list; root of the main database.
_META: Final = struct.Struct("=IIQQI44s40sQQQ")


class _DamagedPageError(Exception):
    """A page that is not there or is not what it has to be."""


class _Meta(NamedTuple):
    page_bytes: int
    root: int
    last_page: int
    txn_id: int


def measured(error: JournalCorruptError, folder: Path) -> JournalCorruptError:
    """Return the error with the last batch that is whole, where its place was not known.

    Cost: a read of the journal from its begin, in that case; not for the matching thread.
    """
    if error.batch_seq or error.last_good:
        return error
    return JournalCorruptError(batch_seq=0, seq=0, what=error.what, last_good=whole_through(folder))


def whole_through(folder: Path, data_file: str = "data.mdb") -> int:
    """Return the last batch up to which every batch since the journal's begin is whole, 0 where none is."""
    try:
        descriptor = os.open(folder / data_file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        # The older meta page counts only where nothing can be made of the newer one: it may know nothing of the damage.
        newest_first = sorted(_metas(descriptor), key=lambda meta: meta.txn_id, reverse=True)
        return next(filter(None, (_whole_through(descriptor, meta) for meta in newest_first)), 0)
    finally:
        os.close(descriptor)


def expected_bytes(folder: Path, data_file: str = "data.mdb") -> int:
    """Return how long the file has to be by its newest meta page, 0 where it has none that can be read."""
    try:
        descriptor = os.open(folder / data_file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        newest = max(_metas(descriptor), key=lambda meta: meta.txn_id, default=None)
    finally:
        os.close(descriptor)
    return 0 if newest is None else (newest.last_page + 1) * newest.page_bytes


def _metas(descriptor: int) -> list[_Meta]:
    """Both meta pages, as far as they can be read: one of them may be all that is left."""
    found = []
    for at in (0, *_PAGE_BYTES):
        try:
            data = os.pread(descriptor, _META.size, at + _PAGE.size)
        except OSError:
            continue
        if len(data) < _META.size:
            continue
        magic, _, _, _, page_bytes, _, _, root, last_page, txn_id = _META.unpack(data)
        if magic == _MAGIC and page_bytes in _PAGE_BYTES and at in (0, page_bytes):
            found.append(_Meta(page_bytes, root, last_page, txn_id))
    return found


def _whole_through(descriptor: int, meta: _Meta) -> int:
    tree = _Tree(descriptor, meta.page_bytes)
    last = 0
    try:
        databases = dict(tree.items(meta.root))
        roots = {name: _root(databases.get(name, b"")) for name in (b"batches", b"outbound", b"meta")}
        base = dict(tree.items(roots[b"meta"])).get(b"base")
        if base is not None:
            last = decode_base(base).batch_seq
        outbound = _Outbound(tree.items(roots[b"outbound"]))
        chain = None
        for key, record in tree.items(roots[b"batches"]):
            if KEY.unpack(key)[0] != last + 1:
                break
            chain = _verified(outbound, last + 1, record, chain)
            last += 1
    except (_DamagedPageError, RecordError, struct.error, OSError):
        # The first damage ends the search: what comes after it may be whole, but nothing leads to it.
        return last
    return last


def _verified(outbound: "_Outbound", batch_seq: int, record: bytes, chain: bytes | None) -> bytes:
    """Return the chain value of a whole batch. Raises RecordError, _DamagedPageError."""
    batch = decode_batch(batch_seq, record, lambda _: NO_OUTBOUND, chain)
    expected = outbound_checksum_of(record)
    stored = outbound.of(batch_seq)
    if stored is not None:
        decode_outbound(batch_seq, stored, expected)
    elif expected != NO_CHECKSUM:
        raise RecordError("the outbound record is missing")
    return batch.chain


class _Outbound:
    """Outbound records in the order of their batches, one in memory at a time."""

    def __init__(self, items: Iterator[tuple[bytes, bytes]]) -> None:
        self._items = items
        self._key, self._data = 0, b""

    def of(self, batch_seq: int) -> bytes | None:
        """The record of a batch; to be asked for ascending numbers. Raises _DamagedPageError."""
        while self._key < batch_seq:
            key, self._data = next(self._items, (KEY.pack(_NO_ROOT), b""))
            self._key = KEY.unpack(key)[0]
        return self._data if self._key == batch_seq else None


def _root(record: bytes) -> int:
    """The root page of a sub-database, from its record in the main one."""
    root: int = struct.unpack_from("=Q", record, 40)[0] if len(record) == 48 else _NO_ROOT
    return root


class _Tree:
    """B-trees of one file, read with bounds on everything that a page says."""

    def __init__(self, descriptor: int, page_bytes: int) -> None:
        self._descriptor = descriptor
        self._page_bytes = page_bytes

    def items(self, root: int, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values in order. Raises _DamagedPageError after what comes before the damage."""
        if root == _NO_ROOT:
            return
        page, is_leaf = self._tree_page(root, depth)
        for at in self._nodes(page):
            if is_leaf:
                yield self._key(page, at), self._value(page, at)
            else:
                yield from self.items(_child(page, at), depth + 1)

    def _tree_page(self, number: int, depth: int) -> tuple[bytes, bool]:
        page = self._page(number)
        flags = _PAGE.unpack_from(page)[2]
        if depth > _DEPTH_MAX or flags not in (_BRANCH, _LEAF):
            raise _DamagedPageError(f"page {number}: flags {flags:#x} at depth {depth}")
        return page, flags == _LEAF

    def _page(self, number: int, count: int = 1) -> bytes:
        length = count * self._page_bytes
        if number * self._page_bytes + length > os.fstat(self._descriptor).st_size:
            raise _DamagedPageError(f"page {number} lies beyond the end of the file")
        data = os.pread(self._descriptor, length, number * self._page_bytes)
        if len(data) < length or _PAGE.unpack_from(data)[0] != number:
            raise _DamagedPageError(f"page {number} names itself another")
        return data

    def _nodes(self, page: bytes) -> list[int]:
        lower = _PAGE.unpack_from(page)[3]
        count = (lower - _PAGE.size) // 2
        if not 0 <= count <= (self._page_bytes - _PAGE.size) // 2:
            raise _DamagedPageError(f"{count} nodes in a page")
        return list(struct.unpack_from(f"={count}H", page, _PAGE.size))

    def _key(self, page: bytes, at: int) -> bytes:
        key_bytes = _NODE.unpack_from(page, at)[3]
        return page[at + _NODE.size : at + _NODE.size + key_bytes]

    def _value(self, page: bytes, at: int) -> bytes:
        low, high, flags, key_bytes = _NODE.unpack_from(page, at)
        begin, length = at + _NODE.size + key_bytes, low | high << 16
        if not flags & _BIG:
            return page[begin : begin + length]
        number = struct.unpack_from("=Q", page, begin)[0]
        pages = -(-(length + _PAGE.size) // self._page_bytes)
        data = self._page(number, pages)
        if _PAGE.unpack_from(data)[2] != _OVERFLOW:
            raise _DamagedPageError(f"page {number}: expected the begin of a large record")
        return data[_PAGE.size : _PAGE.size + length]


def _child(page: bytes, at: int) -> int:
    low, high, highest, _ = _NODE.unpack_from(page, at)
    child: int = low | high << 16 | highest << 32
    return child
