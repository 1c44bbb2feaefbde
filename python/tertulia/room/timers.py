"""The clocks of a meeting. A timer is a value: setting it again replaces it, and one that is cancelled is never due."""

from __future__ import annotations

from msgspec import Struct

from tertulia.ids import ConnectionId, SessionId, UserId


class Blip(Struct, frozen=True):
    """A lost connection has been away for too long to be called a blip."""

    connection: ConnectionId


class Handover(Struct, frozen=True):
    """The hub that held the lost connection has not said what its client missed."""

    connection: ConnectionId
    """Which returned."""


class Waited(Struct, frozen=True):
    """Somebody has waited too long to be admitted."""

    connection: ConnectionId


class Empty(Struct, frozen=True):
    """Nobody came back to the empty room."""


class Mark(Struct, frozen=True):
    """The channel has not said the mark of a reading."""


class ReadAgain(Struct, frozen=True):
    """A room that could not be read is read again."""


class RecordAgain(Struct, frozen=True):
    """A removal that could not be written to SQL is written again."""

    session_id: SessionId
    user: UserId
    at_ms: int
    ban: bool
    tries: int
    """How often it has failed."""


Timer = Blip | Handover | Waited | Empty | Mark | ReadAgain | RecordAgain
