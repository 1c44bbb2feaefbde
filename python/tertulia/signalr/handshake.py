"""The handshake (HubProtocol.md, "Overview"): the first thing that each side sends, in JSON, ended by 0x1E."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import HandshakeRefused
from tertulia.signalr.framing import RECORD_SEPARATOR
from tertulia.signalr.json_protocol import JsonProtocol
from tertulia.signalr.messagepack_protocol import MessagePackProtocol

JSON: Final = JsonProtocol()
MESSAGEPACK: Final = MessagePackProtocol()
PROTOCOLS: Final[dict[str, HubProtocol]] = {JSON.name: JSON, MESSAGEPACK.name: MESSAGEPACK}
NEWEST_VERSION: Final = 2
"""Of the hub protocol."""
STATEFUL_VERSION: Final = 2
"""Ack and Sequence came with version 2; an older client gets no stateful reconnect."""
ACCEPTED: Final = b"{}" + RECORD_SEPARATOR
"""The frame of a handshake response that accepts."""
CANCELED: Final = "Handshake was canceled."
"""ASP.NET Core's words for a handshake that took too long or never ended."""


class _Request(Struct):
    protocol: str
    version: int


class _Response(Struct, omit_defaults=True):
    error: str | None = None


_request: Final = msgspec.json.Decoder(_Request)


class Reader:
    """Collects the handshake request from chunks of any size, in linear time; ``bound``: bytes it may have."""

    __slots__ = ("_bound", "_request")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._request = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """The request (without its 0x1E) and the bytes behind it; None while it is incomplete.

        Raises:
            HandshakeRefused: it is too long.
        """
        head, separator, rest = data.partition(RECORD_SEPARATOR)
        self._request += head
        if len(self._request) > self._bound:
            raise HandshakeRefused(CANCELED)
        return (bytes(self._request), rest) if separator else None


def parse(payload: bytes, *, binary: bool) -> tuple[HubProtocol, int]:
    """The encoding and the version that a handshake request (without its 0x1E) asks for.

    ``binary``: the transport can carry bytes. Raises HandshakeRefused with the text for the client.
    """
    try:
        request = _request.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HandshakeRefused("An unexpected error occurred during connection handshake.") from error
    protocol = PROTOCOLS.get(request.protocol)
    if protocol is None:
        raise HandshakeRefused("The hub protocol is not supported: ask for json or messagepack.")
    if not 0 <= request.version <= NEWEST_VERSION:
        raise HandshakeRefused(f"The server supports versions of the hub protocol up to {NEWEST_VERSION}.")
    if protocol.binary and not binary:
        raise HandshakeRefused(
            f"Cannot use the '{protocol.name}' protocol on the current transport. "
            "The transport does not support 'Binary' transfer format."
        )
    return protocol, request.version


def refusal(text: str) -> bytes:
    """The frame of a handshake response that refuses."""
    return msgspec.json.encode(_Response(text)) + RECORD_SEPARATOR
