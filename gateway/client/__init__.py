"""A FIX client for programs that trade here: numbers, heartbeats and resends are taken care of.

with FixClient("127.0.0.1", 9878, sender="TRADER1", password="trader1", account="ACC1") as client:
    client.logon(reset=True)
    order = client.new_order("AAPL", "buy", 100, "585.00")
    print(client.wait_for_report(order))
"""

from gateway.client.client import (
    ConnectionClosedError,
    Direction,
    FixClient,
    FixClientError,
    LogonRefusedError,
    NoAnswerError,
    Observer,
)
from gateway.client.dictionary import Dictionary
from gateway.client.message import Fields, MalformedMessageError, Message, Value, encode, parse
from gateway.client.store import FileStore, MemoryStore

__all__ = [
    "ConnectionClosedError",
    "Dictionary",
    "Direction",
    "Fields",
    "FileStore",
    "FixClient",
    "FixClientError",
    "LogonRefusedError",
    "MalformedMessageError",
    "MemoryStore",
    "Message",
    "NoAnswerError",
    "Observer",
    "Value",
    "encode",
    "parse",
]
