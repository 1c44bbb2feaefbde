"""Work under way, as data: what a meeting keeps beside a ticket until the answer comes.

Nothing here is a promise about the state of the room: whoever gets the answer looks at the room as it is by then.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from tertulia.contract import calls
from tertulia.contract.fields import Layout, LeaveReason
from tertulia.ids import ConnectionId, NodeId, RecordingId, SeatId, SessionId, UserId
from tertulia.room.answers import Joined, Left
from tertulia.room.inputs import Request
from tertulia.room.steps import Admit, Control

# --- who waits --------------------------------------------------------------------------------------------------------


class OnCall(Struct, frozen=True):
    """The call under way of a connection."""

    connection: ConnectionId


class OnRequest(Struct, frozen=True):
    """A request of the control plane."""

    request: Request


Caller = OnCall | OnRequest | None
"""Who is to be answered; None: nobody."""

# --- joining ----------------------------------------------------------------------------------------------------------


class TakingSeat(Struct, frozen=True):
    """The join script."""

    connection: ConnectionId
    reserved: NodeId | None
    """The node that is reserved meanwhile."""


class Settling(Struct, frozen=True):
    """The summary: two sessions cannot be live at once, which of them is?"""

    connection: ConnectionId
    joined: Joined


class OpeningSession(Struct, frozen=True):
    """The session in SQL."""

    connection: ConnectionId
    joined: Joined


class OpeningLate(Struct, frozen=True):
    """The session in SQL, which was away when it was to be opened."""

    session_id: SessionId


class Confirming(Struct, frozen=True):
    """The summary: whoever ended the meeting before its session was in SQL could not close it there."""

    connection: ConnectionId
    joined: Joined


class ReadingRemovals(Struct, frozen=True):
    """The session in SQL: who was removed from it, which the state that was made again may not say?"""

    connection: ConnectionId
    joined: Joined


class KeepingOut(Struct, frozen=True):
    """The script that voids the tokens of those."""

    connection: ConnectionId
    joined: Joined


class ClosingStale(Struct, frozen=True):
    """The session in SQL, of a meeting that has ended."""

    connection: ConnectionId
    joined: Joined


class EndingStale(Struct, frozen=True):
    """The end script, for whoever rejoined that session meanwhile."""

    connection: ConnectionId
    joined: Joined


class DroppingState(Struct, frozen=True):
    """The end script, for a session that SQL has closed: the join begins anew."""

    connection: ConnectionId
    joined: Joined


class RereadingRecord(Struct, frozen=True):
    """The room's record, for a join that begins anew."""

    connection: ConnectionId


class GivingUp(Struct, frozen=True):
    """The leave script, for a join that failed by ``error``."""

    connection: ConnectionId
    error: Exception
    node: NodeId | None
    """Where the room's media is, if nothing else is known."""


class Entering(Struct, frozen=True):
    """A JoinRoom that had to wait goes on."""

    connection: ConnectionId


class HandedOver(Struct, frozen=True):
    """What the lost connection missed has come."""

    connection: ConnectionId


# --- calls ------------------------------------------------------------------------------------------------------------


class KeepingAlive(Struct, frozen=True):
    """The keep-alive script; ``again``: after the room was restored."""

    connection: ConnectionId
    incarnation: str
    again: bool = False


class Updating(Struct, frozen=True):
    """The update script; ``again``: after the room was restored."""

    connection: ConnectionId
    payload: calls.UpdateState
    incarnation: str
    again: bool = False
    is_forced: bool = False
    """By the room's rules: no call is to be answered."""


class RaisingHand(Struct, frozen=True):
    """The update script, for a hand; ``again``: after the room was restored."""

    connection: ConnectionId
    user_id: UserId
    raised: bool
    incarnation: str
    again: bool = False


class Renaming(Struct, frozen=True):
    """The update script, for a name; ``again``: after the room was restored."""

    connection: ConnectionId
    user_id: UserId
    display_name: str
    incarnation: str
    again: bool = False


