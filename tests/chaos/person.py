"""Someone in a meeting who behaves as a good client does: keeps alive, comes back, and believes what the hub tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.chaos.site import KEEP_ALIVE, Site
from tests.integration.hub.harness import CallRefused, PlainClient

PATIENCE = 60.0
"""Seconds within which whatever was broken has to be whole again."""
PAUSE = 0.2
"""Before trying to come back again."""


class Person:
    """``roster`` is what this person's screen shows: userId → (isMuted, isVideoOn) of the others."""

    def __init__(self, site: Site, room: str, port: int, rng: random.Random, name: str = "Guest") -> None:
        self.site = site
        self.room = room
        self.name = name
        self.user = str(uuid.uuid4())
        self.port = port
        self.rng = rng
        self.roster: dict[str, tuple[bool, bool]] = {}
        self.left: list[tuple[str, str]] = []
        """(userId, reason) of every ParticipantLeft."""
        self.came: list[str] = []
        """userId of every ParticipantJoined."""
        self.chat: list[str] = []
        self.returned: list[dict[str, Any]] = []
        """The results of the JoinRooms after the first."""
        self.client: Listening | None = None
        self.on_event: Callable[[str, dict[str, Any]], None] = lambda _event, _payload: None
        """Gets each event and its payload."""
        self.over = False
        """RoomEnded or Removed: does not come back."""
        self._token: str | None = None
        self._resume: str | None = None
        self._changed = asyncio.Condition()
        self._life: asyncio.Task[None] | None = None

    async def arrive(self) -> None:
        """Join; from then on alive until :meth:`leave`."""
        await self._join()
        self._life = asyncio.create_task(self._live())

    async def get_token(self) -> None:
        """Join by REST; the token is good for an hour."""
        self._token = await self.site.token(self.room, self.user, self.name)

    async def leave(self) -> None:
        """LeaveRoom, and the end."""
        await self.stop()
        assert self.client is not None
        # The connection may be lost, as it is nobody's wish to come back any more.
        with contextlib.suppress(CallRefused, ConnectionClosed, AssertionError, TimeoutError):
            await self.client.call("LeaveRoom")
        await self.client.close()

    async def stop(self) -> None:
        """No longer keep alive or come back."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
            self._life = None

    async def cut(self) -> None:
        """Lose the connection without a word; comes back by itself."""
        if self.client is not None:
            await self.client.cut()

    async def say(self, text: str) -> None:
        await self.post("SendChat", text=text)

    async def update(self, muted: bool, video: bool) -> None:
        await self.post("UpdateState", isMuted=muted, isVideoOn=video)

    async def post(self, event: str, **payload: Any) -> None:
        """Call without waiting for an answer; lost if the connection is just now."""
        if self.client is not None:
            with contextlib.suppress(Exception):
                await self.client.post(event, payload)

    async def until(self, holds: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait until something this person has heard makes ``holds`` true."""
        async with asyncio.timeout(patience), self._changed:
            await self._changed.wait_for(holds)

    async def _live(self) -> None:
        while not self.over:
            client = self.client
            assert client is not None
            reader = asyncio.ensure_future(client.closed_for_good())
            try:
                while not reader.done():
                    await client.post("KeepAlive", id=f"alive-{self.rng.random()}")
                    await asyncio.wait([reader], timeout=KEEP_ALIVE / 2)
                    if self._told_not_joined(client):
                        break
            except Exception:
                pass
            finally:
                reader.cancel()
            await self._come_back()

    def _told_not_joined(self, client: PlainClient) -> bool:
        return any(f.get("error", {}).get("code") == "not_joined" for f in client.frames[-20:])

    async def _come_back(self) -> None:
        while not self.over:
            # Any worker that is there.
            self.port = self.rng.choice(list(self.site.workers) or [self.port])
            try:
                if self.client is not None:
                    await self.client.cut()
                await self._join()
                assert self.client is not None
                self.returned.append(self.client.result)
                return
            except Exception:  # whatever is broken just now
                await asyncio.sleep(PAUSE)

    async def _join(self) -> None:
        if self._token is None:
            await self.get_token()
        socket = await connect(f"ws://127.0.0.1:{self.port}/ws", compression=None, ping_interval=None, max_size=None)
        client = Listening(socket, self._heard)
        try:
            call = {"roomId": self.room, "token": self._token} | ({"resumeToken": self._resume} if self._resume else {})
            result = await client.call("JoinRoom", call)
        except BaseException:
            await client.cut()
            raise
        client.result = result
        self.client = client

    async def _heard(self, client: PlainClient, frame: dict[str, Any]) -> None:
        async with self._changed:
            self._take(frame)
            self._changed.notify_all()

    def _take(self, frame: dict[str, Any]) -> None:
        result = frame.get("result")
        if result and "resumeToken" in result:
            self._resume = result["resumeToken"]
            self.roster = {p["userId"]: (p["isMuted"], p["isVideoOn"]) for p in result["participants"]}
            return
        event, payload = frame.get("event"), frame.get("payload", {})
        if event == "ParticipantJoined":
            self.came.append(payload["userId"])
            self.roster[payload["userId"]] = (payload["isMuted"], payload["isVideoOn"])
        elif event == "ParticipantLeft":
            self.left.append((payload["userId"], payload["reason"]))
            self.roster.pop(payload["userId"], None)
        elif event == "StateChanged" and payload["userId"] in self.roster:
            self.roster[payload["userId"]] = (payload["isMuted"], payload["isVideoOn"])
        elif event == "ChatMessage":
            self.chat.append(payload["text"])
        elif event in {"RoomEnded", "Removed"}:
            self.over = True
        if event is not None:
            self.on_event(event, payload)


class Listening(PlainClient):
    """Hands every frame on as it comes."""

    def __init__(self, socket: Any, heard: Any) -> None:
        self._heard = heard
        super().__init__(socket)

    async def closed_for_good(self) -> None:
        await asyncio.shield(self._reader)

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                async with self._arrived:
                    self.frames.append(frame)
                    self._arrived.notify_all()
                await self._heard(self, frame)
        except ConnectionClosed:
            pass
        finally:
            async with self._arrived:
                self._arrived.notify_all()


@asynccontextmanager
async def people(site: Site, room: str, count: int, seed: int) -> AsyncIterator[list[Person]]:
    """So many in the room, spread over the workers, each of whom sees all others."""
    rng = random.Random(seed)
    present = [Person(site, room, site.ports[i % len(site.ports)], random.Random(rng.random())) for i in range(count)]
    try:
        for person in present:
            await person.arrive()
        await all_see_all(present)
        yield present
    finally:
        for person in present:
            await person.stop()
            if person.client is not None:
                await person.client.cut()


async def all_see_all(present: list[Person], patience: float = PATIENCE) -> None:
    """Wait until everyone's screen shows exactly the others."""
    users = {person.user for person in present}
    for person in present:
        try:
            await person.until(lambda person=person: set(person.roster) == users - {person.user}, patience)  # type: ignore[misc]
        except TimeoutError:
            raise AssertionError(
                f"{person.user} misses {users - {person.user} - set(person.roster)} "
                f"and still sees {set(person.roster) - users}"
            ) from None
