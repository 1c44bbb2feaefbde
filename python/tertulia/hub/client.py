"""What the hub knows of a connected client, and what it sends it: the narrow waist between the hub and every
transport."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw, Struct

from tertulia.ids import ConnectionId

CallId = Any
"""What the transport needs to answer a call: opaque to the hub. None: the caller asked for no answer."""

_json: Final = msgspec.json.Encoder()


class Event:
    """One server event, made once for all who get it; each dialect's frame is encoded once and kept.

    ``payload`` is a struct of :mod:`tertulia.contract`, a dict, or the JSON that came from another hub (``Raw``). Of
    the events that wait for a slow reader only the newest with the same ``latest`` matters; None: each one matters.
    """

    __slots__ = ("_frames", "latest", "name", "payload")

    def __init__(self, name: str, payload: Struct | dict[str, Any] | Raw, latest: Hashable = None) -> None:
        self.name = name
        self.payload = payload
        self.latest = latest
        self._frames: dict[str, bytes] = {}

    def frame(self, dialect: str, encode: Callable[[Event], bytes]) -> bytes:
        """The bytes of this event in a dialect, encoded at the first call."""
        frame = self._frames.get(dialect)
        if frame is None:
            frame = self._frames[dialect] = encode(self)
        return frame

    def json(self) -> bytes:
        """The payload as JSON."""
        return bytes(self.payload) if isinstance(self.payload, Raw) else self.frame("payload", _encode_payload)

    def value(self) -> Any:
        """The payload for encodings other than JSON: what came as JSON is decoded."""
        return msgspec.json.decode(self.payload) if isinstance(self.payload, Raw) else self.payload

    def __repr__(self) -> str:
        return f"Event({self.name!r})"


def _encode_payload(event: Event) -> bytes:
    return _json.encode(event.payload)


class Client(Protocol):
    """One connected client of any transport and dialect.

    All methods are called on the hub's event loop, never block, never raise and never call back into the hub before
    they return. After ``close`` the transport still calls ``Hub.disconnected`` once, when the connection is gone.
    """

    @property
    def id(self) -> ConnectionId: ...

    def send(self, event: Event) -> None:
        """Hand over an event. A client that does not keep up has a bounded outbox, then is closed (1013)."""

    def reply(self, call: CallId, result: Struct) -> None:
        """Answer a call with its result (``contract.JoinResult`` or ``contract.Empty``)."""

    def refuse(self, call: CallId, error: Exception) -> None:
        """Answer a call with an error: ``refusal.refusal(error)`` says which code, message and field the client
        sees."""

    def close(self, code: int, reason: str) -> None:
        """Send what is waiting, then end the connection with a WebSocket close code (RFC 6455, section 7.4)."""
