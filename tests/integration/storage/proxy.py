"""A proxy between the client and a storage, which lets chosen requests go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["500", "hang", "cut"]
"""An answer of 500; none at all; or the connection closed after half of the body was read."""
_MAX_HEAD = 64 * 1024


@dataclass
class Proxy:
    """Requests go to ``upstream`` unless a fault is chosen for them. ``seen``: their first lines."""

    upstream: int
    port: int = 0
    seen: list[str] = field(default_factory=list)
    fault: Callable[[str], Fault | None] = lambda _line: None
    _busy: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request: the client is told to open another one for the next."""
        self._busy.add(writer)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client is gone
        finally:
            self._busy.discard(writer)
            writer.close()

    def close(self) -> None:
        """Close the connections that are open."""
        for writer in self._busy:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.partition(b"\r\n")[0].decode()
        self.seen.append(line)
        match self.fault(line):
            case None:
                await self._forward(head, reader, writer)
            case "500":
                await reader.readexactly(_length(head))
                writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            case "hang":
                await reader.read()
            case "cut":
                await reader.readexactly(_length(head) // 2)

    async def _forward(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        first, _, rest = head.partition(b"\r\n")
        try:
            up_writer.write(first + b"\r\nConnection: close\r\n" + rest)
            left = _length(head)
            while left:
                piece = await reader.readexactly(min(left, 1 << 16))
                left -= len(piece)
                up_writer.write(piece)
                await up_writer.drain()
            while piece := await up_reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        finally:
            up_writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@asynccontextmanager
async def proxy(upstream: int) -> AsyncIterator[Proxy]:
    """A proxy that runs."""
    made = Proxy(upstream)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=_MAX_HEAD)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.close()
        await server.wait_closed()
