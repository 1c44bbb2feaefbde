"""Someone in a call, on libwebrtc, who shows and hears without a pause, and measures every pause of the others.

Each frame of video carries its number as bars, each tenth of a second of sound begins with a beep: what comes twice, by
two connections, counts once. On a change of the SFU a caller does what docs/protocol.md advises: it keeps the old
connection until it is told that it is closed.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import random
import sys
import time
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

os.environ["WRTC_ALLOW_LOOPBACK"] = "1"  # before the first import
import webrtc

from tests.chaos.person import Person
from tests.chaos.site import Site
from tests.clients.signaling import Json

FPS: Final = 15
WIDTH, HEIGHT = 320, 180
BARS: Final = 12
"""Bits of a frame's number."""
_BAR: Final = WIDTH // BARS
_DARK, _LIGHT = 40, 215
RATE: Final = 48_000
CHUNK: Final = RATE // 100
BEEP_EVERY: Final = 10
"""Chunks of 10 ms, the first two of which sound."""
SILENCE: Final = 0.5
"""Seconds without media after which the hub is told."""
LOOK: Final = 0.05
NOTED: Final = 0.02
"""Seconds by which this process may be late without a word."""
WINDOW: Final = 2.0
"""Seconds; a pause that is worth a look is not longer."""
CALM: Final = 0.6
"""Seconds; media that has not paused for half of them flows."""
FLOWS_WITHIN: Final = 60.0

webrtc.allow_loopback()


