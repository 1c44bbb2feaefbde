"""A TCP proxy that can cut its connections, or freeze them so that the server does not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._pairs: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0
        self.carried = asyncio.Event()
        """Set whenever bytes went to the client."""

    @property
    def connections(self) -> int:
        return len(self._pairs)

    def cut(self) -> int:
        """Reset every connection on both sides; how many there were."""
        pairs = list(self._pairs.items())
        for client, server in pairs:
            client.transport.abort()
            server.transport.abort()
        return len(pairs)

    def cut_the_client_only(self) -> int:
        """Reset the clients' side; to the server the connections look alive."""
        pairs = list(self._pairs.items())
        for client, _ in pairs:
            client.transport.abort()
        return len(pairs)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._pairs[writer] = upstream
        down = asyncio.create_task(self._pump(upstream_reader, writer, to_client=True))
        up = asyncio.create_task(self._pump(reader, upstream, to_client=False))
        self._pumps |= {down, up}
        up.add_done_callback(lambda _: self._pairs.pop(writer, None))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_client: bool) -> None:
        try:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
                if to_client:
                    self.carried.set()
        except ConnectionError:
            return
        if to_client:
            writer.close()

    async def stop(self) -> None:
        self.cut()
        for task in self._pumps:
            task.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


@asynccontextmanager
async def proxied(upstream: int) -> AsyncIterator[Proxy]:
    """A proxy at a free port of the loopback."""
    proxy = Proxy(upstream)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()
