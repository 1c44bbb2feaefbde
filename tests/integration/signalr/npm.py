"""The npm client, driven by a test."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.integration.servers.child import START_SECONDS

HERE = Path(__file__).parent
ANSWER = 20.0
"""Seconds: a busy machine answers in milliseconds; this is what "hangs" means."""
EVENTS = (
    "ParticipantJoined",
    "ParticipantLeft",
    "ReceiveOffer",
    "ReceiveAnswer",
    "IceCandidate",
    "StateChanged",
    "ChatMessage",
    "Replaced",
    "Removed",
    "RoomEnded",
    "SfuEndpoint",
)

Json = dict[str, Any]


class CallRefused(Exception):
    """``str()`` is the error's text."""


class NpmClient:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self.said: list[Json] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                self.said.append(json.loads(line))
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def until(self, matches: Callable[[Json], bool], within: float = ANSWER) -> Json:
        """The first thing, past or to come, that ``matches``; ``within`` so many seconds."""
        async with asyncio.timeout(within), self._news:
            while True:
                for said in self.said:
                    if matches(said):
                        return said
                assert not self._reader.done(), f"the client ended; it said {self.said}"
                await self._news.wait()

    def _write(self, what: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def call(self, target: str, *args: Any) -> Any:
        """Invoke and give the result. Raises CallRefused."""
        number = next(self._ids)
        self._write({"id": number, "target": target, "args": args})
        said = await self.until(lambda s: s.get("id") == number)
        if "error" in said:
            raise CallRefused(said["error"])
        return said.get("value")

    def post(self, target: str, *args: Any) -> None:
        """Send without wanting an answer."""
        self._write({"target": target, "args": args})

    async def refused(self, target: str, *args: Any) -> str:
        """The text of the error that the call gets."""
        try:
            result = await self.call(target, *args)
        except CallRefused as error:
            return str(error)
        raise AssertionError(f"{target} was not refused: {result}")

    async def event(self, name: str, **fields: Any) -> Json:
        """The payload of the first event of that name, past or to come, that has these fields."""

        def matches(said: Json) -> bool:
            return said.get("event") == name and all(said["args"][0].get(k) == v for k, v in fields.items())

        payload: Json = (await self.until(matches))["args"][0]
        return payload

    def named(self, name: str) -> list[Json]:
        return [said["args"][0] for said in self.said if said.get("event") == name]

    async def closed(self) -> str | None:
        """Wait for the end; what the client says of it."""
        text: str | None = (await self.until(lambda s: "closed" in s))["closed"]
        return text

    async def started(self) -> Json:
        return await self.until(lambda s: "started" in s, START_SECONDS)

    async def stop(self) -> None:
        """Stop in the client's own way."""
        self._write({"stop": True})
        await self.closed()

    def kill(self) -> None:
        self._process.kill()

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader


@asynccontextmanager
async def driven(
    node: str, url: str, transport: str = "WebSockets", protocol: str = "json", **more: Any
) -> AsyncIterator[NpmClient]:
    """A client that has started (or failed to: see ``started``) at ``url``, the hub's."""
    asked = {"scenario": "driven", "url": url, "transport": transport, "protocol": protocol, "events": EVENTS, **more}
    process = await asyncio.create_subprocess_exec(
        node,
        str(HERE / "client.mjs"),
        json.dumps(asked),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    client = NpmClient(process)
    try:
        started = await client.started()
        assert "error" not in started, started
        yield client
    finally:
        await client.end()
