"""Rooms full of clients on one event loop, cheap enough not to be what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.signaling.wire import Dialect

PATIENCE = 120.0
"""Seconds."""


class Member(WSListener):
    """One client."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.user = ""
        self.room: Room | None = None
        self.ws: WSTransport | None = None
        self.early: asyncio.Queue[bytes] = asyncio.Queue()
        """What comes before the member is in its room."""
        self.gone = asyncio.get_running_loop().create_future()
        self.close_code = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.ws = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            self.close_code = frame.get_close_code().value
            return
        data = frame.get_payload_as_bytes()
        if self.room is not None:
            self.room.heard(self, data)
        else:
            self.early.put_nowait(data)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    def call(self, target: str, payload: Any) -> None:
        assert self.ws is not None
        self.ws.send(self.dialect.kind, self.dialect.call(target, payload))

    async def answer(self) -> None:
        """Wait for the answer to the last call."""
        while True:
            data = await asyncio.wait_for(self.early.get(), PATIENCE)
            if self.dialect.answer in data:
                if b"error" in data[:80]:
                    raise AssertionError(data)
                return

    async def shake_hands(self) -> None:
        if self.dialect.handshake:
            assert self.ws is not None
            self.ws.send(WSMsgType.TEXT, self.dialect.handshake)
            await asyncio.wait_for(self.early.get(), PATIENCE)


class Room:
    """Its members call in turn, one at a time."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.frames: dict[Member, bytes] = {}
        """What each one sends."""
        self.expected = 0
        """Frames that follow from a call: events and the answer."""
        self.latencies: list[float] | None = None
        self._to_hear = 0
        self._sent_at = 0.0
        self._done: asyncio.Future[None] | None = None

    async def run_at(self, rate: float, calls: int, phase: float) -> None:
        """That many calls, so many a second, one at a time."""
        loop = asyncio.get_running_loop()
        start = loop.time() + phase / rate
        for number in range(calls):
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
            self._done = loop.create_future()
            self._to_hear = self.expected
            self._sent_at = time.perf_counter()
            one = self.members[number % len(self.members)]
            assert one.ws is not None
            one.ws.send(one.dialect.kind, self.frames[one])
            await asyncio.wait_for(self._done, PATIENCE)

    def heard(self, one: Member, data: bytes) -> None:
        """Frames may come together, several SignalR messages in one."""
        if b"error" in data[:80]:
            raise AssertionError(data)
        self._to_hear -= 1
        if self.latencies is not None:
            self.latencies.append(time.perf_counter() - self._sent_at)
        if self._to_hear == 0 and self._done is not None and not self._done.done():
            self._done.set_result(None)


async def member(port: int, dialect: Dialect) -> Member:
    """A connected client that has shaken hands."""
    _, made = await ws_connect(lambda: Member(dialect), f"ws://127.0.0.1:{port}{dialect.path}", max_frame_size=1 << 24)
    assert isinstance(made, Member)
    await made.shake_hands()
    return made


async def room(port: int, dialect: Dialect, tickets: Sequence[dict[str, Any]]) -> Room:
    """A room whose members have joined."""
    members = []
    for ticket in tickets:
        one = await member(port, dialect)
        one.user = ticket["userId"]
        one.call("JoinRoom", {"roomId": ticket["roomId"], "token": ticket["token"]})
        await one.answer()
        members.append(one)
    made = Room(members)
    # Those that joined first have heard of the others by the time a call of their own is answered.
    for one in members:
        one.call("KeepAlive", {})
        await one.answer()
    for one in members:
        one.room = made
    return made
