"""A store of the keys of rooms, as Redis holds them: pure, with a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tertulia.contract.events import ChatMessage
from tertulia.ids import RoomId, SessionId, UserId
from tertulia.room.messages import RoomMessage
from tertulia.room.participant import Participant

Publish = Callable[[RoomId, RoomMessage], None]

NO_TTL: Final = 1 << 62
"""When a key without a TTL expires."""


class Keys:
    """The six keys of one room. A key that is empty does not exist, as in Redis."""

    __slots__ = ("chat", "chat_of", "expires", "hash", "people", "removed", "removed_from", "seen", "standing")

    def __init__(self) -> None:
        self.hash: dict[str, str] = {}
        self.people: dict[UserId, Participant] = {}
        self.seen: dict[UserId, int] = {}
        self.removed: dict[UserId, int] = {}
        self.removed_from = SessionId("")
        """The field ``""`` of that key."""
        self.chat: dict[str, ChatMessage] = {}
        self.chat_of = SessionId("")
        """The session of that key."""
        self.standing: dict[str, str] = {}
        """As in Redis: roles by user, and permissions in JSON."""
        self.expires = [NO_TTL] * 6
        """When each expires, in the order of :func:`tertulia.state.keys.room_keys`."""

    @property
    def all(self) -> tuple[dict[Any, Any], ...]:
        """In the order of :func:`tertulia.state.keys.room_keys`."""
        return self.hash, self.people, self.seen, self.removed, self.chat, self.standing

    @property
    def is_intact(self) -> bool:
        count = int(self.hash.get("participantCount", "0"))
        return "incarnation" in self.hash and count == len(self.people) == len(self.seen)

    def delete(self, *which: int) -> None:
        """DEL of the keys with these numbers."""
        for index in which:
            self.all[index].clear()
            self.expires[index] = NO_TTL
        if not self.removed:
            self.removed_from = SessionId("")

    def pass_time(self, now: int) -> None:
        """Drop what has expired."""
        if min(self.expires) <= now:
            self.delete(*(index for index, at in enumerate(self.expires) if at <= now))

    def touch(self, until: int) -> None:
        """PEXPIRE of those that exist."""
        self.expires = [until if key else NO_TTL for key in self.all]

    def copy(self) -> Keys:
        """Another with the same content."""
        other = Keys()
        other.hash, other.people = dict(self.hash), dict(self.people)
        other.seen, other.removed, other.removed_from = dict(self.seen), dict(self.removed), self.removed_from
        other.chat, other.chat_of, other.standing = dict(self.chat), self.chat_of, dict(self.standing)
        other.expires = list(self.expires)
        return other


class Redis:
    """The keys of all rooms. ``now_ms`` is its clock: whoever owns the model sets it, and never back."""

    def __init__(self, publish: Publish, now_ms: int) -> None:
        self.publish = publish
        self.now_ms = now_ms
        self._rooms: dict[RoomId, Keys] = {}

    def keys(self, room: RoomId) -> Keys:
        """The keys of a room as they are now."""
        found = self._rooms.get(room)
        if found is None:
            found = self._rooms[room] = Keys()
        found.pass_time(self.now_ms)
        return found

    def flush(self) -> None:
        """FLUSHALL."""
        self._rooms.clear()

    def copy(self, publish: Publish) -> Redis:
        """Another with the same keys and clock."""
        other = Redis(publish, self.now_ms)
        other._rooms = {room: keys.copy() for room, keys in self._rooms.items()}
        return other
