"""Server-Sent Events (TransportProtocols.md): one answer without end, POSTs bring what the client says. Text only."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from tertulia.signalr.serve.link import Link


class ServerSentEvents:
    """The stream of one connection."""

    def __init__(self, link: Link, bound: int) -> None:
        self.link = link
        self.sending = asyncio.Lock()
        """Held by the POST whose body is being read."""
        self._bound = bound
        self._waiting: list[bytes] = []
        self._size = 0
        self._closed = False
        self._news = asyncio.Event()
        self._readable = asyncio.Event()
        self._readable.set()

    # --- the transport of a Link

    def write(self, frame: bytes, binary: bool, latest: Hashable = None) -> None:
        self._waiting.append(frame)
        self._size += len(frame)
        if self._size > self._bound:
            asyncio.get_running_loop().call_soon(self.link.close, "The client does not keep up.")
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        self._closed = True
        self._readable.set()
        self._news.set()

    def pause(self) -> None:
        self._readable.clear()

    def resume(self) -> None:
        self._readable.set()

    @property
    def unsent(self) -> bool:
        return bool(self._waiting)

    @property
    def congested(self) -> bool:
        return self._size > self._bound // 4

    # --- the requests

    async def readable(self) -> None:
        """Wait until the application takes more."""
        await self._readable.wait()

    async def event(self) -> bytes | None:
        """The next event of the stream, None at its end. JSON escapes line breaks, so one ``data`` line carries it
        all.
        """
        while not self._waiting:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        data = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        self.link.drained()
        return b"data: " + data + b"\r\n\r\n"
