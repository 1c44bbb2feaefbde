"""Long polling (TransportProtocols.md, "Long Polling"): each GET waits for messages; the client sends by POST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tertulia.signalr.serve.connection import HubConnection
from tertulia.signalr.serve.queued import PostedTransport
from tertulia.signalr.serve.request import NO_CACHE, ClientGone, Request

POLL_TIMEOUT: Final = 50.0
"""Seconds after which a poll without data is answered with nothing: before load balancers and proxies, which wait
for 55 or 60, give up on it. ASP.NET Core waits for 90, which every client takes for an upper bound."""
_BYTES: Final = b"application/octet-stream"


class LongPolling(PostedTransport):
    """What a polled connection keeps between its requests.

    ``idle``: seconds that a connection lives without a poll. ``forget``: called when the last request was answered.
    """

    def __init__(self, connection: HubConnection, bound: int, idle: float, forget: Callable[[], None]) -> None:
        super().__init__(connection, bound)
        self._idle_timeout = idle
        self._forget = forget
        self._poll: asyncio.Future[bool] | None = None
        """The poll that waits. True: there is something to answer; False: a newer poll took its place."""
        self._idle = asyncio.get_running_loop().call_later(idle, self._nobody_polls)

    async def begin(self, request: Request) -> None:
        """Answer the first poll at once, with nothing: the client may post from now on."""
        self.connection.attach(self)
        await request.answer(200, b"", _BYTES, NO_CACHE)

    async def answer(self, request: Request) -> None:
        """Answer a poll when there is something to say. 204: it was the last, or a newer one took its place."""
        try:
            data = await request.while_connected(self._next())
        except ClientGone:
            return
        if data is None:
            await request.answer(204, b"", b"text/plain", NO_CACHE)
        else:
            await request.answer(200, data, _BYTES, NO_CACHE)

    def end(self) -> None:
        """The client asked for the end (DELETE)."""
        self._idle.cancel()
        self._abandon(clean=True)
        self._forget()

    async def _next(self) -> bytes | None:
        """What the poll is answered with: b"" after POLL_TIMEOUT, None for 204."""
        self._idle.cancel()
        self._release(answered=False)
        self._poll = poll = asyncio.get_running_loop().create_future()
        try:
            if not self._waiting and self._closing is None and not await self._data(poll):
                return None
            return self._available()
        except TimeoutError:
            return b""
        finally:
            if self._poll is poll:
                self._poll = None
                self._idle = asyncio.get_running_loop().call_later(self._idle_timeout, self._nobody_polls)

    @staticmethod
    async def _data(poll: asyncio.Future[bool]) -> bool:
        async with asyncio.timeout(POLL_TIMEOUT):
            return await poll

    def _available(self) -> bytes | None:
        if not self._waiting:
            self._idle.cancel()
            self._forget()
            return None
        data = self._take_text()
        self._sent(len(data))
        return data

    def _wake(self) -> None:
        self._release(answered=True)

    def _release(self, *, answered: bool) -> None:
        """End the poll that waits."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(answered)

    def _nobody_polls(self) -> None:
        self._abandon(clean=False)
        self._forget()
