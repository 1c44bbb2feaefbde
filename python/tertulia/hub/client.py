"""What the hub knows of a connected client, and what it sends it: the narrow waist between the hub and every
transport."""

from __future__ import annotations

from typing import Any, Final, Protocol

from msgspec import Struct

from tertulia.ids import ConnectionId
from tertulia.room.events import Event

CallId = Any
"""What the transport needs to answer a call: opaque to the hub. None: the caller asked for no answer."""
NO_CALL: Final = object()
"""In the place of a CallId: what came was no call, such as a ping, and is not answered."""


class Client(Protocol):
    """One connected client of any transport and dialect.

    All methods are called on the hub's event loop, never block, never raise and never call back into the hub before
    they return. After ``close`` the transport still calls ``Hub.disconnected`` once, when the connection is gone.
    """

    @property
    def id(self) -> ConnectionId:
        """Unique in the fleet."""

    @property
    def address(self) -> str | None:
        """The IP address it came from; None: that is not known."""

    def send(self, event: Event) -> bool:
        """Hand over an event. A client that does not keep up has a bounded outbox, then is closed (1013). False: the
        one before with the same ``latest`` still waited there, and was dropped for it."""

    def reply(self, call: CallId, result: Struct) -> None:
        """Answer a call with its result (one of :mod:`tertulia.contract`)."""

    def refuse(self, call: CallId, error: Exception) -> None:
        """Answer a call with an error: ``refusal.refusal(error)`` says which code, message and field the client
        sees."""

    def widen(self, *, wide: bool) -> None:
        """Take large messages, or small ones only: large from a JoinRoom on, unless its token is refused."""

    def joined(self) -> None:
        """It has a seat, and does not count among those who have proved nothing any more."""

    def close(self, code: int, reason: str) -> None:
        """Send what is waiting, then end the connection with a WebSocket close code (RFC 6455, section 7.4)."""