class OptingOut(Struct, frozen=True):
    """The update script, for recordings; ``again``: after the room was restored."""

    connection: ConnectionId
    user_id: UserId
    opt_out: bool
    incarnation: str
    again: bool = False


class Controlling(Struct, frozen=True):
    """A host's script about somebody; ``again``: after the room was restored."""

    connection: ConnectionId
    step: Control | Admit
    again: bool = False


class ChangingSettings(Struct, frozen=True):
    """The room's settings in SQL."""

    caller: Caller


class ReadingSettings(Struct, frozen=True):
    """The room's record: what are its settings?"""


class KeepingChat(Struct, frozen=True):
    """The script that keeps so many messages."""

    count: int


class ReadingChat(Struct, frozen=True):
    """The chat that is kept, for a member."""

    connection: ConnectionId
    user_id: UserId


class Reacting(Struct, frozen=True):
    """The script that keeps a member's reaction to a message."""

    connection: ConnectionId
    user_id: UserId
    message_id: str
    emoji: str | None


# --- leaving ----------------------------------------------------------------------------------------------------------


class Leaving(Struct, frozen=True):
    """The leave script."""

    connection: ConnectionId
    reason: LeaveReason
    caller: Caller
    node: NodeId | None
    """Where the room's media was."""


class LeavingUnrecorded(Struct, frozen=True):
    """The summary: Redis knew nothing of the seat, has it lost the room?"""

    connection: ConnectionId
    reason: LeaveReason
    caller: Caller


class ClosingPeer(Struct, frozen=True):
    """The member: who left had no seat any more. Has another connection returned to it, whose peer that is?"""

    seat: SeatId
    node: NodeId


class Removing(Struct, frozen=True):
    """The remove script. ``is_known``: SQL knows of the removal already."""

    user: UserId
    ban: bool
    caller: Caller
    is_known: bool = False


class RecordingRemoval(Struct, frozen=True):
    """The removal in SQL. ``is_lost``: Redis knew nothing of the meeting."""

    user: UserId
    ban: bool
    caller: Caller
    session_id: SessionId
    at_ms: int
    is_lost: bool = False
    tries: int = 0
    """How often it has failed."""


class CheckingRemoval(Struct, frozen=True):
    """The remove script once more: has Redis lost the removal before SQL knew of it?"""

    removal: RecordingRemoval


class FindingNode(Struct, frozen=True):
    """The summary: on which node was the peer of the member who was removed?"""

    left: Left
    then: RecordingRemoval


class FindingMeeting(Struct, frozen=True):
    """The room's record: is a session open of which Redis knows nothing?"""

    removing: Removing
    at_ms: int


class Sweeping(Struct, frozen=True):
    """The expire script."""

    node: NodeId | None
    """Where the room's media was."""


# --- the room as a whole ----------------------------------------------------------------------------------------------


class CheckingSession(Struct, frozen=True):
    """Is the session of a lost room still open in SQL?"""

    session_id: SessionId


class Restoring(Struct, frozen=True):
    """The restore script."""

    session_id: SessionId


class Reading(Struct, frozen=True):
    """The read script; ``again``: after the room was restored."""

    mark: str
    again: bool = False


class ReadingWanted(Struct, frozen=True):
    """The room has to be read."""


class Marked(Struct, frozen=True):
    """The channel has said the mark of the reading."""


class Otherwise(enum.Enum):
    """What follows where Redis knows of no meeting that could be ended."""

    NOTHING = enum.auto()
    RESTORE = enum.auto()
    """Only what is in Redis can be ended for everyone: write it again, then end that."""
    RESTORE_OR_CLOSE = enum.auto()
    """The same; where this hub knows of no meeting either, close its session in SQL."""


class Ending(Struct, frozen=True, kw_only=True):
    """The summary (where does the room live?), then the end script."""

    reason: str
    session_id: SessionId | None = None
    """Only if that is the live one."""
    empty_for_ms: int | None = None
    """Only if it has been empty for so long."""
    caller: Caller = None
    otherwise: Otherwise = Otherwise.NOTHING
    incarnation: str = ""
    """The one to restore, if any."""


