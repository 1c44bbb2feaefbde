"""What a meeting is told: everything that may change it, as tagged values.

What whoever runs a meeting guarantees:

- Inputs come one at a time, each after the effects of the one before were carried out (or begun).
- Calls of one connection come one at a time: the next only after the effect ``Reply`` or ``Refuse`` for the one
  before. A :class:`Join` or :class:`Call` is answered by exactly one of these, in the end (``Tell`` may answer too).
- :class:`Join` only for a connection without a seat in any meeting; :class:`Call` only for one that has its seat here,
  by the effects ``Sat`` and ``Stood``. A call that crossed with ``Stood`` is refused, not wrong.
- Every ticket is answered once, within a bounded time: ``Failed(ticket, Unavailable(…))`` at the latest. Answers to
  scripts come in the order in which the scripts ran; failures, and answers of SQL, at any time. Where answers may have
  been lost, :class:`Gap` comes too.
- :class:`Message` comes in the order of the channel, and only between ``Subscribe`` and ``Unsubscribe``; after
  :class:`Subscribed` nothing that is published is missed, unless :class:`Gap` says so.
- After the effect ``Unused`` nothing comes any more.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tertulia.contract import calls
from tertulia.contract.fields import Layout
from tertulia.contract.settings import Settings
from tertulia.ids import ConnectionId, NodeId, RecordingId, SessionId, TenantId, UserId
from tertulia.room.answers import Answer, RoomRecord
from tertulia.room.messages import RoomMessage
from tertulia.room.quotas import Quotas
from tertulia.room.timers import Timer
from tertulia.tokens import RoomClaims

Ticket = int
"""Names one step under way; never used twice by a meeting."""
Request = int
"""Names one request of the control plane; chosen by who makes it."""

# --- connections ------------------------------------------------------------------------------------------------------


class Join(Struct, frozen=True):
    """JoinRoom. ``claims`` are those of the verified ``payload.token``, for this room; ``record`` is the room's, read
    after that."""

    connection: ConnectionId
    payload: calls.JoinRoom
    claims: RoomClaims
    record: RoomRecord
    at: float = 0.0
    """Unix seconds: when it came."""


class Call(Struct, frozen=True):
    """Any other call of the contract, its payload as the contract's struct (:data:`tertulia.contract.calls.CALLS`)."""

    connection: ConnectionId
    event: str
    payload: Any
    at: float
    """Unix seconds: when it came."""
    has_waited: bool = False
    """Behind an earlier one: what the client was sent meanwhile is not known to have arrived. Otherwise the call itself
    says that everything sent until now has."""


class ConnectionLost(Struct, frozen=True):
    """The client is gone without a word, and may return. Comes at once, also while a call of it is under way; no effect
    without a seat here."""

    connection: ConnectionId
    some_lost: bool
    """Events it was sent are known not to have reached it."""


class ConnectionClosed(Struct, frozen=True):
    """The client said goodbye by closing its socket. Comes after all its calls were answered; no effect without a seat
    here."""

    connection: ConnectionId


class JoinAbandoned(Struct, frozen=True):
    """The client said goodbye while its JoinRoom is under way. Of effect only where that waits for a host; otherwise
    :class:`ConnectionClosed` comes when it is answered."""

    connection: ConnectionId


# --- steps under way --------------------------------------------------------------------------------------------------


class Answered(Struct, frozen=True):
    """The step of this ticket was carried out; ``answer`` is what :mod:`tertulia.room.steps` says."""

    ticket: Ticket
    answer: Answer


class Failed(Struct, frozen=True):
    """The step of this ticket failed, by an error that :mod:`tertulia.room.steps` lists or by ``Unavailable``."""

    ticket: Ticket
    error: Exception


class TimerDue(Struct, frozen=True):
    """A timer that was set, and not cancelled since, is due."""

    timer: Timer


# --- the room's channel -----------------------------------------------------------------------------------------------


class Subscribed(Struct, frozen=True):
    """The channel is heard from now on: the answer to ``Subscribe``."""


class NotSubscribed(Struct, frozen=True):
    """The other answer to ``Subscribe``."""

    error: Exception


class Message(Struct, frozen=True):
    """The channel said this. This hub's own messages come too."""

    message: RoomMessage


class Gap(Struct, frozen=True):
    """Messages of the channel (or answers to scripts) may have been missed; it is heard again from now on."""


# --- the hub's clock --------------------------------------------------------------------------------------------------


class OfferUnheard(Struct, frozen=True):
    """An offer was passed on to an SFU node, and nobody heard it: the node has died, or is cut off."""

    connection: ConnectionId
    node: NodeId


class NodesSeen(Struct, frozen=True):
    """The registry of SFU nodes was read (``Surroundings.nodes`` has it): about each second, to every meeting."""


class Sweep(Struct, frozen=True):
    """It is time to look for silent seats: about each ``settings.seat / 6`` seconds, to every meeting."""


class QuotasRead(Struct, frozen=True):
    """SQL has these quotas for the room's tenant: every few seconds, to every meeting."""

    tenant: TenantId
    quotas: Quotas


# --- the control plane ------------------------------------------------------------------------------------------------


class EndRoom(Struct, frozen=True):
    """End the meeting for everyone. Answered by ``Resolve``: whether there was one; or ``Reject``."""

    request: Request
    reason: str


class RemoveParticipant(Struct, frozen=True):
    """Remove a user and void their tokens; with ``ban``, a guest's for good. Answered by ``Resolve``: whether there is
    a meeting from which they are removed; or ``Reject``."""

    request: Request
    user: UserId
    ban: bool = False


class SettingsChanged(Struct, frozen=True):
    """The room's settings were changed in SQL to these. Answered by ``Resolve``."""

    request: Request
    settings: Settings


class StartRecording(Struct, frozen=True):
    """Record the meeting. Answered by ``Resolve``, or ``Reject``: why not. After ``Unavailable`` it may still begin:
    the same request may be made again, and a reaping completes what SQL knows of."""

    request: Request
    recording: RecordingId
    layout: Layout
    by: str
    """Who asks, for the log."""


class StopRecording(Struct, frozen=True):
    """End a recording, whether it goes on or not. Answered by ``Resolve``; or ``Reject``: it may be asked again."""

    request: Request
    recording: RecordingId
    by: str


class Reap(Struct, frozen=True):
    """SQL says that this session of the room is open, what is recorded of it, and the room's settings: close it if its
    meeting is over, keep to the settings, and let Redis say the same of its recording. Answered by ``Resolve``: whether
    it was closed; or ``Reject``."""

    request: Request
    session_id: SessionId
    recording: RecordingId | None
    settings: Settings


Input = (
    Join
    | Call
    | ConnectionLost
    | ConnectionClosed
    | JoinAbandoned
    | Answered
    | Failed
    | TimerDue
    | Subscribed
    | NotSubscribed
    | Message
    | Gap
    | OfferUnheard
    | NodesSeen
    | Sweep
    | QuotasRead
    | EndRoom
    | RemoveParticipant
    | SettingsChanged
    | StartRecording
    | StopRecording
    | Reap
)
