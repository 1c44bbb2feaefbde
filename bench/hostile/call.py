"""A call of four: their media in a process of their own (the Rust bench ``media remote``), their signaling here."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

MEDIA: Final = ("cargo", "bench", "--locked", "--quiet", "-p", "sfu-driver", "--bench", "media", "--", "remote")
SAY_EVERY: Final = 0.05
"""Seconds between two messages of a member."""
STATE_EACH: Final = 4
"""Every so many messages are UpdateState, the others chat."""
PATIENCE: Final = 60.0
_LONGEST_LINE: Final = 1 << 24


class Delays(NamedTuple):
    """Of one window, in milliseconds: of video packets, and of what members said until each of the others heard it."""

    media: list[float]
    signaling: list[float]


class Member(WSListener):
    """One member's plain socket."""

    def __init__(self, user: str, said: dict[str, float]) -> None:
        self.user = user
        self.delays: list[float] = []
        self.ended = False
        self._said = said
        """When each member said last that their state has changed."""
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._ws: WSTransport | None = None
        self._calls = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """It is open."""
        self._ws = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """It is closed, which an attack must not achieve."""
        self.ended = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """An event or an answer."""
        if frame.msg_type is not WSMsgType.TEXT:
            return
        now = time.monotonic()
        message = json.loads(frame.get_payload_as_bytes())
        payload = message.get("payload")
        match message.get("event"):
            case "ChatMessage" if payload["text"].startswith("at "):
                if payload["userId"] != self.user:
                    self.delays.append((now - float(payload["text"][3:])) * 1e3)
            case "StateChanged" if payload["userId"] in self._said:
                if payload["userId"] != self.user:
                    self.delays.append((now - self._said[payload["userId"]]) * 1e3)
            case "ReceiveAnswer":
                self._events["ReceiveAnswer"].put_nowait(payload)
            case None if (waiting := self._answers.pop(message["replyTo"], None)) is not None:
                waiting.set_result(message)

    def post(self, event: str, payload: Any, call: int | None = None) -> None:
        """Call without waiting for the answer."""
        assert self._ws is not None
        message = {"event": event, "payload": payload} | ({} if call is None else {"id": call})
        self._ws.send(WSMsgType.TEXT, json.dumps(message).encode())

    async def call(self, event: str, payload: Any) -> Any:
        """Call; the result."""
        self._calls += 1
        waiting = self._answers[self._calls] = asyncio.get_running_loop().create_future()
        self.post(event, payload, self._calls)
        answer = await asyncio.wait_for(waiting, PATIENCE)
        if "error" in answer:
            raise AssertionError(answer)
        return answer["result"]

    async def event(self, name: str) -> Any:
        """The next event of that name."""
        return await asyncio.wait_for(self._events[name].get(), PATIENCE)


class Call:
    """Four members who see and hear each other, and speak all the time."""

    def __init__(self, members: Sequence[Member], media: asyncio.subprocess.Process, said: dict[str, float]) -> None:
        self._members = members
        self._media = media
        self._said = said
        self.offer = ""
        """What one of them has offered to the SFU."""

    async def window(self, seconds: float) -> Delays:
        """The delays of what was sent in the next so many seconds."""
        await self._measured()
        await asyncio.sleep(seconds)
        return await self._measured()

    async def talk(self) -> None:
        """Say something again and again, until cancelled."""
        for turn in range(10**9):
            await asyncio.sleep(SAY_EVERY / len(self._members))
            member = self._members[turn % len(self._members)]
            if member.ended:
                raise AssertionError("a member of the call was thrown out")
            number = turn // len(self._members)
            if number % STATE_EACH:
                member.post("SendChat", {"text": f"at {time.monotonic()!r}"})
            else:
                self._said[member.user] = time.monotonic()
                member.post("UpdateState", {"isMuted": False, "isVideoOn": number // STATE_EACH % 2 == 0})

    async def keep_alive(self) -> None:
        """Be there, until cancelled."""
        while True:
            await asyncio.sleep(5)
            for member in self._members:
                member.post("KeepAlive", {})

    async def _measured(self) -> Delays:
        media = [micros / 1e3 for micros in (await ask(self._media, "window"))["delays"]]
        signaling = [delay for member in self._members for delay in member.delays]
        for member in self._members:
            member.delays.clear()
        return Delays(media, signaling)


async def ask(process: asyncio.subprocess.Process, line: str) -> Any:
    """Write a line, and read one."""
    await tell(process, line)
    return await heard(process)


async def tell(process: asyncio.subprocess.Process, line: str) -> None:
    """Write a line."""
    assert process.stdin is not None
    process.stdin.write(line.encode() + b"\n")
    await process.stdin.drain()


async def heard(process: asyncio.subprocess.Process) -> Any:
    """Read a line of JSON."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE * 10)  # it may have to be compiled first
    if not line:
        raise AssertionError("the clients' process has ended")
    return json.loads(line)


@asynccontextmanager
async def call_of(url: str, tickets: Sequence[dict[str, Any]]) -> AsyncIterator[Call]:
    """A call of those who hold the tickets."""
    pipe = asyncio.subprocess.PIPE
    media = await asyncio.create_subprocess_exec(*MEDIA, stdin=pipe, stdout=pipe, limit=_LONGEST_LINE)
    said: dict[str, float] = {}
    tasks: list[asyncio.Task[None]] = []
    try:
        members = [await _joined(url, ticket, said) for ticket in tickets]
        call = Call(members, media, said)
        offers = [str((await heard(media))["offer"]) for _ in members]
        answers = [await _offered(member, offer) for member, offer in zip(members, offers, strict=True)]
        call.offer = offers[0]
        for answer in answers:
            await tell(media, answer.replace("\r\n", "|"))
        assert (await heard(media))["connected"]
        for member in members:
            videos = [{"userId": other.user, "source": "camera"} for other in members if other is not member]
            await member.call("SetView", {"videos": videos})
        tasks += [asyncio.create_task(call.talk()), asyncio.create_task(call.keep_alive())]
        yield call
    finally:
        for task in tasks:
            task.cancel()
        assert media.stdin is not None
        media.stdin.close()
        await media.wait()
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()


async def _joined(url: str, ticket: dict[str, Any], said: dict[str, float]) -> Member:
    _, member = await ws_connect(lambda: Member(ticket["userId"], said), url, max_frame_size=1 << 24)
    assert isinstance(member, Member)
    await member.call("JoinRoom", {"roomId": ticket["roomId"], "token": ticket["token"]})
    return member


async def _offered(member: Member, sdp: str) -> str:
    await member.call("SendOffer", {"targetUserId": "sfu", "sdp": sdp, "slots": True})
    return str((await member.event("ReceiveAnswer"))["sdp"])
