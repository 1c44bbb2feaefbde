"""Plain clients on pion (Go): one process has the media of several members, and reports what they get."""

from __future__ import annotations

import asyncio
import json
import subprocess
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.clients.signaling import ANSWER_SECONDS, Json, Member

SOURCE = Path(__file__).parent / "pion"


def build(directory: Path) -> Path:
    """Compile the program. Go fetches the modules of ``go.sum`` by its proxy."""
    program = directory / "pion"
    subprocess.run(["go", "build", "-o", program, "."], cwd=SOURCE, check=True, timeout=600)
    return program


class PionCalls:
    """The media of several members, by their numbers."""

    def __init__(self, process: Process, members: list[Member]) -> None:
        self.packets: Counter[tuple[int, str, str]] = Counter()
        """Packets in tens by (number of the receiver, kind, id of the msid stream)."""
        self.failures: list[str] = []
        """What pion refused."""
        self._process = process
        self._members = members
        self._arrived = asyncio.Condition()

    async def start(self) -> None:
        """All members offer at the same moment."""
        self._transports = [(await member.event("SfuEndpoint"))["transportId"] for member in self._members]
        for number, member in enumerate(self._members):
            member.on_event = lambda name, payload, number=number: self._pass_on(number, name, payload)  # type: ignore[misc]
        for number in range(len(self._members)):
            self._write(number, "Start")

    async def until_all_get_all(self) -> None:
        """Wait until each member gets audio and video of each other one."""
        users = [member.user for member in self._members]
        expected = {
            (number, kind, user)
            for number in range(len(users))
            for user in users
            if user != users[number]
            for kind in ("audio", "video")
        }
        async with asyncio.timeout(ANSWER_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: expected <= self.packets.keys())

    async def read(self) -> None:
        """Read what the process says until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            await self._said(json.loads(line))

    async def _said(self, said: Json) -> None:
        number, name = said["member"], said["name"]
        match name:
            case "got":
                async with self._arrived:
                    self.packets[number, said["kind"], said["stream"]] += 1
                    self._arrived.notify_all()
            case "failed":
                self.failures.append(said["sdp"])
            case _:
                await self._members[number].call(name, targetUserId=self._transports[number], sdp=said["sdp"])

    def _pass_on(self, number: int, name: str, payload: Json) -> None:
        if name in ("ReceiveAnswer", "ReceiveOffer"):
            self._write(number, name, payload["sdp"])

    def _write(self, number: int, name: str, sdp: str = "") -> None:
        assert self._process.stdin is not None
        line = json.dumps({"member": number, "name": name, "sdp": sdp})
        self._process.stdin.write(line.encode() + b"\n")


@asynccontextmanager
async def in_call(program: Path, members: list[Member], *arguments: str) -> AsyncIterator[PionCalls]:
    """The calls of ``members``, on one process of :func:`build`'s program."""
    process = await asyncio.create_subprocess_exec(program, *arguments, stdin=PIPE, stdout=PIPE)
    calls = PionCalls(process, members)
    reading = asyncio.create_task(calls.read())
    try:
        await calls.start()
        yield calls
    finally:
        process.kill()
        await process.wait()
        await reading
