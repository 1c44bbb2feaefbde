"""One client connection as the hub sees it."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tertulia.hub.client import Client
from tertulia.room.line import Line
from tertulia.room.meeting import Meeting
from tertulia.room.rate import Rate, UserRates, Who
from tertulia.tokens import RoomClaims


class Connection:
    """Kept until the client is gone and all its calls were answered."""

    __slots__ = (
        "claims",
        "client",
        "id",
        "is_here",
        "is_lost",
        "join_timer",
        "joining",
        "line",
        "meeting",
        "rate",
        "sits_free",
        "user_rate",
        "who",
    )

    def __init__(self, client: Client, rate: Rate) -> None:
        self.client: Final = client
        self.id: Final = client.id
        self.rate = rate
        """What its messages are counted by: its own bucket, from its first seat on that of the user who has it."""
        self.who: Who | None = None
        """Whose JoinRoom it made last."""
        self.user_rate: Rate | None = None
        """Their bucket."""
        self.sits_free = False
        """It was full, so that this seat costs nothing: whoever comes back now and then has all their calls."""
        self.line: Final = Line()
        self.claims: RoomClaims | None = None
        """What the token of its last JoinRoom said."""
        self.meeting: Meeting | None = None
        """In which it has its seat."""
        self.joining: Meeting | None = None
        """Which has its JoinRoom under way."""
        self.is_here = True
        """Its client is not gone."""
        self.is_lost = False
        """The client is gone without a word."""
        self.join_timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a host has to answer its JoinRoom."""
        return self.joining is not None and self.id in self.joining.seats.waiting

    def heard(self) -> None:
        """The client was heard of, though not by a call that is carried out at once."""
        if self.meeting is not None:
            self.meeting.heard(self.id, time.monotonic())

    def belongs_to(self, who: Who, rates: UserRates, now: float) -> Rate:
        """It is a connection of this user, whose bucket is returned."""
        if self.who != who or self.user_rate is None:
            rate = rates.hold(who, now)
            self.belongs_to_nobody(rates, now)
            self.who, self.user_rate = who, rate
        return self.user_rate

    def belongs_to_nobody(self, rates: UserRates, now: float) -> None:
        """It has ended, or is about to be somebody else's."""
        if self.who is not None:
            rates.let_go(self.who, now)
        self.who = self.user_rate = None

    def end_join_time(self) -> None:
        """It has joined, or is gone: no deadline any more."""
        self.line.in_time()
        if self.join_timer is not None:
            self.join_timer.cancel()
            self.join_timer = None
