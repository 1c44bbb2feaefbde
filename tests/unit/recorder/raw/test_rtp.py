from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.recorder.raw import rtp
from tertulia.recorder.raw.errors import BadPacket

_HEAD = bytes([0x80, 0xE0, 0x12, 0x34, 0xDE, 0xAD, 0xBE, 0xEF, 0, 0, 0, 1])


def test_a_plain_packet() -> None:
    assert rtp.parse(_HEAD + b"media") == (0x1234, 0xDEADBEEF, True, b"media", None)


def test_contributing_sources_and_padding_are_not_payload() -> None:
    packet = rtp.parse(bytes([0xA2]) + _HEAD[1:] + bytes(8) + b"media" + b"\0\0\3")
    assert packet.payload == b"media"


@pytest.mark.parametrize(
    "extension",
    [
        b"\xbe\xde\0\2" + b"\x10\x85" + b"\0" + b"\x20\x03" + b"\0\0\0",
        b"\x10\0\0\3" + b"\1\1\x85" + b"\0\0" + b"\2\1\3" + b"\x09\0\0\0",
    ],
)
def test_header_extensions_of_one_and_of_two_bytes(extension: bytes) -> None:
    packet = rtp.parse(bytes([0x90]) + _HEAD[1:] + extension + b"media")
    assert packet.payload == b"media"
    assert packet.extension is not None
    assert rtp.find_extension(packet.extension, 1) == 0x85
    assert rtp.find_extension(packet.extension, 2) == 3
    assert rtp.find_extension(packet.extension, 3) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        _HEAD[:11],
        b"\x40" + _HEAD[1:],
        b"\x8f" + _HEAD[1:],
        b"\x90" + _HEAD[1:] + b"\xbe\xde\0\1",
        b"\xa0" + _HEAD[1:] + b"\2",
    ],
)
def test_what_is_shorter_than_it_says_is_refused(data: bytes) -> None:
    with pytest.raises(BadPacket):
        rtp.parse(data)


@given(st.binary(max_size=64))
def test_no_bytes_make_it_fail_otherwise(junk: bytes) -> None:
    for data in (junk, b"\x90" + junk, b"\xb3" + _HEAD[1:] + b"\xbe\xde" + junk):
        try:
            packet = rtp.parse(data)
        except BadPacket:
            continue
        if packet.extension is not None:
            rtp.find_extension(packet.extension, 1)


def test_sequence_numbers_wrap() -> None:
    sequence = rtp.Sequence()
    first = sequence.unwrap(65_534)
    assert [sequence.unwrap(number) - first for number in (65_535, 0, 1, 65_535, 2)] == [1, 2, 3, 1, 4]


def test_a_sender_that_begins_anew_goes_on_upwards() -> None:
    sequence = rtp.Sequence()
    first = sequence.unwrap(30_000)
    assert sequence.unwrap(10_000) > first


def test_timestamps_are_nearest_to_what_is_expected() -> None:
    assert rtp.near(5, (1 << 32) - 3) == (1 << 32) + 5
    assert rtp.near((1 << 32) - 3, (1 << 32) + 5) == (1 << 32) - 3
    assert rtp.near(7, 5 << 32) == (5 << 32) + 7
