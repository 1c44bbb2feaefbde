"""Rooms in Redis: who is in them, and where they live. Every change is one script: atomic, by the clock of Redis."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tertulia.contract.calls import Permissions
from tertulia.contract.events import ChatHistory, ChatMessage
from tertulia.contract.fields import LeaveReason, Role
from tertulia.errors import NoSession, NotJoined, RoomFull, RoomLocked, UnknownTarget, UserRemoved
from tertulia.ids import ConnectionId, HubId, NodeId, RecordingId, RoomId, SessionId, UserId
from tertulia.redis.client import Redis
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
    Uncounted,
)
from tertulia.room.messages import StateMessage
from tertulia.room.participant import Participant, Removals, decode_participant, encode_participant
from tertulia.room.permissions import not_admitted
from tertulia.room.records import SharedRecord
from tertulia.room.steps import Entry, JoinSeat, KnownRoom, Placement
from tertulia.state import keys, scripts
from tertulia.state.clock import redis_ms
from tertulia.state.lua import Args, LuaScript

MIN_TTL_MS: Final = 90_000
"""The least TTL of a room's keys."""


LOCKED: Final = "the meeting is locked: ask its host to unlock it"
"""What a client is told."""


def room_ttl_ms(keep_alive_seconds: float) -> int:
    """The TTL of a room's keys: the greater of 90 s and four keep-alive intervals."""
    return max(MIN_TTL_MS, round(4 * keep_alive_seconds * 1000))


