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

    def framed(self, target: str, payload: Any) -> bytes:
        """A call as a masked WebSocket frame."""
        return masked(self.call(target, payload), binary=self.kind is WSMsgType.BINARY)


def masked(payload: bytes, *, binary: bool) -> bytes:
    """A client's WebSocket frame (RFC 6455, section 5.2); its masking key is zero, so that masking changes nothing."""
    first, size = 0x82 if binary else 0x81, len(payload)
    head = bytes((first, 128 | size)) if size < 126 else bytes((first, 128 | 126)) + size.to_bytes(2)
    return head + bytes(4) + payload


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
