"""What a meeting decides: everything that is to be done outside of it, as tagged values.

Effects are carried out in the order given, without a pause in between. Steps (:class:`Run`) of one meeting are begun in
that order, and take effect in it as far as they go to Redis. A :class:`Publish` may overtake a step that was begun in
the same turn, never an earlier one's answer.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tertulia.contract.calls import Empty
from tertulia.ids import ConnectionId, NodeId
from tertulia.room.closing import CloseReason
from tertulia.room.commands import Command
from tertulia.room.events import Event
from tertulia.room.inputs import Request, Ticket
from tertulia.room.messages import RoomMessage
from tertulia.room.steps import Step
from tertulia.room.timers import Timer

# --- connections ------------------------------------------------------------------------------------------------------


class Deliver(Struct, frozen=True):
    """Send an event to these connections of this hub, all of which are seated here, or wait to be admitted. One that is
    gone by now is passed over."""

    event: Event
    to: list[ConnectionId]


class Reply(Struct, frozen=True):
    """Answer the call under way of this connection with its result. Not sent if the client is gone; the next of its
    calls may come."""

    connection: ConnectionId
    result: Struct = Empty()
    target: str | None = None
    """What the call was done to, for the audit log, where neither the call nor the result says it."""


class Refuse(Struct, frozen=True):
    """Answer the call under way of this connection with an error; else as :class:`Reply`. What is not a ``Refused`` is
    told as ``internal``, and logged."""

    connection: ConnectionId
    error: Exception


class LetGo(Struct, frozen=True):
    """Send a last event and close the connection: at once, or behind the answer to the call under way. Calls that wait
    behind that one are dropped. No effect if the client is gone."""

    connection: ConnectionId
    event: Event
    close: CloseReason


class Sat(Struct, frozen=True):
    """The connection has its seat in this meeting from now on: its calls come here, and it has no deadline to join any
    more."""

    connection: ConnectionId


class Stood(Struct, frozen=True):
    """The connection has no seat here any more: it may join again."""

    connection: ConnectionId


class Returned(Struct, frozen=True):
    """A client has returned to its seat: to be counted."""

    some_lost: bool


# --- steps, timers, channels ------------------------------------------------------------------------------------------


class Run(Struct, frozen=True):
    """Begin a step of Redis or SQL on this room. Its answer comes as ``Answered`` or ``Failed`` with this ticket."""

    ticket: Ticket
    step: Step


class SetTimer(Struct, frozen=True):
    """``TimerDue(timer)`` at ``at``, on the clock of ``now``. If it is set already it is moved."""

    timer: Timer
    at: float


class CancelTimer(Struct, frozen=True):
    """The timer is not due any more; no effect if it is not set."""

    timer: Timer


class Subscribe(Struct, frozen=True):
    """Hear the room's channel. Answered by ``Subscribed`` or ``NotSubscribed``, unless :class:`Unsubscribe` comes
    first."""


class Unsubscribe(Struct, frozen=True):
    """Hear the channel no more: neither a message, nor a gap, nor an answer to ``Subscribe``."""


class Publish(Struct, frozen=True):
    """Say this on the room's channel. What cannot be said is logged."""

    message: RoomMessage


class Tell(Struct, frozen=True):
    """Send a command to an SFU node."""

    node: NodeId
    command: Command
    answers: ConnectionId | None = None
    """The call under way of this connection is answered by it: ``{}``, or ``Unavailable`` if too much is queued. None:
    what cannot be sent is logged."""


# --- the rest ---------------------------------------------------------------------------------------------------------


class Resolve(Struct, frozen=True):
    """The answer to a request of the control plane."""

    request: Request
    result: bool


class Reject(Struct, frozen=True):
    """The request of the control plane failed."""

    request: Request
    error: Exception


class Log(Struct, frozen=True):
    """For the operator. The room's id is added."""

    text: str
    fields: dict[str, Any]
    is_warning: bool = True


class Unused(Struct, frozen=True):
    """Nothing is under way here, nobody is here, no timer is set: the meeting may be forgotten. Always the last."""


Effect = (
    Deliver
    | Reply
    | Refuse
    | LetGo
    | Sat
    | Stood
    | Returned
    | Run
    | SetTimer
    | CancelTimer
    | Subscribe
    | Unsubscribe
    | Publish
    | Tell
    | Resolve
    | Reject
    | Log
    | Unused
)
