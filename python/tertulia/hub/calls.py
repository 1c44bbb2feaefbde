"""What each call of a seated client does. Those that need nothing but memory answer at once; the others are
coroutines."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from tertulia import times
from tertulia.contract import (
    CandidateEvent,
    Empty,
    OneUser,
    RaiseHand,
    SdpEvent,
    SendAnswer,
    SendChat,
    SendIceCandidate,
    SendOffer,
    SetView,
    UpdateState,
)
from tertulia.errors import InvalidSdp, NotJoined
from tertulia.hub.connection import Connection, Done, Seated
from tertulia.hub.leaving import Leaving
from tertulia.hub.media import Media
from tertulia.hub.restoring import Restoring
from tertulia.hub.sessions import Sessions
from tertulia.ids import NodeId, TransportId, new_token
from tertulia.room import commands, events, targets
from tertulia.room.answers import KeptAlive, StateLost
from tertulia.room.events import Event
from tertulia.room.messages import HandMessage
from tertulia.state.rooms import RoomState

T = TypeVar("T")

Answer = Done | Coroutine[Any, Any, Done]

DONE: Final = Done(Empty())


class Calls:
    """``handlers``: event → (connection, its seat, the payload) → the answer. Every refusal is raised before anything
    is changed."""

    def __init__(
        self, rooms: RoomState, media: Media, sessions: Sessions, leaving: Leaving, restoring: Restoring
    ) -> None:
        self._rooms = rooms
        self._media = media
        self._sessions = sessions
        self._leaving = leaving
        self._restoring = restoring
        self._chat = new_token(size=9)
        self._chats = itertools.count(1)  # with the above a message's id: no randomness has to be fetched for each
        self.handlers: dict[str, Callable[[Connection, Seated, Any], Answer]] = {
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

    # --- media

    def _send_offer(self, connection: Connection, seated: Seated, call: SendOffer) -> Done:
        if not targets.is_sfu(call.target_user_id):
            return self._forward_sdp("ReceiveOffer", seated, call)
        node, transport = self._transport(seated, call.target_user_id)
        _check_sdp(call.sdp)
        offer = commands.Offer(
            room=seated.room.id,
            transport=transport,
            seat=seated.seat,
            user_id=seated.user_id,
            sdp=call.sdp,
            slots=bool(call.slots),
            tracks=call.tracks or {},
        )
        self._media.send(node, offer)
        self._tell_state(seated, node, transport)
        return DONE

    def _tell_state(self, seated: Seated, node: NodeId, transport: TransportId) -> None:
        """A peer begins with everything on: what was turned off before its first offer is said behind it."""
        member = seated.room.members[seated.user_id]
        muted = True if member.is_muted else None
        video = False if member.said_video_off else None
        if (muted, video) != (None, None):
            state = commands.State(room=seated.room.id, transport=transport, is_muted=muted, is_video_on=video)
            self._media.try_to_send(node, state)

    def _send_answer(self, connection: Connection, seated: Seated, call: SendAnswer) -> Done:
        if not targets.is_sfu(call.target_user_id):
            return self._forward_sdp("ReceiveAnswer", seated, call)
        node, transport = self._transport(seated, call.target_user_id)
        _check_sdp(call.sdp)
        self._media.send(node, commands.Answer(room=seated.room.id, transport=transport, sdp=call.sdp))
        return DONE

    def _forward_sdp(self, event: str, seated: Seated, call: SendOffer | SendAnswer) -> Done:
        member = targets.other_member(call.target_user_id, seated.user_id, seated.room.members)
        _check_sdp(call.sdp)
        seated.room.tell(member, Event(event, SdpEvent(source_user_id=seated.user_id, sdp=call.sdp)))
        return DONE

    def _send_candidate(self, connection: Connection, seated: Seated, call: SendIceCandidate) -> Done:
        candidate = "" if call.candidate is None else call.candidate
        if targets.is_sfu(call.target_user_id):
            node, transport = self._transport(seated, call.target_user_id)
            self._media.send(node, commands.Candidate(room=seated.room.id, transport=transport, candidate=candidate))
        else:
            member = targets.other_member(call.target_user_id, seated.user_id, seated.room.members)
            payload = CandidateEvent(source_user_id=seated.user_id, candidate=candidate)
            seated.room.tell(member, Event("IceCandidate", payload))
        return DONE

    def _set_view(self, connection: Connection, seated: Seated, call: SetView) -> Done:
        node, transport = self._transport(seated, "sfu")
        self._media.send(node, commands.View(room=seated.room.id, transport=transport, videos=call.videos))
        return DONE

    def _transport(self, seated: Seated, target: str) -> tuple[NodeId, TransportId]:
        return targets.transport(target, seated.seat, seated.room.node, seated.topology)

    # --- the seat

    async def _update_state(self, connection: Connection, seated: Seated, call: UpdateState) -> Done:
        live = seated.room
        message = await self._restored(
            seated,
            lambda incarnation: self._rooms.update(
                live.id,
                seated.user_id,
                connection.id,
                incarnation,
                is_muted=call.is_muted,
                is_video_on=call.is_video_on,
            ),
        )
        if message is not None:
            live.changed(message)
        if live.node is not None and seated.topology == "sfu" and (call.is_muted, call.is_video_on) != (None, None):
            _, transport = self._transport(seated, "sfu")
            self._media.try_to_send(
                live.node,
                commands.State(room=live.id, transport=transport, is_muted=call.is_muted, is_video_on=call.is_video_on),
            )
        return DONE

    async def _raise_hand(self, connection: Connection, seated: Seated, call: RaiseHand) -> Done:
        live = seated.room
        changed = await self._restored(
            seated,
            lambda incarnation: self._rooms.raise_hand(
                live.id, seated.user_id, connection.id, incarnation, call.raised
            ),
        )
        if changed:
            live.changed(HandMessage(origin=live.hub_id, user_id=seated.user_id, raised=call.raised))
        return DONE

    async def _keep_alive(self, connection: Connection, seated: Seated, call: Empty) -> Done:
        live = seated.room
        incarnation = live.incarnation
        kept = await self._rooms.keep_alive(live.id, seated.user_id, connection.id, incarnation)
        if kept is KeptAlive.LOST:
            await self._restoring.restore(live, incarnation)
            kept = await self._rooms.keep_alive(live.id, seated.user_id, connection.id, live.incarnation)
        if kept is not KeptAlive.ALIVE:
            raise self._not_seated(connection)
        return DONE

    async def _leave_room(self, connection: Connection, seated: Seated, call: Empty) -> Done:
        await self._leaving.leave(connection, "left")
        return DONE

    async def _restored(self, seated: Seated, call: Callable[[str], Coroutine[Any, Any, T]]) -> T:
        """``call`` with the room's incarnation; once more if the state was lost and could be restored."""
        live = seated.room
        incarnation = live.incarnation
        try:
            return await call(incarnation)
        except StateLost:
            await self._restoring.restore(live, incarnation)
        try:
            return await call(live.incarnation)
        except StateLost as e:
            raise NotJoined("the meeting is over; call JoinRoom") from e

    def _not_seated(self, connection: Connection) -> NotJoined:
        """Redis says so: the seat timed out, or is another connection's."""
        self._leaving.forget(connection)
        return NotJoined("the seat timed out; call JoinRoom")

    # --- among people

    def _send_chat(self, connection: Connection, seated: Seated, call: SendChat) -> Done:
        live = seated.room
        message = {
            "id": f"{self._chat}-{next(self._chats)}",
            "userId": seated.user_id,
            "displayName": live.members[seated.user_id].display_name,
            "text": call.text,
            "sentAt": times.rfc3339(times.from_seconds(time.time())),
        }
        if call.target_user_id is None:
            live.say(Event("ChatMessage", message))
        else:
            member = targets.other_member(call.target_user_id, seated.user_id, live.members)
            event = Event("ChatMessage", {**message, "private": True, "targetUserId": member.user_id})
            live.tell(member, event)
            connection.deliver(event)
        return DONE

    def _ask_to_mute(self, connection: Connection, seated: Seated, call: OneUser) -> Done:
        member = targets.other_member(call.target_user_id, seated.user_id, seated.room.members)
        seated.room.tell(member, events.mute_requested(seated.user_id))
        return DONE

    def _mute_all(self, connection: Connection, seated: Seated, call: Empty) -> Done:
        seated.room.say(events.mute_requested(seated.user_id), seated.user_id)
        return DONE

    async def _remove_participant(self, connection: Connection, seated: Seated, call: OneUser) -> Done:
        member = targets.other_member(call.target_user_id, seated.user_id, seated.room.members)
        await self._leaving.remove(seated.room.id, member.user_id)
        return DONE

    async def _end_room(self, connection: Connection, seated: Seated, call: Empty) -> Done:
        live = seated.room
        session_id, incarnation = live.session_id, live.incarnation
        if not await self._sessions.end(live.id, "host", session_id):
            # Its state was lost: only what is in Redis can be ended for everyone.
            await self._restoring.restore(live, incarnation)
            await self._sessions.end(live.id, "host", session_id)
        return DONE


def _check_sdp(sdp: str) -> None:
    """What can be seen at once (RFC 8866, section 5: an SDP begins with its version)."""
    if not sdp.startswith("v=0"):
        raise InvalidSdp("an SDP begins with v=0")
