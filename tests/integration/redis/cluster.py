"""Hands on a Redis Cluster: who owns a slot, and to give it to another."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from tests.integration import servers


class Admin:
    """A connection to one node; replies of one line only."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def say(self, *command: str) -> str:
        self._writer.write((" ".join(command) + "\r\n").encode())
        line = await asyncio.wait_for(self._reader.readline(), 5)
        if line.startswith(b"$"):
            line = await asyncio.wait_for(self._reader.readline(), 5)
        return line.decode().strip().lstrip("+")


async def owner_of(cluster: servers.Cluster, slot: int) -> int:
    """The port of the master of ``slot``."""
    for port in cluster.ports:
        if await _owns(port, slot):
            return port
    raise AssertionError(f"nobody owns slot {slot}")


async def _owns(port: int, slot: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"CLUSTER NODES\r\n")
        size = int((await reader.readline())[1:])
        text = (await reader.readexactly(size)).decode()
    finally:
        writer.close()
        await writer.wait_closed()
    mine = next(line.split() for line in text.splitlines() if "myself" in line)
    for part in mine[8:]:
        first, _, last = part.partition("-")
        if first.isdigit() and int(first) <= slot <= int(last or first):
            return True
    return False


async def give_slot(cluster: servers.Cluster, slot: int, to: int) -> None:
    """Make ``to`` (a port) the owner, without moving keys.

    It imports the slot first, as a move with keys would: only then does it take a new configuration epoch, without
    which the next heartbeat of the old owner may claim the slot back.
    """
    owner = await owner_of(cluster, slot)
    async with Admin(owner) as admin:
        old = await admin.say("CLUSTER", "MYID")
    async with Admin(to) as admin:
        new = await admin.say("CLUSTER", "MYID")
        assert await admin.say("CLUSTER", "SETSLOT", str(slot), "IMPORTING", old) == "OK"
    for port in (to, *cluster.ports):
        async with Admin(port) as admin:
            assert await admin.say("CLUSTER", "SETSLOT", str(slot), "NODE", new) == "OK"
