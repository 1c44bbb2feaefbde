"""A TCP proxy that can cut its connections, or the clients' side of them only, so that the server does not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast


class Proxy:
    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.port = 0
        self.clients: set[_Side] = set()
        self.servers: set[_Side] = set()
        self.holding: asyncio.Event | None = None
        self.carried = asyncio.Event()
        """Set whenever bytes went to a client."""

    def cut(self) -> int:
        """Reset every connection on both sides; how many there were."""
        count = self.cut_the_client_only()
        for side in list(self.servers):
            side.transport.abort()
        return count

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Hold new connections up, as a network that is away does: they wait for their first byte."""
        self.holding = asyncio.Event()
        try:
            yield
        finally:
            self.holding.set()

    def cut_the_client_only(self) -> int:
        """Reset the clients' side; to the server the connections look alive."""
        clients, self.clients = self.clients, set()
        for side in clients:
            side.other = None
            side.transport.abort()
        return len(clients)


class _Side(asyncio.Protocol):
    """One end of a connection; what comes before the other end is there waits."""

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy, *, is_client: bool) -> None:
        self._proxy = proxy
        self._is_client = is_client
        self._early = bytearray()
        self.other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        (self._proxy.clients if self._is_client else self._proxy.servers).add(self)
        if self._is_client:
            asyncio.get_running_loop().create_task(self._dial()).add_done_callback(lambda task: task.result())

    async def _dial(self) -> None:
        if self._proxy.holding is not None:
            await self._proxy.holding.wait()
        loop = asyncio.get_running_loop()
        _, other = await loop.create_connection(
            lambda: _Side(self._proxy, is_client=False), "127.0.0.1", self._proxy.upstream
        )
        self.other, other.other = other, self
        other.transport.write(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
        elif not self.other.transport.is_closing():
            self.other.transport.write(data)
            if not self._is_client:
                self._proxy.carried.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._proxy.clients.discard(self)
        self._proxy.servers.discard(self)
        if self.other is not None:
            self.other.transport.close()


@asynccontextmanager
async def proxied(upstream: int) -> AsyncIterator[Proxy]:
    """A proxy at a free port of the loopback."""
    proxy = Proxy(upstream)
    server = await asyncio.get_running_loop().create_server(lambda: _Side(proxy, is_client=True), "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
