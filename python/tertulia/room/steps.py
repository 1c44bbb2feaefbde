"""What a meeting asks of Redis and SQL, as values. Each is one atomic step, answered by one ``Answered`` or ``Failed``.

The scripts are those of :mod:`tertulia.state.rooms`, one class each; all of them act on the meeting's own room. Any
step may fail by ``Unavailable``: whether it took effect is then unknown, and each may be run again. Other failures
are listed where there are any; a step that fails by one of them has changed nothing.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tertulia.contract.calls import Permissions
from tertulia.contract.events import ChatMessage
from tertulia.contract.fields import Layout, LeaveReason, Role
from tertulia.contract.settings import SettingsChange
from tertulia.ids import ConnectionId, NodeId, RecordingId, SeatId, SessionId, TenantId, UserId
from tertulia.room.participant import Participant, Removals
from tertulia.tokens import RoomClaims

# --- what scripts take ------------------------------------------------------------------------------------------------


class JoinSeat(Struct, frozen=True, kw_only=True):
    """Who wants to sit down. ``is_muted``, ``is_video_on``, ``hand_raised``, ``recording_opt_out``, ``display_name``
    and ``seat`` count for a new member only."""

    user_id: UserId
    connection_id: ConnectionId
    display_name: str
    role: Role
    is_muted: bool
    is_video_on: bool
    hand_raised: bool = False
    recording_opt_out: bool = False
    is_guest: bool = False
    seat: SeatId
    """The SeatId to use unless the connection returns to its seat."""
    resume: str
    """Hash of the new resume token."""
    returning: str | None = None
    """Hash of the resume token that the client presented."""


class Placement(Struct, frozen=True, kw_only=True):
    """What a room gets if this join makes it; ignored where it exists."""

    region: str
    node: NodeId | None
    """None: no node is alive, or the room needs none."""
    session_id: SessionId
    was_open: bool = False
    """SQL knew that session to be open: if this join makes the room, its state was lost."""
    recording: RecordingId | None = None
    """The one that goes on in that session, as SQL knows it."""
    incarnation: str
    removals: Removals = {}
    """From that session, as SQL knows them. They count where the room exists too: its state may have lost them."""


class KnownRoom(Struct, frozen=True, kw_only=True):
    """What a hub remembers of a room and can write again."""

    region: str
    node: NodeId | None
    session_id: SessionId
    recording: RecordingId | None
    removals: Removals = {}
    """As SQL knows them."""


Entry = Literal["open", "waits", "locked", "closed"]
"""What a JoinRoom meets that wants a new seat. A host of the meeting may have admitted its user to one that waits or is
locked; to one that is closed, whose settings leave their role out, nobody comes but who is a host by now."""

# --- Redis ------------------------------------------------------------------------------------------------------------


class Join(Struct, frozen=True, kw_only=True):
    """Sit down. Answer: ``Joined``. Fails by ``BadToken`` (removed since the admission), ``RoomFull``, by what
    ``entry`` says (``MustWait``, ``RoomLocked``, ``RoleNotAllowed``), and then by ``QuotaExceeded``."""

    seat: JoinSeat
    max_participants: int | None
    """How many others may be there; None: any number."""
    admitted_at_ms: int
    """The admission that the token goes back to, on the clock of Redis."""
    placement: Placement
    entry: Entry = "open"
    tenant: TenantId
    people: int | None
    """How many people the tenant may have in meetings; None: any number. Who gets no seat is never counted."""


class Leave(Struct, frozen=True, kw_only=True):
    """Free the seat if ``connection`` holds it. Answer: ``Left``, or None if it does not."""

    user: UserId
    connection: ConnectionId
    reason: LeaveReason


class Remove(Struct, frozen=True, kw_only=True):
    """Free the user's seat whoever holds it, and void the tokens of their admissions until now. Answer: ``Removed``."""

    user: UserId
    lost: SessionId | None = None
    """SQL knows of the removal from this session: tokens are void for it without a state too."""
    done_at_ms: int | None = None
    """Redis knew of the removal from ``lost`` at that moment: only if it does not know of it any more. (Answered as if
    there were no meeting otherwise.)"""


