"""Frames on a stream: whole ones come out, however they were cut; damage is found."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import frames
from matching.codec import decode_event_counts, encode_event_counts
from matching.frames import Frame, FrameDecoder, FrameError


def command_frame(number: int, commands: bytes = b"commands") -> bytes:
    return frames.encode_command_frame(
        batch_seq=number, first_seq=number * 10, time_ns=number * 100, commands=commands, command_count=2
    )


def event_frame(number: int, events: bytes = b"events") -> bytes:
    return frames.encode_event_frame(
        batch_seq=number,
        first_seq=number * 10,
        time_ns=number * 100,
        command_count=2,
        event_counts=encode_event_counts([1, 2]),
        events=events,
        event_count=3,
    )


def test_a_frame_of_events_says_which_command_gave_which() -> None:
    ((header, commands, counts, events),) = FrameDecoder().feed(event_frame(7))
    assert (header.kind, header.batch_seq, header.first_seq, header.time_ns) == (frames.EVENTS, 7, 70, 700)
    assert (header.command_count, header.event_count, commands, events) == (2, 3, b"", b"events")
    assert list(decode_event_counts(counts)) == [1, 2]


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 400))
def test_a_stream_gives_the_same_frames_however_it_is_cut(payloads: list[bytes], size: int) -> None:
    stream = b"".join(
        command_frame(number, data) if number % 2 else event_frame(number, data) for number, data in enumerate(payloads)
    )
    decoder = FrameDecoder()
    found: list[Frame] = []
    for at in range(0, len(stream), size):
        found += decoder.feed(stream[at : at + size])
    assert [frame.commands or frame.events for frame in found] == payloads
    assert [frame.header.batch_seq for frame in found] == list(range(len(payloads)))
    assert decoder.held_bytes == 0


def test_any_flipped_bit_is_found() -> None:
    whole = event_frame(3)
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        decoder = FrameDecoder(frame_bytes_max=1 << 20)
        try:
            found = list(decoder.feed(bytes(damaged) + bytes(1 << 12)))
        except FrameError:
            found = []
        assert found == [], f"byte {at}"


def test_a_stream_is_not_trusted_after_an_error() -> None:
    decoder = FrameDecoder()
    with pytest.raises(FrameError, match="expected the mark"):
        list(decoder.feed(bytes(100)))
    with pytest.raises(FrameError, match="expected the mark"):
        decoder.feed(command_frame(1))


@pytest.mark.parametrize(
    ("at", "layout", "value", "what"),
    [
        (4, "<H", 2, "expected format version 1 to 1, found 2"),
        (4, "<H", 0, "expected format version 1 to 1, found 0"),
        (6, "<B", 9, "expected a kind of frame"),
        (8, "<I", 0xFFFF_FFFF, "expected a payload of at most"),
    ],
)
def test_what_this_program_does_not_know_is_refused_by_name(at: int, layout: str, value: int, what: str) -> None:
    frame = bytearray(command_frame(1))
    struct.pack_into(layout, frame, at, value)
    with pytest.raises(FrameError, match=what):
        list(FrameDecoder().feed(bytes(frame)))


def test_the_bound_of_a_reader_is_kept_before_the_frame_is_there() -> None:
    decoder = FrameDecoder(frame_bytes_max=10)
    with pytest.raises(FrameError, match="at most 10 bytes, found 11"):
        list(decoder.feed(command_frame(1, b"x" * 11)[: frames.HEADER_BYTES]))


def test_a_header_that_is_cut_is_refused() -> None:
    with pytest.raises(FrameError, match=f"expected a header of {frames.HEADER_BYTES} bytes, found 5"):
        frames.decode_header(command_frame(1)[:5])
