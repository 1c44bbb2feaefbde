"""permessage-deflate: what is offered, and what messages are compressed to."""

from __future__ import annotations

import random

import pytest

from tertulia.sockets import deflate
from tertulia.sockets.outgoing import wire

NOISE = random.Random(1).randbytes(5_000)


@pytest.mark.parametrize(
    "offers",
    [
        ["permessage-deflate"],
        ["permessage-deflate; client_max_window_bits"],
        ["permessage-deflate;client_max_window_bits=12 ; server_no_context_takeover"],
        ["x-other; a=b, permessage-deflate"],
        ["x-other", "permessage-deflate; client_no_context_takeover"],
        ["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
    ],
)
def test_offers_that_are_accepted(offers: list[str]) -> None:
    assert deflate.is_offered(offers)


@pytest.mark.parametrize(
    "offers",
    [
        [],
        [""],
        ["x-webkit-deflate-frame"],
        ["permessage-deflate-2"],
        ["permessage-deflate; server_max_window_bits=10"],
        ["permessage-deflate; colour=red"],
    ],
)
def test_offers_that_are_not(offers: list[str]) -> None:
    assert not deflate.is_offered(offers)


@pytest.mark.parametrize("message", [b"x", b"x" * 300_000, NOISE, b"a=rtcp-fb:96 nack\r\n" * 1000])
def test_what_was_compressed_comes_back(message: bytes) -> None:
    assert deflate.inflated(deflate.deflated(message), len(message)) == message


@pytest.mark.parametrize("payload", ["f248cdc9c90700", "f348cdc9c9070000", "f248050000 00ffff cac9c90700"])
def test_the_examples_of_the_rfc(payload: str) -> None:
    """Section 7.2.3: one block, a final block, two blocks."""
    assert deflate.inflated(bytes.fromhex(payload), 5) == b"Hello"


def test_no_more_is_made_of_a_message_than_it_may_have() -> None:
    bomb = deflate.deflated(b"\0" * 50_000_000)
    with pytest.raises(deflate.TooLarge):
        deflate.inflated(bomb, 1_000)


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", NOISE])
def test_what_was_not_compressed(payload: bytes) -> None:
    with pytest.raises(deflate.Malformed):
        deflate.inflated(payload, 10_000)


def test_small_messages_are_sent_as_they_are() -> None:
    small, large = b"x" * (deflate.WORTH - 1), b"x" * deflate.WORTH
    assert wire(small, binary=False, deflates=True) == wire(small, binary=False)
    assert wire(large, binary=False)[0] == 0x81
    compressed = wire(large, binary=False, deflates=True)
    assert (compressed[0], len(compressed) < 50) == (0xC1, True)
    assert deflate.inflated(compressed[2:], len(large)) == large
