"""One client connection as the hub sees it."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tertulia.hub.client import Client
from tertulia.room.line import Line
from tertulia.room.meeting import Meeting
from tertulia.room.rate import Rate
from tertulia.tokens import RoomClaims


class Connection:
    """Kept until the client is gone and all its calls were answered."""

    __slots__ = (
        "claims",
        "client",
        "has_sat",
        "id",
        "is_here",
        "is_lost",
        "join_timer",
        "joining",
        "line",
        "meeting",
        "rate",
    )

    def __init__(self, client: Client, rate: Rate) -> None:
        self.client: Final = client
        self.id: Final = client.id
        self.rate: Final = rate
        self.line: Final = Line()
        self.claims: RoomClaims | None = None
        """What the token of its last JoinRoom said."""
        self.meeting: Meeting | None = None
        """In which it has its seat."""
        self.joining: Meeting | None = None
        """Which has its JoinRoom under way."""
        self.has_sat = False
        """It has taken a seat before."""
        self.is_here = True
        """Its client is not gone."""
        self.is_lost = False
        """The client is gone without a word."""
        self.join_timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """The client was heard of, though not by a call that is carried out at once."""
        if self.meeting is not None:
            self.meeting.heard(self.id, time.monotonic())

    def end_join_time(self) -> None:
        """It has joined, or is gone: no deadline any more."""
        self.line.in_time()
        if self.join_timer is not None:
            self.join_timer.cancel()
            self.join_timer = None
