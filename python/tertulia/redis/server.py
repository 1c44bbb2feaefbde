"""One Redis server: a connection that is renewed when lost, and the calls that wait for it or for their replies."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog

from tertulia.errors import TertuliaError, Unavailable
from tertulia.redis.address import Address, Target
from tertulia.redis.connection import Connection, Hello, open_connection, pack

MAX_CALLS: Final = 20_000
"""Calls that wait for one server or its replies: what it can do in a tenth of a second. One more is refused."""
MAX_BYTES: Final = 64 * 2**20
"""Bytes of those calls."""
FIRST_RETRY_SECONDS: Final = 0.05
LAST_RETRY_SECONDS: Final = 1.0
"""The pause between attempts to connect doubles from the first to the last. Half of it is random."""

_log = structlog.get_logger(__name__)


class Call:
    """One command under way. ``done`` is called once, with the reply, a ReplyError or an Unavailable."""

    __slots__ = ("command", "deadline", "done", "fallback", "key", "redirects")

    def __init__(
        self,
        key: str,
        command: bytes,
        deadline: float,
        done: Callable[[Any], None],
        fallback: Callable[[], bytes] | None,
    ) -> None:
        self.key = key
        self.command = command
        self.deadline = deadline
        self.done = done
        self.fallback = fallback
        """Makes the command to send if the server does not know the script."""
        self.redirects = 0


def pause_seconds(attempt: int) -> float:
    """How long to wait after the ``attempt``-th failure in a row, from 0."""
    longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(attempt, 10))
    return float(longest * (0.5 + random.random() / 2))  # noqa: S311 - jitter, no secret


class Server:
    """The calls to one server, sent in the order in which they were made. Without a connection they wait for one, until
    their deadline.

    When the connection is lost, the calls that were sent fail: nobody knows whether they took effect.
    """

    def __init__(
        self,
        target: Target,
        address: Address,
        setup: list[bytes],
        on_reply: Callable[[Server, Call, Any], None],
        on_back: Callable[[Server], None],
        on_trouble: Callable[[Server], None],
    ) -> None:
        """``setup``: the commands with which each connection begins. ``on_reply`` gets each reply; ``on_back`` is
        called when there is a connection again after one was lost or could not be made, ``on_trouble`` on each
        failure."""
        self.address = address
        self._target = target
        self._setup = setup
        self._on_reply = on_reply
        self._on_back = on_back
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._sent: deque[Call] = deque()
        self._waiting: deque[Call] = deque()
        self._bytes = 0
        self._connecting: asyncio.Task[None] | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._closed = False
        self._retired = False

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    async def open(self) -> Hello:
        """Connect, and raise what :func:`~tertulia.redis.connection.open_connection` raises."""
        connection, hello = await open_connection(self._target, self.address, self._setup, self._replied, self._lost)
        self._attach(connection)
        return hello

    def connect(self) -> None:
        """Begin to connect, if there is no connection."""
        if self._connection is None and not self._closed:
            self._reconnect()

    def has_room(self, size: int) -> bool:
        """Whether a command of ``size`` bytes can be queued."""
        return len(self._sent) + len(self._waiting) < MAX_CALLS and self._bytes + size <= MAX_BYTES

    def send(self, call: Call) -> None:
        """Queue a call. It fails with Unavailable at once if the queue is full."""
        if self._closed:
            call.done(Unavailable("the connection to Redis is closed"))
            return
        if not self.has_room(len(call.command)):
            call.done(Unavailable(f"too many calls are waiting for Redis at {self.address}"))
            return
        self._bytes += len(call.command)
        if self._connection is None:
            self._waiting.append(call)
            self._reconnect()
        else:
            self._sent.append(call)
            self._connection.write(call.command)
        if self._clock is None:
            self._clock = self._loop.call_at(call.deadline, self._overdue)

    def send_asking(self, call: Call) -> None:
        """Send a call that was redirected by ASK to this server, which is importing the slot."""
        self.send(Call(call.key, _ASKING, call.deadline, _ignore, None))
        self.send(call)

    def reset(self) -> None:
        """Connect anew: the host name may lead to another server by now."""
        if self._connection is not None:
            self._connection.abort()

    def retire(self) -> list[Call]:
        """Close when the last reply has come. Returns the calls that were not sent."""
        waiting, self._waiting = list(self._waiting), deque()
        self._bytes -= sum(len(call.command) for call in waiting)
        self._retired = True
        if not self._sent:
            self.close()
        return waiting

    def close(self) -> None:
        """Close the connection. All queued calls fail."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._clock is not None:
            self._clock.cancel()
        self.reset()
        self._fail(self._waiting, "the connection to Redis is closed")

    async def closed(self) -> None:
        """Wait, after :meth:`close`, until nothing runs any more."""
        if self._connecting is not None:
            await asyncio.wait([self._connecting])
        if self._connection is not None:
            await self._connection.ended.wait()

    def _attach(self, connection: Connection) -> None:
        self._connection = connection
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            self._sent.append(call)
            connection.write(call.command)

    def _replied(self, reply: Any) -> None:
        call = self._sent.popleft()
        self._bytes -= len(call.command)
        if call.done is not _ignore:
            self._on_reply(self, call, reply)
        if self._retired and not self._sent:
            self.close()

    def _lost(self) -> None:
        self._connection = None
        if not self._closed:
            _log.warning("the connection to Redis was lost", server=str(self.address), calls=len(self._sent))
        self._fail(self._sent, f"the connection to Redis at {self.address} was lost")
        if self._closed or self._retired:
            return
        self._on_trouble(self)
        self._reconnect(lost=True)

    def _fail(self, calls: deque[Call], why: str) -> None:
        while calls:
            call = calls.popleft()
            self._bytes -= len(call.command)
            call.done(Unavailable(why))

    def _reconnect(self, *, lost: bool = False) -> None:
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect(lost))

    async def _connect(self, lost: bool) -> None:
        attempt = 0
        try:
            while True:
                try:
                    await self.open()
                    break
                except TertuliaError as e:
                    if attempt == 0:
                        _log.warning("Redis cannot be reached", server=str(self.address), error=e.message)
                self._on_trouble(self)
                await asyncio.sleep(pause_seconds(attempt))
                attempt += 1
        finally:
            self._connecting = None
        _log.info("connected to Redis", server=str(self.address))
        if lost or attempt:
            self._on_back(self)

    def _overdue(self) -> None:
        """The deadline of the oldest call has come. Calls that were not sent fail; if a sent one has no reply, the
        connection is ended, which fails all that were sent."""
        self._clock = None
        now = self._loop.time()
        while self._waiting and self._waiting[0].deadline <= now:
            call = self._waiting.popleft()
            self._bytes -= len(call.command)
            call.done(Unavailable(f"Redis at {self.address} cannot be reached"))
        if self._sent and self._sent[0].deadline <= now and self._connection is not None:
            self._connection.abort()
            return
        pending = self._sent or self._waiting
        if pending:
            self._clock = self._loop.call_at(max(pending[0].deadline, now + 0.001), self._overdue)


_ASKING: Final = pack(b"ASKING")


def _ignore(reply: Any) -> None:
    pass
