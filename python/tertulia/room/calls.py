"""What each call of a member does. Every refusal is raised before anything is changed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tertulia import contract, times
from tertulia.contract import CandidateEvent, Empty, SdpEvent, SendAnswer, SendOffer
from tertulia.errors import InvalidSdp, NotJoined
from tertulia.ids import ConnectionId, NodeId, TransportId
from tertulia.room import commands, events, steps, targets
from tertulia.room.answers import KeptAlive, StateLost
from tertulia.room.effects import Refuse, Reply, Tell
from tertulia.room.ending import Ender
from tertulia.room.events import Event
from tertulia.room.inputs import Call
from tertulia.room.leaving import Leaver
from tertulia.room.membership import Membership
from tertulia.room.messages import HandMessage, StateMessage
from tertulia.room.pending import Ending, KeepingAlive, OnCall, Otherwise, RaisingHand, Updating
from tertulia.room.permissions import check_call
from tertulia.room.restoring import Restoring
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated

Seat = Seated | Lost


class Calls:
    """The calls that need nothing but memory are answered at once; the others begin a step."""

    def __init__(self, room: Room, membership: Membership, restoring: Restoring, leaver: Leaver, ender: Ender) -> None:
        self._room = room
        self._agenda = room.agenda
        self._seats = room.seats.by_connection
        self._audience = room.audience
        self._membership = membership
        self._restoring = restoring
        self._leaver = leaver
        self._ender = ender
        self._chat = room.hub.names.token()
        self._chats = itertools.count(1)  # with the above a message's id: no randomness has to be fetched for each
        self._handlers: dict[str, Callable[[Seat, Call, Any], bool]] = {
            "SendOffer": self._send_offer,
            "SendAnswer": self._send_answer,
            "SendIceCandidate": self._send_candidate,
            "UpdateState": self._update_state,
            "KeepAlive": self._keep_alive,
            "LeaveRoom": self._leave_room,
            "SetView": self._set_view,
            "SendChat": self._send_chat,
            "RaiseHand": self._raise_hand,
            "AskToMute": self._ask_to_mute,
            "MuteAll": self._mute_all,
            "RemoveParticipant": self._remove_participant,
            "EndRoom": self._end_room,
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
            seat.confirmed = self._audience.told
            seat.is_told = False
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
            sdp=offer.sdp,
            slots=bool(offer.slots),
            tracks=offer.tracks or {},
        )
        self._tell(node, command, call)
        self._tell_state(seat, node, transport)
        return False

    def _tell_state(self, seat: Seat, node: NodeId, transport: TransportId) -> None:
        """A peer begins with everything on: what was turned off before its first offer is said behind it."""
        member = self._room.members[seat.user_id]
        muted = True if member.is_muted else None
        video = False if member.said_video_off else None
        if (muted, video) != (None, None):
            state = commands.State(room=self._room.id, transport=transport, is_muted=muted, is_video_on=video)
            self._agenda.effects.append(Tell(node, state))

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

    def _send_candidate(self, seat: Seat, call: Call, payload: contract.SendIceCandidate) -> bool:
        candidate = "" if payload.candidate is None else payload.candidate
        if targets.is_sfu(payload.target_user_id):
            node, transport = self._transport(seat, payload.target_user_id)
            candidates = commands.Candidate(room=self._room.id, transport=transport, candidate=candidate)
            return self._tell(node, candidates, call)
        member = targets.other_member(payload.target_user_id, seat.user_id, self._room.members)
        event = CandidateEvent(source_user_id=seat.user_id, candidate=candidate)
        self._room.tell(member, Event("IceCandidate", event))
        return True

    def _set_view(self, seat: Seat, call: Call, view: contract.SetView) -> bool:
        node, transport = self._transport(seat, "sfu")
        return self._tell(node, commands.View(room=self._room.id, transport=transport, videos=view.videos), call)

    def _transport(self, seat: Seat, target: str) -> tuple[NodeId, TransportId]:
        return targets.transport(target, seat.seat, self._room.node, seat.topology)

    def _tell(self, node: NodeId, command: commands.Command, call: Call) -> bool:
        self._agenda.effects.append(Tell(node, command, answers=call.connection))
        return False

    # --- the seat

    def _keep_alive(self, seat: Seat, call: Call, payload: Empty) -> bool:
        self._run_keep_alive(seat, again=False)
        return False

    def _run_keep_alive(self, seat: Seat, again: bool) -> None:
        life = self._room.life_of_seats
        step = steps.KeepAlive(user=seat.user_id, connection=seat.connection, incarnation=life.incarnation)
        self._agenda.run(step, KeepingAlive(seat.connection, life.incarnation, again))

    def kept_alive(self, work: KeepingAlive, kept: KeptAlive) -> None:
        """Redis has answered a KeepAlive."""
        if kept is KeptAlive.ALIVE:
            self._agenda.effects.append(Reply(work.connection))
        elif kept is KeptAlive.LOST and not work.again:
            self._restoring.begin(work.incarnation, work)
        else:
            self._leaver.forget(work.connection)
            self._refuse(work.connection, NotJoined("the seat timed out; call JoinRoom"))

    def _update_state(self, seat: Seat, call: Call, payload: contract.UpdateState) -> bool:
        self._run_update(seat, payload, again=False)
        return False

    def _run_update(self, seat: Seat, payload: contract.UpdateState, again: bool) -> None:
        life = self._room.life_of_seats
        step = steps.Update(
            user=seat.user_id,
            connection=seat.connection,
            incarnation=life.incarnation,
            is_muted=payload.is_muted,
            is_video_on=payload.is_video_on,
        )
        self._agenda.run(step, Updating(seat.connection, payload, life.incarnation, again))

    def updated(self, work: Updating, message: StateMessage | None) -> None:
        """Redis has the state; None: that changed nothing."""
        room, payload = self._room, work.payload
        if message is not None:
            self._membership.changed(message)
        seat = room.seats.of(work.connection)
        if (
            seat is not None
            and room.node is not None
            and seat.topology == "sfu"
            and (payload.is_muted, payload.is_video_on) != (None, None)
        ):
            node, transport = self._transport(seat, "sfu")
            state = commands.State(
                room=room.id, transport=transport, is_muted=payload.is_muted, is_video_on=payload.is_video_on
            )
            room.agenda.effects.append(Tell(node, state))
        room.agenda.effects.append(Reply(work.connection))

    def _raise_hand(self, seat: Seat, call: Call, payload: contract.RaiseHand) -> bool:
        self._run_raise_hand(seat, payload.raised, again=False)
        return False

    def _run_raise_hand(self, seat: Seat, raised: bool, again: bool) -> None:
        life = self._room.life_of_seats
        step = steps.RaiseHand(
            user=seat.user_id, connection=seat.connection, incarnation=life.incarnation, raised=raised
        )
        work = RaisingHand(seat.connection, seat.user_id, raised, life.incarnation, again)
        self._agenda.run(step, work)

    def hand_raised(self, work: RaisingHand, is_new: bool) -> None:
        """Redis has the hand."""
        if is_new:
            message = HandMessage(origin=self._room.hub.hub, user_id=work.user_id, raised=work.raised)
            self._membership.changed(message)
        self._agenda.effects.append(Reply(work.connection))

    def failed(self, work: KeepingAlive | Updating | RaisingHand, error: Exception) -> None:
        """Redis is away, or has lost the room."""
        if not isinstance(error, StateLost):
            self._refuse(work.connection, error)
        elif work.again:
            self._refuse(work.connection, NotJoined("the meeting is over; call JoinRoom"))
        else:
            self._restoring.begin(work.incarnation, work)

    def restored(self, work: KeepingAlive | Updating | RaisingHand, error: Exception | None) -> None:
        """The room was written again: call once more."""
        seat = self._room.seats.of(work.connection)
        if error is not None:
            self._refuse(work.connection, error)
        elif seat is None:
            self._refuse(work.connection, NotJoined("the meeting is over; call JoinRoom"))
        elif isinstance(work, KeepingAlive):
            self._run_keep_alive(seat, again=True)
        elif isinstance(work, Updating):
            self._run_update(seat, work.payload, again=True)
        else:
            self._run_raise_hand(seat, work.raised, again=True)

    def _refuse(self, connection: ConnectionId, error: Exception) -> None:
        self._agenda.effects.append(Refuse(connection, error))

    def _leave_room(self, seat: Seat, call: Call, payload: Empty) -> bool:
        self._leaver.leave(seat, "left", OnCall(seat.connection))
        return False

    # --- among people

    def _send_chat(self, seat: Seat, call: Call, payload: contract.SendChat) -> bool:
        room = self._room
        message = {
            "id": f"{self._chat}-{next(self._chats)}",
            "userId": seat.user_id,
            "displayName": room.members[seat.user_id].display_name,
            "text": payload.text,
            "sentAt": times.rfc3339(times.from_seconds(call.at)),
        }
        if payload.target_user_id is None:
            room.say(Event("ChatMessage", message))
        else:
            member = targets.other_member(payload.target_user_id, seat.user_id, room.members)
            event = Event("ChatMessage", {**message, "private": True, "targetUserId": member.user_id})
            room.tell(member, event)
            room.audience.tell_seat(seat, event)
        return True

    def _ask_to_mute(self, seat: Seat, call: Call, payload: contract.OneUser) -> bool:
        member = targets.other_member(payload.target_user_id, seat.user_id, self._room.members)
        self._room.tell(member, events.mute_requested(seat.user_id))
        return True

    def _mute_all(self, seat: Seat, call: Call, payload: Empty) -> bool:
        self._room.say(events.mute_requested(seat.user_id), seat.user_id)
        return True

    def _remove_participant(self, seat: Seat, call: Call, payload: contract.OneUser) -> bool:
        member = targets.other_member(payload.target_user_id, seat.user_id, self._room.members)
        self._leaver.remove(member.user_id, OnCall(seat.connection))
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


def _check_sdp(sdp: str) -> None:
    """What can be seen at once (RFC 8866, section 5: an SDP begins with its version)."""
    if not sdp.startswith("v=0"):
        raise InvalidSdp("an SDP begins with v=0")
