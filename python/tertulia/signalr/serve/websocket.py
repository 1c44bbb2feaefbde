"""WebSockets on ASGI. A server with callbacks (picows) is better served by a transport of its own."""

from __future__ import annotations

import asyncio
from typing import Final

from tertulia.signalr.serve.connection import HubConnection
from tertulia.signalr.serve.queued import Frame, QueuedTransport
from tertulia.signalr.serve.types import Event, Receive, Send

CLEAN: Final = (1000, 1001)
"""Close codes with which a client leaves on purpose. ASGI reports a close frame without a code as it does a lost
connection (1005); current clients send a Close message before it."""
_MAX_REASON: Final = 100
"""Characters of a close reason; its frame holds 123 bytes (RFC 6455, section 5.5)."""


class AsgiWebSocket(QueuedTransport):
    """One accepted WebSocket."""

    def __init__(self, connection: HubConnection, receive: Receive, send: Send, bound: int) -> None:
        super().__init__(connection, bound)
        self._receive = receive
        self._send = send
        self._news = asyncio.Event()

    def _wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Carry frames both ways until either side ends it."""
        await self._send({"type": "websocket.accept"})
        self.connection.attach(self)
        writing = asyncio.create_task(self._write())
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
            self.connection.detached(self, clean=False)

    async def _read(self) -> None:
        while True:
            await self._readable.wait()
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                self.connection.detached(self, clean=event.get("code") in CLEAN)
                return
            data = event.get("bytes")
            self.connection.receive(data if data is not None else event["text"].encode())

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            for frame in self._take():
                await self._send(_event(frame))
                self._sent(len(frame.data))
            if self._closing is not None and not self._waiting:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason[:_MAX_REASON]})
                return


def _event(frame: Frame) -> Event:
    content = {"bytes": frame.data} if frame.binary else {"text": frame.data.decode()}
    return {"type": "websocket.send", **content}
