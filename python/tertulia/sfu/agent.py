"""Between the channels and the engine: SFU commands → calls, the engine's events → room messages. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, assert_never

import msgspec
import structlog
from msgspec import UNSET, Raw, Struct

from tertulia.errors import Malformed
from tertulia.ids import NodeId, RoomId, SeatId, UserId
from tertulia.room import commands
from tertulia.room.messages import EventMessage
from tertulia.sfu import _sfu

MAX_UNANSWERED: Final = 4_096
"""Offers whose answer the engine owes; as many as its queue of commands holds. Beyond, the oldest is forgotten."""

EngineEvent: TypeAlias = (
    _sfu.Answer
    | _sfu.Offer
    | _sfu.Slots
    | _sfu.ActiveSpeakers
    | _sfu.TransportState
    | _sfu.Refused
    | _sfu.Lost
    | _sfu.Restarted
    | _sfu.Failed
)

_log = structlog.get_logger(__name__)
_encode: Final = msgspec.json.Encoder().encode


class Engine(Protocol):
    """The calls of :class:`_sfu.Sfu` that commands become."""

    def offer(
        self, room: str, transport: str, user_id: str, sdp: str, *, slots: bool = ..., tracks: dict[str, str] = ...
    ) -> None:
        """An offer of the client; opens its peer if there is none."""

    def answer(self, room: str, transport: str, sdp: str) -> None:
        """The client's answer to the last offer of the SFU."""

    def candidate(self, room: str, transport: str, candidate: str) -> None:
        """A candidate line of the client; empty for the end of candidates."""

    def view(self, room: str, transport: str, videos: list[tuple[str, str, int | None]]) -> None:
        """The videos (userId, source, height) that the client wants in its slots, the most wanted first."""

    def state(self, room: str, transport: str, is_muted: bool | None = ..., is_video_on: bool | None = ...) -> None:
        """What is muted is not forwarded; None leaves it as it is."""

    def close(self, room: str, transport: str) -> None:
        """Close one peer."""

    def end(self, room: str) -> None:
        """Close every peer of the room."""


class Message(NamedTuple):
    """What to publish on a room's channel."""

    room: RoomId
    event: EventMessage


class Seat(NamedTuple):
    """Who is told what concerns a transport."""

    room: RoomId
    user_id: UserId
    seat: SeatId


class _Sdp(Struct, rename="camel"):
    source_user_id: str
    sdp: str


class _Slot(Struct, rename="camel"):
    mid: str
    kind: str
    user_id: str | None
    source: str | None


class _Slots(Struct):
    slots: list[_Slot]


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


