"""The bounds of a connection."""

from __future__ import annotations

from msgspec import Struct


class Options(Struct, frozen=True, kw_only=True):
    """Seconds and bytes; the defaults are ASP.NET Core's."""

    keep_alive: float = 15
    """How often a Ping is sent."""
    client_timeout: float = 30
    """How long a client may be silent before its connection is closed."""
    handshake_timeout: float = 15
    """How long the handshake may take."""
    reconnect_timeout: float = 15
    """How long a connection lives that has no transport: a stateful one whose socket was lost, one that was negotiated
    and not begun, one of long polling without a poll."""
    max_message: int = 32 * 1024
    """The size of an inbound message."""
    max_first: int | None = None
    """The size of the handshake, and of an inbound message until :meth:`.connection.Connection.widen`; None:
    ``max_message``."""
    replay_bound: int = 100_000
    """Unacknowledged bytes of a stateful connection; what follows waits."""
    max_waiting: int = 1024 * 1024
    """Bytes that may wait for a client that does not keep up; beyond, its connection is closed."""
