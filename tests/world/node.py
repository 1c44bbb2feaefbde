"""An SFU node without media: its place in the registry, and what the hubs tell it."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from tertulia.contract import SdpEvent
from tertulia.ids import NodeId, RecordingId, RoomId, SeatId, TransportId, UserId
from tertulia.room import commands
from tertulia.room.messages import EventMessage
from tertulia.room.placement import Node
from tests.world.clock import Clock, Process
from tests.world.network import Pipe, Weather
from tests.world.server import Server

BEAT_SECONDS = 1.0
DEAD_AFTER = 4.0


class SfuNode:
    """It beats each second while it runs; what it says of a seat goes out on the room's channel."""

    def __init__(self, name: str, server: Server, region: str, phase: float) -> None:
        self.id = NodeId(name)
        self.process = Process(name)
        self.peers: dict[TransportId, tuple[RoomId, UserId, SeatId]] = {}
        self.recorded: dict[TransportId, RecordingId] = {}
        """Whose media it writes down, and in what."""
        self.stopped_at: float | None = None
        """Since when it stands still."""
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

    def entry(self) -> Node | None:
        """What the registry says of it; None: nothing, or that it is dead."""
        now = self._clock.now
        beat = self.stopped_at if self.stopped_at is not None else now
        is_new = now - max(self._server.empty_since, self._began) < self._phase * BEAT_SECONDS
        if not self.process.is_alive or is_new or now - beat >= DEAD_AFTER or beat < self._server.empty_since:
            return None
        return self._entry

    def hear(self, command: commands.Command) -> None:
        """A command of a hub."""
        if isinstance(command, commands.Offer):
            self.peers[command.transport] = command.room, command.user_id, command.seat
            self._record(command.transport, command.recording)
            self._answer(command)
        elif isinstance(command, commands.Record):
            self._record(command.transport, command.recording)
        elif isinstance(command, commands.StopRecording):
            self._over.add(command.recording)
            self.recorded = {t: recording for t, recording in self.recorded.items() if recording != command.recording}
        elif isinstance(command, commands.Close):
            self.peers.pop(command.transport, None)
            self.recorded.pop(command.transport, None)
        elif isinstance(command, commands.End):
            self.peers = {t: peer for t, peer in self.peers.items() if peer[0] != command.room}
            self.recorded = {t: recording for t, recording in self.recorded.items() if t in self.peers}

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
