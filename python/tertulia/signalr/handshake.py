"""The handshake (HubProtocol.md, "Overview"): always JSON ended by 0x1E, before anything else."""

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
STATEFUL_VERSION: Final = 2
"""Ack and Sequence came with version 2; an older client gets no stateful reconnect."""
ACCEPTED: Final = b"{}" + RECORD_SEPARATOR
TIMED_OUT: Final = "Handshake was canceled."


class _Request(Struct):
    protocol: str
    version: int


class _Response(Struct, omit_defaults=True):
    error: str | None = None


_request: Final = msgspec.json.Decoder(_Request)


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
        raise HandshakeRefused(f"The protocol '{request.protocol}' is not supported.")
    if not 0 <= request.version <= NEWEST_VERSION:
        raise HandshakeRefused(
            f"The server does not support version {request.version} of the '{request.protocol}' protocol."
        )
    if protocol.binary and not binary:
        raise HandshakeRefused(
            f"Cannot use the '{protocol.name}' protocol on the current transport. "
            "The transport does not support 'Binary' transfer format."
        )
    return protocol, request.version


def refusal(text: str) -> bytes:
    """The frame of a handshake response that refuses."""
    return msgspec.json.encode(_Response(text)) + RECORD_SEPARATOR
