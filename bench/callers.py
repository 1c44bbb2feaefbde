"""People in a call on a real server: their media in a process of its own (the Rust bench ``media remote``), their
signaling here. They do what docs/protocol.md advises, and are cheap."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench import program

PATIENCE: Final = 60.0
_LONGEST_LINE: Final = 1 << 26
KEEP_ALIVE: Final = 1.0

Json = dict[str, Any]


class Refused(Exception):
    """The hub has refused a call."""


class Member(WSListener):
    """One person's plain socket. ``on_event`` gets every event with the time it came."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.on_event: Callable[[str, Json, float], None] = lambda *_: None
        self.is_gone = False
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._ws: WSTransport | None = None
        self._calls = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """It is open."""
        self._ws = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """It is closed."""
        self.is_gone = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """An event or an answer."""
        if frame.msg_type is not WSMsgType.TEXT:
            return
        now = time.monotonic()
        message = json.loads(frame.get_payload_as_bytes())
        if "event" in message:
            self.on_event(message["event"], message["payload"], now)
        elif (waiting := self._answers.pop(message["replyTo"], None)) is not None:
            waiting.set_result(message)

    def post(self, event: str, payload: Json, call: int | None = None) -> None:
        """Call without waiting for the answer."""
        assert self._ws is not None
        message = {"event": event, "payload": payload} | ({} if call is None else {"id": call})
        self._ws.send(WSMsgType.TEXT, json.dumps(message).encode())

    async def call(self, event: str, payload: Json) -> Json:
        """Call; the result. Raises Refused."""
        self._calls += 1
        waiting = self._answers[self._calls] = asyncio.get_running_loop().create_future()
        self.post(event, payload, self._calls)
        answer = await asyncio.wait_for(waiting, PATIENCE)
        if "error" in answer:
            raise Refused(answer["error"])
        result: Json = answer["result"]
        return result


class Media:
    """The process in which the media of all is."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._heard: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self.on_silent: Callable[[int], None] = lambda _: None
        """Somebody has had no media for half a second."""

    async def read(self) -> None:
        """Read what it says, until its end."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "silent" in said:
                self.on_silent(said["client"])
            for name in ("offer", "connected"):
                if name in said:
                    self._heard[f"{name} {said['client']}"].put_nowait(said[name])
            for name in ("delays", "gaps"):
                if name in said:
                    self._heard[name].put_nowait(said[name])

    async def offer(self, number: int) -> str:
        """Have one connect, anew: what it offers."""
        self._tell(f"offer {number}")
        return str(await self._next(f"offer {number}"))

    def answer(self, number: int, sdp: str) -> None:
        """Give it the answer."""
        self._tell(f"answer {number} {sdp.replace(chr(13) + chr(10), '|')}")

    async def connected(self, number: int) -> None:
        """Wait until it is connected."""
        await self._next(f"connected {number}")

    async def delays(self) -> list[float]:
        """How long each video packet took since the last call, in ms."""
        self._tell("window")
        return [micros / 1e3 for micros in await self._next("delays")]

    async def gaps(self) -> list[float]:
        """The longest pause of each one's video since the last call, in seconds."""
        self._tell("gaps")
        return [milliseconds / 1e3 for milliseconds in await self._next("gaps")]

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def _next(self, what: str, within: float = PATIENCE) -> Any:
        return await asyncio.wait_for(self._heard[what].get(), within)


class Caller:
    """A member and their media, by the newest SFU that they were told of."""

    def __init__(self, member: Member, number: int, media: Media) -> None:
        self.member = member
        self.number = number
        self.transports: list[str] = []
        self.offered = ""
        """The last SDP that was offered."""
        self.on_event: Callable[[str, Json, float], None] = lambda *_: None
        self._media = media
        self._answers: defaultdict[str, asyncio.Queue[str]] = defaultdict(asyncio.Queue)
        self._has_moved = asyncio.Event()
        self._endpoints: asyncio.Queue[str] = asyncio.Queue()
        member.on_event = self._heard

    async def follow(self) -> None:
        """Connect to each SFU that the hub tells of, until cancelled."""
        while True:
            transport = await self._endpoints.get()
            self.transports.append(transport)
            if len(self.transports) > 1:
                self._has_moved.set()
            self.offered = sdp = await self._media.offer(self.number)
            with suppress(Refused):  # the room has moved on
                await self.member.call("SendOffer", {"targetUserId": transport, "sdp": sdp, "slots": True})
                self._media.answer(self.number, await self._answers[transport].get())

    async def moved(self) -> None:
        """Wait for another SFU than the first."""
        await self._has_moved.wait()

    def is_silent(self) -> None:
        """All media has stopped."""
        if self.transports:
            self.member.post("MediaStopped", {"transportId": self.transports[-1]})

    def _heard(self, event: str, payload: Json, now: float) -> None:
        if event == "SfuEndpoint":
            self._endpoints.put_nowait(payload["transportId"])
        elif event == "ReceiveAnswer":
            self._answers[payload["sourceUserId"]].put_nowait(payload["sdp"])
        self.on_event(event, payload, now)


@asynccontextmanager
async def calling(
    url: str, tickets: Sequence[Json], publishers: int, seen: int = 3
) -> AsyncIterator[tuple[list[Caller], Media]]:
    """All who hold the tickets in a call, the first so many of whom publish; everyone sees ``seen`` of these."""
    argv = (await asyncio.to_thread(program.media), "remote", str(len(tickets)), str(publishers))
    async with AsyncExitStack() as stack:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, limit=_LONGEST_LINE)
        stack.push_async_callback(_ended, process)
        media = Media(process)
        tasks = [asyncio.create_task(media.read())]
        stack.callback(lambda: [task.cancel() for task in tasks])
        callers = [Caller(Member(ticket["userId"]), number, media) for number, ticket in enumerate(tickets)]
        media.on_silent = lambda number: callers[number].is_silent()
        for caller, ticket in zip(callers, tickets, strict=True):
            await ws_connect(lambda caller=caller: caller.member, url, max_frame_size=1 << 24)
            await caller.member.call("JoinRoom", {"roomId": ticket["roomId"], "token": ticket["token"]})
            tasks.append(asyncio.create_task(caller.follow()))
        tasks.append(asyncio.create_task(_keep_alive(callers)))
        await asyncio.gather(*[media.connected(caller.number) for caller in callers])
        for caller in callers:
            others = [other.member.user for other in callers[:publishers] if other is not caller]
            await caller.member.call("SetView", {"videos": [{"userId": u, "source": "camera"} for u in others[:seen]]})
        yield callers, media


async def _keep_alive(callers: Sequence[Caller]) -> None:
    while True:
        await asyncio.sleep(KEEP_ALIVE)
        for caller in callers:
            caller.member.post("KeepAlive", {})


async def _ended(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()
