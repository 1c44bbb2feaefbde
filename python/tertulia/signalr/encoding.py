"""What the two encodings of the hub protocol have in common."""

from __future__ import annotations

from typing import ClassVar, Final, Protocol

from msgspec import UNSET, Struct

from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.framing import Framer
from tertulia.signalr.messages import (
    Completion,
    Invocation,
    Message,
    StreamInvocation,
    StreamItem,
    Unread,
    Unreadable,
)

UNREADABLE_RESULT: Final = "The result cannot be read."
"""The error of a Completion that has one of those."""
TOO_MANY_VALUES: Final = "A message has too many values."
"""Why the connection ends if it cannot be told which call alone is to be refused for that."""


class HubProtocol(Protocol):
    """An encoding: stateless, one for all connections."""

    name: ClassVar[str]
    """As the handshake names it."""
    binary: ClassVar[bool]
    """It needs a transport that carries bytes, and binary WebSocket frames."""
    ping: ClassVar[bytes]
    """The frame of a Ping."""

    def framer(self, bound: int) -> Framer:
        """A new framer for one connection's inbound messages of at most ``bound`` bytes."""

    def decode(self, payload: bytes) -> Message | None:
        """A message; None for a type that is not known, and to be ignored. Raises ProtocolError."""

    def skim(self, payload: bytes) -> Message | None:
        """What :meth:`decode` returns, with UNREAD in the place of a call's arguments, a stream's item and a result,
        which are skipped. Raises ProtocolError, also where skipping would take too long."""

    def parts_of(self, payload: bytes) -> int:
        """How many lists and maps, and values in them, there may be in a message: what it costs to decode it. To count
        them costs little, whatever is in it."""

    def encode(self, message: Message) -> bytes:
        """A frame. Raises what msgspec raises for values it cannot encode."""


def checked(message: Message) -> Message:
    """``message``, if it keeps the rules that types cannot express (HubProtocol.md, "Errors"). Raises ProtocolError."""
    if isinstance(message, Invocation):
        if message.target:
            return message
        raise ProtocolError("Missing required property 'target'.")
    if isinstance(message, StreamInvocation) and not message.target:
        raise ProtocolError("Missing required property 'target'.")
    if isinstance(message, Completion) and message.error is not None and message.result is not UNSET:
        raise ProtocolError("The 'error' and 'result' properties are mutually exclusive.")
    if getattr(message, "invocation_id", None) == "":
        raise ProtocolError("Missing required property 'invocationId'.")
    return message


class Head(Struct):
    """What says which message of types 1 to 4 it is, and whose; ``has_content``: arguments, an item, a result or an
    error are there, whatever they are."""

    kind: int
    invocation_id: str | None
    target: str | None
    has_content: bool
    error: str | None = None


def headed(head: Head, mark: Unreadable | Unread) -> Message | None:
    """The message with that head, ``mark`` in the place of its content; None: it is of another type. Raises
    ProtocolError."""
    if head.kind not in (1, 2, 3, 4):
        return None
    if not head.has_content and head.kind != 3:
        raise ProtocolError("A message lacks a required property.")
    if head.kind == 1:
        return checked(Invocation(head.target or "", [mark], head.invocation_id or None))
    owner = head.invocation_id or ""
    if head.kind == 4:
        return checked(StreamInvocation(owner, head.target or "", [mark]))
    if head.kind == 2:
        return checked(StreamItem(owner, mark))
    error = head.error or (UNREADABLE_RESULT if head.has_content else None)
    return checked(Completion(owner, error=error))
