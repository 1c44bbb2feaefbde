"""A model of the room scripts on :class:`tests.world.redis.Redis`: pure.

It gives the replies of :class:`tertulia.state.rooms.RoomState` and publishes the same messages in the same order.
tests/integration/state/test_model.py holds it to what the Lua does on a real server.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from tertulia import times
from tertulia.contract.calls import Permissions
from tertulia.contract.events import ChatHistory, ChatMessage
from tertulia.contract.fields import LeaveReason, Role
from tertulia.errors import (
    NoSession,
    NotJoined,
    RoleNotAllowed,
    RoomFull,
    RoomLocked,
    TertuliaError,
    UnknownTarget,
    UserRemoved,
)
from tertulia.ids import ConnectionId, HubId, NodeId, RecordingId, RoomId, SessionId, UserId
from tertulia.room.answers import (
    Begun,
    Ended,
    Expired,
    Joined,
    KeptAlive,
    Left,
    MustWait,
    Reacted,
    Reading,
    RecordingOver,
    Removed,
    Restored,
    RoomSummary,
    StateLost,
)
from tertulia.room.messages import (
    AdmittedMessage,
    ControlMessage,
    EndedMessage,
    HandMessage,
    JoinedMessage,
    LeftMessage,
    NameMessage,
    NodeMessage,
    OptOutMessage,
    ReadMessage,
    RecordingMessage,
    StateMessage,
)
from tertulia.room.participant import Participant, Removals
from tertulia.room.steps import Entry, JoinSeat, KnownRoom, Placement
from tests.world.redis import NO_TTL, Keys, Redis

SWEPT_AT_ONCE: Final = 100
"""Seats that one ``expire`` frees at most."""
OVER_KEPT: Final = 296
"""Characters kept of the ids of recordings that are over."""
CHAT_KEPT: Final = 200
"""Messages. That their bytes are limited, too, is left to the tests of the scripts."""

_REFUSALS: Final[dict[Entry, type[TertuliaError]]] = {
    "waits": MustWait,
    "locked": RoomLocked,
    "closed": RoleNotAllowed,
}


class ModelState:
    """:class:`tertulia.state.rooms.RoomState` on the model: the same calls, answered at once."""

    def __init__(self, redis: Redis, origin: HubId, ttl_ms: int) -> None:
        self._redis = redis
        self._origin = origin
        self._ttl_ms = ttl_ms

    def join(
        self,
        room: RoomId,
        seat: JoinSeat,
        *,
        max_participants: int | None,
        admitted_at_ms: int,
        placement: Placement,
        entry: Entry = "open",
    ) -> Joined:
        """JOIN."""
        keys, now, user = self._redis.keys(room), self._redis.now_ms, seat.user_id
        first = not keys.is_intact
        if first:
            _forget_removals(keys, placement.session_id)
        if first or keys.hash["sessionId"] == placement.session_id:
            self._void_all(keys, placement.removals, placement.session_id)
        removed_at = keys.removed.get(user)
        if removed_at is not None and admitted_at_ms <= removed_at:
            raise UserRemoved
        stands = None if first else keys.standing.get(user)
        may_enter = entry == "open" or stands == "host" or (stands is not None and entry != "closed")
        if not may_enter and (first or user not in keys.people):
            raise _REFUSALS[entry](entry)
        people = {} if first else keys.people
        old = people.get(user)
        others = [member for other, member in people.items() if other != user]
        if old is None and max_participants is not None and len(others) >= max_participants:
            raise RoomFull("full")
        if first:
            _create(keys, placement, placement.incarnation)
            if placement.was_open:
                keys.hash["sessionUnread"] = "true"
        me = self._newcomer(seat, admitted_at_ms)
        replaced = resumed = False
        if old is not None:
            resumed = bool(seat.returning) and seat.returning == old.resume
            replaced = old.connection_id != me.connection_id
            me = _with_state_of(me, old, keeps_seat=resumed or not replaced)
            keys.people[user] = me
            keys.seen[user] = now
        else:
            me = replace(
                me,
                joined_at=times.rfc3339(times.from_ms(now)),
                role=_role(stands) if stands else me.role,
                permissions=msgspec.json.decode(keys.standing.get(_may(user), "{}"), type=Permissions),
            )
            self._add(keys, me)
        keys.touch(now + self._ttl_ms)
        taken = old if replaced else None
        self._tell_joined(room, me, taken, resumed=resumed, restored=False)
        return Joined(
            participant=me,
            others=others,
            region=keys.hash["sfuRegion"],
            node=_node(keys),
            session_id=SessionId(keys.hash["sessionId"]),
            incarnation=keys.hash["incarnation"],
            recording=_recording(keys),
            replaced=taken,
            resumed=resumed,
            first_of_session=first,
            session_unread="sessionUnread" in keys.hash,
        )

    def leave(self, room: RoomId, user: UserId, connection: ConnectionId, reason: LeaveReason) -> Left | None:
        """LEAVE."""
        keys = self._redis.keys(room)
        member = keys.people.get(user)
        if member is None or not keys.is_intact or member.connection_id != connection:
            return None
        return Left(participant=member, remaining=self._drop(room, keys, member, reason))

    def remove(
        self, room: RoomId, user: UserId, lost: SessionId | None = None, done_at_ms: int | None = None
    ) -> Removed:
        """REMOVE."""
        keys, now = self._redis.keys(room), self._redis.now_ms
        session = SessionId(keys.hash["sessionId"]) if keys.is_intact else lost
        if done_at_ms is not None:
            is_known = keys.removed_from == lost and keys.removed.get(user, -1) >= done_at_ms
            if is_known or session != lost:
                return Removed(at_ms=now, session_id=None, left=None)
        until = now if done_at_ms is None else done_at_ms
        if session is not None:
            _void(keys, user, until, session)
            keys.expires[3] = now + self._ttl_ms
        if not keys.is_intact:
            return Removed(at_ms=now, session_id=None, left=None)
        member = keys.people.get(user)
        left = None
        if member is not None and (done_at_ms is None or member.admitted_at_ms <= done_at_ms):
            left = Left(participant=member, remaining=self._drop(room, keys, member, "removed", until))
        return Removed(at_ms=until, session_id=session, left=left)

    def keep_out(self, room: RoomId, session_id: SessionId, removals: Removals) -> None:
        """KEEP_OUT."""
        keys = self._redis.keys(room)
        if keys.is_intact and keys.hash["sessionId"] == session_id:
            self._void_all(keys, removals, session_id)
            keys.hash.pop("sessionUnread", None)

    def keep_alive(self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str) -> KeptAlive:
        """KEEP_ALIVE."""
        keys = self._redis.keys(room)
        try:
            _seat(keys, user, connection, incarnation)
        except StateLost:
            return KeptAlive.LOST
        except NotJoined:
            return KeptAlive.NOT_JOINED
        keys.seen[user] = self._redis.now_ms
        keys.touch(self._redis.now_ms + self._ttl_ms)
        return KeptAlive.ALIVE

    def update(
        self,
        room: RoomId,
        user: UserId,
        connection: ConnectionId,
        incarnation: str,
        *,
        is_muted: bool | None = None,
        is_video_on: bool | None = None,
    ) -> StateMessage | None:
        """UPDATE of the microphone and the camera."""
        keys = self._redis.keys(room)
        was = _seat(keys, user, connection, incarnation)
        now = replace(
            was,
            is_muted=was.is_muted if is_muted is None else is_muted,
            is_video_on=was.is_video_on if is_video_on is None else is_video_on,
            said_video_off=was.said_video_off if is_video_on is None else not is_video_on,
        )
        if now == was:
            return None
        keys.people[user] = now
        message = StateMessage(
            origin=self._origin,
            user_id=user,
            is_muted=now.is_muted,
            is_video_on=now.is_video_on,
            said_video_off=now.said_video_off,
        )
        self._redis.publish(room, message)
        return message

    def raise_hand(self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str, raised: bool) -> bool:
        """UPDATE of the hand."""
        keys = self._redis.keys(room)
        was = _seat(keys, user, connection, incarnation)
        if was.hand_raised == raised:
            return False
        keys.people[user] = replace(was, hand_raised=raised)
        self._redis.publish(room, HandMessage(origin=self._origin, user_id=user, raised=raised))
        return True

    def set_display_name(
        self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str, display_name: str
    ) -> bool:
        """UPDATE of the name."""
        keys = self._redis.keys(room)
        was = _seat(keys, user, connection, incarnation)
        if was.display_name == display_name:
            return False
        keys.people[user] = replace(was, display_name=display_name)
        self._redis.publish(room, NameMessage(origin=self._origin, user_id=user, display_name=display_name))
        return True

    def set_recording_opt_out(
        self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str, opt_out: bool
    ) -> bool:
        """UPDATE of whether the participant is recorded."""
        keys = self._redis.keys(room)
        was = _seat(keys, user, connection, incarnation)
        if was.recording_opt_out == opt_out:
            return False
        keys.people[user] = replace(was, recording_opt_out=opt_out)
        self._redis.publish(room, OptOutMessage(origin=self._origin, user_id=user, opt_out=opt_out))
        return True

    def control(
        self,
        room: RoomId,
        user: UserId,
        incarnation: str,
        *,
        role: Role | None = None,
        lowers_hand: bool = False,
        is_spotlit: bool | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        """CONTROL."""
        keys = self._redis.keys(room)
        if not keys.is_intact or keys.hash["incarnation"] != incarnation:
            raise StateLost("lost")
        was = keys.people.get(user)
        if was is None:
            raise UnknownTarget("no such member")
        if role is not None:
            keys.standing[user] = role
        if permissions == Permissions():
            keys.standing.pop(_may(user), None)
        elif permissions is not None:
            keys.standing[_may(user)] = msgspec.json.encode(permissions).decode()
        keys.expires[5] = keys.expires[0] if keys.standing else NO_TTL
        now = keys.people[user] = replace(
            was,
            role=role or was.role,
            hand_raised=was.hand_raised and not lowers_hand,
            is_spotlit=was.is_spotlit if is_spotlit is None else is_spotlit,
            permissions=permissions or was.permissions,
        )
        if was.hand_raised and not now.hand_raised:
            self._redis.publish(room, HandMessage(origin="", user_id=user, raised=False))
        if (role, is_spotlit, permissions) != (None, None, None):
            message = ControlMessage(
                origin="", user_id=user, role=now.role, is_spotlit=now.is_spotlit, permissions=now.permissions
            )
            self._redis.publish(room, message)

    def admit(self, room: RoomId, users: list[UserId], incarnation: str) -> None:
        """ADMIT."""
        keys = self._redis.keys(room)
        if not keys.is_intact or keys.hash["incarnation"] != incarnation:
            raise StateLost("lost")
        for user in users:
            keys.standing.setdefault(user, "attendee")
        keys.expires[5] = keys.expires[0]
        self._redis.publish(room, AdmittedMessage(origin=self._origin, user_ids=users))

    def end(
        self,
        room: RoomId,
        reason: str,
        *,
        session_id: SessionId | None = None,
        only_if_empty_for_ms: int | None = None,
    ) -> Ended | None:
        """END."""
        keys = self._redis.keys(room)
        live = keys.hash.get("sessionId")
        if session_id is not None and live != session_id:
            return None
        if only_if_empty_for_ms is not None:
            empty_for = self._empty_for_ms(keys)
            if empty_for is None or not keys.is_intact or empty_for < only_if_empty_for_ms:
                return None
        members = list(keys.people.values())
        keys.delete(0, 1, 2, 3, 4, 5)
        if live is None:
            return None
        ended = SessionId(live)
        self._redis.publish(room, EndedMessage(origin=self._origin, session_id=ended, reason=reason))
        return Ended(session_id=ended, participants=members)

    def expire(self, room: RoomId, silent_for_ms: int) -> Expired | None:
        """EXPIRE."""
        keys, now = self._redis.keys(room), self._redis.now_ms
        if not keys.is_intact:
            return None
        swept, watched = int(keys.hash.get("sweptAt", "0")), int(keys.hash.get("watchedFrom", "0"))
        if now - swept > silent_for_ms / 3:
            watched = now
        keys.hash["sweptAt"], keys.hash["watchedFrom"] = str(now), str(watched)
        gone, left = [], len(keys.people)
        if now - watched >= silent_for_ms / 3:
            silent = sorted((at, user) for user, at in keys.seen.items() if at <= now - silent_for_ms)
            for _, user in silent[:SWEPT_AT_ONCE]:
                gone.append(keys.people[user])
                left = self._drop(room, keys, gone[-1], "timeout")
        return Expired(participants=gone, remaining=left)

    def restore(self, room: RoomId, known: KnownRoom, members: list[Participant], new_incarnation: str) -> Restored:
        """RESTORE."""
        keys, now = self._redis.keys(room), self._redis.now_ms
        created = not keys.is_intact
        if created:
            _forget_removals(keys, known.session_id)
            _create(keys, known, new_incarnation)
            keys.hash["sessionUnread"] = "true"
        elif keys.hash["sessionId"] != known.session_id:
            raise NoSession("another session")
        else:
            self._complete(room, keys, known)
        self._void_all(keys, known.removals, known.session_id)
        displaced, removed = [], []
        for member in members:
            present, removed_at = keys.people.get(member.user_id), keys.removed.get(member.user_id)
            is_out = removed_at is not None and member.joined_at <= times.rfc3339(times.from_ms(removed_at))
            if present is None and is_out:
                removed.append(member.user_id)
            elif present is None:
                self._add(keys, member)
                self._tell_joined(room, member, None, resumed=True, restored=True)
            elif present.connection_id != member.connection_id:
                displaced.append(present)
        if not keys.people:
            keys.hash.setdefault("emptySince", str(now))
        keys.touch(now + self._ttl_ms)
        return Restored(
            incarnation=keys.hash["incarnation"],
            region=keys.hash["sfuRegion"],
            node=_node(keys),
            recording=_recording(keys),
            created=created,
            displaced=displaced,
            removed=removed,
        )

    def move(self, room: RoomId, from_node: NodeId | None, to_node: NodeId) -> bool:
        """MOVE."""
        keys = self._redis.keys(room)
        if keys.hash.get("sfuNode") != (from_node or ""):
            return False
        self._move(room, keys, to_node)
        return True

    def begin_recording(self, room: RoomId, recording: RecordingId, session_id: SessionId) -> Begun:
        """BEGIN_RECORDING."""
        keys = self._redis.keys(room)
        if not keys.is_intact or keys.hash["sessionId"] != session_id:
            return Begun.NO_MEETING
        if recording in keys.hash.get("recordingsOver", ""):
            return Begun.OVER
        before = _recording(keys)
        if before != recording:
            if before is not None:
                _note_over(keys, before)
            self._set_recording(room, keys, recording)
        return Begun.BEGUN

    def end_recording(self, room: RoomId, recording: RecordingId) -> RecordingOver | None:
        """END_RECORDING."""
        keys = self._redis.keys(room)
        if "incarnation" not in keys.hash:
            return None
        _note_over(keys, recording)
        if _recording(keys) == recording:
            self._set_recording(room, keys, None)
        return RecordingOver(_node(keys))

    def keep_chat(self, room: RoomId, session_id: SessionId, messages: list[ChatMessage]) -> bool:
        """KEEP_CHAT."""
        keys = self._redis.keys(room)
        if not keys.is_intact or keys.hash["sessionId"] != session_id:
            return False
        if keys.chat_of != session_id:
            keys.delete(4)
        keys.chat_of = session_id
        for message in messages:
            keys.chat.setdefault(message.id, message)
        while len(keys.chat) > CHAT_KEPT:
            del keys.chat[next(iter(keys.chat))]
        if keys.expires[4] == NO_TTL:
            keys.expires[4] = keys.expires[0]
        return True

    def react(
        self, room: RoomId, session_id: SessionId, message_id: str, user: UserId, emoji: str | None
    ) -> Reacted | None:
        """REACT."""
        keys = self._redis.keys(room)
        message = keys.chat.get(message_id)
        is_live = keys.is_intact and keys.hash["sessionId"] == session_id == keys.chat_of
        if not is_live or message is None or not message.is_for(user):
            return None
        between = None
        if message.target_user_id is not None:
            between = (UserId(message.user_id), UserId(message.target_user_id))
        reactions = {who: how for who, how in message.reactions.items() if who != user}
        if emoji is not None:
            reactions[user] = emoji
        keys.chat[message_id] = replace(message, reactions=reactions)
        return Reacted(is_new=reactions != message.reactions, between=between)

    def chat(self, room: RoomId, session_id: SessionId) -> ChatHistory:
        """HGETALL of the chat."""
        keys = self._redis.keys(room)
        return ChatHistory(messages=list(keys.chat.values()) if keys.chat_of == session_id else [])

    def participants(self, room: RoomId) -> list[Participant]:
        """HVALS of the participants hash."""
        return list(self._redis.keys(room).people.values())

    def participant(self, room: RoomId, user: UserId) -> Participant | None:
        """HGET of the participants hash."""
        return self._redis.keys(room).people.get(user)

    def summary(self, room: RoomId) -> RoomSummary | None:
        """SUMMARY."""
        keys = self._redis.keys(room)
        return self._summary(keys) if keys.is_intact else None

    def read(self, room: RoomId, mark: str) -> Reading | None:
        """READ."""
        self._redis.publish(room, ReadMessage(origin=self._origin, mark=mark))
        keys = self._redis.keys(room)
        if not keys.is_intact:
            return None
        return Reading(summary=self._summary(keys), participants=list(keys.people.values()))

    # --- what the scripts share

    def _newcomer(self, seat: JoinSeat, admitted_at_ms: int) -> Participant:
        return Participant(
            user_id=seat.user_id,
            connection_id=seat.connection_id,
            role=seat.role,
            is_muted=seat.is_muted,
            is_video_on=seat.is_video_on,
            joined_at="",
            display_name=seat.display_name,
            hub=self._origin,
            seat=seat.seat,
            resume=seat.resume,
            hand_raised=seat.hand_raised,
            recording_opt_out=seat.recording_opt_out,
            is_guest=seat.is_guest,
            admitted_at_ms=admitted_at_ms,
        )

    def _void_all(self, keys: Keys, removals: Removals, session: SessionId) -> None:
        for user, at in removals.items():
            _void(keys, user, at, session)
        if keys.removed and keys.expires[3] == NO_TTL:
            keys.expires[3] = self._redis.now_ms + self._ttl_ms

    def _set_recording(self, room: RoomId, keys: Keys, recording: RecordingId | None) -> None:
        is_recording = recording is not None
        keys.hash.update(isRecording=_flag(is_recording), recordingId=recording or "")
        message = RecordingMessage(
            origin=self._origin,
            session_id=SessionId(keys.hash["sessionId"]),
            is_recording=is_recording,
            recording_id=recording,
        )
        self._redis.publish(room, message)

    def _add(self, keys: Keys, member: Participant) -> None:
        keys.people[member.user_id] = member
        _count(keys, 1)
        keys.seen[member.user_id] = self._redis.now_ms
        keys.hash.pop("emptySince", None)

    def _drop(
        self, room: RoomId, keys: Keys, member: Participant, reason: LeaveReason, void_until: int | None = None
    ) -> int:
        del keys.people[member.user_id]
        del keys.seen[member.user_id]
        left = _count(keys, -1)
        if left == 0:
            keys.hash["emptySince"] = str(self._redis.now_ms)
        self._redis.publish(room, LeftMessage.of(member, reason, self._origin, void_until))
        return left

    def _complete(self, room: RoomId, keys: Keys, known: KnownRoom) -> None:
        if known.node is not None and not keys.hash["sfuNode"]:
            self._move(room, keys, known.node)
        is_over = (known.recording or "") in keys.hash.get("recordingsOver", "")
        if known.recording is not None and _recording(keys) is None and not is_over:
            self._set_recording(room, keys, known.recording)

    def _move(self, room: RoomId, keys: Keys, node: NodeId) -> None:
        keys.hash["sfuNode"] = node
        region = keys.hash["sfuRegion"]
        self._redis.publish(room, NodeMessage(origin=self._origin, sfu_node=node, sfu_region=region))

    def _tell_joined(
        self, room: RoomId, member: Participant, replaced: Participant | None, *, resumed: bool, restored: bool
    ) -> None:
        message = JoinedMessage(
            origin=self._origin,
            user_id=member.user_id,
            participant=member,
            replaced=replaced,
            resumed=resumed,
            restored=restored,
        )
        self._redis.publish(room, message)

    def _summary(self, keys: Keys) -> RoomSummary:
        return RoomSummary(
            region=keys.hash["sfuRegion"],
            node=_node(keys),
            session_id=SessionId(keys.hash["sessionId"]),
            incarnation=keys.hash["incarnation"],
            participant_count=int(keys.hash.get("participantCount", "0")),
            recording=_recording(keys),
            empty_for_ms=self._empty_for_ms(keys),
        )

    def _empty_for_ms(self, keys: Keys) -> int | None:
        since = keys.hash.get("emptySince")
        return None if since is None else self._redis.now_ms - int(since)


def _forget_removals(keys: Keys, session: SessionId) -> None:
    if keys.removed and keys.removed_from != session:
        keys.delete(3)


def _void(keys: Keys, user: UserId, at: int, session: SessionId) -> None:
    _forget_removals(keys, session)
    if at > keys.removed.get(user, 0):
        keys.removed[user] = at
        keys.removed_from = session
        keys.standing.pop(user, None)


def _create(keys: Keys, room: Placement | KnownRoom, incarnation: str) -> None:
    keys.delete(0, 1, 2, 5)
    if keys.chat_of != room.session_id:
        keys.delete(4)
    keys.hash.update(
        sfuRegion=room.region,
        isRecording=_flag(room.recording is not None),
        recordingId=room.recording or "",
        sfuNode=room.node or "",
        sessionId=room.session_id,
        incarnation=incarnation,
    )


def _recording(keys: Keys) -> RecordingId | None:
    recording = keys.hash.get("recordingId", "")
    return RecordingId(recording) if recording else None


def _note_over(keys: Keys, recording: RecordingId) -> None:
    over = keys.hash.get("recordingsOver", "")
    if recording not in over:
        keys.hash["recordingsOver"] = f"{recording} {over}"[:OVER_KEPT]


def _may(user: UserId) -> str:
    return f"may:{user}"


def _role(stands: str) -> Role:
    return "host" if stands == "host" else "attendee"


def _with_state_of(me: Participant, was: Participant, *, keeps_seat: bool) -> Participant:
    return replace(
        me,
        is_muted=was.is_muted,
        is_video_on=was.is_video_on,
        joined_at=was.joined_at,
        hand_raised=was.hand_raised,
        display_name=was.display_name,
        said_video_off=was.said_video_off,
        recording_opt_out=was.recording_opt_out,
        role=was.role,
        is_spotlit=was.is_spotlit,
        permissions=was.permissions,
        seat=was.seat if keeps_seat else me.seat,
    )


def _seat(keys: Keys, user: UserId, connection: ConnectionId, incarnation: str) -> Participant:
    """The member who calls; raises StateLost or NotJoined."""
    if not keys.is_intact or keys.hash["incarnation"] != incarnation:
        raise StateLost("lost")
    me = keys.people.get(user)
    if me is None or me.connection_id != connection:
        raise NotJoined("no seat")
    return me


def _count(keys: Keys, by: int) -> int:
    count = int(keys.hash.get("participantCount", "0")) + by
    keys.hash["participantCount"] = str(count)
    return count


def _node(keys: Keys) -> NodeId | None:
    node = keys.hash["sfuNode"]
    return NodeId(node) if node else None


def _flag(value: bool) -> str:
    return "true" if value else "false"