class Seen:
    """When something new of one sender came."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.newest = -1

    def frame(self, number: int) -> None:
        """A frame of video; frames that another connection has shown already do not count."""
        if self.newest < 0 or 0 < (number - self.newest) % (1 << BARS) < 1 << (BARS - 1):
            self.newest = number
            self.at.append(time.monotonic())

    def beep(self) -> None:
        """A chunk of sound that is not silence."""
        self.at.append(time.monotonic())

    def pause(self, since: float) -> float:
        """The longest pause that ended, or goes on, after ``since``."""
        now = time.monotonic()
        at = [*[t for t in self.at if t <= since][-1:], *[t for t in self.at if t > since], now]
        return max(b - a for a, b in itertools.pairwise(at)) if len(at) > 1 else now - since


class Lag:
    """How late this process has been: its own pauses are not the servers'."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []

    async def watch(self) -> None:
        """Run until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            now = time.monotonic()
            if now - before > 0.01 + NOTED:
                self._late.append((now, now - before - 0.01))

    def most(self, since: float) -> float:
        """The most seconds that this process has lost in :data:`WINDOW` seconds after ``since``."""
        late = [(at, by) for at, by in self._late if at > since]
        return max((sum(by for at, by in late if end - WINDOW < at <= end) for end, _ in late), default=0.0)


class Caller:
    """Somebody with media, by as many connections as there are SFUs to which they belong just now."""

    def __init__(self, person: Person, others: int) -> None:
        self.person = person
        self.user = person.user
        self.video: dict[str, Seen] = defaultdict(Seen)
        self.sound: dict[str, Seen] = defaultdict(Seen)
        self.endpoints: list[str] = []
        """The transportIds, in the order told."""
        self.closed: set[str] = set()
        """Of these, those that are said to be closed."""
        self.fenced: list[Json] = []
        """What came from a transport after it was said to be closed."""
        self._others = others
        self._links: dict[str, _Link] = {}
        self._spare: list[_Link] = []
        self._todo: asyncio.Queue[tuple[str, Json]] = asyncio.Queue(maxsize=10_000)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Join the call."""
        await self.prepare()
        self.person.on_event = lambda name, payload: self._todo.put_nowait((name, payload))
        await self.person.arrive()
        for work in (self._follow(), self._show(), self._speak(), self._watch()):
            self.spawn(work)
        await self.person.update(False, True)

    async def until_all_flow(self, others: list[Caller]) -> None:
        """Wait until picture and sound of each of the others come without a pause."""
        async with asyncio.timeout(FLOWS_WITHIN):
            while max(self.pauses(others, time.monotonic() - CALM)) > CALM / 2:
                await asyncio.sleep(LOOK)

    def pauses(self, others: list[Caller], since: float) -> list[float]:
        """The longest pauses of each of the others: picture, then sound."""
        there = [other.user for other in others if other is not self]
        return [seen[user].pause(since) for user in there for seen in (self.video, self.sound)]

    def spawn(self, work: Any) -> None:
        """Run something until the end of the call."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Leave the call."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in (*self._links.values(), *self._spare):
            link.close()
        await self.person.leave()

    # --- connections

    async def prepare(self) -> None:
        """Have a connection that has only to be offered: making one stops everybody in this process for a while, which
        a browser would not."""
        link = _Link(self, self._others)
        await link.prepare()
        self._spare.append(link)

    async def _follow(self) -> None:
        while True:
            name, payload = await self._todo.get()
            source = payload.get("sourceUserId") or payload.get("transportId") or ""
            if source in self.closed:
                self.fenced.append({"event": name, **payload})
            elif name == "SfuEndpoint" and source not in self._links:
                self.endpoints.append(source)
                if not self._spare:
                    await self.prepare()
                self._links[source] = self._spare.pop()
                await self._links[source].open(source)
            elif name == "TransportState" and payload["state"] == "closed":
                self.closed.add(source)
                self._links[source].close()
            elif name == "ReceiveAnswer":
                await self._links[source].answered(payload["sdp"])
            elif name == "Slots":
                self._links[source].assign(payload["slots"])

    async def _watch(self) -> None:
        """Tell the hub when all media has stopped."""
        said = 0.0
        while True:
            await asyncio.sleep(LOOK)
            newest = max((s.at[-1] for s in (*self.video.values(), *self.sound.values()) if s.at), default=None)
            now = time.monotonic()
            if newest is not None and now - newest > SILENCE and now - said > 1.0:
                said = now
                await self.person.post("MediaStopped", transportId=self.endpoints[-1])

    # --- what it sends

    async def _show(self) -> None:
        began, clock = time.monotonic(), time.monotonic
        for number in range(10**9):
            await asyncio.sleep(max(0.0, began + number / FPS - clock()))
            row = b"".join(bytes([_LIGHT if number >> bit & 1 else _DARK]) * _BAR for bit in range(BARS)) + bytes(
                [_DARK]
            ) * (WIDTH - BARS * _BAR)
            init = webrtc.VideoFrameBufferInit(
                format="I420", coded_width=WIDTH, coded_height=HEIGHT, timestamp=number * 1_000_000 // FPS
            )
            data = row * HEIGHT + bytes([128]) * (WIDTH * HEIGHT // 2)
            for link in list(self._links.values()):
                await link.show(data, init)

    async def _speak(self) -> None:
        tone = array("h", (round(20_000 * math.sin(2 * math.pi * 1000 * i / RATE)) for i in range(CHUNK))).tobytes()
        began, clock = time.monotonic(), time.monotonic
        for number in range(10**9):
            await asyncio.sleep(max(0.0, began + number / 100 - clock()))
            init = webrtc.AudioDataInit(
                format="s16",
                sample_rate=RATE,
                number_of_frames=CHUNK,
                number_of_channels=1,
                timestamp=number * 10_000,
                data=tone if number % BEEP_EVERY < 2 else bytes(2 * CHUNK),
            )
            for link in list(self._links.values()):
                await link.speak(init)


class _Link:
    """One connection to one SFU."""

    def __init__(self, caller: Caller, others: int) -> None:
        self._caller = caller
        self._users: dict[str, str] = {}
        """Whose media is in which slot, by mid."""
        self._pc = webrtc.RTCPeerConnection()
        self._picture = webrtc.VideoTrackGenerator()
        self._microphone = webrtc.MediaStreamTrackGenerator("audio")
        self._pictures = self._picture.writable.get_writer()
        self._sounds = self._microphone.writable.get_writer()
        self._is_open = False
        self._others = others

    async def prepare(self) -> None:
        """Make the offer."""
        for track in (self._microphone, self._picture.track):
            self._pc.add_transceiver(track, webrtc.RTCRtpTransceiverInit(direction="sendonly"))
        for kind in ("audio", "video"):
            for _ in range(self._others):
                made = self._pc.add_transceiver(kind, webrtc.RTCRtpTransceiverInit(direction="recvonly"))
                self._caller.spawn(self._read(kind, made))
        await self._pc.set_local_description(await self._pc.create_offer())

    async def open(self, transport: str) -> None:
        """Send it."""
        self._is_open = True
        description = self._pc.local_description
        assert description is not None
        await self._caller.person.post("SendOffer", targetUserId=transport, sdp=description.sdp, slots=True)

    async def answered(self, sdp: str) -> None:
        """The SFU's answer."""
        await self._pc.set_remote_description(webrtc.RTCSessionDescriptionInit("answer", sdp))

    async def show(self, data: bytes, init: Any) -> None:
        """A frame of video."""
        if self._is_open:
            await self._pictures.write(webrtc.VideoFrame(data, init))

    async def speak(self, init: Any) -> None:
        """10 ms of sound."""
        if self._is_open:
            await self._sounds.write(webrtc.AudioData(init))

    def assign(self, slots: list[Json]) -> None:
        """Who is in which slot."""
        self._users = {slot["mid"]: slot["userId"] for slot in slots if slot["userId"]}

    def close(self) -> None:
        """The SFU is left."""
        self._is_open = False
        self._pc.close()

    async def _read(self, kind: str, transceiver: Any) -> None:
        track = transceiver.receiver.track
        processor = webrtc.MediaStreamTrackProcessor(webrtc.MediaStreamTrackProcessorInit(track))
        async for item in processor.readable:
            try:
                user = self._users.get(transceiver.mid or "")
                if user is not None and kind == "video":
                    self._caller.video[user].frame(await _number(item))
                elif user is not None and _is_loud(item):
                    self._caller.sound[user].beep()
            finally:
                item.close()


