"""One room as this hub runs it: who of its members is connected here, and what they are told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import structlog
from msgspec import Raw

from tertulia.contract import LeaveReason
from tertulia.errors import Unavailable
from tertulia.hub import metrics
from tertulia.hub.connection import Connection, Seated
from tertulia.hub.hearing import Hearing
from tertulia.hub.showing import show
from tertulia.ids import HubId, NodeId, RoomId, SeatId, SessionId, UserId, transport_id
from tertulia.redis.channels import Channels
from tertulia.room import events, messages
from tertulia.room.answers import Joined, Restored, RoomSummary
from tertulia.room.closing import ENDED
from tertulia.room.events import Event
from tertulia.room.messages import EventMessage, JoinedMessage, LeftMessage, RoomMessage
from tertulia.room.mirror import Effect, MemberMessage, Mirror
from tertulia.room.missed import Missed
from tertulia.room.nodes import Nodes
from tertulia.room.outbox import Outbox
from tertulia.room.participant import Participant
from tertulia.room.steps import KnownRoom
from tertulia.state import keys

_log = structlog.get_logger(__name__)


class LiveRoom:
    """The fan-out of one room on this worker.

    Invariant: every connection in ``seats`` has ``seated.room`` set to this room, and the mirror has its user with
    its connection id.
    """

    def __init__(
        self, room_id: RoomId, hub_id: HubId, channels: Channels, nodes: Nodes, on_lost: Callable[[LiveRoom], None]
    ) -> None:
        """``on_lost``: the room has to be read again from Redis."""
        self.id = room_id
        self.hub_id = hub_id
        self.seats: dict[str, Connection] = {}
        """userId → the connection of this hub that holds the seat, lost ones that may come back included."""
        self.joining: set[Connection] = set()
        self.mirror: Mirror | None = None
        """None until the first JoinRoom of this hub was answered."""
        self.session_id: SessionId | None = None
        self.incarnation = ""
        self.region = ""
        self.node: NodeId | None = None
        self.is_recording = False
        self.subscribed: asyncio.Future[None] | None = None
        """Done when the channel is heard."""
        self.restoring = asyncio.Lock()
        """Held by who writes the room to Redis again."""
        self.hearing = Hearing(self, on_lost)
        self._channels = channels
        self._nodes = nodes
        self._on_lost = on_lost
        self._elsewhere: bool | None = None
        """What :meth:`_is_elsewhere` found; None: the members have changed since."""
        self._gone: set[str] = set()
        """Connections whose seats were freed while a JoinRoom is under way."""
        self._over: deque[SessionId] = deque(maxlen=8)
        """Sessions known to have ended, for JoinRooms that cross with the end."""

    @property
    def in_use(self) -> bool:
        return bool(self.seats or self.joining)

    @property
    def uses_sfu(self) -> bool:
        """Whether someone here needs a node."""
        return any(c.seated is not None and c.seated.topology == "sfu" for c in self.seats.values())

    @property
    def members(self) -> dict[str, Participant]:
        return self.mirror.members if self.mirror is not None else {}

    def known(self) -> KnownRoom:
        """What Redis has to know of the room. To be called while there is a session."""
        if self.session_id is None:
            raise RuntimeError("the room has no session")
        return KnownRoom(region=self.region, node=self.node, session_id=self.session_id, is_recording=self.is_recording)

    def mine(self) -> list[Participant]:
        """The members whose connection this hub holds, those whose JoinRoom is not answered yet included."""
        held = {c.id for c in self.seats.values()} | {c.id for c in self.joining}
        return [member for member in self.members.values() if member.connection_id in held]

    # --- seats

    def expect(self, connection: Connection, user_id: UserId) -> None:
        """A JoinRoom begins: what the room says from now on is held for it."""
        connection.joining_as = user_id
        connection.lost_early = False
        connection.held = Outbox()
        connection.handed_over = asyncio.get_running_loop().create_future()
        self.joining.add(connection)

    def expect_no_more(self, connection: Connection) -> tuple[list[tuple[Event, SeatId | None]], bool]:
        """The JoinRoom is over: what was held, each with the seat it is meant for, and whether that is all."""
        self.joining.discard(connection)
        if not self.joining:
            self._gone.clear()
        held = connection.held
        connection.joining_as = connection.held = connection.handed_over = None
        items = []
        while held is not None and (item := held.pop()) is not None:
            items.append(item)
        return items, held is not None

    def others(self, joined: Joined) -> list[Participant]:
        """The list for a JoinRoom's result: from here on, what the room is told brings it up to date.

        What this hub knows counts, and beside it those whom the script saw and of whom this hub has not heard yet.
        """
        known = self.members
        unheard = [m for m in joined.others if m.user_id not in known and m.connection_id not in self._gone]
        return [m for m in known.values() if m.user_id != joined.participant.user_id] + unheard

    def seat(self, connection: Connection, seated: Seated) -> None:
        """The connection holds the seat from now on."""
        connection.seated = seated
        connection.end_join_time()
        self.seats[seated.user_id] = connection
        metrics.SEATS.inc()

    def unseat(self, connection: Connection) -> None:
        """The connection holds no seat any more; no effect if it holds none."""
        if connection.seated is not None:
            del self.seats[connection.seated.user_id]
            metrics.SEATS.dec()
        connection.seated = None
        connection.announced = None
        connection.cancel_timers()

    def hand_over(self, connection_id: str, missed: Missed) -> bool:
        """Hand what a lost connection missed to the one that returns, if that is here."""
        for joining in self.joining:
            if joining.id == connection_id:
                if joining.handed_over is not None and not joining.handed_over.done():
                    joining.handed_over.set_result(missed)
                return True
        return False

    # --- telling

    def say(self, event: Event, exclude: UserId | None = None) -> None:
        """Tell every member, on this hub and elsewhere, but ``exclude``."""
        self.broadcast(event, exclude)
        if self._is_elsewhere():
            self._say_elsewhere(event, None, exclude)

    def _is_elsewhere(self) -> bool:
        """Whether the room has members on other hubs."""
        if self._elsewhere is None:
            self._elsewhere = any(m.hub != self.hub_id for m in self.members.values())
        return self._elsewhere

    def tell(self, member: Participant, event: Event) -> None:
        """Tell one member, wherever connected."""
        if member.hub == self.hub_id:
            self._deliver_to(member.user_id, event, None)
        else:
            self._say_elsewhere(event, member.user_id, None)

    def broadcast(self, event: Event, exclude: UserId | None = None) -> None:
        """Tell the members on this hub, but ``exclude``."""
        metrics.EVENTS.inc(len(self.seats))
        for user_id, connection in self.seats.items():
            if user_id != exclude:
                connection.deliver(event)
        for connection in self.joining:
            if connection.joining_as != exclude:
                connection.hold(event)

    def relay(self, message: EventMessage) -> None:
        """Tell the members on this hub what another hub or an SFU node has to say."""
        event = events.relayed(message)
        if message.to is None:
            self.broadcast(event, message.exclude)
        else:
            self._deliver_to(message.to, event, message.seat)

    def _deliver_to(self, user_id: UserId, event: Event, seat: SeatId | None) -> None:
        connection = self.seats.get(user_id)
        if connection is not None and connection.seated is not None and seat in (None, connection.seated.seat):
            metrics.EVENTS.inc()
            connection.deliver(event)
        for joining in self.joining:
            if joining.joining_as == user_id:
                joining.hold(event, seat)

    def _say_elsewhere(self, event: Event, to: UserId | None, exclude: UserId | None) -> None:
        payload = Raw(event.json())
        message = EventMessage(origin=self.hub_id, event=event.name, payload=payload, to=to, exclude=exclude)
        self.publish(message)

    def publish(self, message: RoomMessage) -> None:
        """Tell the hubs that have members in the room."""
        try:
            self._channels.publish(keys.room_events(self.id), messages.encode(message))
        except Unavailable as e:
            _log.warning("members on other workers were not told", room=self.id, error=e.message)

    def announce(self, connection: Connection) -> None:
        """Send SfuEndpoint, if the room has a node that is known by now."""
        seated = connection.seated
        if seated is None or seated.topology == "p2p" or self.node is None:
            return
        node = self._nodes.get(self.node)
        if node is not None:
            connection.announced = node.id
            transport = transport_id(seated.seat, node.id)
            connection.deliver(events.sfu_endpoint(node.ip, node.ports[0], transport))

    def announce_missing(self) -> None:
        """Send SfuEndpoint to those who have none of the present node yet."""
        for connection in list(self.seats.values()):
            if connection.announced != self.node:
                self.announce(connection)

    # --- what happened

    def admit(self, joined: Joined) -> None:
        """Redis' answer to a JoinRoom of this hub; of no effect if that session has ended since.

        The caller has made sure that the session is this room's, if it has one (:meth:`conflicts`).
        """
        if self.is_over(joined.session_id):
            return
        others = joined.others
        message = JoinedMessage(
            origin=self.hub_id,
            user_id=joined.participant.user_id,
            participant=joined.participant,
            replaced=joined.replaced,
            resumed=joined.resumed,
        )
        if self.mirror is None:
            self.session_id, self.incarnation = joined.session_id, joined.incarnation
            self.region, self.node, self.is_recording = joined.region, joined.node, joined.is_recording
            self.mirror = Mirror(others if joined.replaced is None else [*others, joined.replaced])
        elif self.incarnation != joined.incarnation:
            self._on_lost(self)  # the state was lost, and this join made it again: the others have to be written too
        self.changed(message)
        self.hearing.replay()

    def conflicts(self, session_id: SessionId) -> bool:
        """Whether one of the two, this room's session and that one, has ended without this hub having heard of it."""
        return self.session_id not in (None, session_id) and not self.is_over(session_id)

    def is_over(self, session_id: SessionId) -> bool:
        """Whether a session has ended already, as far as this hub has heard."""
        return session_id in self._over

    def changed(self, message: MemberMessage) -> None:
        """A script of this hub changed the membership: its answer, as the message that it published."""
        if isinstance(message, LeftMessage) and self.joining:
            self._gone.add(message.connection_id)
        if self.mirror is not None:
            self.run(self.mirror.own(message))

    def leave_unrecorded(self, member: Participant, reason: LeaveReason) -> None:
        """A member of this hub leaves a room that Redis has lost: no script will tell the other hubs."""
        message = LeftMessage.of(member, reason, self.hub_id)
        self.publish(message)
        self.changed(message)

    def heard(self, message: MemberMessage, own: bool) -> None:
        """The channel told of a change of the membership; ``own``: a script of this hub made it."""
        if isinstance(message, LeftMessage) and self.joining:
            self._gone.add(message.connection_id)
        if self.mirror is not None:
            self.run(self.mirror.heard(message, own))

    def run(self, effects: Iterable[Effect]) -> None:
        """Show the members of this hub what happened to the membership."""
        self._elsewhere = None
        show(self, effects)

    def ended(self, session_id: SessionId | None, reason: str) -> None:
        """The meeting is over: everyone is told and let go."""
        if session_id is not None and session_id not in self._over:
            self._over.append(session_id)
        if session_id != self.session_id:
            return
        told = events.room_ended(reason)
        for connection in list(self.seats.values()):
            self.unseat(connection)
            connection.let_go(told, ENDED)
        self.mirror = None
        self.session_id = self.node = None
        self.hearing.forget()

    def recording(self, is_recording: bool) -> None:
        """Recording has begun or ended."""
        if is_recording != self.is_recording:
            self.is_recording = is_recording
            self.broadcast(events.recording_changed(is_recording))

    def moved(self, node: NodeId, region: str) -> None:
        """The room lives on another SFU node now."""
        self.region = region
        if node != self.node:
            self.node = node
            self.announce_missing()

    def settled(self, summary: RoomSummary | Restored) -> None:
        """Redis was asked where the room lives, and whether it is recorded."""
        self.recording(summary.is_recording)
        if summary.node is not None:
            self.moved(summary.node, summary.region)

    def replace_missing(self, displaced: Iterable[Participant]) -> None:
        """Other connections turned out to sit where this hub's members sat."""
        if self.mirror is None:
            return
        for new in displaced:
            message = JoinedMessage(origin="", user_id=new.user_id, participant=new)
            self.run(self.mirror.heard(message, own=False))

    def connection_lost(self, connection: Connection) -> None:
        """Tell the others that a member's connection is lost for longer than a blip."""
        if connection.seated is not None and connection.missed is not None:
            connection.shown_lost = True
            user_id = connection.seated.user_id
            self.say(events.connection_lost(user_id), user_id)
