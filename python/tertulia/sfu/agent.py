"""Between the channels and the engine: SFU commands → calls, the engine's events → room messages. No I/O."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol, TypeAlias, assert_never

import msgspec
import structlog
from msgspec import UNSET, Raw, Struct

from tertulia.errors import Malformed
from tertulia.ids import NodeId, RoomId, SeatId, TransportId, UserId
from tertulia.room import commands
from tertulia.room.messages import EventMessage
from tertulia.sfu import _sfu
from tertulia.sfu.leases import Leases
from tertulia.sfu.overload import Overload
from tertulia.sfu.shares import Shares
from tertulia.sfu.troubles import LASTING, Troubles

PeerEvent: TypeAlias = (
    _sfu.Answer
    | _sfu.Offer
    | _sfu.Slots
    | _sfu.LayersWanted
    | _sfu.VideosPaused
    | _sfu.VideosLimited
    | _sfu.TransportState
    | _sfu.Refused
    | _sfu.NoCommonCodec
)

OperatorEvent: TypeAlias = _sfu.Limited | _sfu.Lost | _sfu.Restarted
MeterEvent: TypeAlias = _sfu.Inflow | _sfu.Forwarded
AgentEvent: TypeAlias = PeerEvent | OperatorEvent | MeterEvent | _sfu.ActiveSpeakers | _sfu.RecordingTrouble
EngineEvent: TypeAlias = AgentEvent | _sfu.Failed
"""Of a thread that has failed there is nothing to tell: its node is left."""

_log = structlog.get_logger(__name__)
_encode: Final = msgspec.json.Encoder().encode


RoomCommand: TypeAlias = commands.Seated | commands.Limit | commands.End
"""Those that are about a room as a whole."""


class Engine(Protocol):
    """The calls of :class:`_sfu.Sfu` that commands become."""

    def offer(
        self,
        room: str,
        transport: str,
        user_id: str,
        seat: str,
        sdp: str,
        *,
        name: str = ...,
        recording: str | None = ...,
        slots: bool = ...,
        tracks: dict[str, str] = ...,
    ) -> None:
        """An offer of the client; opens its peer if there is none."""

    def answer(self, transport: str, sdp: str) -> None:
        """The client's answer to the last offer of the SFU."""

    def candidate(self, transport: str, candidate: str) -> None:
        """A candidate line of the client; empty for the end of candidates."""

    def view(self, transport: str, videos: list[tuple[str, str, int | None]]) -> None:
        """The videos (userId, source, height) that the client wants in its slots, the most wanted first."""

    def state(self, transport: str, is_muted: bool | None = ..., is_video_on: bool | None = ...) -> None:
        """What is muted is not forwarded; None leaves it as it is."""

    def block(self, transport: str, sources: list[str]) -> None:
        """What a user may not publish from now on."""

    def record(self, transport: str, recording: str | None, name: str = ...) -> None:
        """What a peer's media is recorded in from now on, and its user's name; "": as before."""

    def limit(self, room: str, kilobits: int) -> None:
        """Hold what comes into a room to a rate."""

    def stop_recording(self, room: str, recording: str) -> None:
        """End a recording."""

    def close(self, transport: str) -> None:
        """Close one peer."""

    def end(self, room: str) -> None:
        """Close every peer of the room."""


class Message(NamedTuple):
    """What to publish on a room's channel."""

    room: RoomId
    event: EventMessage


class _Sdp(Struct, rename="camel"):
    source_user_id: str
    sdp: str


class _Slot(Struct, rename="camel"):
    mid: str
    kind: str
    user_id: str | None
    source: str | None


class _Slots(Struct, rename="camel"):
    transport_id: str
    slots: list[_Slot]


class _WantedLayers(Struct, rename="camel"):
    mid: str
    source: str
    rids: list[str]
    wanted: bool


class _LayersWanted(Struct, rename="camel"):
    transport_id: str
    videos: list[_WantedLayers]


class _PausedVideo(Struct, rename="camel"):
    user_id: str
    source: str
    reason: str = "bandwidth"


class _Paused(Struct, rename="camel"):
    transport_id: str
    videos: list[_PausedVideo]


class _LimitedVideo(Struct, rename="camel"):
    user_id: str
    source: str
    height: int | None
    fewer_frames: bool
    reason: str = "bandwidth"


class _Limited(Struct, rename="camel"):
    transport_id: str
    videos: list[_LimitedVideo]


class _Speakers(Struct, rename="camel"):
    user_ids: list[str]


class _State(Struct, rename="camel", omit_defaults=True):
    transport_id: str
    state: str
    reason: str | msgspec.UnsetType = UNSET


class _Error(Struct, rename="camel"):
    transport_id: str
    code: str
    message: str