class Dropping(Struct, frozen=True):
    """The end script."""

    ending: Ending
    node: NodeId | None
    """Where the media of the room is."""


class FindingSession(Struct, frozen=True):
    """The room's record: is a session open of which Redis knows nothing?"""

    caller: Caller


class ClosingSession(Struct, frozen=True):
    """The session in SQL; ``result`` is what the caller will be told."""

    session_id: SessionId
    caller: Caller
    result: bool


class EndingRejoined(Struct, frozen=True):
    """The end script, for whoever rejoined the session between its end in Redis and in SQL."""

    session_id: SessionId
    caller: Caller
    result: bool


class Reaping(Struct, frozen=True):
    """The summary: is the meeting of an open session over, and is it recorded as SQL says?"""

    session_id: SessionId
    recording: RecordingId | None
    caller: Caller


# --- recording --------------------------------------------------------------------------------------------------------


class Starting(Struct, frozen=True, kw_only=True):
    """The room's record: may the meeting be recorded?"""

    recording: RecordingId
    layout: Layout
    caller: Caller
    by: str
    """Who asks, for the log."""


class StartingInSql(Struct, frozen=True):
    """The recording in SQL."""

    starting: Starting
    session_id: SessionId


class Beginning(Struct, frozen=True):
    """The script that lets it begin."""

    starting: Starting
    session_id: SessionId


class Withdrawing(Struct, frozen=True):
    """The recording in SQL: its meeting was over before it began."""

    starting: Starting


class FindingRecording(Struct, frozen=True):
    """The room's record: which recording is to be stopped?"""

    caller: Caller
    by: str


class Stopping(Struct, frozen=True, kw_only=True):
    """The recording in SQL."""

    recording: RecordingId
    caller: Caller
    by: str


class EndingRecording(Struct, frozen=True):
    """The script that ends it."""

    stopping: Stopping


class Comparing(Struct, frozen=True):
    """The session: which of its recordings goes on, where a reaping found SQL and Redis to disagree?"""

    session_id: SessionId
    seen: RecordingId | None
    """What Redis said before SQL is asked."""
    caller: Caller


class Repairing(Struct, frozen=True):
    """The script that lets Redis say what SQL says."""

    caller: Caller


class Moving(Struct, frozen=True):
    """The move script; ``to_node`` is reserved meanwhile."""

    to_node: NodeId


class Following(Struct, frozen=True):
    """The summary: somebody else moved the room, where to?"""


Pending = (
    TakingSeat
    | Settling
    | OpeningSession
    | OpeningLate
    | Confirming
    | ReadingRemovals
    | KeepingOut
    | ClosingStale
    | EndingStale
    | DroppingState
    | RereadingRecord
    | GivingUp
    | KeepingAlive
    | Updating
    | RaisingHand
    | Renaming
    | OptingOut
    | Controlling
    | ChangingSettings
    | ReadingSettings
    | KeepingChat
    | ReadingChat
    | Reacting
    | Leaving
    | LeavingUnrecorded
    | ClosingPeer
    | Removing
    | FindingNode
    | FindingMeeting
    | RecordingRemoval
    | CheckingRemoval
    | Sweeping
    | CheckingSession
    | Restoring
    | Reading
    | Ending
    | Dropping
    | FindingSession
    | ClosingSession
    | EndingRejoined
    | Reaping
    | Starting
    | StartingInSql
    | Beginning
    | Withdrawing
    | FindingRecording
    | Stopping
    | EndingRecording
    | Comparing
    | Repairing
    | Moving
    | Following
)
"""What waits for the answer to a ticket."""

Resumable = (
    KeepingAlive
    | Updating
    | RaisingHand
    | Renaming
    | OptingOut
    | Controlling
    | Entering
    | Reading
    | Ending
    | HandedOver
    | ReadingWanted
    | Marked
)
"""What goes on without one: after the room was restored, or for another reason within the meeting."""