async def _number(frame: Any) -> int:
    """What the bars of a frame say, whatever its size."""
    data = bytearray(frame.allocation_size())
    await frame.copy_to(data)
    width, row = frame.coded_width, frame.coded_height // 2 * frame.coded_width
    middle = (2 * bit + 1 for bit in range(BARS))
    return sum((data[row + half * _BAR * width // (2 * WIDTH)] > 128) << bit for bit, half in enumerate(middle))


def _is_loud(sound: Any) -> bool:
    options = webrtc.AudioDataCopyToOptions(plane_index=0, format="s16")
    data = bytearray(sound.allocation_size(options))
    sound.copy_to(data, options)
    return max(array("h", bytes(data))) > 2_000


@asynccontextmanager
async def callers(site: Site, room: str, count: int, *, guests: int = 0) -> AsyncIterator[tuple[list[Caller], Lag]]:
    """So many in a call, each of whom sees and hears all others, and so many guests who come later."""
    async with AsyncExitStack() as stack:
        # libwebrtc's threads hand each 10 ms of sound to Python, and would wait 5 ms for it each time.
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.0002)
        made: list[Caller] = []
        lag = Lag()
        watching = asyncio.create_task(lag.watch())
        stack.callback(watching.cancel)
        for number in range(count):
            port = site.ports[number % len(site.ports)]
            person = Person(site, room, port, random.Random(number), f"Caller {number}")
            made.append(Caller(person, count - 1 + guests))
            await made[-1].start()
            stack.push_async_callback(made[-1].stop)
        for caller in made:
            await caller.prepare()
        await asyncio.gather(*[caller.until_all_flow(made) for caller in made])
        yield made, lag
