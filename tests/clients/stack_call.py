"""Plain clients on stacks that are programs of their own: one process has the media of several members, and reports
what they get."""

from __future__ import annotations

import asyncio
import json
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.clients.sample import picture, sound
from tests.clients.signaling import ANSWER_SECONDS, Json, Member

Program = tuple[str, ...]
"""A command."""

HERE: Final = Path(__file__).parent
NODE_STACKS: Final = ("werift", "libdatachannel", "wrtc")
"""Those of ``node/``."""
GSTREAMER: Final[Program] = ("/usr/bin/python3", str(HERE / "gstreamer/members.py"))
"""Debian's webrtcbin. Its bindings are for Debian's own Python."""


def build_pion(directory: Path) -> Program:
    """Compile the program. Go fetches the modules of ``go.sum`` by its proxy."""
    program = directory / "pion"
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "pion", check=True, timeout=600)
    return (str(program),)


def install_node() -> dict[str, Program]:
    """The programs of the stacks for Node.js, by their names. npm fetches the packages of the lock file."""
    if not (HERE / "node/node_modules").exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=HERE / "node", check=True, timeout=600)
    return {stack: ("node", str(HERE / "node/members.mjs"), stack) for stack in NODE_STACKS}


class StackCalls:
    """The media of several members, by their numbers."""

    def __init__(self, process: Process, members: Sequence[Member]) -> None:
        self.got: set[tuple[int, str, str]] = set()
        """What came: (number of the receiver, kind, id of the msid stream)."""
        self.failures: list[str] = []
        """What the stack refused, and nobody has waited for."""
        self._process = process
        self._members = members
        self._arrived = asyncio.Condition()

    async def start(self) -> None:
        """All members offer at the same moment."""
        self._transports = [(await member.event("SfuEndpoint"))["transportId"] for member in self._members]
        for number, member in enumerate(self._members):
            member.on_event = lambda name, payload, number=number: self._pass_on(number, name, payload)  # type: ignore[misc]
        self._begin()

    def begin_anew(self) -> None:
        """All members make another connection, as if they had lost theirs. For the stacks of ``node/``."""
        self.got.clear()
        self._begin()

    def _begin(self) -> None:
        for number in range(len(self._members)):
            self._write(number, "Start")

    async def until_all_get(self, users: Sequence[str]) -> None:
        """Wait until each member gets audio and video of each of the users that it is not."""
        expected = {
            (number, kind, user)
            for number, member in enumerate(self._members)
            for user in users
            if user != member.user
            for kind in ("audio", "video")
        }
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS), self._arrived:
                await self._arrived.wait_for(lambda: expected <= self.got)
        except TimeoutError:
            raise AssertionError(f"{expected - self.got} never came; {self.failures}") from None

    async def until_one_fails(self, text: str) -> None:
        """Wait until the stack refuses a description, for a reason with this text."""
        async with asyncio.timeout(2 * ANSWER_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: any(text in failure for failure in self.failures))
        self.failures.clear()

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
                    self.got.add((number, said["kind"], said["stream"]))
                    self._arrived.notify_all()
            case "failed":
                async with self._arrived:
                    self.failures.append(said["sdp"])
                    self._arrived.notify_all()
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
async def in_call(program: Program, members: Sequence[Member], *arguments: str) -> AsyncIterator[StackCalls]:
    """The calls of ``members``, on one process of the program."""
    process = await asyncio.create_subprocess_exec(
        *program, picture().hex(), sound().hex(), *arguments, stdin=PIPE, stdout=PIPE
    )
    calls = StackCalls(process, members)
    reading = asyncio.create_task(calls.read())
    try:
        await calls.start()
        yield calls
    finally:
        process.kill()
        await process.wait()
        await reading
