"""The hub's clocks and bounds; the defaults are the contract's."""

from __future__ import annotations

import math

from msgspec import Struct


class HubSettings(Struct, frozen=True, kw_only=True):
    """Seconds unless said otherwise."""

    keep_alive: float = 10
    """How often a client has to say KeepAlive."""
    missed_keep_alives: int = 3
    """So many intervals without one end the seat."""
    join_within: float = 15
    """A connection that has not joined by then is closed (4408)."""
    waits: float = 1800
    """Who was not admitted from the waiting room by then is refused."""
    waiting_told: float = 15
    """Of a hub that has not said so long who waits at it, nobody does."""
    empty_room: float = 60
    """How long an empty room waits for somebody to come back before its session ends."""
    blip: float = 3
    """A lost connection that is back by then shows the others nothing (ConnectionLost)."""
    handover: float = 2
    """How long a returning client's hub waits for what the lost connection's hub kept."""
    arrives_within: float = 5
    """What was sent so long before a call came has arrived. Later events may have crossed with it."""
    reap: float = 10
    """How often each worker looks for sessions whose processes died."""
    calls_per_second: float = 100
    burst: int = 500
    """Calls."""
    limited_for: float = 10
    """A client that is refused for so long is closed (1008)."""

    @property
    def keep_alive_seconds(self) -> int:
        """As JoinRoom's result says it: whole seconds, so that a test's fraction shows as 1."""
        return max(1, math.floor(self.keep_alive))

    @property
    def seat(self) -> float:
        """How long a seat lives after its last KeepAlive."""
        return self.keep_alive * self.missed_keep_alives