class KeepOut(Struct, frozen=True, kw_only=True):
    """Void what SQL says is void for the session, whose state was made again by somebody who had read SQL before.
    Answer: None."""

    session_id: SessionId
    removals: Removals


class KeepAlive(Struct, frozen=True, kw_only=True):
    """Refresh the seat and the TTLs. Answer: ``KeptAlive``."""

    user: UserId
    connection: ConnectionId
    incarnation: str


class Update(Struct, frozen=True, kw_only=True):
    """Set what is not None. Answer: ``StateMessage`` with the state as it is now, or None if nothing changed. Fails by
    ``NotJoined`` (``connection`` does not hold the seat) or ``StateLost`` (restore first)."""

    user: UserId
    connection: ConnectionId
    incarnation: str
    is_muted: bool | None
    is_video_on: bool | None


class RaiseHand(Struct, frozen=True, kw_only=True):
    """Answer: whether that changed anything. Fails as ``Update`` does."""

    user: UserId
    connection: ConnectionId
    incarnation: str
    raised: bool


class SetDisplayName(Struct, frozen=True, kw_only=True):
    """Answer: whether that changed anything. Fails as ``Update`` does."""

    user: UserId
    connection: ConnectionId
    incarnation: str
    display_name: str


class SetRecordingOptOut(Struct, frozen=True, kw_only=True):
    """Answer: whether that changed anything. Fails as ``Update`` does."""

    user: UserId
    connection: ConnectionId
    incarnation: str
    opt_out: bool


class Control(Struct, frozen=True, kw_only=True):
    """Change what is not None about a member, whoever's connection has the seat; the channel says what became of it.
    Role and permissions are kept for the meeting. Answer: None. Fails by ``UnknownTarget`` (no such member) or
    ``StateLost``."""

    user: UserId
    incarnation: str
    role: Role | None = None
    lowers_hand: bool = False
    is_spotlit: bool | None = None
    permissions: Permissions | None = None


class Admit(Struct, frozen=True, kw_only=True):
    """Let these users join who would have to wait; the channel says it. Answer: None. Fails by ``StateLost``."""

    users: list[UserId]
    incarnation: str


class KeepChat(Struct, frozen=True, kw_only=True):
    """Keep chat messages for those who come later, the oldest first; those kept already stay as they are. Answer:
    whether that session is live."""

    session_id: SessionId
    messages: list[ChatMessage]


class React(Struct, frozen=True, kw_only=True):
    """Set a user's reaction to a message that is kept. Answer: ``Reacted``, or None: there is no such message for
    them."""

    session_id: SessionId
    message_id: str
    user: UserId
    emoji: str | None


class ReadChat(Struct, frozen=True, kw_only=True):
    """Read the chat messages that are kept. Answer: ``ChatHistory``."""

    session_id: SessionId


class BeginRecording(Struct, frozen=True, kw_only=True):
    """Let a recording of the session go on, in place of any other. Answer: ``Begun``."""

    recording: RecordingId
    session_id: SessionId


class EndRecording(Struct, frozen=True, kw_only=True):
    """End a recording, so that it cannot begin any more. Answer: ``RecordingOver``, or None: the room has no state."""

    recording: RecordingId


class End(Struct, frozen=True, kw_only=True):
    """Drop the room's state and tell everyone. Answer: ``Ended``, or None: there was none, or a condition does not
    hold."""

    reason: str
    session_id: SessionId | None = None
    """Only if that session is the live one."""
    only_if_empty_for_ms: int | None = None
    """Only if nobody has been in it so long."""


class Expire(Struct, frozen=True, kw_only=True):
    """Free the seats that were silent for so long. Answer: ``Expired``, or None: the room has no state."""

    silent_for_ms: int


class Restore(Struct, frozen=True, kw_only=True):
    """Write what the hub knows into a state that was lost. Answer: ``Restored``. Fails by ``NoSession``: another
    session of the room is live by now."""

    known: KnownRoom
    members: list[Participant]
    new_incarnation: str


