"""An SFU node without media: its place in the registry, and what the hubs tell it."""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from tertulia.contract.events import SdpEvent
from tertulia.ids import NodeId, RecordingId, RoomId, SeatId, TransportId, UserId
from tertulia.room import commands
from tertulia.room.messages import EventMessage
from tertulia.room.placement import GivenUp, Node
from tertulia.sfu.leases import Leases
from tertulia.sfu.overload import GIVEN_FOR, KEPT_FOR
from tests.world.clock import Clock, Process
from tests.world.network import Pipe, Weather
from tests.world.server import Server

BEAT_SECONDS = 0.3
DEAD_AFTER = 4.0
CHECK_SECONDS = 5.0
DRAIN_SECONDS = 15.0


class SfuNode:
    """It beats while it runs; what it says of a seat goes out on the room's channel."""

    def __init__(self, name: str, server: Server, region: str, phase: float) -> None:
        self.id = NodeId(name)
        self.process = Process(name)
        self.peers: dict[TransportId, tuple[RoomId, UserId, SeatId]] = {}
        self.recorded: dict[TransportId, RecordingId] = {}
        """Whose media it writes down, and in what."""
        self.blocked: dict[TransportId, list[str]] = {}
        """What it does not forward."""
        self.stopped_at: float | None = None
        """Since when it stands still."""
        self.went_on_at: float | None = None
        """When it last went on after it had stood still."""
        self.is_draining = False
        self.gives_up: GivenUp | None = None
        self._leaving: RoomId | None = None
        """The room that it has given up, while clients may be on their way."""
        self._leases = Leases()
        self._is_checking = False
        self._over: set[RecordingId] = set()
        self._phase = phase
        self._server = server
        self._clock: Clock = server.clock
        self._began = server.clock.now
        weather: Weather = server.weather
        self._up = Pipe(server.clock, weather, server.process)
        self._entry = Node(id=self.id, region=region, ip="192.0.2.1", ports=[4000], load=0.0, rooms=0, peers=0)
        server.nodes[self.id] = self
        self.down = Pipe(server.clock, weather, self.process)

    def entry(self) -> tuple[Node, float] | None:
        """What the registry says of it, and the age of its last heartbeat; None: nothing, or that it is dead."""
        now = self._clock.now
        runs_at = self.stopped_at if self.stopped_at is not None else now
        beat = runs_at - (runs_at - self._began + self._phase * BEAT_SECONDS) % BEAT_SECONDS
        is_new = now - max(self._server.empty_since, self._began) < self._phase * BEAT_SECONDS
        if self.is_gone or is_new or now - beat >= DEAD_AFTER or beat < self._server.empty_since - BEAT_SECONDS:
            return None
        return replace(self._entry, draining=self.is_draining, gives_up=self.gives_up), now - beat

    @property
    def is_gone(self) -> bool:
        """It has ended in good order, and deregistered."""
        return self.is_draining and not self.process.is_alive

    def drain(self) -> None:
        """SIGTERM: it goes once its peers are gone, or at its deadline."""
        self.is_draining = True
        self._clock.after(1.0, self.process, self._drained, self._clock.now + DRAIN_SECONDS)

    def give_up(self, room: RoomId, to: SfuNode) -> None:
        """It has too much to do, and the other one has not."""
        self.gives_up = GivenUp(rooms=[room], to=to.id, load=0.3)
        self._leaving = room
        self._clock.after(GIVEN_FOR, self.process, self._has_given_up)
        self._clock.after(KEPT_FOR, self.process, self._has_let_go)

    def _has_given_up(self) -> None:
        self.gives_up = None

    def _has_let_go(self) -> None:
        self._leaving = None

    def _drained(self, deadline: float) -> None:
        if self.peers and self._clock.now < deadline:
            self._clock.after(1.0, self.process, self._drained, deadline)
        else:
            self.process.is_alive = False
            self.peers.clear()
            self.recorded.clear()

    def hear(self, command: commands.Command) -> None:
        """A command of a hub."""
        if isinstance(command, commands.Offer):
            self.peers[command.transport] = command.room, command.user_id, command.seat
            self._leases.offered(command.room, command.transport, self._clock.now)
            self._record(command.transport, command.recording)
            self._answer(command)
            self._check_later()
        elif isinstance(command, commands.Record):
            self._record(command.transport, command.recording)
        elif isinstance(command, commands.StopRecording):
            self._over.add(command.recording)
            self.recorded = {t: recording for t, recording in self.recorded.items() if recording != command.recording}
        elif isinstance(command, commands.Block):
            if command.transport in self.peers:
                self.blocked[command.transport] = [*command.sources]
        elif isinstance(command, commands.Close):
            self._close(command.room, command.transport)
        elif isinstance(command, commands.Seated):
            for stranger in self._leases.named(command.room, command.transports, self._clock.now):
                self._close(command.room, stranger)
        elif isinstance(command, commands.End):
            self._end(command.room)

    def _close(self, room: RoomId, transport: TransportId) -> None:
        self.peers.pop(transport, None)
        self.recorded.pop(transport, None)
        self.blocked.pop(transport, None)
        self._leases.closed(room, transport)

    def _end(self, room: RoomId) -> None:
        self._leases.ended(room)
        self.peers = {t: peer for t, peer in self.peers.items() if peer[0] != room}
        self.recorded = {t: recording for t, recording in self.recorded.items() if t in self.peers}
        self.blocked = {t: sources for t, sources in self.blocked.items() if t in self.peers}

    def _check_later(self) -> None:
        if not self._is_checking:
            self._is_checking = True
            self._clock.after(CHECK_SECONDS, self.process, self._check)

    def _check(self) -> None:
        """End the rooms that live elsewhere by now, and those that no hub knows any more."""
        self._is_checking = False
        server = self._server
        for room in self._leases.rooms():
            if server.is_up and not server.process.is_frozen and not self.is_draining:
                lives_on = server.model.keys(room).hash.get("sfuNode")
                if lives_on and lives_on != self.id and room != self._leaving:
                    self._end(room)
        for room in self._leases.abandoned(self._clock.now):
            self._end(room)
        if self.peers:
            self._check_later()

    def _record(self, transport: TransportId, recording: RecordingId | None) -> None:
        """A recording that was stopped does not begin again."""
        if recording is None or recording in self._over:
            self.recorded.pop(transport, None)
        elif transport in self.peers:
            self.recorded[transport] = recording

    def _answer(self, offer: commands.Offer) -> None:
        payload = Raw(msgspec.json.encode(SdpEvent(source_user_id=offer.transport, sdp="v=0 answer")))
        message = EventMessage(
            origin=self.id, event="ReceiveAnswer", payload=payload, to=offer.user_id, seat=offer.seat
        )
        self._up.send(self._server.say, offer.room, message)
