"""A way between a client and the media port that can be cut, and opened again from another address."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self


class _Upstream(asyncio.DatagramProtocol):
    """Towards the SFU, one socket for each client socket."""

    def __init__(self, way: _Way, client: tuple[str, int]) -> None:
        self._way, self._client = way, client

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._way.arrived.append(time.monotonic())
        _send(self._way.transport, data, self._client)


def _send(transport: asyncio.DatagramTransport, data: bytes, to: tuple[str, int] | None = None) -> None:
    if not transport.is_closing():
        transport.sendto(data, to)


class _Way(asyncio.DatagramProtocol):
    """Towards the client."""

    transport: asyncio.DatagramTransport

    def __init__(self, port: int, arrived: list[float]) -> None:
        self.arrived = arrived
        self._port = port
        self._upstreams: dict[tuple[str, int], asyncio.Future[asyncio.DatagramTransport]] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr not in self._upstreams:
            self._upstreams[addr] = asyncio.ensure_future(self._connect(addr))
        self._upstreams[addr].add_done_callback(lambda upstream: _send(upstream.result(), data))

    async def _connect(self, addr: tuple[str, int]) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Upstream(self, addr), remote_addr=("127.0.0.1", self._port)
        )
        return transport

    async def close(self) -> None:
        self.transport.close()
        for transport in await asyncio.gather(*self._upstreams.values()):
            transport.close()


class Network:
    """Give it the SFU's SDP, and the client will go through it."""

    def __init__(self) -> None:
        self.arrived: list[float] = []
        """When each datagram came from the SFU, by the monotonic clock."""
        self._way: _Way | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def cut(self) -> None:
        """From now on nothing passes."""
        if self._way is not None:
            await self._way.close()
            self._way = None

    async def open(self) -> None:
        """Another way, from other addresses."""
        loop = asyncio.get_running_loop()
        _, self._way = await loop.create_datagram_endpoint(
            lambda: _Way(self._port, self.arrived), local_addr=("127.0.0.1", 0)
        )

    async def through(self, sdp: str, port: int) -> str:
        """``sdp`` with this way as its only candidate."""
        self._port = port
        if self._way is None:
            await self.open()
        assert self._way is not None
        way = self._way.transport.get_extra_info("sockname")[1]
        lines = [line for line in sdp.split("\r\n") if not (line.startswith("a=candidate:") and " tcp " in line)]
        return "\r\n".join(lines).replace(f" 127.0.0.1 {port} ", f" 127.0.0.1 {way} ")
