"""A SignalR client, as Tertulia's hub sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from tertulia.errors import Malformed, UnknownEvent
from tertulia.hub.client import CallId
from tertulia.hub.refusal import refusal
from tertulia.ids import ConnectionId
from tertulia.room import closing
from tertulia.room.events import Event
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import UNKNOWN_METHOD, HubException, method_failed
from tertulia.signalr.handshake import PROTOCOLS
from tertulia.signalr.messages import Completion, Invocation
from tertulia.signalr.serve.connection import HubConnection
from tertulia.sockets.outgoing import wire
from tertulia.sockets.signalr.socket import SignalRSocket

MAY_RETURN: Final = frozenset({closing.GOING_AWAY.code, closing.STUCK.code})
"""Close codes after which a client that reconnects by itself may: the others are meant to last."""


def _encoder(protocol: HubProtocol) -> Callable[[Event], bytes]:
    if protocol.binary:
        return lambda event: protocol.encode(Invocation(event.name, [event.value()]))
    return lambda event: protocol.encode(Invocation(event.name, [event.payload]))


def _wire_encoder(protocol: HubProtocol) -> Callable[[Event], bytes]:
    encode = _encoder(protocol)
    return lambda event: wire(encode(event), protocol.binary)


_ENCODERS: Final = {name: _encoder(protocol) for name, protocol in PROTOCOLS.items()}
_WIRE_ENCODERS: Final = {name: _wire_encoder(protocol) for name, protocol in PROTOCOLS.items()}
_WIRE: Final = {name: f"{name} on a WebSocket" for name in PROTOCOLS}


class Call(Struct, frozen=True):
    """What it takes to answer a call; without an ``invocation_id`` no answer is wanted."""

    invocation_id: str | None
    target: str


class Worded(Malformed):
    """A call that no SignalR client makes by mistake, refused in ASP.NET Core's own words."""


class SignalRClient:
    """One connection (a :class:`tertulia.hub.client.Client`)."""

    __slots__ = ("_connection", "_encode", "_encode_wire", "_id", "_name", "_socket", "_wire", "closing", "late")

    def __init__(self, connection: HubConnection) -> None:
        self._connection = connection
        self._id = ConnectionId(connection.id)
        self._name = connection.core.protocol.name
        socket = connection.transport
        # The short way: a socket that no other will replace, whose frames need no numbers.
        self._socket = socket if isinstance(socket, SignalRSocket) and connection.core.direct else None
        self._wire = _WIRE[self._name]
        self._encode = _ENCODERS[self._name]
        self._encode_wire = _WIRE_ENCODERS[self._name]
        self.closing = False
        """The hub is closing it."""
        self.late = False
        """Something was sent after the hub had closed it."""

    @property
    def id(self) -> ConnectionId:
        """The public connectionId."""
        return self._id

    @property
    def address(self) -> str | None:
        """The IP address it came from."""
        return self._connection.address or None

    def send(self, event: Event) -> bool:
        """Invoke the client's method of the event's name; False: in the place of a stale invocation."""
        if self._socket is not None:
            return self._socket.write_wire(event.frame(self._wire, self._encode_wire), event.latest)
        if self.closing:
            self.late = True
        else:
            self._connection.send_frame(event.frame(self._name, self._encode))
        return True

    def reply(self, call: CallId, result: Struct) -> None:
        """Complete a call with its result."""
        if call.invocation_id is not None:
            self._complete(Completion(call.invocation_id, result))

    def refuse(self, call: CallId, error: Exception) -> None:
        """Complete a call with a HubException whose message begins with the code."""
        if call.invocation_id is not None:
            self._complete(Completion(call.invocation_id, error=_words(call.target, error)))

    def widen(self, *, wide: bool) -> None:
        """Take large messages, or small ones only."""
        core, transport = self._connection.core, self._connection.transport
        core.widen(wide=wide)
        if core.is_overfull:
            self.close(*closing.TOO_BIG_YET)
        elif not wide and isinstance(transport, SignalRSocket):
            transport.narrowed()

    def joined(self) -> None:
        """It has a seat."""
        if self._connection.place is not None:
            self._connection.place.leave()

    def close(self, code: int, reason: str) -> None:
        """Send a Close message, then close."""
        self.closing = True
        self._socket = None
        self._connection.close(reason, allow_reconnect=code in MAY_RETURN, code=code)

    def hold(self) -> None:
        """Read nothing more for a moment: the client sends more than it may."""
        if isinstance(self._connection.transport, SignalRSocket):  # requests have a pace of their own
            self._connection.transport.hold()

    def _complete(self, completion: Completion) -> None:
        if self._socket is not None:
            protocol = self._connection.core.protocol
            self._socket.write_wire(wire(protocol.encode(completion), protocol.binary))
        else:
            self._connection.send(completion)


def _words(target: str, error: Exception) -> str:
    if isinstance(error, Worded):
        return error.message
    if isinstance(error, UnknownEvent):
        return UNKNOWN_METHOD
    told = refusal(error)
    words = (told.code, told.reason, told.message)
    return method_failed(target, HubException(": ".join(word for word in words if word)))
