"""A hub whose methods are coroutines and asynchronous generators. Arguments and results are whatever msgspec can carry.

Calls of one connection run one after the other, in the order sent. Streams, and calls that take streams, run beside
them once begun, as in ASP.NET Core. A method gets the :class:`Caller` first, then one parameter for each argument,
converted to the type it is annotated with. A parameter annotated ``AsyncIterator[T]`` is a stream that the client
sends.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from tertulia.signalr.connection import Ended
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import connection_failed
from tertulia.signalr.messages import Invocation, Tracked
from tertulia.signalr.serve.caller import Caller
from tertulia.signalr.serve.calls import Calls
from tertulia.signalr.serve.connection import HubConnection
from tertulia.signalr.serve.method import Handler, Method

log = logging.getLogger("signalr")

H = TypeVar("H", bound=Handler)
Lifetime = Callable[[Caller], Awaitable[None]]


class Hub:
    """An application for :class:`~tertulia.signalr.serve.asgi.SignalR`."""

    def __init__(self) -> None:
        self.callers: dict[str, Caller] = {}
        """Everyone who is connected, by connectionId."""
        self._methods: dict[str, Method] = {}
        self._connected: Lifetime | None = None
        self._disconnected: Lifetime | None = None

    # --- registration

    def method(self, handler: H) -> H:
        """Register a coroutine function, or an asynchronous generator function for a stream, under its name (in any
        case)."""
        self._methods[handler.__name__.lower()] = Method.of(handler)
        return handler

    def connected(self, handler: Lifetime) -> Lifetime:
        """Register what runs before a caller's first call; if it raises, the connection is closed."""
        self._connected = handler
        return handler

    def disconnected(self, handler: Lifetime) -> Lifetime:
        """Register what runs when a caller is gone."""
        self._disconnected = handler
        return handler

    def send(self, to: Iterable[Caller], target: str, *arguments: Any) -> None:
        """Invoke ``target`` on many clients; it is encoded once for each encoding."""
        message = Invocation(target, list(arguments))
        frames: dict[HubProtocol, bytes] = {}
        for caller in to:
            protocol = caller.connection.core.protocol
            frame = frames.get(protocol)
            if frame is None:
                frame = frames[protocol] = protocol.encode(message)
            caller.connection.send_frame(frame)

    def find(self, target: str) -> Method | None:
        """The method of that name, in any case."""
        return self._methods.get(target.lower())

    # --- the application of a connection

    def opened(self, connection: HubConnection) -> None:
        """The handshake is done."""
        caller = Caller(connection)
        connection.state = calls = Calls(self.find, caller)
        self.callers[caller.id] = caller
        if self._connected is not None:
            calls.enqueue(_greet(caller, self._connected))

    def received(self, connection: HubConnection, message: Tracked) -> None:
        """A message."""
        calls: Calls = connection.state
        calls.received(message)

    def ended(self, connection: HubConnection, ended: Ended) -> None:
        """The connection is over."""
        calls: Calls = connection.state
        caller = self.callers.pop(connection.id)
        calls.stop()
        if self._disconnected is not None:
            calls.beside(_say_goodbye(caller, self._disconnected))


async def _greet(caller: Caller, handler: Lifetime) -> None:
    try:
        await handler(caller)
    except Exception as error:
        log.exception("The hub's connected handler failed")
        caller.close(connection_failed(error))


async def _say_goodbye(caller: Caller, handler: Lifetime) -> None:
    try:
        await handler(caller)
    except Exception:
        log.exception("The hub's disconnected handler failed")
