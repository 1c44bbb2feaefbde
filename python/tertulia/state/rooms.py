"""Rooms in Redis: who is in them, and where they live. Every change is one script, atomic, on Redis' own clock."""

from __future__ import annotations

from typing import Any, Final

from tertulia.contract import LeaveReason
from tertulia.errors import BadToken, NoSession, NotJoined, RoomFull
from tertulia.ids import ConnectionId, HubId, NodeId, RoomId, SessionId, UserId
from tertulia.redis.client import Redis
from tertulia.redis.script import Script
from tertulia.room.answers import Ended, Expired, Joined, KeptAlive, Left, Reading, Restored, RoomSummary, StateLost
from tertulia.room.messages import StateMessage
from tertulia.room.participant import Participant, decode_participant, encode_participant
from tertulia.room.steps import JoinSeat, KnownRoom, Placement
from tertulia.state import keys, scripts

MIN_TTL_MS: Final = 90_000
"""The contract's least TTL of a room's keys."""


def room_ttl_ms(keep_alive_seconds: float) -> int:
    """The TTL of a room's keys: the greater of 90 s and four keep-alive intervals."""
    return max(MIN_TTL_MS, round(4 * keep_alive_seconds * 1000))


class RoomState:
    """The rooms, as one hub (or the control plane) changes them.

    Calls for one room take effect in the order in which they were made, publishes to its channel included. All
    methods raise :class:`~tertulia.errors.Unavailable` when Redis does not answer in time: whether the change happened
    is then unknown, and every method may be called again.
    """

    def __init__(self, redis: Redis, origin: HubId, ttl_ms: int) -> None:
        """``origin`` marks the messages; ``ttl_ms`` is :func:`room_ttl_ms`."""
        self._redis = redis
        self._origin = origin
        self._ttl = str(ttl_ms)

    async def _run(self, script: Script, room: RoomId, *args: str | bytes) -> Any:
        given = (keys.room_events(room), self._origin, self._ttl, *args)
        return await self._redis.run(script, keys.room_keys(room), given)

    async def join(
        self,
        room: RoomId,
        seat: JoinSeat,
        *,
        max_participants: int,
        token_issued_at_ms: int,
        placement: Placement,
    ) -> Joined:
        """Sit down: as a new member, in the place of the user's other connection, or back in a seat that was lost.

        Who is a member already is never too many, and joining again from the same connection changes nothing but the
        resume token.

        Raises:
            BadToken: the user was removed at or after ``token_issued_at_ms``.
            RoomFull: ``max_participants`` are in it; a host is no exception.
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
        )
        reply = await self._run(
            scripts.JOIN,
            room,
            seat.user_id,
            encode_participant(new),
            seat.returning or "",
            str(max_participants),
            str(token_issued_at_ms),
            placement.region,
            placement.node or "",
            placement.session_id,
            placement.incarnation,
        )
        if reply[0] == b"full":
            raise RoomFull(f"the room has its {max_participants} participants; try again when somebody has left")
        if reply[0] == b"void":
            raise BadToken("you were removed from this meeting; the token counts no longer")
        _, stored, replaced, resumed, first, summary, members = reply
        known = _fields(summary)
        return Joined(
            participant=decode_participant(stored),
            others=[decode_participant(p) for p in members],
            region=known["sfuRegion"],
            node=_node(known),
            session_id=SessionId(known["sessionId"]),
            incarnation=known["incarnation"],
            is_recording=known["isRecording"] == "true",
            replaced=decode_participant(replaced) if replaced else None,
            resumed=resumed == 1,
            first_of_session=first == 1,
        )

    async def leave(self, room: RoomId, user: UserId, connection: ConnectionId, reason: LeaveReason) -> Left | None:
        """Free the seat if ``connection`` holds it; None: it does not, nothing happened."""
        reply = await self._run(scripts.LEAVE, room, user, connection, reason)
        return _left(reply)

    async def remove(self, room: RoomId, user: UserId) -> Left | None:
        """Free the user's seat whoever holds it, and void the tokens issued to them so far; None: not a member."""
        reply = await self._run(scripts.REMOVE, room, user)
        return _left(reply)

    async def keep_alive(self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str) -> KeptAlive:
        """Refresh the seat and the TTLs, if ``connection`` holds the seat in the state known by ``incarnation``."""
        reply = await self._run(scripts.KEEP_ALIVE, room, user, connection, incarnation)
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
        """Set what is given; the state as it is now, or None if that changed nothing.

        Raises:
            NotJoined: ``connection`` does not hold the seat.
            StateLost: restore first.
        """
        reply = await self._run(
            scripts.UPDATE, room, user, connection, incarnation, _flag(is_muted), _flag(is_video_on), ""
        )
        changed, muted, video, said_off = _changed(reply)
        if not changed:
            return None
        return StateMessage(
            origin=self._origin, user_id=user, is_muted=muted, is_video_on=video, said_video_off=said_off
        )

    async def raise_hand(
        self, room: RoomId, user: UserId, connection: ConnectionId, incarnation: str, raised: bool
    ) -> bool:
        """Whether that changed anything.

        Raises:
            NotJoined: ``connection`` does not hold the seat.
            StateLost: restore first.
        """
        reply = await self._run(scripts.UPDATE, room, user, connection, incarnation, "", "", _flag(raised))
        return _changed(reply)[0]

    async def end(
        self,
        room: RoomId,
        reason: str,
        *,
        session_id: SessionId | None = None,
        only_if_empty_for_ms: int | None = None,
    ) -> Ended | None:
        """Drop the room's state and tell everyone; None: there was none, or a condition does not hold.

        ``session_id``: only if that session is the live one. ``only_if_empty_for_ms``: only if nobody has been in it
        so long.
        """
        empty = "" if only_if_empty_for_ms is None else str(only_if_empty_for_ms)
        reply = await self._run(scripts.END, room, reason, session_id or "", empty)
        if not reply:
            return None
        session, members = reply
        return Ended(session_id=SessionId(session.decode()), participants=[decode_participant(p) for p in members])

    async def expire(self, room: RoomId, silent_for_ms: int) -> Expired | None:
        """Free the seats that were silent for ``silent_for_ms`` (three keep-alive intervals); None: the room has no
        state.

        To be called more often than each ``silent_for_ms / 3``. After a longer gap nobody swept, and perhaps nobody
        could keep alive (Redis was away): then every seat first gets ``silent_for_ms / 3`` to show itself.
        """
        reply = await self._run(scripts.EXPIRE, room, str(silent_for_ms))
        if not reply:
            return None
        remaining, members = reply
        return Expired(remaining=remaining, participants=[decode_participant(p) for p in members])

    async def restore(
        self, room: RoomId, known: KnownRoom, members: list[Participant], new_incarnation: str
    ) -> Restored:
        """Write what a hub knows into a state that was lost: adds what is absent (members, a node), overwrites nothing.

        Part of a KeepAlive: it sets the TTLs. Each member added is published as ``joined``. ``maxParticipants`` is not
        asked: these people are in the meeting.

        Raises:
            NoSession: a session of the room other than ``known.session_id`` is live by now.
        """
        reply = await self._run(
            scripts.RESTORE,
            room,
            known.region,
            known.node or "",
            known.session_id,
            "true" if known.is_recording else "false",
            new_incarnation,
            *(part for m in members for part in (m.user_id, encode_participant(m))),
        )
        if reply == b"other_session":
            raise NoSession("the meeting is over; another one has begun in this room")
        created, summary, displaced = reply
        now = _fields(summary)
        return Restored(
            incarnation=now["incarnation"],
            region=now["sfuRegion"],
            node=_node(now),
            is_recording=now["isRecording"] == "true",
            created=created == 1,
            displaced=[decode_participant(p) for p in displaced],
        )

    async def move(self, room: RoomId, from_node: NodeId | None, to_node: NodeId) -> bool:
        """Let the room live on ``to_node`` if it lives on ``from_node`` (None: on none yet); published as ``node``.

        False: another was quicker, or the state is gone: read :meth:`summary`. The room's region stays what it is.
        """
        return bool(await self._run(scripts.MOVE, room, from_node or "", to_node))

    async def set_recording(self, room: RoomId, is_recording: bool) -> bool:
        """Whether that changed anything: of two who start at once, one gets True.

        Raises:
            NoSession: the room has no state.
        """
        reply = await self._run(scripts.SET_RECORDING, room, "true" if is_recording else "false")
        if reply == -1:
            raise NoSession("nobody is meeting in this room")
        return bool(reply)

    async def participants(self, room: RoomId) -> list[Participant]:
        """Everyone in the room; empty if it has no state."""
        key = keys.participants(room)
        return [decode_participant(p) for p in await self._redis.call(key, b"HVALS", key)]

    async def participant(self, room: RoomId, user: UserId) -> Participant | None:
        key = keys.participants(room)
        found = await self._redis.call(key, b"HGET", key, user)
        return None if found is None else decode_participant(found)

    async def summary(self, room: RoomId) -> RoomSummary | None:
        """The room's hash; None: it has no state."""
        reply = await self._run(scripts.SUMMARY, room)
        return _summary(*reply) if reply else None

    async def read(self, room: RoomId, mark: str) -> Reading | None:
        """The room and everyone in it; None: it has no state.

        ``mark`` is published in the same step (:class:`~tertulia.room.messages.ReadMessage`): what the channel says
        before it is older than what was read.
        """
        reply = await self._run(scripts.READ, room, mark)
        if not reply:
            return None
        *summary, members = reply
        return Reading(summary=_summary(*summary), participants=[decode_participant(p) for p in members])

    async def is_void(self, room: RoomId, user: UserId, token_issued_at_ms: int) -> bool:
        """Whether a removal from the present session voids a token of that age."""
        key = keys.removed(room)
        at = await self._redis.call(key, b"HGET", key, user)
        return at is not None and token_issued_at_ms <= int(at)


def _fields(flat: list[bytes]) -> dict[str, str]:
    """A hash as HGETALL returns it."""
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
        is_recording=known["isRecording"] == "true",
        empty_for_ms=None if empty_for_ms < 0 else empty_for_ms,
    )


def _node(known: dict[str, str]) -> NodeId | None:
    node = known.get("sfuNode", "")
    return NodeId(node) if node else None


def _flag(value: bool | None) -> str:
    return "" if value is None else "true" if value else "false"


def _left(reply: Any) -> Left | None:
    if not reply:
        return None
    participant, remaining = reply
    return Left(participant=decode_participant(participant), remaining=remaining)


def _changed(reply: Any) -> tuple[bool, bool, bool, bool]:
    """(changed, is muted, is video on, said that the video is off)."""
    if reply == b"not_joined":
        raise NotJoined("this connection has no seat in the room; call JoinRoom")
    if reply == b"lost":
        raise StateLost("the room's state was lost; restore it and call again")
    changed, muted, video, said_off = reply
    return changed == 1, muted == 1, video == 1, said_off == 1
