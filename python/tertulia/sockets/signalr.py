"""The hub for SignalR clients: each call of the contract is a hub method with its payload as the one argument."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from tertulia.contract import CALLS
from tertulia.errors import Malformed, UnknownEvent
from tertulia.hub.client import CallId
from tertulia.hub.hub import Hub
from tertulia.hub.refusal import refusal
from tertulia.ids import ConnectionId
from tertulia.room import closing
from tertulia.room.events import Event
from tertulia.signalr.connection import Ended
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import HubException, method_failed, unknown_method
from tertulia.signalr.handshake import PROTOCOLS
from tertulia.signalr.messages import Completion, Invocation, StreamInvocation, Tracked
from tertulia.signalr.serve.link import Link
from tertulia.sockets.outgoing import wire
from tertulia.sockets.plain import MAX_DEPTH
from tertulia.sockets.signalr_socket import SignalRSocket

METHODS: Final = {name.lower(): name for name in CALLS}
"""Hub methods are found in any case, as in ASP.NET Core."""
MAY_RETURN: Final = frozenset({closing.GOING_AWAY.code, closing.STUCK.code})
"""Closed with one of these, a client that reconnects by itself may: the others are meant to last."""


def _encoder(protocol: HubProtocol) -> Callable[[Event], bytes]:
    if protocol.binary:
        return lambda event: protocol.encode(Invocation(event.name, [event.value()]))
    return lambda event: protocol.encode(Invocation(event.name, [event.payload]))


_ENCODERS: Final = {name: _encoder(protocol) for name, protocol in PROTOCOLS.items()}
_WIRE: Final = {name: f"{name} on a WebSocket" for name in PROTOCOLS}


def _wire_encoder(name: str) -> Callable[[Event], bytes]:
    binary, encode = PROTOCOLS[name].binary, _ENCODERS[name]
    return lambda event: wire(encode(event), binary)


_WIRE_ENCODERS: Final = {name: _wire_encoder(name) for name in PROTOCOLS}


class SignalRHub:
    """The application of the links: hands their calls to the hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def opened(self, link: Link) -> None:
        """The handshake is done."""
        link.state = client = SignalRClient(link)
        self._hub.connected(client)

    def received(self, link: Link, message: Tracked) -> None:
        """A message. Streams and completions belong to no call that we have; they are ignored."""
        if isinstance(message, Invocation):
            self._invoked(link.state, message)
        elif isinstance(message, StreamInvocation):
            text = unknown_method(message.target)
            if message.target.lower() in METHODS:
                text = (
                    f"The client attempted to invoke the non-streaming '{message.target}' method "
                    "with a streaming invocation."
                )
            self._hub.malformed(link.state, _Call(message.invocation_id, message.target), _Worded(text))

    def ended(self, link: Link, ended: Ended) -> None:
        """The connection is over."""
        client: SignalRClient = link.state
        if client.closing:
            # The hub closes it at this moment and must not be called before that has returned.
            asyncio.get_running_loop().call_soon(self._gone, client, ended)
        else:
            self._gone(client, ended)

    def _gone(self, client: SignalRClient, ended: Ended) -> None:
        self._hub.disconnected(client, ended.clean, some_lost=ended.unsent or client.late)

    def _invoked(self, client: SignalRClient, message: Invocation) -> None:
        call = _Call(message.invocation_id, message.target)
        event = METHODS.get(message.target.lower(), message.target)
        arguments = message.arguments
        if message.stream_ids:
            wrong = HubException(f"Client sent {len(message.stream_ids)} stream(s), Hub method expects 0.")
            self._hub.malformed(client, call, _Worded(method_failed(message.target, wrong)))
        elif len(arguments) > 1:
            self._hub.malformed(client, call, Malformed(f"{event} takes one argument"))
        else:
            payload = arguments[0] if arguments else None
            fast = _converted(event, payload)
            if fast is not None:
                self._hub.call(client, call, event, fast)
            elif _is_json(payload, MAX_DEPTH):
                self._hub.call(client, call, event, payload)
            else:
                self._hub.malformed(client, call, Malformed("the argument is not what JSON can say, or too deep"))


class SignalRClient:
    """One connection (a :class:`tertulia.hub.client.Client`)."""

    __slots__ = ("_encode", "_encode_wire", "_id", "_link", "_name", "_socket", "_wire", "closing", "late")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._id = ConnectionId(link.id)
        self._name = link.core.protocol.name
        socket = link.transport
        # One that no other will replace, and that nothing has to be numbered for: the short way to it.
        self._socket = socket if isinstance(socket, SignalRSocket) and link.core.direct else None
        self._wire = _WIRE[self._name]
        self._encode = _ENCODERS[self._name]
        self._encode_wire = _WIRE_ENCODERS[self._name]
        self.closing = False
        self.late = False
        """Something was sent after the hub had closed it."""

    @property
    def id(self) -> ConnectionId:
        return self._id

    def send(self, event: Event) -> None:
        if self._socket is not None:
            self._socket.write_wire(event.frame(self._wire, self._encode_wire), event.latest)
        elif self.closing:
            self.late = True
        else:
            self._link.send_frame(event.frame(self._name, self._encode), event.latest)

    def reply(self, call: CallId, result: Struct) -> None:
        if call.invocation_id is not None:
            self._complete(Completion(call.invocation_id, result))

    def refuse(self, call: CallId, error: Exception) -> None:
        if call.invocation_id is not None:
            self._complete(Completion(call.invocation_id, error=_words(call.target, error)))

    def _complete(self, completion: Completion) -> None:
        if self._socket is not None:
            protocol = self._link.core.protocol
            self._socket.write_wire(wire(protocol.encode(completion), protocol.binary))
        else:
            self._link.send(completion)

    def close(self, code: int, reason: str) -> None:
        self.closing = True
        self._socket = None
        self._link.close(reason, allow_reconnect=code in MAY_RETURN, code=code)


class _Call(Struct, frozen=True):
    """What it takes to answer a call; without an ``invocation_id`` no answer is wanted."""

    invocation_id: str | None
    target: str


class _Worded(Malformed):
    """A call that no SignalR client makes by mistake, refused in ASP.NET Core's own words."""


def _words(target: str, error: Exception) -> str:
    if isinstance(error, _Worded):
        return error.message
    if isinstance(error, UnknownEvent):
        return unknown_method(target)
    code, message, _ = refusal(error)
    return method_failed(target, HubException(f"{code}: {message}"))


def _converted(event: str, payload: object) -> Struct | None:
    """The contract's struct, where the payload is flat and nothing is wrong with it: the common case. None: look
    closer.
    """
    kind = CALLS.get(event)
    if kind is None or type(payload) is not dict:
        return None
    for value in payload.values():
        if type(value) is str:
            if "\0" in value:
                return None
        elif value is not None and type(value) is not bool:
            return None
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError:
        return None


def _is_json(value: object, levels: int) -> bool:
    """Whether a JSON parser could have returned ``value``: MessagePack can say more. ``levels``: how deep it may be."""
    level: list[Any] = [value]
    for _ in range(levels):
        if not all(map(_is_json_leaf, level)):
            return False
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return True
    return False


def _is_json_leaf(value: object) -> bool:
    """The same for one value, what it contains aside."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value)
    if isinstance(value, float):
        return value - value == 0
    return value is None or isinstance(value, str | int | list)
