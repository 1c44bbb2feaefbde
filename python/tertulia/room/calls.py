"""What each call of a member does. Every refusal is raised before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from tertulia.contract import calls, requests
from tertulia.contract.calls import MAX_CANDIDATE, Empty, SendAnswer, SendOffer
from tertulia.contract.events import CandidateEvent, SdpEvent
from tertulia.errors import FieldError, Invalid, InvalidSdp, NotJoined
from tertulia.ids import NodeId, RecordingId, TransportId, transport_id
from tertulia.room import commands, events, targets
from tertulia.room.chat import Chat
from tertulia.room.effects import Tell
from tertulia.room.ending import Ender
from tertulia.room.events import Event
from tertulia.room.gate import Gate
from tertulia.room.hosting import Hosting
from tertulia.room.inputs import Call
from tertulia.room.leaving import Leaver
from tertulia.room.pending import Ending, OnCall, Otherwise
from tertulia.room.permissions import check_call, check_target, check_update
from tertulia.room.recording import Recorder
from tertulia.room.removing import Remover
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated
from tertulia.room.tap import Tap
from tertulia.room.upkeep import Upkeep

Seat = Seated | Lost


class Calls:
    """The calls that need nothing but memory are answered at once; the others begin a step."""

    def __init__(
        self,
        room: Room,
        upkeep: Upkeep,
        leaver: Leaver,
        remover: Remover,
        ender: Ender,
        recorder: Recorder,
        tap: Tap,
        gate: Gate,
        hosting: Hosting,
        chat: Chat,
    ) -> None:
        self._room = room
        self._agenda = room.agenda
        self._seats = room.seats.by_connection
        self._audience = room.audience
        self._upkeep = upkeep
        self._leaver = leaver
        self._remover = remover
        self._ender = ender
        self._recorder = recorder
        self._tap = tap
        self._gate = gate
        self._chat = chat
        self._handlers: dict[str, Callable[[Seat, Call, Any], bool]] = {
            "SendOffer": self._send_offer,
            "SendAnswer": self._send_answer,
            "SendIceCandidate": self._send_candidate,
            "UpdateState": self._update_state,
            "KeepAlive": self._keep_alive,
            "LeaveRoom": self._leave_room,
            "SetView": self._set_view,
            "MediaStopped": self._media_stopped,
            "SendChat": self._send_chat,
            "ReadChat": self._read_chat,
            "ReactToMessage": self._react_to_message,
            "SendReaction": self._send_reaction,
            "RaiseHand": self._raise_hand,
            "SetDisplayName": self._set_display_name,
            "SetRecordingOptOut": self._opt_out,
            "AskToMute": self._ask_to_mute,
            "MuteAll": self._mute_all,
            "RemoveParticipant": self._remove_participant,
            "EndRoom": self._end_room,
            "StartRecording": self._start_recording,
            "StopRecording": self._stop_recording,
            "ChangeSettings": lambda seat, _, payload: hosting.change_settings(seat, payload),
            "Admit": lambda seat, _, payload: hosting.admit(seat, payload),
            "Deny": lambda seat, _, payload: hosting.deny(seat, payload),
            "LowerHand": lambda seat, _, payload: hosting.lower_hand(seat, payload),
            "Spotlight": lambda seat, _, payload: hosting.spotlight(seat, payload),
            "SetRole": lambda seat, _, payload: hosting.set_role(seat, payload),
            "SetPermissions": lambda seat, _, payload: hosting.set_permissions(seat, payload),
        }

    def call(self, call: Call) -> bool:
        """Carry out a call. True: its answer is ``{}``; False: the answer comes later, or by ``Tell``.

        Raises:
            Refused: nothing has changed.
        """
        seat = self._seats.get(call.connection)
        if seat is None:
            raise NotJoined("call JoinRoom first")
        if type(seat) is Seated and not call.has_waited:
            self._audience.heard_from(seat)
        if seat.role != "host":
            check_call(call.event, seat.role)
        return self._handlers[call.event](seat, call, call.payload)

    # --- media

    def _send_offer(self, seat: Seat, call: Call, offer: SendOffer) -> bool:
        if not targets.is_sfu(offer.target_user_id):
            return self._forward_sdp("ReceiveOffer", seat, offer)
        node, transport = self._transport(seat, offer.target_user_id)
        _check_sdp(offer.sdp)
        command = commands.Offer(
            name=self._room.members[seat.user_id].display_name,
            room=self._room.id,
            transport=transport,
            seat=seat.seat,
            user_id=seat.user_id,
            recording=self._tap.recording_of(seat),
            sdp=offer.sdp,
            slots=bool(offer.slots),
            tracks=offer.tracks or {},
        )
        self._tell(node, command, call)
        self._room.limit(node)
        self._gate.tell_new(node, transport, self._room.members[seat.user_id])
        return False

    def _send_answer(self, seat: Seat, call: Call, answer: SendAnswer) -> bool:
        if not targets.is_sfu(answer.target_user_id):
            return self._forward_sdp("ReceiveAnswer", seat, answer)
        node, transport = self._transport(seat, answer.target_user_id)
        _check_sdp(answer.sdp)
        return self._tell(node, commands.Answer(room=self._room.id, transport=transport, sdp=answer.sdp), call)

    def _forward_sdp(self, event: str, seat: Seat, payload: SendOffer | SendAnswer) -> bool:
        member = targets.other_member(payload.target_user_id, seat.user_id, self._room.members)
        _check_sdp(payload.sdp)
        self._room.tell(member, Event(event, SdpEvent(source_user_id=seat.user_id, sdp=payload.sdp)))
        return True

    def _send_candidate(self, seat: Seat, call: Call, payload: calls.SendIceCandidate) -> bool:
        candidate = "" if payload.candidate is None else payload.candidate
        _check_candidate(candidate)
        if targets.is_sfu(payload.target_user_id):
            node, transport = self._transport(seat, payload.target_user_id)
            candidates = commands.Candidate(room=self._room.id, transport=transport, candidate=candidate)
            return self._tell(node, candidates, call)
        member = targets.other_member(payload.target_user_id, seat.user_id, self._room.members)
        event = CandidateEvent(source_user_id=seat.user_id, candidate=candidate)
        self._room.tell(member, Event("IceCandidate", event))
        return True

    def _set_view(self, seat: Seat, call: Call, view: calls.SetView) -> bool:
        node, transport = self._transport(seat, "sfu")
        videos = [replace(video, user_id=video.user_id.lower()) for video in view.videos]
        return self._tell(node, commands.View(room=self._room.id, transport=transport, videos=videos), call)

    def _media_stopped(self, seat: Seat, call: Call, payload: calls.MediaStopped) -> bool:
        """Noted for this room, for the next look at the nodes. A client that speaks of a transport it has left already
        is right."""
        self._transport(seat, "sfu")
        node = self._room.node
        if node is not None and payload.transport_id == transport_id(seat.seat, node):
            self._room.hub.nodes.missed(node, self._room.id, self._agenda.now)
        return True

    def _transport(self, seat: Seat, target: str) -> tuple[NodeId, TransportId]:
        return targets.transport(target, seat.seat, self._room.node, seat.topology)

    def _tell(self, node: NodeId, command: commands.Command, call: Call) -> bool:
        self._agenda.effects.append(Tell(node, command, answers=call.connection))
        return False

    # --- the seat

    def _keep_alive(self, seat: Seat, call: Call, payload: calls.KeepAlive) -> bool:
        if payload.received is not None and not self._audience.received(seat, payload.received):
            raise Invalid([FieldError("received", "is more than the events that were sent since JoinRoom's result")])
        self._upkeep.keep_alive(seat)
        return False

    def _update_state(self, seat: Seat, call: Call, payload: calls.UpdateState) -> bool:
        life = self._room.life_of_seats
        check_update(payload, self._room.members[seat.user_id], life.settings)
        self._upkeep.update(seat, payload)
        return False

    def _raise_hand(self, seat: Seat, call: Call, payload: calls.RaiseHand) -> bool:
        self._upkeep.raise_hand(seat, payload.raised)
        return False

    def _set_display_name(self, seat: Seat, call: Call, payload: calls.SetDisplayName) -> bool:
        self._upkeep.rename(seat, payload.display_name)
        return False

    def _opt_out(self, seat: Seat, call: Call, payload: calls.SetRecordingOptOut) -> bool:
        self._upkeep.opt_out(seat, payload.opt_out)
        return False

    def _leave_room(self, seat: Seat, call: Call, payload: Empty) -> bool:
        self._leaver.leave(seat, "left", OnCall(seat.connection))
        return False

    # --- among people

    def _send_chat(self, seat: Seat, call: Call, payload: calls.SendChat) -> bool:
        self._chat.say(seat, payload, call.at)
        return True

    def _read_chat(self, seat: Seat, call: Call, payload: Empty) -> bool:
        self._chat.read(seat)
        return False

    def _react_to_message(self, seat: Seat, call: Call, payload: calls.ReactToMessage) -> bool:
        self._chat.react(seat, payload)
        return False

    def _send_reaction(self, seat: Seat, call: Call, payload: calls.SendReaction) -> bool:
        self._room.say(events.reaction(seat.user_id, payload.emoji))
        return True

    def _ask_to_mute(self, seat: Seat, call: Call, payload: calls.OneUser) -> bool:
        member = targets.other_member(payload.target_user_id, seat.user_id, self._room.members)
        check_target(call.event, seat.user_id, member.user_id, seat.host)
        self._room.tell(member, events.mute_requested(seat.user_id))
        return True

    def _mute_all(self, seat: Seat, call: Call, payload: Empty) -> bool:
        event = events.mute_requested(seat.user_id)
        if seat.user_id == seat.host:
            self._room.say(event, seat.user_id)
        else:
            self._room.say_to_all_but(event, seat.user_id, seat.host)
        return True

    def _remove_participant(self, seat: Seat, call: Call, payload: calls.RemoveParticipant) -> bool:
        member = targets.other_member(payload.target_user_id, seat.user_id, self._room.members)
        check_target(call.event, seat.user_id, member.user_id, seat.host)
        self._remover.remove(member.user_id, bool(payload.ban), OnCall(seat.connection))
        return False

    def _end_room(self, seat: Seat, call: Call, payload: Empty) -> bool:
        life = self._room.life_of_seats
        self._ender.begin(
            Ending(
                reason="host",
                session_id=life.session_id,
                caller=OnCall(seat.connection),
                otherwise=Otherwise.RESTORE,
                incarnation=life.incarnation,
            )
        )
        return False

    def _start_recording(self, seat: Seat, call: Call, payload: requests.StartRecording) -> bool:
        recording = RecordingId(self._room.hub.names.uuid())
        self._recorder.start(recording, payload.layout, OnCall(seat.connection), seat.user_id)
        return False

    def _stop_recording(self, seat: Seat, call: Call, payload: Empty) -> bool:
        self._recorder.stop_running(OnCall(seat.connection), seat.user_id)
        return False


def _check_candidate(candidate: str | dict[str, Any]) -> None:
    """A line is bounded by its type; an object by its JSON, in which escapes are as long as what they stand for. It
    goes to others as MessagePack, too, which has no larger numbers."""
    if not isinstance(candidate, dict):
        return
    if len(msgspec.json.encode(candidate).decode()) > MAX_CANDIDATE:
        raise Invalid([FieldError("candidate", f"must have at most {MAX_CANDIDATE} characters as JSON")])
    try:
        msgspec.msgpack.encode(candidate)
    except OverflowError:
        raise Invalid([FieldError("candidate", "must have no whole number beyond 64 bits")]) from None


def _check_sdp(sdp: str) -> None:
    """What can be seen at once (RFC 8866, section 5: an SDP begins with its version)."""
    if not sdp.startswith("v=0"):
        raise InvalidSdp("an SDP begins with v=0")
