"""What members may publish, and the room's settings that say so: kept to on this hub, and told to the SFU node.

The truth about the settings is in SQL. Whoever changes them says so on the channel; each hub reads them then, and where
something else shows that it knows old ones (a JoinRoom's record, a reaping).
"""

from __future__ import annotations

from tertulia.contract.calls import UpdateState
from tertulia.contract.settings import Settings
from tertulia.errors import NotFound
from tertulia.ids import ConnectionId, NodeId, TransportId, transport_id
from tertulia.room import commands, events, steps
from tertulia.room.answers import RoomRecord
from tertulia.room.effects import Tell
from tertulia.room.participant import Participant
from tertulia.room.pending import ReadingSettings, Updating
from tertulia.room.permissions import blocked, may
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated, Source
from tertulia.room.waiting import WaitingRoom


class Gate:
    """Who may not unmute is muted, and what they send is not forwarded. Of a peer-to-peer room only the first holds."""

    def __init__(self, room: Room, waiting: WaitingRoom) -> None:
        self._room = room
        self._waiting = waiting
        self._told: set[TransportId] = set()
        """Peers that something was blocked of."""
        self._silencing: set[ConnectionId] = set()
        """Whose state is being changed for them: one change at a time."""
        self._is_old = False
        """The settings have changed since they were last asked for."""

    # --- the settings

    def read(self) -> None:
        """The settings have changed. One reading at a time, so that an older answer never comes last."""
        if self._room.agenda.is_pending(ReadingSettings):
            self._is_old = True
        else:
            self._is_old = False
            self._room.agenda.run(steps.ReadRecord(is_anew=True), ReadingSettings())

    def was_read(self, work: ReadingSettings, record: RoomRecord) -> None:
        """SQL says what they are."""
        self.take(record.settings)
        if self._is_old:
            self.read()

    def read_failed(self, work: ReadingSettings, error: Exception) -> None:
        """SQL is away: a reaping sees that the settings are old. Or the room is gone, and with it what there is to wait
        for."""
        if isinstance(error, NotFound):
            self._waiting.refuse_all(error)
        else:
            self._room.agenda.warn("the settings of a room could not be read yet", error=str(error))

    def seen(self, settings: Settings) -> None:
        """SQL had these settings at some moment."""
        life = self._room.life
        is_new = life is not None and life.settings != settings
        waits_in_vain = bool(self._room.seats.waiting) and not settings.waiting_room
        if is_new or waits_in_vain:
            self.read()

    def take(self, settings: Settings) -> None:
        """The settings are these now."""
        room, life = self._room, self._room.life
        if life is not None and life.settings != settings:
            life.settings = settings
            room.audience.broadcast(events.settings_changed(settings), None, Source.CHANNEL)
            self.keep()
        self._waiting.settings_are(settings)

    # --- what follows for the members of this hub

    def keep(self) -> None:
        """Keep to what the members may: also said again at each sweep, since commands may be lost."""
        seats = list(self._room.seats)
        if self._room.life is None and self._room.seats.waiting:
            self.read()  # nobody reaps a room in which people only wait
        if self._room.node is not None:
            node = self._room.node
            self._told &= {transport_id(seat.seat, node) for seat in seats}
        for seat in seats:
            self.keep_to(seat)

    def keep_to(self, seat: Seated | Lost) -> None:
        """Keep to what one member may."""
        life, member = self._room.life, self._room.members.get(seat.user_id)
        if life is None or member is None or member.connection_id != seat.connection:
            return
        if life.node is not None and seat.topology == "sfu":
            self._tell(life.node, transport_id(seat.seat, life.node), member, life.settings)
        mutes = not member.is_muted and not may(member, "unmute", life.settings)
        stops = not member.said_video_off and not may(member, "video", life.settings)
        if (mutes or stops) and seat.connection not in self._silencing:
            payload = UpdateState(is_muted=True if mutes else None, is_video_on=False if stops else None)
            self._silence(seat, payload, life.incarnation)

    def silenced(self, connection: ConnectionId) -> None:
        """Redis has answered, or has not: the next change may follow."""
        self._silencing.discard(connection)

    def returned(self, seat: Seated | Lost) -> None:
        """A client has returned to a seat: whether something is blocked of its peer, its last hub knew."""
        if self._room.node is not None and seat.topology == "sfu":
            self._told.add(transport_id(seat.seat, self._room.node))
            self.keep_to(seat)

    def tell_new(self, node: NodeId, transport: TransportId, member: Participant) -> None:
        """A peer may be new, and begins with everything on: say what is off, behind its offer."""
        self._tell_off(node, transport, member)
        settings = self._room.life_of_seats.settings
        if blocked(member, settings):
            self._tell(node, transport, member, settings)

    def _tell(self, node: NodeId, transport: TransportId, member: Participant, settings: Settings) -> None:
        sources = blocked(member, settings)
        if not sources and transport not in self._told:
            return
        if sources:
            self._told.add(transport)
        else:
            self._tell_off(node, transport, member)
        block = commands.Block(room=self._room.id, transport=transport, sources=sources)
        self._room.agenda.effects.append(Tell(node, block))

    def _tell_off(self, node: NodeId, transport: TransportId, member: Participant) -> None:
        muted = True if member.is_muted else None
        video = False if member.said_video_off else None
        if (muted, video) != (None, None):
            state = commands.State(room=self._room.id, transport=transport, is_muted=muted, is_video_on=video)
            self._room.agenda.effects.append(Tell(node, state))

    def _silence(self, seat: Seated | Lost, payload: UpdateState, incarnation: str) -> None:
        step = steps.Update(
            user=seat.user_id,
            connection=seat.connection,
            incarnation=incarnation,
            is_muted=payload.is_muted,
            is_video_on=payload.is_video_on,
        )
        self._silencing.add(seat.connection)
        self._room.agenda.run(step, Updating(seat.connection, payload, incarnation, is_forced=True))
