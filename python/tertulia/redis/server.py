"""One Redis server: a connection that is kept up, and the calls that wait for it or for their replies."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog

from tertulia.errors import TertuliaError, Unavailable
from tertulia.redis.address import Address, Target
from tertulia.redis.link import Hello, Link, open_link, pack

MAX_CALLS: Final = 20_000
"""Calls that wait for one server or its replies: a tenth of a second of what it can do. One more is refused."""
MAX_BYTES: Final = 64 * 2**20
"""Their size."""
FIRST_RETRY_SECONDS: Final = 0.05
LAST_RETRY_SECONDS: Final = 1.0
"""The pause between attempts to connect doubles from the first to the last; half of it is random."""

_log = structlog.get_logger(__name__)


class Call:
    """One command on its way. ``done`` gets the reply, or an Unavailable or ReplyError instead, once."""

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
        """The command to send if the server does not know the script."""
        self.redirects = 0


def pause_seconds(attempt: int) -> float:
    """How long to wait after the ``attempt``-th (from 0) failure."""
    longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(attempt, 10))
    return float(longest * (0.5 + random.random() / 2))  # noqa: S311 - jitter, no secret


class Server:
    """Calls are sent in the order made. Those made while there is no connection wait for one, until their deadline.

    When the connection is lost, calls that were sent fail: nobody knows whether they had their effect.
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
        """``setup``: the commands that each connection begins with. ``on_reply`` gets every reply; ``on_back`` is
        told when a lost connection is there again, ``on_trouble`` of each failure."""
        self.address = address
        self._target = target
        self._setup = setup
        self._on_reply = on_reply
        self._on_back = on_back
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._sent: deque[Call] = deque()
        self._waiting: deque[Call] = deque()
        self._bytes = 0
        self._connecting: asyncio.Task[None] | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._closed = False
        self._retired = False

    @property
    def up(self) -> bool:
        return self._link is not None

    async def open(self) -> Hello:
        """Connect now; raises as :func:`~tertulia.redis.link.open_link` does."""
        link, hello = await open_link(self._target, self.address, self._setup, self._replied, self._lost)
        self._attach(link)
        return hello

    def connect(self) -> None:
        """Begin to connect, if it is not connected."""
        if self._link is None and not self._closed:
            self._reconnect()

    def has_room(self, size: int) -> bool:
        """Whether a command of ``size`` bytes can be queued."""
        return len(self._sent) + len(self._waiting) < MAX_CALLS and self._bytes + size <= MAX_BYTES

    def send(self, call: Call) -> None:
        """Queue it; the call gets Unavailable at once if too much is queued."""
        if self._closed:
            call.done(Unavailable("the connection to Redis is closed"))
            return
        if not self.has_room(len(call.command)):
            call.done(Unavailable(f"too many calls wait for Redis at {self.address}"))
            return
        self._bytes += len(call.command)
        if self._link is None:
            self._waiting.append(call)
            self._reconnect()
        else:
            self._sent.append(call)
            self._link.write(call.command)
        if self._clock is None:
            self._clock = self._loop.call_at(call.deadline, self._overdue)

    def send_asking(self, call: Call) -> None:
        """Send it to the server that is importing the slot: redirected by ASK."""
        self.send(Call(call.key, _ASKING, call.deadline, _ignore, None))
        self.send(call)

    def reset(self) -> None:
        """Connect anew: the name may lead to another server by now."""
        if self._link is not None:
            self._link.abort()

    def retire(self) -> list[Call]:
        """Close when the last reply has come; the calls that were not sent yet are given back."""
        waiting, self._waiting = list(self._waiting), deque()
        self._bytes -= sum(len(call.command) for call in waiting)
        self._retired = True
        if not self._sent:
            self.close()
        return waiting

    def close(self) -> None:
        """End the connection; everything queued fails."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._clock is not None:
            self._clock.cancel()
        self.reset()
        self._fail(self._waiting, "the connection to Redis is closed")

    async def closed(self) -> None:
        """Wait until nothing of it runs any more; after :meth:`close`."""
        if self._connecting is not None:
            await asyncio.wait([self._connecting])
        if self._link is not None:
            await self._link.ended.wait()

    def _attach(self, link: Link) -> None:
        self._link = link
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            self._sent.append(call)
            link.write(call.command)

    def _replied(self, reply: Any) -> None:
        call = self._sent.popleft()
        self._bytes -= len(call.command)
        if call.done is not _ignore:
            self._on_reply(self, call, reply)
        if self._retired and not self._sent:
            self.close()

    def _lost(self) -> None:
        self._link = None
        if not self._closed:
            _log.warning("redis_connection_lost", server=str(self.address), calls=len(self._sent))
        self._fail(self._sent, f"the connection to Redis at {self.address} was lost")
        if self._closed or self._retired:
            return
        self._on_trouble(self)
        self._reconnect()

    def _fail(self, calls: deque[Call], why: str) -> None:
        while calls:
            call = calls.popleft()
            self._bytes -= len(call.command)
            call.done(Unavailable(why))

    def _reconnect(self) -> None:
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        attempt = 0
        try:
            while True:
                try:
                    await self.open()
                    break
                except TertuliaError as e:
                    if attempt == 0:
                        _log.warning("redis_unreachable", server=str(self.address), error=e.message)
                self._on_trouble(self)
                await asyncio.sleep(pause_seconds(attempt))
                attempt += 1
        finally:
            self._connecting = None
        _log.info("redis_connected", server=str(self.address))
        self._on_back(self)

    def _overdue(self) -> None:
        """The oldest call's deadline: what waits fails; a server that does not reply is cut off, which fails what was
        sent."""
        self._clock = None
        now = self._loop.time()
        while self._waiting and self._waiting[0].deadline <= now:
            call = self._waiting.popleft()
            self._bytes -= len(call.command)
            call.done(Unavailable(f"Redis at {self.address} cannot be reached"))
        if self._sent and self._sent[0].deadline <= now and self._link is not None:
            self._link.abort()
            return
        pending = self._sent or self._waiting
        if pending:
            self._clock = self._loop.call_at(max(pending[0].deadline, now + 0.001), self._overdue)


_ASKING: Final = pack(b"ASKING")


def _ignore(reply: Any) -> None:
    pass
