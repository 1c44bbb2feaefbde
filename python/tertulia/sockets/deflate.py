"""permessage-deflate (RFC 7692): messages whose payload is compressed, each by itself.

No context is kept from one message to the next, in neither direction: an idle connection costs no memory, what goes to
many is compressed once for all of them, and what a message is compressed to tells nothing of another one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

HEADER: Final = "Sec-WebSocket-Extensions"
ACCEPTED: Final = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""The answer to a client that offers it. One that has not named the last parameter obeys it all the same (section
7.1.1.2)."""
WORTH: Final = 1024
"""Bytes from which on a message is sent compressed: what is smaller fits into one packet as it is."""

_LEVEL: Final = 1
"""Of zlib. An SDP of 33 kB becomes 2.3 kB; by the default level 1.8 kB, which takes no packet less."""
_RAW: Final = -zlib.MAX_WBITS
_TAIL: Final = b"\x00\x00\xff\xff"
"""What every flush ends with, and is left out of the message (section 7.2.1)."""
_NAME: Final = "permessage-deflate"
_TAKEN: Final = frozenset({"server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits"})
"""Parameters of offers that ask for nothing more. The other one there is, ``server_max_window_bits``, asks for smaller
windows than we use."""


class Malformed(Exception):
    """This was not compressed as it should have been."""


class TooLarge(Exception):
    """The message has more bytes than it may have."""


def is_offered(headers: Iterable[str]) -> bool:
    """Whether a client offers what is :data:`ACCEPTED`. ``headers``: all values of its :data:`HEADER`."""
    offers = (offer for header in headers for offer in header.split(","))
    return any(_is_acceptable(offer) for offer in offers)


def _is_acceptable(offer: str) -> bool:
    name, *parameters = (part.partition("=")[0].strip() for part in offer.split(";"))
    return name == _NAME and _TAKEN.issuperset(parameters)


def deflated(message: bytes) -> bytes:
    """The payload of a compressed message."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)[: -len(_TAIL)]


def inflated(payload: bytes, most: int) -> bytes:
    """The message of at most ``most`` bytes that was compressed. No more than that is ever made of it.

    Raises:
        TooLarge, Malformed
    """
    decompressor = zlib.decompressobj(_RAW)
    try:
        message = decompressor.decompress(payload + _TAIL, most + 1)
    except zlib.error as e:
        raise Malformed from e
    if len(message) > most:
        raise TooLarge
    return message
