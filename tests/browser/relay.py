"""A UDP relay in front of an SFU, whose way to the client can be made narrow."""

from __future__ import annotations

import asyncio
from typing import Any

_QUEUE_SECONDS = 0.2
"""What would wait longer is dropped."""

Address = tuple[str, int]


class Relay:
    """Takes datagrams of one client at a free loopback port, and exchanges them with ``target``."""

    def __init__(self, target: int) -> None:
        self._target: Address = ("127.0.0.1", target)
        self._near: asyncio.DatagramTransport | None = None
        self._far: asyncio.DatagramTransport | None = None
        self._client: Address | None = None
        self._free = 0.0
        self.bits: float | None = None
        """How many bits a second get through to the client. None: all."""
        self.port = 0

    async def __aenter__(self) -> Relay:
        loop = asyncio.get_running_loop()
        self._near, _ = await loop.create_datagram_endpoint(
            lambda: _Receiver(self._to_target), local_addr=("127.0.0.1", 0)
        )
        self._far, _ = await loop.create_datagram_endpoint(
            lambda: _Receiver(self._to_client), local_addr=("127.0.0.1", 0)
        )
        self.port = self._near.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for transport in (self._near, self._far):
            assert transport is not None
            transport.close()

    def _to_target(self, data: bytes, sender: Address) -> None:
        assert self._far is not None
        self._client = sender
        self._far.sendto(data, self._target)

    def _to_client(self, data: bytes, _: Address) -> None:
        loop = asyncio.get_running_loop()
        if self.bits is None:
            self._deliver(data)
            return
        now = loop.time()
        begin = max(now, self._free)
        if begin - now > _QUEUE_SECONDS:
            return
        self._free = begin + 8 * (len(data) + 28) / self.bits
        loop.call_at(self._free, self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if self._client is not None and self._near is not None and not self._near.is_closing():
            self._near.sendto(data, self._client)


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, take: Any) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)
