"""The scripts in :mod:`tertulia.state.lua`, and the arguments of each.

Each change of a room is one script, so that the room's hash, its participants and the message about the change never
disagree.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tertulia.ids import ConnectionId, UserId
from tertulia.state.keys import BucketKeys, InflowKeys, RegistryKeys, RoomKeys, TenantKeys
from tertulia.state.lua import Args, LuaScript, load

ROOM_ARGS: Final = ("channel", "origin", "ttl")
"""What every script of a room gets first: the room's channel, who makes the call, the TTL in milliseconds."""


class Join(NamedTuple):
    """Arguments of :data:`JOIN`; from ``region`` to ``incarnation`` they count only if the room has no state."""

    user: UserId
    new: bytes
    """The participant, if the user is not in the room."""
    returning: str
    """The hash of the resume token that the client presented, or ``""``."""
    limit: int
    """How many others may be in the room; -1: any number."""
    counted: str
    """``""``: who has no seat is to be counted first; else ``1``."""
    entry: str
    """``open``; ``waits`` or ``locked`` for who has no seat and was not admitted by a host."""
    admitted: int
    """The admission that the token goes back to, in milliseconds."""
    region: str
    node: str
    session: str
    was_open: str
    """``1`` if SQL knew the session to be open; ``""`` if it begins."""
    recording: str
    """The id of the recording that goes on, or ``""``."""
    incarnation: str
    removals: str
    """Those that SQL knows: a JSON object of users and milliseconds, or ``""``."""
    record: bytes
    """The room's, as JSON, for a state that has none; or ``""``."""


class Leave(NamedTuple):
    """Arguments of :data:`LEAVE`."""

    user: UserId
    connection: ConnectionId
    reason: str


class Remove(NamedTuple):
    """Arguments of :data:`REMOVE`."""

    user: UserId
    lost: str
    """The session from which SQL knows them to be removed, for where there is no state; or ``""``."""
    done_at: int
    """Milliseconds: only if the removal of then is not known any more; -1: whatever is known."""


class KeepOut(NamedTuple):
    """Arguments of :data:`KEEP_OUT`."""

    session: str
    removals: str
    """As in :class:`Join`."""


class KeepRecord(NamedTuple):
    """Arguments of :data:`KEEP_RECORD`."""

    record: bytes
    """JSON."""


class KeepAlive(NamedTuple):
    """Arguments of :data:`KEEP_ALIVE`."""

    user: UserId
    connection: ConnectionId
    incarnation: str


class Update(NamedTuple):
    """Arguments of :data:`UPDATE`: the last five are ``""`` for no change; but for the name, ``true`` or ``false``."""

    user: UserId
    connection: ConnectionId
    incarnation: str
    muted: str = ""
    video_on: str = ""
    hand_raised: str = ""
    opt_out: str = ""
    display_name: str = ""


class Control(NamedTuple):
    """Arguments of :data:`CONTROL`: ``""`` for no change."""

    user: UserId
    incarnation: str
    role: str
    raised: str
    spotlit: str
    permissions: str
    """JSON."""


class Admit(NamedTuple):
    """Arguments of :data:`ADMIT`."""

    incarnation: str
    users: tuple[UserId, ...]


class End(NamedTuple):
    """Arguments of :data:`END`; the last two are conditions, or ``""``."""

    reason: str
    session: str
    least_empty: str


class Expire(NamedTuple):
    """Arguments of :data:`EXPIRE`."""

    silent: int
    """Milliseconds."""


class Restore(NamedTuple):
    """Arguments of :data:`RESTORE`."""

    region: str
    node: str
    session: str
    recording: str
    incarnation: str
    removals: str
    """As in :class:`Join`."""
    record: bytes
    """As in :class:`Join`."""
    members: tuple[str | bytes, ...]
    """User and participant, in turn."""


class Move(NamedTuple):
    """Arguments of :data:`MOVE`."""

    from_node: str
    to_node: str


class KeepChat(NamedTuple):
    """Arguments of :data:`KEEP_CHAT`."""

    session: str
    messages: tuple[str | bytes, ...]
    """Id and JSON, in turn."""


