"""What the two encodings of the hub protocol have in common."""

from __future__ import annotations

from typing import ClassVar, Protocol

from msgspec import UNSET

from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.framing import Framer
from tertulia.signalr.messages import Completion, Invocation, Message, StreamInvocation


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
