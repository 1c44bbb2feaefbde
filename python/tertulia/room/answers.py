"""What the steps of :mod:`tertulia.room.steps` are answered with: the results of scripts and of SQL, as values."""

from __future__ import annotations

import enum

from msgspec import Struct

from tertulia.contract.events import ChatHistory
from tertulia.contract.settings import Settings
from tertulia.errors import TertuliaError
from tertulia.ids import NodeId, RecordingId, SessionId, UserId
from tertulia.room.messages import StateMessage
from tertulia.room.participant import Participant, Removals
from tertulia.room.quotas import Quotas


class StateLost(TertuliaError):
    """Redis no longer knows the room as the caller does (flushed, expired, made again): restore it, then call again."""


class MustWait(TertuliaError):
    """The user may join once a host has admitted them."""


class Uncounted(TertuliaError):
    """The user may join, and has to be counted among the people of their tenant first."""


class KeptAlive(enum.Enum):
    """What ``KeepAlive`` found."""

    ALIVE = "alive"
    NOT_JOINED = "not_joined"
    """The seat is gone, or another connection has it."""
    LOST = "lost"
    """The state is not the one the caller knows: ``Restore`` puts it back."""


class Joined(Struct, frozen=True, kw_only=True):
    """A successful join, read in the same atomic step."""

    participant: Participant
    """The caller as stored: for a seat taken over or returned to, with its state."""
    others: list[Participant]
    region: str
    node: NodeId | None
    session_id: SessionId
    incarnation: str
    recording: RecordingId | None
    """The one that goes on."""
    replaced: Participant | None
    """The connection whose seat this one took or returned to: its hub hears the same by ``joined``."""
    resumed: bool
    """The resume token was right: the seat and its media go on."""
    first_of_session: bool
    """This join made the room's state: the session is to be opened in SQL."""
    session_unread: bool = False
    """The state was lost and made again, and since then SQL was not asked whether its session is open, and who was
    removed."""


class Left(Struct, frozen=True, kw_only=True):
    """A seat was freed."""

    participant: Participant
    """Who left, as last stored."""
    remaining: int
    """0: the room is empty now."""


class Removed(Struct, frozen=True, kw_only=True):
    """What became of a removal."""

    at_ms: int
    """When, on the clock of Redis."""
    session_id: SessionId | None
    """The session from which the user is removed; None: Redis knows of no meeting, and voided nothing."""
    left: Left | None
    """The seat that was freed; None: they had none."""


class Ended(Struct, frozen=True, kw_only=True):
    """A meeting was ended."""

    session_id: SessionId
    participants: list[Participant]


class Expired(Struct, frozen=True, kw_only=True):
    """A sweep freed these seats."""

    participants: list[Participant]
    remaining: int


class Restored(Struct, frozen=True, kw_only=True):
    """A room was written again."""

    incarnation: str
    """The one to know from now on."""
    region: str
    node: NodeId | None
    """Where the room lives: whoever made the state may have known better."""
    recording: RecordingId | None
    created: bool
    """This call made the room again."""
    displaced: list[Participant]
    """Who sits in the seat of a member given, by another connection: that member's is to be told Replaced."""
    removed: list[UserId] = []
    """Members given who were removed since they joined: they were not written."""


class RoomSummary(Struct, frozen=True, kw_only=True):
    """``room:{R}``."""

    region: str
    node: NodeId | None
    session_id: SessionId
    incarnation: str
    participant_count: int
    recording: RecordingId | None
    empty_for_ms: int | None
    """How long nobody has been in it, on Redis' clock; None: somebody is."""


class Reading(Struct, frozen=True, kw_only=True):
    """A room and its members, read in one step."""

    summary: RoomSummary
    participants: list[Participant]


class Begun(enum.Enum):
    """What became of the beginning of a recording."""

    BEGUN = "begun"
    """It goes on, be it that it had begun already."""
    OVER = "over"
    """It has been ended before it began."""
    NO_MEETING = "no_meeting"
    """Its session is not live."""


class Reacted(Struct, frozen=True, kw_only=True):
    """A reaction to a chat message."""

    is_new: bool
    """False: the user had reacted so already."""
    between: tuple[UserId, UserId] | None
    """Who may see a private message; None: everyone."""


class RecordingOver(Struct, frozen=True):
    """A recording does not go on, and cannot begin any more."""

    node: NodeId | None
    """Where the room's media is."""


class Ongoing(Struct, frozen=True):
    """A session that has not ended."""

    recording: RecordingId | None
    """Of this session, the one that goes on."""
    removals: Removals = {}
    """From this session."""


class RoomRecord(Struct, frozen=True, kw_only=True):
    """What SQL says of a room that somebody wants to join."""

    host_user_id: UserId
    settings: Settings
    session_id: SessionId | None
    """The session that is open now."""
    recording: RecordingId | None
    """Of this session, the one that goes on."""
    removals: Removals = {}
    """From this session."""
    quotas: Quotas = Quotas()
    """Of the tenant."""


Answer = (
    Joined
    | Participant
    | Left
    | Removed
    | KeptAlive
    | StateMessage
    | Ended
    | Expired
    | Restored
    | RoomSummary
    | Reading
    | Reacted
    | ChatHistory
    | Begun
    | RecordingOver
    | Ongoing
    | RoomRecord
    | Settings
    | bool
    | None
)
"""Each step of :mod:`tertulia.room.steps` says which of these it gets."""
