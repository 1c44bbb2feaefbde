"""WebSockets on ASGI. On a server with callbacks (picows), a listener of its own is cheaper: see :mod:`.link`."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Final

from tertulia.signalr.serve.link import Link
from tertulia.signalr.serve.types import Receive, Send

CLEAN: Final = (1000, 1001)
"""Close codes by which a client says that it leaves. ASGI reports a close frame without a code as it does a lost
connection (1005); clients of this decade send a Close message before it."""


class AsgiWebSocket:
    """One accepted WebSocket."""

    def __init__(self, link: Link, receive: Receive, send: Send, bound: int) -> None:
        self.link = link
        self._receive = receive
        self._send = send
        self._bound = bound
        self._waiting: list[tuple[bytes, bool]] = []
        self._size = 0
        self._closing: tuple[int, str] | None = None
        self._news = asyncio.Event()
        self._readable = asyncio.Event()
        self._readable.set()

    # --- the transport of a Link

    def write(self, frame: bytes, binary: bool, latest: Hashable = None) -> None:
        if self._closing is None:
            self._waiting.append((frame, binary))
            self._size += len(frame)
            if self._size > self._bound:
                asyncio.get_running_loop().call_soon(self._stuck)
            self._news.set()

    def _stuck(self) -> None:
        self._waiting.clear()
        self.link.close("The client does not keep up.", allow_reconnect=True, code=1013)

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = (code, reason[:100])
            self._news.set()

    def pause(self) -> None:
        self._readable.clear()

    def resume(self) -> None:
        self._readable.set()

    @property
    def unsent(self) -> bool:
        return self._size > 0

    @property
    def congested(self) -> bool:
        return self._size > self._bound // 4

    # --- its life

    async def run(self) -> None:
        """Carry both ways until either side ends it."""
        await self._send({"type": "websocket.accept"})
        self.link.attach(self)
        writing = asyncio.create_task(self._write())
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
            self.link.detached(self, clean=False)

    async def _read(self) -> None:
        while True:
            await self._readable.wait()
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                self.link.detached(self, clean=event.get("code") in CLEAN)
                return
            data = event.get("bytes")
            self.link.receive(data if data is not None else event["text"].encode())

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            waiting, self._waiting = self._waiting, []
            for frame, binary in waiting:
                await self._send({"type": "websocket.send", "bytes": frame} if binary else _text(frame))
                self._size -= len(frame)
            self.link.drained()
            if self._closing is not None and not self._waiting:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                return


def _text(frame: bytes) -> dict[str, object]:
    return {"type": "websocket.send", "text": frame.decode()}