class Agent:
    """One node's knowledge of whom each transport belongs to. All else the engine knows."""

    def __init__(self, node: NodeId, engine: Engine) -> None:
        self._node = node
        self._engine = engine
        self._open: dict[str, Seat] = {}
        self._unanswered: OrderedDict[str, Seat] = OrderedDict()

    def command(self, data: bytes) -> list[Message]:
        """Do what a hub asks; the messages tell the client why it could not be done."""
        try:
            command = commands.decode(data)
        except Malformed as e:
            _log.warning("sfu_command_malformed", error=e.message)
            return []
        try:
            self._call(command)
        except _sfu.Overloaded:
            _log.warning("sfu_overloaded", room=command.room)
            return self._error(command, "overloaded", "the media server is busy: try again")
        except (_sfu.Stopped, ValueError) as e:
            _log.warning("sfu_command_failed", room=command.room, error=str(e))
            return self._error(command, "internal", "the media server could not do it")
        return []

    def event(self, event: EngineEvent) -> Message | None:
        """What the engine says, for the room's hubs; None if it is for nobody."""
        match event:
            case _sfu.Answer():
                seat = self._unanswered.pop(event.transport, None)
                if seat is not None:
                    self._open[event.transport] = seat
                return self._to_owner("ReceiveAnswer", event.transport, _Sdp(event.transport, event.sdp))
            case _sfu.Offer():
                return self._to_owner("ReceiveOffer", event.transport, _Sdp(event.transport, event.sdp))
            case _sfu.Slots():
                slots = [_Slot(s.mid, s.kind, s.user_id, s.source) for s in event.slots]
                return self._to_owner("Slots", event.transport, _Slots(slots))
            case _sfu.TransportState():
                return self._transport_state(event)
            case _sfu.Refused():
                return self._to_owner("SfuError", event.transport, _Error(event.transport, event.code, event.message))
            case _sfu.ActiveSpeakers():
                return self._to_all("ActiveSpeakers", event.room, _Speakers(event.user_ids))
            case _sfu.Lost():
                _log.error("sfu_events_lost", count=event.count)
                return None
            case _sfu.Restarted():
                _log.error("sfu_worker_restarted", port=event.port, reason=event.reason)
                return None
            case _sfu.Failed():
                _log.critical("sfu_worker_failed", port=event.port, reason=event.reason)
                return None
            case _:
                assert_never(event)

    def _call(self, command: commands.Command) -> None:
        engine = self._engine
        match command:
            case commands.Offer(room=room, transport=transport):
                tracks: dict[str, str] = dict(command.tracks)
                engine.offer(room, transport, command.user_id, command.sdp, slots=command.slots, tracks=tracks)
                self._expect_answer(transport, Seat(RoomId(room), command.user_id, command.seat))
            case commands.Answer(room=room, transport=transport):
                engine.answer(room, transport, command.sdp)
            case commands.Candidate(room=room, transport=transport):
                engine.candidate(room, transport, _candidate_line(command.candidate))
            case commands.View(room=room, transport=transport):
                engine.view(room, transport, [(v.user_id, v.source, v.max_height) for v in command.videos])
            case commands.State(room=room, transport=transport):
                engine.state(room, transport, command.is_muted, command.is_video_on)
            case commands.Close(room=room, transport=transport):
                engine.close(room, transport)
            case commands.End(room=room):
                engine.end(room)
            case _:
                assert_never(command)

    def _expect_answer(self, transport: str, seat: Seat) -> None:
        # Also of an open one: word of its end may be under way, and then this offer opens it anew.
        if transport in self._open:
            self._open[transport] = seat
        self._unanswered[transport] = seat
        if len(self._unanswered) > MAX_UNANSWERED:
            self._unanswered.popitem(last=False)

    def _transport_state(self, event: _sfu.TransportState) -> Message | None:
        reason = UNSET if event.reason is None else event.reason
        message = self._to_owner("TransportState", event.transport, _State(event.transport, event.state, reason))
        if event.state == "closed":
            self._open.pop(event.transport, None)
        return message

    def _error(self, command: commands.Command, code: str, message: str) -> list[Message]:
        if isinstance(command, commands.End):
            return []
        error = _Error(command.transport, code, message)
        if isinstance(command, commands.Offer):  # it may be the first one: the transport is not known yet
            owner = Seat(command.room, command.user_id, command.seat)
            return [self._to(owner, "SfuError", error)]
        told = self._to_owner("SfuError", command.transport, error)
        return [told] if told is not None else []

    def _to_owner(self, event: str, transport: str, payload: Struct) -> Message | None:
        owner = self._open.get(transport) or self._unanswered.get(transport)
        return self._to(owner, event, payload) if owner is not None else None

    def _to(self, owner: Seat, event: str, payload: Struct) -> Message:
        raw = Raw(_encode(payload))
        return Message(
            owner.room,
            EventMessage(origin=self._node, event=event, payload=raw, to=owner.user_id, seat=owner.seat),
        )

    def _to_all(self, event: str, room: str, payload: Struct) -> Message:
        return Message(RoomId(room), EventMessage(origin=self._node, event=event, payload=Raw(_encode(payload))))


def _candidate_line(candidate: str | dict[str, Any] | None) -> str:
    """A candidate line, or an RTCIceCandidateInit's; empty for the end of candidates."""
    if isinstance(candidate, dict):
        candidate = candidate.get("candidate")
    return candidate if isinstance(candidate, str) else ""
