"""Server-Sent Events (TransportProtocols.md): one response without end; the client sends by POST. Text only."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tertulia.signalr.serve.connection import HubConnection
from tertulia.signalr.serve.queued import PostedTransport
from tertulia.signalr.serve.request import NO_CACHE, ClientGone, Request

GOODBYE_SECONDS: Final = 1.0
"""How long after the end of the stream a Close message may arrive: a client that stops closes its stream at the same
time as it posts that message."""
_HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    *NO_CACHE[:2],
    (b"content-encoding", b"identity"),
    # Proxies that buffer would hold the events back.
    (b"x-accel-buffering", b"no"),
]


class ServerSentEvents(PostedTransport):
    """The stream of one connection."""

    def __init__(self, connection: HubConnection, bound: int) -> None:
        super().__init__(connection, bound)
        self._news = asyncio.Event()

    def _wake(self) -> None:
        self._news.set()

    async def run(self, request: Request) -> None:
        """Answer ``request`` with the stream, until either side ends it."""
        self.connection.attach(self)
        await request.start(200, _HEADERS)
        try:
            await request.while_connected(self._stream(request))
        except ClientGone:
            pass
        finally:
            detach = partial(self.connection.detached, self, clean=False)
            asyncio.get_running_loop().call_later(GOODBYE_SECONDS, detach)

    async def _stream(self, request: Request) -> None:
        # A comment, so that the client hears at once that the stream is open.
        await request.body(b":\r\n", more=True)
        while (data := await self._next()) is not None:
            # One ``data`` line carries it all, because JSON escapes line breaks.
            await request.body(b"data: " + data + b"\r\n\r\n", more=True)
            self._sent(len(data))
        await request.body(b"", more=False)

    async def _next(self) -> bytes | None:
        """What the next event carries, None at the end."""
        while not self._waiting:
            if self._closing is not None:
                return None
            self._news.clear()
            await self._news.wait()
        return self._take_text()
