"""What the load generator sends and looks for, for each dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from picows import WSMsgType

from tertulia.signalr.handshake import JSON, MESSAGEPACK
from tertulia.signalr.messages import Invocation


class Dialect(NamedTuple):
    name: str
    path: str
    kind: WSMsgType
    handshake: bytes
    """Sent first, "" if nothing is."""
    call: Callable[[str, Any], bytes]
    """A frame that calls and wants an answer."""
    answer: bytes
    """What marks the answer to a call."""


def _plain(event: str, payload: Any) -> bytes:
    return msgspec.json.encode({"event": event, "payload": payload, "id": 1})


def _handshake(protocol: str) -> bytes:
    return b'{"protocol":"%s","version":1}\x1e' % protocol.encode()


DIALECTS = (
    Dialect("plain", "/ws", WSMsgType.TEXT, b"", _plain, b'"replyTo"'),
    Dialect(
        "signalr json",
        "/hub",
        WSMsgType.TEXT,
        _handshake("json"),
        lambda target, payload: JSON.encode(Invocation(target, [payload], "1")),
        b'"type":3',
    ),
    Dialect(
        "signalr messagepack",
        "/hub",
        WSMsgType.BINARY,
        _handshake("messagepack"),
        lambda target, payload: MESSAGEPACK.encode(Invocation(target, [payload], "1")),
        b"\x95\x03\x80\xa11\x03",
    ),
)