class RoomState:
    """The rooms, as one hub or the REST API changes them.

    Calls for one room take effect in the order in which they were made, and so do publishes to its channel. All methods
    raise :class:`~tertulia.errors.Unavailable` when Redis does not answer in time: whether the change was made is then
    unknown, and every method may be called again.
    """

    def __init__(self, redis: Redis, origin: HubId, ttl_ms: int) -> None:
        """``origin`` marks the messages that result; ``ttl_ms`` is :func:`room_ttl_ms`."""
        self._redis = redis
        self._origin = origin
        self._ttl = str(ttl_ms)

    async def _run(self, script: LuaScript[Args], room: RoomId, args: Args) -> Any:
        given = (keys.room_events(room), self._origin, self._ttl, *script.values(args))
        return await self._redis.run(script, keys.room_keys(room), given)

    async def join(
        self,
        room: RoomId,
        seat: JoinSeat,
        *,
        max_participants: int | None,
        admitted_at_ms: int,
        placement: Placement,
        entry: Entry = "open",
        record: SharedRecord | None = None,
        is_counted: bool = True,
    ) -> Joined:
        """Take a seat: a new one, that of the user's other connection, or one's own after a lost connection.

        A member never makes a room too full. Joining again on the same connection only changes the resume token.
        ``record`` is kept unless the state has one.

        Raises:
            UserRemoved: the user was removed at or after ``admitted_at_ms``.
            RoomFull: ``max_participants`` others are in the room, whatever the role. (None: any number may be.)
            MustWait, RoomLocked, RoleNotAllowed: what ``entry`` says holds for the user, who has no seat and was not
                admitted.
            Uncounted: unless ``is_counted``, the user would get a seat, and has none yet.
        """
        new = Participant(
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
        reply = await self._run(
            scripts.JOIN,
            room,
            scripts.Join(
                user=seat.user_id,
                new=encode_participant(new),
                returning=seat.returning or "",
                limit=-1 if max_participants is None else max_participants,
                counted="1" if is_counted else "",
                entry=entry,
                admitted=admitted_at_ms,
                region=placement.region,
                node=placement.node or "",
                session=placement.session_id,
                was_open="1" if placement.was_open else "",
                recording=placement.recording or "",
                incarnation=placement.incarnation,
                removals=_removals(placement.removals),
                record=_record(record),
            ),
        )
        if reply[0] == b"full":
            raise RoomFull(f"the room is full with {max_participants} participants: try again when somebody has left")
        if reply[0] == b"void":
            raise UserRemoved
        if reply[0] == b"waits":
            raise MustWait("a host has to admit the user first")
        if reply[0] == b"locked":
            raise RoomLocked(LOCKED)
        if reply[0] == b"closed":
            raise not_admitted(seat.role)
        if reply[0] == b"uncounted":
            raise Uncounted("count the user among the people of their tenant first")
        _, stored, replaced, resumed, first, summary, members = reply
        known = _fields(summary)
        return Joined(
            participant=decode_participant(stored),
            others=[decode_participant(p) for p in members],
            region=known["sfuRegion"],
            node=_node(known),
            session_id=SessionId(known["sessionId"]),
            incarnation=known["incarnation"],
            recording=_recording(known),
            replaced=decode_participant(replaced) if replaced else None,
            resumed=resumed == 1,
            first_of_session=first == 1,
            session_unread="sessionUnread" in known,
        )

    async def leave(self, room: RoomId, user: UserId, connection: ConnectionId, reason: LeaveReason) -> Left | None:
        """Free the seat if ``connection`` holds it. None: it does not, and nothing was changed."""
        reply = await self._run(scripts.LEAVE, room, scripts.Leave(user, connection, reason))
        return _left(reply)

    async def remove(
        self, room: RoomId, user: UserId, lost: SessionId | None = None, done_at_ms: int | None = None
    ) -> Removed:
        """Free the user's seat, if they have one, and void the tokens of their admissions until now. Where the room
        has no state, only what ``lost`` says is void: for that session, whose state was lost.

        ``done_at_ms``: the removal from ``lost`` was done here then, and is done again, until then, only if Redis has
        lost it.
        """
        done_at = -1 if done_at_ms is None else done_at_ms
        at_ms, *found = await self._run(scripts.REMOVE, room, scripts.Remove(user, lost or "", done_at))
        session = SessionId(found[0].decode()) if found else None
        return Removed(at_ms=at_ms, session_id=session, left=_left(found[1:]))

    async def keep_out(self, room: RoomId, session_id: SessionId, removals: Removals) -> None:
        """Void what SQL says is void for a session, whose state was made again. Of no effect if another one is live."""
        await self._run(scripts.KEEP_OUT, room, scripts.KeepOut(session_id, _removals(removals)))

    async def keep_alive(self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str) -> KeptAlive:
        """Refresh the seat and the TTLs, if ``connection`` holds the seat and the state is ``incarnation``."""
        reply = await self._run(scripts.KEEP_ALIVE, room, scripts.KeepAlive(user, connection, incarnation))
        return KeptAlive(reply.decode())

    async def update(
        self,
        room: RoomId,
        user: UserId,
        connection: ConnectionId,
        incarnation: str,
        *,
        is_muted: bool | None = None,
        is_video_on: bool | None = None,
    ) -> StateMessage | None:
        """Set what is given. Returns the participant's new state, or None if nothing has changed.

        Raises:
            NotJoined: ``connection`` does not hold the seat.
            StateLost: restore first.
        """
        change = scripts.Update(user, connection, incarnation, muted=_flag(is_muted), video_on=_flag(is_video_on))
        reply = await self._run(scripts.UPDATE, room, change)
        changed, muted, video, said_off = _changed(reply)
        if not changed:
            return None
        return StateMessage(
            origin=self._origin, user_id=user, is_muted=muted, is_video_on=video, said_video_off=said_off
        )

    async def raise_hand(
        self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str, raised: bool
    ) -> bool:
        """Raise or lower the hand. Returns whether that changed anything.

        Raises:
            NotJoined: ``connection`` does not hold the seat.
            StateLost: restore first.
        """
        change = scripts.Update(user, connection, incarnation, hand_raised=_flag(raised))
        reply = await self._run(scripts.UPDATE, room, change)
        return _changed(reply)[0]

    async def set_display_name(
        self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str, display_name: str
    ) -> bool:
        """Rename the participant. Returns whether that changed anything.

        Raises:
            NotJoined: ``connection`` does not hold the seat.
            StateLost: restore first.
        """
        change = scripts.Update(user, connection, incarnation, display_name=display_name)
        reply = await self._run(scripts.UPDATE, room, change)
        return _changed(reply)[0]

    async def set_recording_opt_out(
        self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str, opt_out: bool
    ) -> bool:
        """Leave the participant out of recordings, or not. Returns whether that changed anything.

        Raises:
            NotJoined: ``connection`` does not hold the seat.
            StateLost: restore first.
        """
        change = scripts.Update(user, connection, incarnation, opt_out=_flag(opt_out))
        reply = await self._run(scripts.UPDATE, room, change)
        return _changed(reply)[0]

    async def control(
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
        """Change what is given about a member; published as of no hub. Role and permissions are kept
        for the meeting.

        Raises:
            UnknownTarget: the user is not in the room.
            StateLost: restore first.
        """
        change = scripts.Control(
            user=user,
            incarnation=incarnation,
            role=role or "",
            raised="false" if lowers_hand else "",
            spotlit=_flag(is_spotlit),
            permissions="" if permissions is None else msgspec.json.encode(permissions).decode(),
        )
        _done(await self._run(scripts.CONTROL, room, change))

    async def admit(self, room: RoomId, users: list[UserId], incarnation: str) -> None:
        """Let users join who would have to wait, for the rest of the meeting; published as ``admitted``.

        Raises:
            StateLost: restore first.
        """
        _done(await self._run(scripts.ADMIT, room, scripts.Admit(incarnation, tuple(users))))

    async def end(
        self,
        room: RoomId,
        reason: str,
        *,
        session_id: SessionId | None = None,
        only_if_empty_for_ms: int | None = None,
    ) -> Ended | None:
        """Drop the room's state and tell everyone. None: there was no state, or a condition does not hold.

        ``session_id``: only if that session is live. ``only_if_empty_for_ms``: only if the room has been empty so long.
        """
        empty = "" if only_if_empty_for_ms is None else str(only_if_empty_for_ms)
        reply = await self._run(scripts.END, room, scripts.End(reason, session=session_id or "", least_empty=empty))
        if not reply:
            return None
        session, members = reply
        return Ended(session_id=SessionId(session.decode()), participants=[decode_participant(p) for p in members])

    async def expire(self, room: RoomId, silent_for_ms: int) -> Expired | None:
        """Free the seats that have been silent for ``silent_for_ms`` (three keep-alive intervals). None: the room has
        no state.

        To be called at least every ``silent_for_ms / 3``. After a longer gap, perhaps nobody could send KeepAlive
        because Redis was away: then every seat first gets another ``silent_for_ms / 3``.
        """
        reply = await self._run(scripts.EXPIRE, room, scripts.Expire(silent_for_ms))
        if not reply:
            return None
        remaining, members = reply
        return Expired(remaining=remaining, participants=[decode_participant(p) for p in members])

    async def restore(
        self,
        room: RoomId,
        known: KnownRoom,
        members: list[Participant],
        new_incarnation: str,
        record: SharedRecord | None = None,
    ) -> Restored:
        """Write what a hub knows into a state that was lost. Adds members, a node, a recording and a record if missing,
        overwrites nothing. A member who joined before they were removed is not added, nor a recording that is over.

        It is part of a KeepAlive, so it sets the TTLs. Each member added is published as ``joined``. The limit of
        participants does not apply: these people are in the meeting.

        Raises:
            NoSession: another session of the room than ``known.session_id`` is live.
        """
        reply = await self._run(
            scripts.RESTORE,
            room,
            scripts.Restore(
                region=known.region,
                node=known.node or "",
                session=known.session_id,
                recording=known.recording or "",
                incarnation=new_incarnation,
                removals=_removals(known.removals),
                record=_record(record),
                members=tuple(part for m in members for part in (m.user_id, encode_participant(m))),
            ),
        )
        if reply == b"other_session":
            raise NoSession("the meeting is over, and another one has begun in this room")
        created, summary, displaced, removed = reply
        now = _fields(summary)
        return Restored(
            incarnation=now["incarnation"],
            region=now["sfuRegion"],
            node=_node(now),
            recording=_recording(now),
            created=created == 1,
            displaced=[decode_participant(p) for p in displaced],
            removed=[UserId(user.decode()) for user in removed],
        )

    async def move(self, room: RoomId, from_node: NodeId | None, to_node: NodeId) -> bool:
        """Move the room from ``from_node`` (None: from none) to ``to_node``; published as ``node``.

        False: it is not on ``from_node``, or has no state; :meth:`summary` tells. The region does not change.
        """
        return bool(await self._run(scripts.MOVE, room, scripts.Move(from_node=from_node or "", to_node=to_node)))

    async def begin_recording(self, room: RoomId, recording: RecordingId, session_id: SessionId) -> Begun:
        """Let this recording of the session go on, in place of any other; published as ``recording``."""
        given = scripts.BeginRecording(recording, session_id)
        return Begun((await self._run(scripts.BEGIN_RECORDING, room, given)).decode())

    async def end_recording(self, room: RoomId, recording: RecordingId) -> RecordingOver | None:
        """End this recording, so that it cannot begin any more; published as ``recording`` if it went on. None: the
        room has no state."""
        reply = await self._run(scripts.END_RECORDING, room, scripts.EndRecording(recording))
        return None if reply is None else RecordingOver(node=NodeId(reply.decode()) if reply else None)

    async def keep_chat(self, room: RoomId, session_id: SessionId, messages: list[ChatMessage]) -> bool:
        """Keep chat messages, the oldest first, for those who come later; the oldest of all are forgotten for them.
        False: that session is not live, and nothing is kept."""
        pairs = tuple(part for m in messages for part in (m.id, msgspec.json.encode(m)))
        return bool(await self._run(scripts.KEEP_CHAT, room, scripts.KeepChat(session_id, pairs)))

    async def react(
        self, room: RoomId, session_id: SessionId, message_id: str, user: UserId, emoji: str | None
    ) -> Reacted | None:
        """Set a user's reaction to a message that is kept; None: they have none. None: there is no such message that
        they may see."""
        reply = await self._run(scripts.REACT, room, scripts.React(session_id, message_id, user, emoji or ""))
        if not reply:
            return None
        is_new, between = reply
        author, target = (UserId(who.decode()) for who in between) if between else (None, None)
        return Reacted(is_new=is_new == 1, between=(author, target) if author and target else None)

    async def chat(self, room: RoomId, session_id: SessionId) -> ChatHistory:
        """The chat messages that are kept of that session, the oldest first."""
        key = keys.chat(room)
        flat = await self._redis.call(key, b"HGETALL", key)
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        if fields.get(b"session") != session_id.encode():
            return ChatHistory(messages=[])
        order = range(int(fields[b"first"]), int(fields[b"next"]))
        texts = [fields[b"m:" + fields[b"o:%d" % number]] for number in order]
        return ChatHistory(messages=[msgspec.json.decode(text, type=ChatMessage) for text in texts])

    async def participants(self, room: RoomId) -> list[Participant]:
        """Everyone in the room; nobody if it has no state."""
        key = keys.participants(room)
        return [decode_participant(p) for p in await self._redis.call(key, b"HVALS", key)]

    async def participant(self, room: RoomId, user: UserId) -> Participant | None:
        """A user in the room; None: they have no seat."""
        key = keys.participants(room)
        found = await self._redis.call(key, b"HGET", key, user)
        return None if found is None else decode_participant(found)

    async def keep_record(self, room: RoomId, record: SharedRecord) -> None:
        """Keep a record that was read from SQL after it was changed there. Of no effect without a state."""
        await self._run(scripts.KEEP_RECORD, room, scripts.KeepRecord(_record(record)))

    async def record(self, room: RoomId) -> SharedRecord | None:
        """The record as it was last kept; None: the room has no state, or another version has written it."""
        key = keys.room(room)
        found = await self._redis.call(key, b"HGET", key, b"record")
        try:
            return None if found is None else msgspec.json.decode(found, type=SharedRecord)
        except msgspec.MsgspecError:
            return None

    async def summary(self, room: RoomId) -> RoomSummary | None:
        """The room; None: it has no state."""
        reply = await self._run(scripts.SUMMARY, room, scripts.Summary())
        return _summary(*reply) if reply else None

    async def read(self, room: RoomId, mark: str) -> Reading | None:
        """The room and everyone in it. None: it has no state.

        ``mark`` is published in the same step (:class:`~tertulia.room.messages.ReadMessage`): messages before it on the
        channel are older than what was read.
        """
        reply = await self._run(scripts.READ, room, scripts.Read(mark))
        if not reply:
            return None
        *summary, members = reply
        return Reading(summary=_summary(*summary), participants=[decode_participant(p) for p in members])

    async def now_ms(self, room: RoomId) -> int:
        """The time by which the room's removals go."""
        return await redis_ms(self._redis, keys.room(room))

    async def is_void(self, room: RoomId, user: UserId, admitted_at_ms: int) -> bool:
        """Whether the user was removed from the present session since they were admitted."""
        at = await self._removed_at_ms(room, user)
        return at is not None and admitted_at_ms <= at

    async def was_removed(self, room: RoomId, user: UserId) -> bool:
        """Whether the user was removed from the present session."""
        return await self._removed_at_ms(room, user) is not None

    async def _removed_at_ms(self, room: RoomId, user: UserId) -> int | None:
        key = keys.removed(room)
        at = await self._redis.call(key, b"HGET", key, user)
        return None if at is None else int(at)

    async def role(self, room: RoomId, user: UserId) -> Role | None:
        """The role that a host of the present meeting has given the user, or admitted them in; None: none has."""
        key = keys.standing(room)
        found = await self._redis.call(key, b"HGET", key, user)
        return None if found is None else ("host" if found == b"host" else "attendee")

    async def present_role(self, room: RoomId, user: UserId) -> Role | None:
        """The role that the user has in the present meeting, or was given in it; None: neither is known. Who is in the
        meeting keeps theirs also where Redis has lost what it was given by."""
        member = await self.participant(room, user)
        return await self.role(room, user) if member is None else member.role


def _fields(flat: list[bytes]) -> dict[str, str]:
    """A hash, from the reply to HGETALL."""
    it = iter(flat)
    return {k.decode(): v.decode() for k, v in zip(it, it, strict=True)}


def _summary(flat: list[bytes], empty_for_ms: int) -> RoomSummary:
    known = _fields(flat)
    return RoomSummary(
        region=known["sfuRegion"],
        node=_node(known),
        session_id=SessionId(known["sessionId"]),
        incarnation=known["incarnation"],
        participant_count=int(known.get("participantCount", "0")),
        recording=_recording(known),
        empty_for_ms=None if empty_for_ms < 0 else empty_for_ms,
    )


def _removals(removals: Removals) -> str:
    return msgspec.json.encode(removals).decode() if removals else ""


def _record(record: SharedRecord | None) -> bytes:
    return b"" if record is None else msgspec.json.encode(record)


def _node(known: dict[str, str]) -> NodeId | None:
    node = known.get("sfuNode", "")
    return NodeId(node) if node else None


def _recording(known: dict[str, str]) -> RecordingId | None:
    recording = known.get("recordingId", "")
    return RecordingId(recording) if recording else None


def _flag(value: bool | None) -> str:
    return "" if value is None else "true" if value else "false"


def _left(reply: Any) -> Left | None:
    if not reply:
        return None
    participant, remaining = reply
    return Left(participant=decode_participant(participant), remaining=remaining)


def _done(reply: Any) -> None:
    if reply == b"lost":
        raise StateLost("the room's state was lost: restore it and call again")
    if reply == b"no_member":
        raise UnknownTarget("no such member in this room")


def _changed(reply: Any) -> tuple[bool, bool, bool, bool]:
    """Whether anything changed; isMuted, isVideoOn, saidVideoOff."""
    if reply == b"not_joined":
        raise NotJoined("this connection has no seat in the room: call JoinRoom")
    if reply == b"lost":
        raise StateLost("the room's state was lost: restore it and call again")
    changed, muted, video, said_off = reply
    return changed == 1, muted == 1, video == 1, said_off == 1
