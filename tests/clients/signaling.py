"""A member of a meeting: REST to join, the plain dialect over a WebSocket to talk. No media."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

Json = dict[str, Any]
ANSWER_SECONDS = 15.0
"""A busy two-core machine answers in milliseconds; this is what "hangs" means."""


class CallRefused(Exception):
    """The hub answered a call with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]


class Member:
    """One user in one room. Made by :func:`joined`."""

    def __init__(self, socket: ClientConnection, grant: Json, room: str, user: str) -> None:
        self.user = user
        self.room = room
        self.ice_servers: list[Json] = grant["iceServers"]
        self.events: list[tuple[str, Json]] = []
        self.on_event: Callable[[str, Json], None] = lambda _name, _payload: None
        self.result: Json = {}
        self._token: str = grant["token"]
        self._socket = socket
        self._ids = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Json]] = {}
        self._arrived = asyncio.Condition()

    async def call(self, event: str, **payload: Any) -> Json:
        """Call the hub and give its result. Raises CallRefused."""
        number = next(self._ids)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._calls[number] = future
        await self._socket.send(json.dumps({"event": event, "payload": payload, "id": number}))
        # Not wait_for: before Python 3.12 it returns the answer where the task was cancelled in the same moment.
        async with asyncio.timeout(ANSWER_SECONDS):
            return await future

    async def event(self, name: str, matches: Callable[[Json], bool] = lambda _: True) -> Json:
        """The first event of that name, past or to come, whose payload ``matches``."""
        async with asyncio.timeout(ANSWER_SECONDS), self._arrived:
            while True:
                for event, payload in self.events:
                    if event == name and matches(payload):
                        return payload
                await self._arrived.wait()

    async def join(self) -> None:
        self.result = await self.call("JoinRoom", roomId=self.room, token=self._token)

    async def read(self) -> None:
        """Read the socket until it is closed."""
        async for frame in self._socket:
            message = json.loads(frame)
            if "replyTo" in message:
                self._answer(message)
                continue
            self.events.append((message["event"], message["payload"]))
            self.on_event(message["event"], message["payload"])
            async with self._arrived:
                self._arrived.notify_all()

    async def keep_alive(self) -> None:
        """Say KeepAlive as often as the hub wants it. One that fails because Redis is away is followed by the next."""
        while True:
            await asyncio.sleep(self.result["keepAliveSeconds"])
            try:
                await self.call("KeepAlive")
            except CallRefused as refused:
                if refused.code != "internal":
                    raise

    def _answer(self, message: Json) -> None:
        future = self._calls.pop(message["replyTo"])
        if future.done():
            return
        if "error" in message:
            future.set_exception(CallRefused(message["error"]))
        else:
            future.set_result(message["result"])


async def new_room(url: str, **settings: Any) -> str:
    """A room on a server in development mode; its id."""
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) as http:
        made = await http.post("/v1/rooms", json={"hostId": str(uuid.uuid4()), "settings": settings})
        made.raise_for_status()
        return str(made.json()["roomId"])


@asynccontextmanager
async def joined(url: str, room: str, name: str) -> AsyncIterator[Member]:
    """A new user who has joined ``room`` and keeps alive until the block ends."""
    user = str(uuid.uuid4())
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) as http:
        grant = await http.post(f"/v1/rooms/{room}/join", json={"userId": user, "displayName": name})
        grant.raise_for_status()
    async with connect(grant.json()["wsUrl"]) as socket, asyncio.TaskGroup() as tasks:
        member = Member(socket, grant.json(), room, user)
        reading = tasks.create_task(member.read())
        await member.join()
        alive = tasks.create_task(member.keep_alive())
        try:
            yield member
        finally:
            alive.cancel()
            await socket.close()
            await reading
