"""Connections that all send at once are read over several turns of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from tertulia.http.reading import MOST, Paced
from tertulia.pace import Pace


class Server(asyncio.Protocol):
    """Notes what it is given, and in which turn of the loop."""

    turn = 0

    def __init__(self, heard: list[tuple[int, bytes]]) -> None:
        self.heard = heard
        self.transport: Any = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard.append((Server.turn, data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True


async def _count_turns() -> None:
    while True:
        Server.turn += 1
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(pace: Pace) -> AsyncIterator[tuple[int, list[Server], list[tuple[int, bytes]]]]:
    heard: list[tuple[int, bytes]] = []
    servers: list[Server] = []

    def made() -> Paced:
        servers.append(Server(heard))
        return Paced(servers[-1], pace)

    listening = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    counting = asyncio.create_task(_count_turns())
    try:
        yield listening.sockets[0].getsockname()[1], servers, heard
    finally:
        counting.cancel()
        listening.close()


async def _until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def test_a_hundred_who_send_at_once_are_read_over_many_turns() -> None:
    uvloop.run(a_hundred_who_send_at_once_are_read_over_many_turns())


async def a_hundred_who_send_at_once_are_read_over_many_turns() -> None:
    async with serving(Pace(4)) as (port, servers, heard):
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        await _until(lambda: len(servers) == 100)
        for _, writer in clients:
            writer.write(b"hello")
        await _until(lambda: len(heard) == 100)
        turns = [turn for turn, _ in heard]
        assert max(turns.count(turn) for turn in turns) <= 2 * 4  # a turn of ours may begin within one of the loop
        for _, writer in clients:
            writer.close()


def test_nothing_is_lost_or_out_of_order_where_much_is_sent() -> None:
    uvloop.run(nothing_is_lost_or_out_of_order_where_much_is_sent())


async def nothing_is_lost_or_out_of_order_where_much_is_sent() -> None:
    sent = [bytes([number]) * (3 * MOST + number) for number in range(8)]
    got: dict[int, bytes] = {}
    async with serving(Pace(1)) as (port, servers, heard):
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in sent]
        for (_, writer), data in zip(clients, sent, strict=True):
            writer.write(data)
        await _until(lambda: sum(len(data) for _, data in heard) == sum(map(len, sent)))
        for _, data in heard:
            assert len(data) <= MOST
            assert len(set(data)) == 1
            got[data[0]] = got.get(data[0], b"") + data
        assert [got[number] for number in range(8)] == sent
        assert not any(server.is_lost for server in servers)
        for _, writer in clients:
            writer.close()


def test_what_waits_of_a_connection_that_is_gone_is_not_read() -> None:
    uvloop.run(what_waits_of_a_connection_that_is_gone_is_not_read())


async def what_waits_of_a_connection_that_is_gone_is_not_read() -> None:
    pace = Pace(1)
    async with serving(pace) as (port, servers, heard):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await _until(lambda: servers)
        while pace.has_room:  # nothing else is read in this turn
            pace.run(lambda: None)
        waiting = Paced(servers[0], pace)
        waiting.connection_made(servers[0].transport)
        waiting.get_buffer(-1)[:5] = b"hello"
        waiting.buffer_updated(5)
        servers[0].transport.abort()
        await _until(lambda: servers[0].is_lost)
        assert heard == []
        writer.close()