class Move(Struct, frozen=True, kw_only=True):
    """Let the room live on ``to_node`` if it lives on ``from_node``. Answer: whether it did."""

    from_node: NodeId | None
    to_node: NodeId


class Summary(Struct, frozen=True):
    """Read the room's hash. Answer: ``RoomSummary``, or None: it has no state."""


class FindMember(Struct, frozen=True, kw_only=True):
    """Read one member. Answer: ``Participant``, or None: they have no seat."""

    user: UserId


class Read(Struct, frozen=True, kw_only=True):
    """Read the room and its members, and publish ``mark`` in the same step. Answer: ``Reading``, or None: it has no
    state (the mark is published all the same)."""

    mark: str


Script = (
    Join
    | Leave
    | Remove
    | KeepOut
    | KeepAlive
    | Update
    | RaiseHand
    | SetDisplayName
    | SetRecordingOptOut
    | Control
    | Admit
    | KeepChat
    | React
    | ReadChat
    | BeginRecording
    | EndRecording
    | End
    | Expire
    | Restore
    | Move
    | Summary
    | FindMember
    | Read
)

# --- SQL --------------------------------------------------------------------------------------------------------------


class OpenSession(Struct, frozen=True, kw_only=True):
    """Open the session unless it is there already. Answer: whether it is open now; one that was closed stays closed.
    Fails by ``NotFound``: the room is gone; ``BadToken``, when it is open: who joins by ``claims`` was banned before.
    (Who is banned later is removed from it.)"""

    session_id: SessionId
    claims: RoomClaims | None = None


class CloseSession(Struct, frozen=True, kw_only=True):
    """Close the session unless it is closed or unknown; its recording stops with it. Answer: None."""

    session_id: SessionId


class RecordRemoval(Struct, frozen=True, kw_only=True):
    """Keep it that a user was removed from a session, so that it survives the loss of Redis. Answer: None."""

    session_id: SessionId
    user: UserId
    at_ms: int
    ban: bool
    """A guest is removed for good: also from later sessions."""


class ReadSession(Struct, frozen=True, kw_only=True):
    """Answer: ``Ongoing``, or None: there is no such session, or it has ended."""

    session_id: SessionId


class PrepareJoin(Struct, frozen=True, kw_only=True):
    """Read the room's record for whoever joins by ``claims``. Answer: ``RoomRecord``. Fails by ``NotFound`` (there is
    none, or it is not their tenant's) or ``BadToken`` (they were banned, or the API key that vouched for them was
    revoked)."""

    claims: RoomClaims


class ReadRecord(Struct, frozen=True, kw_only=True):
    """Read the room's record, whosever it is. Answer: ``RoomRecord``. Fails by ``NotFound``: there is none."""

    is_anew: bool = False
    """It has changed: what is known of it, for while SQL is away, is of no use."""


class ChangeSettings(Struct, frozen=True, kw_only=True):
    """Merge a change into the room's settings. Answer: ``Settings``. Fails by ``NotFound``: the room is gone."""

    change: SettingsChange


class StartRecording(Struct, frozen=True, kw_only=True):
    """Record that a recording goes on; of no effect if it does or did. Answer: None. Fails by ``NoSession`` (the
    session is not open) or ``AlreadyRecording`` (another one of that session goes on)."""

    recording: RecordingId
    session_id: SessionId
    layout: Layout


class StopRecording(Struct, frozen=True, kw_only=True):
    """Record that it is over: its film can be made. Of no effect if it is over or unknown. Answer: None."""

    recording: RecordingId
    error: str | None = None
    """Why, if nobody asked for it: in words for people."""


class WithdrawRecording(Struct, frozen=True, kw_only=True):
    """Forget a recording that goes on in SQL only: nobody was ever recorded in it. Answer: None."""

    recording: RecordingId


Sql = (
    OpenSession
    | CloseSession
    | RecordRemoval
    | ReadSession
    | PrepareJoin
    | ReadRecord
    | ChangeSettings
    | StartRecording
    | StopRecording
    | WithdrawRecording
)

Step = Script | Sql
