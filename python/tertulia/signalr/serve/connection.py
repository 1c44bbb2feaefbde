"""One client's connection as it is served: the core, its transport of the moment, and the application behind it."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

from msgspec.structs import replace

from tertulia.signalr.connection import Connection, Ended, Input, Opened, Phase
from tertulia.signalr.framing import RECORD_SEPARATOR
from tertulia.signalr.messages import Tracked
from tertulia.signalr.serve.transport import Transport

NORMAL: Final = 1000
"""The WebSocket close code of an end that needs no other (RFC 6455, section 7.4.1)."""
TRY_AGAIN_LATER: Final = 1013
"""The WebSocket close code for a client that does not keep up (IANA's registry)."""
_TOO_SLOW: Final = "The client does not keep up."


class Application(Protocol):
    """What serves the calls of connections: a hub. Called on the event loop; must not block or raise."""

    def opened(self, connection: HubConnection) -> None:
        """The handshake is done."""

    def received(self, connection: HubConnection, message: Tracked) -> None:
        """A message, in the order sent."""

    def ended(self, connection: HubConnection, ended: Ended) -> None:
        """The last call, once, for each connection that was opened."""


class Place(Protocol):
    """What a connection takes up until it ends, or until the application says so."""

    @property
    def is_held(self) -> bool:
        """Whether it has not been left."""

    def leave(self) -> None:
        """Give it up; may be called twice."""


class Owner(Protocol):
    """What a connection needs of the endpoint that it belongs to."""

    application: Application

    def now(self) -> float:
        """Seconds of a clock that never goes back."""

    def schedule(self, connection: HubConnection) -> None:
        """The connection's deadline may have changed: call :meth:`HubConnection.tick` when it is reached."""

    def gone(self, connection: HubConnection) -> None:
        """The connection has ended."""


class HubConnection:
    """``id`` is the public connectionId, ``token`` the secret one ("" without negotiation), ``user`` what
    authentication made of the first request; ``state`` is the application's own, ``place`` what admission made."""

    __slots__ = (
        "_opened",
        "_owner",
        "_waiters",
        "address",
        "core",
        "early",
        "id",
        "place",
        "slot",
        "state",
        "token",
        "transport",
        "user",
    )

    def __init__(self, owner: Owner, core: Connection, *, id: str, token: str, user: object) -> None:
        self.id = id
        self.token = token
        self.core = core
        self.user = user
        self.state: Any = None
        self.place: Place | None = None
        self.address = ""
        """The client's IP address; "" where the server does not know it."""
        self.early = b""
        """What the client posted before its transport began."""
        self.transport: Transport | None = None
        self.slot = -1
        """Where the clock keeps it: see :class:`~.clock.Clock`."""
        self._owner = owner
        self._opened = False
        self._waiters: list[asyncio.Future[None]] | None = None

    # --- from the transport

    def attach(self, transport: Transport) -> None:
        """Take the first transport, or the one that replaces a stateful connection's."""
        old, self.transport = self.transport, transport
        if self.core.stateful:
            self.core.replaced(self._owner.now())
        if old is not None:
            old.close(NORMAL, "Replaced by another socket")
        early, self.early = self.early, b""
        if early:
            self.receive(early)
        self._flush()
        self._owner.schedule(self)

    def receive(self, data: bytes) -> None:
        """Take bytes from the transport."""
        if self.core.phase is Phase.HANDSHAKE:
            # The application sets a meter once it knows of the connection: what follows the handshake comes after that.
            end = data.find(RECORD_SEPARATOR) + 1
            if 0 < end < len(data):
                self._receive(data[:end])
                data = data[end:]
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        core = self.core
        inputs = core.receive(data, self._owner.now())
        if inputs:
            self._handle(inputs)
        if core.outbox:
            self._flush()
        if core.stateful:
            # A stateful connection's Ack may be due sooner than anything before.
            self._owner.schedule(self)

    def detached(self, transport: Transport, *, clean: bool) -> None:
        """A transport is gone. ``clean``: the client said goodbye. One that was replaced before does not matter."""
        if transport is not self.transport:
            return
        self.transport = None
        if self.core.stateful and not clean:
            self.core.lost(self._owner.now())
            self._owner.schedule(self)
        elif self.core.phase is not Phase.CLOSED:
            self.core.phase = Phase.CLOSED
            error = None if clean else "The transport was lost."
            self._handle([Ended(clean=clean, error=error, unsent=transport.unsent or bool(self.core.undelivered()))])

    def drained(self) -> None:
        """The transport is no longer congested."""
        if self._waiters and not self.congested:
            self._release()

    # --- from the clock

    def tick(self) -> None:
        """The deadline is reached."""
        inputs = self.core.tick(self._owner.now())
        self._handle(inputs)
        self._flush()

    # --- from the application

    def send(self, message: Tracked) -> None:
        """Send a message. Raises what the encoding raises for a value it cannot carry, and then sends nothing."""
        self.send_frame(self.core.protocol.encode(message))

    def send_frame(self, frame: bytes) -> None:
        """Send a tracked message already encoded by ``core.protocol``, so that one frame serves many."""
        core = self.core
        if core.direct and self.transport is not None:
            self.transport.write(frame, core.protocol.binary)
            return
        core.send_frame(frame)
        self._flush()
        if core.overflowing:
            self.give_up()

    def close(self, error: str | None = None, *, allow_reconnect: bool = False, code: int = NORMAL) -> None:
        """End the connection: a Close message, then the transport with a WebSocket close code. The application hears
        of it by ``ended``."""
        if self.core.phase is Phase.CLOSED:
            return
        self.core.close(error, allow_reconnect=allow_reconnect)
        self._end(Ended(clean=False, error=error, unsent=bool(self.core.undelivered())), code, error or "")

    def give_up(self) -> None:
        """Close because the client does not keep up; it may come back."""
        self.close(_TOO_SLOW, allow_reconnect=True, code=TRY_AGAIN_LATER)

    @property
    def congested(self) -> bool:
        """Whether the client does not keep up."""
        return self.core.congested or (self.transport.congested if self.transport is not None else self.core.stateful)

    async def writable(self) -> None:
        """Wait until the client keeps up, or the connection has ended."""
        while self.core.phase is not Phase.CLOSED and self.congested:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters = [*(self._waiters or ()), waiter]
            await waiter

    def pause(self) -> None:
        """Take nothing more from the client for now."""
        if self.transport is not None:
            self.transport.pause()

    def resume(self) -> None:
        """Take the client's messages again."""
        if self.transport is not None:
            self.transport.resume()

    # --- within

    def _handle(self, inputs: list[Input]) -> None:
        for one in inputs:
            if isinstance(one, Opened):
                self._opened = True
                self._owner.schedule(self)
                self._owner.application.opened(self)
            elif isinstance(one, Ended):
                self._end(one, NORMAL, "")
            elif self._opened:
                # Not what follows the message at which the application closed the connection.
                self._owner.application.received(self, one)

    def _flush(self) -> None:
        core, transport = self.core, self.transport
        if core.outbox and transport is not None:
            frames, core.outbox = core.outbox, []
            for frame in frames:
                if transport is not self.transport:
                    break  # it was too much for it, and it is gone
                transport.write(frame, core.protocol.binary)
        if self._waiters:
            self.drained()

    def _end(self, ended: Ended, code: int, reason: str) -> None:
        if self.transport is not None and self.transport.unsent:
            ended = replace(ended, unsent=True)
        self._flush()
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.close(code, reason)
        self._release()
        if self.place is not None:
            self.place.leave()
        self._owner.gone(self)
        if self._opened:
            self._opened = False
            self._owner.application.ended(self, ended)

    def _release(self) -> None:
        """Wake those who wait in :meth:`writable`."""
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)
