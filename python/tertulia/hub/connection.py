"""One client connection as the hub sees it: whether it has a seat, and what waits for it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct

from tertulia.contract import Role, Topology
from tertulia.hub.client import CallId, Client
from tertulia.ids import ConnectionId, NodeId, SeatId, UserId
from tertulia.room.closing import CloseReason
from tertulia.room.events import Event
from tertulia.room.missed import Missed
from tertulia.room.outbox import Outbox
from tertulia.room.rate import Rate

if TYPE_CHECKING:
    from tertulia.hub.live import LiveRoom

MAX_WAITING_CALLS: Final = 500
"""Calls that wait for an earlier one of the same connection: the rate limit's burst."""
MAX_WAITING_BYTES: Final = 1024 * 1024
"""Of text in them. Both bounds are refused as ``rate_limited``."""


class Seated(NamedTuple):
    """Where a connection sits."""

    room: LiveRoom
    user_id: UserId
    role: Role
    seat: SeatId
    topology: Topology
    """As it was when this connection joined: a changed setting holds from the next JoinRoom on."""


class Done(NamedTuple):
    """The answer to a call, and what follows it in the same turn of the event loop."""

    result: Struct
    then: Callable[[], None] | None = None


class WaitingCall(NamedTuple):
    call: CallId
    event: str
    payload: object


class Connection:
    """The hub's record of a client. ``client`` outlives nothing: after ``is_gone`` nothing is sent to it."""

    __slots__ = (
        "_waiting",
        "_waiting_bytes",
        "announced",
        "blip_timer",
        "client",
        "farewell",
        "handed_over",
        "held",
        "is_busy",
        "is_gone",
        "is_overdue",
        "is_quiet",
        "join_timer",
        "joining_as",
        "lost_early",
        "missed",
        "rate",
        "seated",
        "shown_lost",
        "some_lost",
        "went_clean",
    )

    def __init__(self, client: Client, rate: Rate) -> None:
        self.client = client
        self.rate = rate
        self.seated: Seated | None = None
        self.is_busy = False
        """A call is being answered; later ones wait."""
        self.is_gone = False
        self.went_clean = False
        """How it went, once ``is_gone``."""
        self.some_lost = False
        """Events did not reach the client before it went."""
        self.is_overdue = False
        """The time to join has passed while a JoinRoom was under way."""
        self.is_quiet = True
        """Nothing was sent since the client was last heard of."""
        self.join_timer: asyncio.TimerHandle | None = None
        self.joining_as: UserId | None = None
        """While JoinRoom waits for Redis: as whom. What the room says meanwhile is in ``held``."""
        self.held: Outbox[tuple[Event, SeatId | None]] | None = None
        self.lost_early = False
        """The seat was taken away again before JoinRoom was answered."""
        self.farewell: tuple[Event, CloseReason] | None = None
        """What to say and how to close once the call under way is answered."""
        self.handed_over: asyncio.Future[Missed] | None = None
        """What another hub kept for this connection."""
        self.missed: Missed | None = None
        """While the connection is lost: what its client misses."""
        self.blip_timer: asyncio.TimerHandle | None = None
        self.shown_lost = False
        """The others have been told ConnectionLost."""
        self.announced: NodeId | None = None
        """The SFU node of the last SfuEndpoint."""
        self._waiting: deque[tuple[WaitingCall, int]] = deque()
        self._waiting_bytes = 0

    @property
    def id(self) -> ConnectionId:
        return self.client.id

    @property
    def is_uncertain(self) -> bool:
        """Whether something that was sent may not have reached the client."""
        return self.some_lost or not self.is_quiet

    def deliver(self, event: Event) -> None:
        """Send an event; keep it while the connection is lost."""
        if self.missed is not None:
            self.missed.add(event)
        elif not self.is_gone:
            self.is_quiet = False
            self.client.send(event)
        else:
            self.some_lost = True

    def lose(self) -> None:
        """The client is gone without a word and may return: from now on what it misses is kept."""
        if self.missed is None:
            self.missed = Missed(self.is_uncertain)

    def hold(self, event: Event, seat: SeatId | None = None) -> None:
        """Keep an event (meant for ``seat`` only, if given) until JoinRoom is answered; None fits any more: nothing
        is kept."""
        if self.held is not None and not self.held.add((event, seat), len(event.json()), event.latest):
            self.held = None

    def wait(self, waiting: WaitingCall) -> bool:
        """Put a call behind the one under way; False: too many wait."""
        size = _size(waiting)
        if len(self._waiting) >= MAX_WAITING_CALLS or self._waiting_bytes + size > MAX_WAITING_BYTES:
            return False
        self._waiting.append((waiting, size))
        self._waiting_bytes += size
        return True

    def next_call(self) -> WaitingCall | None:
        """The oldest call that waits."""
        if not self._waiting:
            return None
        waiting, size = self._waiting.popleft()
        self._waiting_bytes -= size
        return waiting

    def drop_waiting(self) -> None:
        """Forget the calls that wait."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def let_go(self, event: Event, close: CloseReason) -> None:
        """Say a last word and close; after the answer to the call under way, if there is one."""
        if self.is_gone:
            return
        if self.is_busy:
            self.farewell = event, close
        else:
            self.client.send(event)
            self.client.close(close.code, close.reason)

    def end_join_time(self) -> None:
        """It has joined: no deadline any more."""
        self.is_overdue = False
        if self.join_timer is not None:
            self.join_timer.cancel()
            self.join_timer = None

    def cancel_timers(self) -> None:
        """The join deadline and the blip."""
        for timer in (self.join_timer, self.blip_timer):
            if timer is not None:
                timer.cancel()
        self.join_timer = self.blip_timer = None


def _size(waiting: WaitingCall) -> int:
    """Characters of its JSON. By Python's own encoder: msgspec's takes no lone surrogates, which are refused later."""
    payload = json.dumps(waiting.payload, ensure_ascii=False, default=msgspec.to_builtins)
    return len(waiting.event) + len(payload)
