"""Framing over any chunking, and its bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.signalr.errors import MessageTooLarge, ProtocolError
from tertulia.signalr.framing import Framer, LengthFramer, RecordFramer, with_length


def chunks(data: bytes, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    parts, start = [], 0
    while start < len(data):
        size = rng.choice((1, 1, 2, 3, 7, 100))
        parts.append(data[start : start + size])
        start += size
    return parts


def fed(framer: Framer, parts: list[bytes]) -> list[bytes]:
    return [payload for part in parts for payload in framer.feed(part)]


@given(st.lists(st.binary(min_size=1).filter(lambda b: b"\x1e" not in b)), st.integers())
def test_text_messages_come_out_as_they_went_in(payloads: list[bytes], seed: int) -> None:
    data = b"".join(p + b"\x1e" for p in payloads)
    assert fed(RecordFramer(1 << 16), chunks(data, seed)) == payloads
    assert RecordFramer(1 << 16).feed(data) == payloads


@given(st.lists(st.binary(max_size=300)), st.integers())
def test_binary_messages_come_out_as_they_went_in(payloads: list[bytes], seed: int) -> None:
    data = b"".join(with_length(p) for p in payloads)
    assert fed(LengthFramer(1 << 16), chunks(data, seed)) == payloads
    assert LengthFramer(1 << 16).feed(data) == payloads


@pytest.mark.parametrize(
    ("length", "prefix"), [(0, "00"), (53, "35"), (127, "7f"), (128, "8001"), (5248, "8029"), (16384, "808001")]
)
def test_var_int(length: int, prefix: str) -> None:
    assert with_length(b"x" * length) == bytes.fromhex(prefix) + b"x" * length


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_text_message_at_the_bound_passes_and_one_byte_more_does_not(one_by_one: bool) -> None:
    for size, passes in ((10, True), (11, False)):
        framer = RecordFramer(10)
        data = b"ok\x1e" + b"x" * size + b"\x1e"
        got = fed(framer, [data[i : i + 1] for i in range(len(data))] if one_by_one else [data])
        assert got == ([b"ok", b"x" * size] if passes else [b"ok"]) or (one_by_one and got[:1] == [b"ok"])
        assert isinstance(framer.broken, MessageTooLarge) is not passes


def test_an_endless_text_message_is_broken_off_before_it_ends() -> None:
    framer = RecordFramer(10)
    assert framer.feed(b"a\x1e" + b"x" * 11) == [b"a"]
    assert isinstance(framer.broken, MessageTooLarge)


def test_a_binary_message_at_the_bound_passes_and_one_byte_more_does_not() -> None:
    framer = LengthFramer(200)
    assert framer.feed(with_length(b"x" * 200)) == [b"x" * 200]
    assert framer.feed(with_length(b"ok") + with_length(b"x" * 201)) == [b"ok"]
    assert isinstance(framer.broken, MessageTooLarge)


@pytest.mark.parametrize("prefix", ["ffffffffff", "8080808080", "ffffffff0f"])
def test_a_prefix_of_more_than_31_bits_is_an_error(prefix: str) -> None:
    framer = LengthFramer(1 << 31)
    assert framer.feed(bytes.fromhex(prefix)) == []
    assert type(framer.broken) is ProtocolError


def test_the_longest_prefix_is_understood() -> None:
    framer = LengthFramer(0x7FFFFFFF)
    assert framer.feed(bytes.fromhex("ffffffff07")) == []
    assert framer.broken is None


@pytest.mark.parametrize("framer", [RecordFramer(100), LengthFramer(100)])
def test_reset_forgets_what_is_incomplete(framer: Framer) -> None:
    whole = b"abc\x1e" if isinstance(framer, RecordFramer) else with_length(b"abc")
    assert framer.feed(whole[:2]) == []
    framer.reset()
    assert framer.feed(whole) == [b"abc"]
