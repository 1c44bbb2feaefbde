"""A seat of a room, as the hub that holds its connection knows it.

A seat is in one of four states, each a type of its own::

    (gone) ──JoinRoom──▶ Joining ──answered──▶ Seated ──socket lost──▶ Lost
      ▲                     │                     │                      │
      └─────── refused, taken, left, removed, expired, ended ────────────┘

*Gone* is not kept: a seat that is not in :class:`~tertulia.room.seats.Seats` is gone. ``Lost`` never becomes ``Seated``
again: the client returns by another connection, whose JoinRoom takes the seat (``Superseded`` in the mirror).
"""

from __future__ import annotations

import enum

from msgspec import Struct

from tertulia.contract.calls import JoinRoom
from tertulia.contract.fields import Role, Topology
from tertulia.ids import ConnectionId, NodeId, RecordingId, SeatId, UserId
from tertulia.room.answers import Joined, RoomRecord
from tertulia.room.events import Event
from tertulia.room.journal import Sent
from tertulia.room.missed import Backlog
from tertulia.room.outbox import Outbox
from tertulia.tokens import RoomClaims


class Source(enum.Enum):
    """Where this hub has an event from, and with that: what of it is older than a JoinRoom under way."""

    CHANNEL = enum.auto()
    """The room's channel: older until the channel has said the join."""
    ANSWER = enum.auto()
    """A script of this hub: older until the join was answered."""
    MEMBER = enum.auto()
    """A member on this hub, who spoke when the join was asked for already."""
    ECHO = enum.auto()
    """The same, and the channel has said it before the join: who returns from another hub has it from there."""


class Held(Struct, eq=False):
    """An event that waits for the answer to a JoinRoom."""

    event: Event
    seat: SeatId | None
    """For that seat only; None: for whoever sits there."""
    source: Source


class Outcome(enum.Enum):
    """How a JoinRoom under way will end, unless it is refused."""

    SEATED = enum.auto()
    LOST = enum.auto()
    """The client is gone without a word: its seat begins as :class:`Lost`."""
    TAKEN = enum.auto()
    """The seat was taken away again before the answer: the result is sent, and nobody sits down."""


class Joining(Struct, kw_only=True, eq=False):
    """A JoinRoom under way. Which step it is at is in the meeting's pending work; what it gathered so far is here."""

    connection: ConnectionId
    payload: JoinRoom
    claims: RoomClaims
    record: RoomRecord
    at: float
    """When it came, in Unix seconds."""
    resume: str
    """The resume token that the result will have; each try has its own."""
    resume_hash: str
    """What Redis and the channel have of it."""
    tries: int = 0
    """How often the script was run: a join that crosses with the end of the meeting begins anew."""
    held: Outbox[Held] | None
    """What the room said meanwhile; None: too much, nothing is kept any more."""
    joined: Joined | None = None
    """The script's answer, once the seat counts as taken here."""
    handed_over: Backlog | None = None
    """What was kept for the lost connection, to whose seat this one returns."""
    is_successor: bool = False
    """What is held follows what this hub kept for the lost connection: nothing of it is older."""
    outcome: Outcome = Outcome.SEATED
    is_heard: bool = False
    """The channel has said this join already, or is known to be past it."""
    is_admitted: bool = False
    """A host has admitted them, perhaps after the script was run that said that they have to wait."""

    @property
    def user_id(self) -> UserId:
        """Who joins."""
        return self.claims.user_id

    def hold(self, event: Event, seat: SeatId | None, source: Source) -> None:
        """Keep an event (meant for ``seat`` only, if given) until the answer. None fits any more: nothing is kept."""
        if self.held is not None and not self.held.add(Held(event, seat, source), len(event.json()), event.latest):
            self.held = None

    def drop_older(self, source: Source) -> None:
        """What is held from there is older than the join: it was said to the connection whose seat this one takes."""
        if self.held is not None and not self.is_successor:
            self.held.keep(lambda held: held.source is not source)

    def hear_echo(self, name: str, json: bytes) -> None:
        """The channel has said, before the join, what a member on this hub said."""
        for held in self.held or ():
            if held.source is Source.MEMBER and held.event.name == name and held.event.json() == json:
                held.source = Source.ECHO
                break

    def succeed(self, backlog: Backlog) -> None:
        """This hub held the lost connection too, and has kept all that was said until now."""
        self.handed_over = backlog
        self.held = Outbox()
        self.is_successor = True

    def take_held(self) -> tuple[list[Held], bool]:
        """What was kept, the oldest first, and whether that is all there was."""
        items = []
        while self.held is not None and (item := self.held.pop()) is not None:
            items.append(item)
        return items, self.held is not None


class Seated(Struct, kw_only=True, eq=False):
    """A member whose connection lives."""

    connection: ConnectionId
    user_id: UserId
    role: Role
    seat: SeatId
    topology: Topology
    """As it was when this connection joined: a changed setting holds from the next JoinRoom on."""
    host: UserId
    """The room's own host. Anyone else with the role is a co-host."""
    announced: NodeId | None = None
    """The SFU node of the last SfuEndpoint."""
    confirmed: int
    """How many of the audience's broadcasts its client is known to have got, or was not sent."""
    told_at: float | None = None
    """When it alone was last sent an event, in the seconds of ``now``; None: that is known to have arrived."""
    sent: Sent
    """What it was sent since JoinRoom's result, as far as its client has not confirmed it."""


class Lost(Struct, kw_only=True, eq=False):
    """A member whose connection is gone without a word. The seat stays until it is returned to or times out; calls that
    came before the connection went still count."""

    connection: ConnectionId
    user_id: UserId
    role: Role
    seat: SeatId
    topology: Topology
    host: UserId
    since: float
    """When the connection went, in the seconds of ``now``."""
    sent: Sent
    """What it was sent, and would be sent if it were here."""
    lost_at: int
    """So many events it was sent."""
    in_doubt: bool
    """Whether some of them may not have arrived, as far as can be told without the client's word."""
    told: RecordingId | None
    """The recording that its client knew to go on when the connection went: the only one it may be recorded in."""
    shown: bool = False
    """The others have been told ConnectionLost."""

    @classmethod
    def of(cls, seat: Seated, lost_at: int, in_doubt: bool, told: RecordingId | None, now: float) -> Lost:
        """The seat of a connection that is gone; ``lost_at`` and ``in_doubt`` as below."""
        return cls(
            connection=seat.connection,
            user_id=seat.user_id,
            role=seat.role,
            seat=seat.seat,
            topology=seat.topology,
            host=seat.host,
            since=now,
            sent=seat.sent,
            lost_at=lost_at,
            in_doubt=in_doubt,
            told=told,
        )


Seat = Joining | Seated | Lost
