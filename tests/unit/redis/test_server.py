"""The connection to one server: the pauses between attempts, and when it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tertulia.redis.address import Address, Target
from tertulia.redis.connection import pack
from tertulia.redis.server import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, Call, Server, pause_seconds

HELLO = b"*6\r\n$7\r\nversion\r\n$5\r\n8.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"


def test_pauses_grow_to_a_bound_and_differ() -> None:
    assert all(FIRST_RETRY_SECONDS / 2 <= pause_seconds(0) <= FIRST_RETRY_SECONDS for _ in range(50))
    late = {pause_seconds(1000) for _ in range(50)}
    assert all(LAST_RETRY_SECONDS / 2 <= pause <= LAST_RETRY_SECONDS for pause in late)
    assert len(late) > 1


class Peer:
    """A server that greets who connects and answers one call, and what its client tells."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.client = Server(
            Target(seeds=()),
            Address(str(path), 0),
            [],
            lambda server, call, reply: self.told.put_nowait(reply.decode()),
            lambda server: self.told.put_nowait("back"),
            lambda server: self.told.put_nowait("trouble"),
        )

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, self.path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.put_nowait(writer)
        await reader.readuntil(b"HELLO\r\n")
        writer.write(HELLO)
        await reader.readuntil(b"PING\r\n")
        writer.write(b"+PONG\r\n")

    def call(self) -> None:
        self.client.send(Call("", pack(b"PING"), asyncio.get_running_loop().time() + 10, lambda reply: None, None))

    async def next(self) -> str:
        return await asyncio.wait_for(self.told.get(), 10)

    async def close(self, server: asyncio.Server) -> None:
        self.client.close()
        await self.client.closed()
        while not self.connections.empty():
            self.connections.get_nowait().close()
        server.close()
        await server.wait_closed()


async def test_it_is_back_after_a_loss_and_not_when_it_connects_first(tmp_path: Path) -> None:
    peer = Peer(tmp_path / "redis.sock")
    server = await peer.listen()
    peer.client.connect()
    peer.call()
    assert await peer.next() == "PONG"
    assert peer.told.empty()
    (await peer.connections.get()).transport.abort()
    assert [await peer.next(), await peer.next()] == ["trouble", "back"]
    await peer.close(server)


async def test_it_is_back_when_the_first_connection_took_more_than_one_attempt(tmp_path: Path) -> None:
    peer = Peer(tmp_path / "redis.sock")
    peer.client.connect()
    assert await peer.next() == "trouble"
    server = await peer.listen()
    while (told := await peer.next()) == "trouble":
        pass
    assert told == "back"
    await peer.close(server)
