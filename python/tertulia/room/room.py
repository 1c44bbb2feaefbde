"""One room as this hub knows it: who is in it, who of them is connected here, and what they are told."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Raw

from tertulia.ids import ConnectionId, NodeId, RoomId, SeatId, TenantId, UserId, transport_id
from tertulia.room import commands, events
from tertulia.room.agenda import Agenda
from tertulia.room.audience import Audience
from tertulia.room.effects import Publish, Stood, Tell
from tertulia.room.events import Event
from tertulia.room.hearing import Hearing
from tertulia.room.life import Life
from tertulia.room.messages import EventMessage, RoomMessage
from tertulia.room.participant import Participant
from tertulia.room.pending import GivingUp, Leaving, LeavingUnrecorded
from tertulia.room.quotas import Quotas
from tertulia.room.seat import Lost, Seated, Source
from tertulia.room.seats import Seats
from tertulia.room.surroundings import Surroundings
from tertulia.room.timers import Blip
from tertulia.room.unsaid import Unsaid


class Channel(enum.Enum):
    """Whether the room's channel is heard."""

    UNHEARD = enum.auto()
    SUBSCRIBING = enum.auto()
    HEARD = enum.auto()


class Room:
    """The facts that all parts of a meeting share.

    Invariants: while anyone has a seat here there is a ``life``, and its mirror has that user with that connection, or
    will be told by the channel why not.
    """

    def __init__(self, room_id: RoomId, hub: Surroundings, agenda: Agenda) -> None:
        self.id = room_id
        self.hub = hub
        self.agenda = agenda
        self.seats = Seats()
        self.audience = Audience(agenda, self.seats, hub.settings.arrives_within)
        self.hearing = Hearing()
        self.channel = Channel.UNHEARD
        self.life: Life | None = None
        """None: no JoinRoom of this hub was answered yet, or the meeting is over."""
        self._limit: commands.Limit | None = None
        """What may come into it, as this hub read it last; None: its tenant has had no quota of that.
        """
        self.members: Mapping[str, Participant] = {}
        """Who is in the room, by userId: those of the life's mirror."""
        self.unsaid = Unsaid()

    @property
    def life_of_seats(self) -> Life:
        """The meeting in which somebody here has a seat."""
        if self.life is None:
            raise RuntimeError(f"there are seats in {self.id}, and no meeting")
        return self.life

    @property
    def node(self) -> NodeId | None:
        """The SFU node of the room, as far as it is known."""
        return self.life.node if self.life is not None else None

    def mine(self) -> list[Participant]:
        """The members whose connection this hub holds, those whose JoinRoom is not answered yet included. Who is about
        to leave is not: that script runs first."""
        held = self.seats.connections() - self.leaving()
        return [member for member in self.members.values() if member.connection_id in held]

    def leaving(self) -> set[ConnectionId]:
        """The connections that are about to give up their seats."""
        leaving = Leaving | LeavingUnrecorded | GivingUp
        return {work.connection for work in self.agenda.pending.values() if isinstance(work, leaving)}

    # --- telling

    def say(self, event: Event, exclude: UserId | None = None) -> None:
        """Tell every member, on this hub and elsewhere, but ``exclude``. Where all who are known are here, the channel
        has it, too: somebody may have joined at another hub of whom it has still to tell this one."""
        self.audience.broadcast(event, exclude, Source.MEMBER)
        self._say_elsewhere(event, None, exclude)

    def say_to_all_but(self, event: Event, caller: UserId, host: UserId) -> None:
        """Tell every member but two: ``caller``, who is on this hub, and ``host``, wherever connected."""
        for member in self.members.values():
            if member.hub == self.hub.hub and member.user_id not in (caller, host):
                self.audience.tell(member.user_id, event, None, Source.MEMBER)
        self._say_elsewhere(event, None, host)

    def tell(self, member: Participant, event: Event) -> None:
        """Tell one member, wherever connected."""
        if member.hub == self.hub.hub:
            self.audience.tell(member.user_id, event, None, Source.MEMBER)
        else:
            self._say_elsewhere(event, member.user_id, None)

    def publish(self, message: RoomMessage) -> None:
        """Tell the hubs that hear the room's channel."""
        self.agenda.effects.append(Publish(message))

    def hold_to(self, tenant: TenantId, quotas: Quotas) -> bool:
        """These quotas of its tenant hold from now on; whether that changes what may come into the room."""
        before = self._limit
        has_quota = quotas.room_mbits is not None or quotas.mbits is not None
        if has_quota or self._limit is not None:  # that there is none any more has to be said, too
            self._limit = commands.Limit(
                room=self.id,
                mbits=quotas.room_mbits,
                tenant=None if quotas.mbits is None else tenant,
                tenant_mbits=quotas.mbits or 0,
            )
        return self._limit != before

    def limit(self, node: NodeId) -> None:
        """Tell an SFU node how much may come into the room. Said again, it changes nothing."""
        if self._limit is not None:
            self.agenda.effects.append(Tell(node, self._limit))

    def close_peer(self, node: NodeId | None, seat: SeatId) -> None:
        """Tell the SFU node that this seat is gone."""
        if node is not None:
            close = commands.Close(room=self.id, transport=transport_id(seat, node))
            self.agenda.effects.append(Tell(node, close))

    def announce(self, seat: Seated) -> None:
        """Send SfuEndpoint, if the room has a node that is known by now."""
        if seat.topology == "p2p" or self.node is None:
            return
        node = self.hub.nodes.get(self.node)
        if node is not None:
            seat.announced = node.id
            transport = transport_id(seat.seat, node.id)
            self.audience.tell_seat(seat, events.sfu_endpoint(node.ip, node.port, transport))

    def announce_missing(self) -> None:
        """Send SfuEndpoint to those who have none of the present node yet; whom the others see and hear come first,
        for nobody has media before those are connected. Who is lost hears of it when back."""
        missing = [seat for seat in self.seats.present.values() if seat.announced != self.node]
        for seat in sorted(missing, key=self._is_little_missed):
            self.announce(seat)

    def _is_little_missed(self, seat: Seated) -> tuple[bool, bool]:
        member = self.members.get(seat.user_id)
        return (not member.is_video_on, member.is_muted) if member is not None else (True, True)

    def begin(self, life: Life) -> None:
        """The meeting is known from now on."""
        self.life = life
        self.members = life.mirror.members

    def forget(self) -> None:
        """The meeting is over, or nobody here is in it."""
        self.life = None
        self.members = {}
        self.unsaid.clear()

    def _say_elsewhere(self, event: Event, to: UserId | None, exclude: UserId | None) -> None:
        payload = Raw(event.json())
        self.unsaid.publish(event)
        self.publish(EventMessage(origin=self.hub.hub, event=event.name, payload=payload, to=to, exclude=exclude))

    # --- seats

    def stand(self, seat: Seated | Lost) -> None:
        """The connection holds its seat no more."""
        self.seats.free(seat)
        self.audience.changed()
        self.agenda.cancel_timer(Blip(seat.connection))
        self.agenda.effects.append(Stood(seat.connection))
