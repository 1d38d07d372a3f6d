"""The bytes of commands, events and session states: stable, and readable when they were written by an older program."""

import msgspec
import pytest

from matching import codec
from matching.commands import Command, ContinueWork, Deposit
from matching.events import Execution
from tests.journal.building import accepted, order, state


def test_what_is_encoded_is_decoded() -> None:
    commands: list[Command] = [order(1), Deposit(1, "USD", -5, "t1"), ContinueWork()]
    assert codec.decode_commands(codec.encode_commands(commands)) == commands
    assert codec.decode_events(codec.encode_events([accepted(1)])) == [accepted(1)]
    assert codec.decode_session(codec.encode_session(state(3))) == state(3)
    assert list(codec.decode_event_counts(codec.encode_event_counts([0, 1, 100_000]))) == [0, 1, 100_000]


def test_the_bytes_are_the_format_and_must_not_change() -> None:
    commands = codec.encode_commands([order(1), ContinueWork()])
    assert commands.hex() == "92dc001001010101c2a44f5244310101a131a132a1306501c2c0c29115"
    before_terms = bytes.fromhex("929e01010101c2a44f5244310101a131a132a1306501c29115")
    assert codec.decode_commands(before_terms) == [order(1), ContinueWork()]
    assert codec.encode_event_counts([1, 258]).hex() == "0100000002010000"


def test_records_of_an_older_program_have_their_defaults() -> None:
    fields = list(msgspec.to_builtins(accepted(1)))
    assert codec.decode_events(msgspec.msgpack.encode([fields[:18]])) == [accepted(1)]
    assert isinstance(codec.decode_events(msgspec.msgpack.encode([fields[:18]]))[0], Execution)


def test_bytes_that_are_no_commands_are_refused() -> None:
    for data in (b"", b"\xff", msgspec.msgpack.encode([[99, 1]]), msgspec.msgpack.encode([[1, "text"]])):
        with pytest.raises(msgspec.DecodeError):
            codec.decode_commands(data)