class React(NamedTuple):
    """Arguments of :data:`REACT`."""

    session: str
    message: str
    user: UserId
    emoji: str
    """``""``: none."""


class BeginRecording(NamedTuple):
    """Arguments of :data:`BEGIN_RECORDING`."""

    recording: str
    session: str


class EndRecording(NamedTuple):
    """Arguments of :data:`END_RECORDING`."""

    recording: str


class Summary(NamedTuple):
    """:data:`SUMMARY` has no arguments of its own."""


class Read(NamedTuple):
    """Arguments of :data:`READ`."""

    mark: str


class Beat(NamedTuple):
    """Arguments of :data:`BEAT`."""

    forget_after: int
    """Milliseconds."""
    given: tuple[str | bytes, ...]
    """Ids and entries in turn."""


class Deregister(NamedTuple):
    """Arguments of :data:`DEREGISTER`."""

    id: str


class Alive(NamedTuple):
    """Arguments of :data:`ALIVE`."""

    dead_after: int
    """Milliseconds."""


class Take(NamedTuple):
    """Arguments of :data:`TAKE`."""

    per_second: int
    burst: int
    want: int
    debt: int


class TakeSeat(NamedTuple):
    """Arguments of :data:`TAKE_SEAT`."""

    most: int
    lasts: int
    seat: str


class CountSeats(NamedTuple):
    """Arguments of :data:`COUNT_SEATS`."""

    lasts: int
    people: tuple[str, ...]


class ShareInflow(NamedTuple):
    """Arguments of :data:`SHARE_INFLOW`."""

    lasts: int
    """Milliseconds."""
    node: str
    rooms: str
    """kbit/s of each, separated by spaces."""


def _room_script(name: str, args: type[Args], *, grows: bool = False) -> LuaScript[Args]:
    return load(name, RoomKeys, args, ROOM_ARGS, grows=grows)


JOIN: Final = _room_script("join", Join)
LEAVE: Final = _room_script("leave", Leave)
REMOVE: Final = _room_script("remove", Remove)
KEEP_OUT: Final = _room_script("keep_out", KeepOut)
KEEP_RECORD: Final = _room_script("keep_record", KeepRecord)
KEEP_ALIVE: Final = _room_script("keep_alive", KeepAlive)
UPDATE: Final = _room_script("update", Update)
CONTROL: Final = _room_script("control", Control)
ADMIT: Final = _room_script("admit", Admit)
END: Final = _room_script("end", End)
EXPIRE: Final = _room_script("expire", Expire)
RESTORE: Final = _room_script("restore", Restore)
MOVE: Final = _room_script("move", Move)
KEEP_CHAT: Final = _room_script("keep_chat", KeepChat, grows=True)
REACT: Final = _room_script("react", React, grows=True)
BEGIN_RECORDING: Final = _room_script("begin_recording", BeginRecording)
END_RECORDING: Final = _room_script("end_recording", EndRecording)
SUMMARY: Final = _room_script("summary", Summary)
READ: Final = _room_script("read", Read)

BEAT: Final = load("beat", RegistryKeys, Beat)
DEREGISTER: Final = load("deregister", RegistryKeys, Deregister)
ALIVE: Final = load("alive", RegistryKeys, Alive)

TAKE: Final = load("take", BucketKeys, Take)
TAKE_SEAT: Final = load("take_seat", TenantKeys, TakeSeat)
COUNT_SEATS: Final = load("count_seats", TenantKeys, CountSeats)
SHARE_INFLOW: Final = load("share_inflow", InflowKeys, ShareInflow)

ALL: Final = (
    *(JOIN, LEAVE, REMOVE, KEEP_OUT, KEEP_RECORD, KEEP_ALIVE, UPDATE, CONTROL, ADMIT, END, EXPIRE, RESTORE, MOVE),
    *(BEGIN_RECORDING, END_RECORDING),
    *(SUMMARY, READ, KEEP_CHAT, REACT, BEAT, DEREGISTER, ALIVE, TAKE, TAKE_SEAT, COUNT_SEATS, SHARE_INFLOW),
)
"""What :func:`tertulia.state.connection.connect_redis` loads into each server."""