class _MediaLimited(Struct):
    limit: str


class _NoCommonCodec(Struct, rename="camel"):
    transport_id: str
    code: str
    message: str
    user_id: str
    source: str
    codec: str
    accepted: list[str]


class _Trouble(Struct, rename="camel"):
    recording_id: str
    reason: str


class Agent:
    """Translates for one node. The engine knows whose each transport is, and says so with each event."""

    def __init__(self, node: NodeId, engine: Engine, leases: Leases, shares: Shares, overload: Overload) -> None:
        self._node = node
        self._engine = engine
        self._leases = leases
        self._shares = shares
        self._overload = overload
        self._troubles: Troubles[Message] = Troubles()

    def again(self, now: float) -> list[Message]:
        """What rooms have to be told again by now."""
        return self._troubles.due(now)

    def command(self, data: bytes, now: float) -> list[Message]:
        """Pass on what a hub asks. The messages tell the client if an offer could not be passed on. ``now`` is in
        seconds and never runs backwards."""
        try:
            command = commands.decode(data)
        except Malformed as e:
            _log.warning("an SFU command could not be read", error=e.message)
            return []
        try:
            self._call(command, now)
        except _sfu.Overloaded:
            _log.warning("the SFU engine has no room for a command", room=command.room)
            return self._error(command, "overloaded", "the media server is busy: try again")
        except (_sfu.Stopped, ValueError) as e:
            _log.warning("the SFU engine refused a command", room=command.room, error=str(e))
            return self._error(command, "internal", "the media server cannot take this command")
        return []

    def event(self, event: AgentEvent) -> Message | None:
        """What the engine says, for the room's hubs; None if it is only for the operator."""
        match event:
            case _sfu.ActiveSpeakers():
                return self._to_all("ActiveSpeakers", event.room, _Speakers(event.user_ids))
            case _sfu.Inflow():
                self._shares.measured(RoomId(event.room), event.kilobits)
                return None
            case _sfu.Forwarded():
                self._overload.weighed(RoomId(event.room), event.packets)
                return None
            case _sfu.RecordingTrouble():
                _log.error(
                    "a recording cannot be written as it should",
                    room=event.room,
                    recording=event.recording,
                    reason=event.reason,
                    error=event.detail,
                )
                return self._in_trouble(event)
            case _sfu.Limited():
                _log_event(event)
                return self._limited(event)
            case _sfu.Lost() | _sfu.Restarted():
                _log_event(event)
                return None
            case _:
                return self._of_peer(event)

    def _of_peer(self, event: PeerEvent) -> Message:
        match event:
            case _sfu.Answer():
                return self._to_peer(event, "ReceiveAnswer", _Sdp(event.transport, event.sdp))
            case _sfu.Offer():
                return self._to_peer(event, "ReceiveOffer", _Sdp(event.transport, event.sdp))
            case _sfu.Slots():
                slots = [_Slot(s.mid, s.kind, s.user_id, s.source) for s in event.slots]
                return self._to_peer(event, "Slots", _Slots(event.transport, slots))
            case _sfu.LayersWanted():
                videos = [_WantedLayers(v.mid, v.source, v.rids, v.is_wanted) for v in event.videos]
                return self._to_peer(event, "LayersWanted", _LayersWanted(event.transport, videos))
            case _sfu.VideosPaused():
                paused = [_PausedVideo(user_id, source) for user_id, source in event.videos]
                return self._to_peer(event, "VideosPaused", _Paused(event.transport, paused))
            case _sfu.VideosLimited():
                limited = [_LimitedVideo(v.user_id, v.source, v.height, v.fewer_frames) for v in event.videos]
                return self._to_peer(event, "VideosLimited", _Limited(event.transport, limited))
            case _sfu.TransportState():
                if event.state == "closed":
                    self._leases.closed(RoomId(event.room), TransportId(event.transport))
                reason = UNSET if event.reason is None else event.reason
                return self._to_peer(event, "TransportState", _State(event.transport, event.state, reason))
            case _sfu.Refused():
                return self._to_peer(event, "SfuError", _Error(event.transport, event.code, event.message))
            case _sfu.NoCommonCodec():
                return self._to_peer(event, "SfuError", _no_common_codec(event))

    def _limited(self, event: _sfu.Limited) -> Message | None:
        """A room that is over its limit hears of it; what one person sends is cut without a word."""
        if event.scope != "room":
            return None
        limit = "tenant" if self._shares.is_short(RoomId(event.room)) else "room"
        return self._to_all("MediaLimited", event.room, _MediaLimited(limit))

    def _call(self, command: commands.Command, now: float) -> None:
        engine = self._engine
        match command:
            case commands.Offer(room=room, transport=transport):
                tracks: dict[str, str] = dict(command.tracks)
                user_id, seat, sdp = command.user_id, command.seat, command.sdp
                engine.offer(
                    room,
                    transport,
                    user_id,
                    seat,
                    sdp,
                    name=command.name,
                    recording=command.recording,
                    slots=command.slots,
                    tracks=tracks,
                )
                self._leases.offered(room, transport, now)
            case commands.Answer(transport=transport):
                engine.answer(transport, command.sdp)
            case commands.Candidate(transport=transport):
                engine.candidate(transport, _candidate_line(command.candidate))
            case commands.View(transport=transport):
                engine.view(transport, [(v.user_id, v.source, v.max_height) for v in command.videos])
            case commands.State() | commands.Block() | commands.Record() | commands.StopRecording():
                self._limit(command)
            case commands.Close(transport=transport):
                engine.close(transport)
            case _:
                self._call_for_room(command, now)

    def _call_for_room(self, command: RoomCommand, now: float) -> None:
        engine, room = self._engine, command.room
        match command:
            case commands.Seated():
                for stranger in self._leases.named(room, command.transports, now):
                    _log.warning("a peer without a seat is closed", room=room, transport=stranger)
                    engine.close(stranger)
                    self._leases.closed(room, stranger)
            case commands.Limit():
                said = self._shares.limited(command)
                engine.limit(room, said.kilobits)
                self._shares.told(said)
            case commands.End():
                engine.end(room)
                self.ended(room)
            case _:
                assert_never(command)

    def ended(self, room: RoomId) -> None:
        """The engine was told to end a room."""
        self._leases.ended(room)
        self._troubles.over(room)

    def _in_trouble(self, event: _sfu.RecordingTrouble) -> Message:
        room = RoomId(event.room)
        message = self._to_all("RecordingTrouble", room, _Trouble(event.recording, event.reason))
        if event.reason in LASTING:
            self._troubles.told(room, event.recording, message)
        return message

    def _limit(self, command: commands.State | commands.Block | commands.Record | commands.StopRecording) -> None:
        """What of a peer's media is forwarded, and what is recorded."""
        engine = self._engine
        match command:
            case commands.State(transport=transport):
                engine.state(transport, command.is_muted, command.is_video_on)
            case commands.Block(transport=transport):
                engine.block(transport, [*command.sources])
            case commands.Record(transport=transport):
                engine.record(transport, command.recording, command.name)
            case commands.StopRecording(room=room):
                engine.stop_recording(room, command.recording)
                self._troubles.over(room, command.recording)

    def _error(self, command: commands.Command, code: str, message: str) -> list[Message]:
        # Only an offer says who made it. Other commands are refused by the engine, which knows.
        if not isinstance(command, commands.Offer):
            return []
        error = _Error(command.transport, code, message)
        return [self._to(command.room, command.user_id, command.seat, "SfuError", error)]

    def _to_peer(self, about: PeerEvent, event: str, payload: Struct) -> Message:
        return self._to(RoomId(about.room), UserId(about.user_id), SeatId(about.seat), event, payload)

    def _to(self, room: RoomId, user_id: UserId, seat: SeatId, event: str, payload: Struct) -> Message:
        raw = Raw(_encode(payload))
        return Message(room, EventMessage(origin=self._node, event=event, payload=raw, to=user_id, seat=seat))

    def _to_all(self, event: str, room: str, payload: Struct) -> Message:
        return Message(RoomId(room), EventMessage(origin=self._node, event=event, payload=Raw(_encode(payload))))


def _no_common_codec(event: _sfu.NoCommonCodec) -> _NoCommonCodec:
    message = f"the {event.source} of {event.publisher} is sent as {event.codec}, which this client does not take"
    return _NoCommonCodec(
        transport_id=event.transport,
        code="no_common_codec",
        message=message,
        user_id=event.publisher,
        source=event.source,
        codec=event.codec,
        accepted=event.accepted,
    )


def _candidate_line(candidate: str | dict[str, Any] | None) -> str:
    """A candidate line, or an RTCIceCandidateInit's; empty for the end of candidates."""
    if isinstance(candidate, dict):
        candidate = candidate.get("candidate")
    return candidate if isinstance(candidate, str) else ""


def _log_event(event: OperatorEvent) -> None:
    """Log what is only for the operator."""
    match event:
        case _sfu.Limited():
            _log.warning(
                "more media comes in than may: the rest is dropped",
                room=event.room,
                user=event.user_id,
                limit=event.scope,
            )
        case _sfu.Lost():
            _log.error("events of the SFU engine were lost", count=event.count)
        case _sfu.Restarted():
            _log.error("the media thread of the SFU engine started again", reason=event.reason)
        case _:
            assert_never(event)
