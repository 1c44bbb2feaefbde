"""An engine and clients in one process: what hub and node do between them, without either.

The clients go the plain way: they offer their own tracks, and answer the SFU's offers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from tertulia.ids import new_uuid
from tertulia.sfu import _sfu
from tests.integration.sfu.network import Network

os.environ["WRTC_ALLOW_LOOPBACK"] = "1"  # before the first import
import webrtc

from tests.waiting import until, until_answered

SECONDS = 20.0
"""Deadline of everything that is awaited here; on an idle machine all of it takes well under one second."""


class Desk:
    """Sends clients' calls to the engine and the engine's events to the clients."""

    def __init__(self, engine: _sfu.Sfu) -> None:
        self.engine = engine
        self.clients: dict[str, Client] = {}
        self.events: list[Any] = []
        self._news = asyncio.Event()

    def on_events(self) -> None:
        for event in self.engine.drain(256):
            self.events.append(event)
            client = self.clients.get(getattr(event, "transport", ""))
            if client is not None:
                client.inbox.put_nowait(event)
        self._news.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for events until ``done``."""
        async with asyncio.timeout(SECONDS):
            while not done():
                self._news.clear()
                await self._news.wait()

    def closed(self) -> list[_sfu.TransportState]:
        """What was said so far of transports that ended."""
        return [e for e in self.events if isinstance(e, _sfu.TransportState) and e.state == "closed"]

    async def counted(self, done: Callable[[dict[str, int]], bool]) -> dict[str, int]:
        """The engine's counters, when they are as wanted. They have no event of their own, and are published after what
        they count."""

        def stats() -> dict[str, int] | None:
            found = self.engine.stats()
            return found if done(found) else None

        return await until(stats)


@asynccontextmanager
async def desk(bind: str = "127.0.0.1", **options: Any) -> AsyncIterator[Desk]:
    """A running engine on a free port; whatever clients were made are closed at the end."""
    engine = _sfu.Sfu(bind, 0, **options)
    loop = asyncio.get_running_loop()
    made = Desk(engine)
    loop.add_reader(engine.fileno(), made.on_events)
    try:
        yield made
    finally:
        for client in list(made.clients.values()):
            await client.close()
        loop.remove_reader(engine.fileno())
        await asyncio.to_thread(engine.stop)


class Client:
    """A libwebrtc peer that knows only docs/protocol.md."""

    def __init__(self, desk: Desk, room: str) -> None:
        self.desk = desk
        self.room = room
        self.user_id = new_uuid()
        self.transport = f"sfu_{self.user_id}"
        self.seat = f"seat-of-{self.user_id}"
        self.pc = webrtc.RTCPeerConnection()
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self.streams: dict[str, set[str]] = {}
        """msid stream id → kinds of the tracks that came with it."""
        self.recording: str | None = None
        """What its next offer says that it is recorded in."""
        self.has_answered = asyncio.Event()
        """It has answered an offer of the SFU's."""
        self.tcp_only = False
        self.network: Network | None = None
        self._reader = asyncio.create_task(self._read())
        desk.clients[self.transport] = self
        self.pc.on("track", self._on_track)

    def stop_reading(self) -> None:
        """Leave what the SFU says unread."""
        self._reader.cancel()

    def read_on(self) -> None:
        """Read what was left, and go on."""
        self._reader = asyncio.create_task(self._read())

    @property
    def local_sdp(self) -> str:
        description = self.pc.local_description
        assert description is not None
        return description.sdp

    @property
    def remote_sdp(self) -> str:
        """Empty while there is none."""
        description = self.pc.remote_description
        return "" if description is None else description.sdp

    async def publish(self, *, audio: bool = True, video: bool = True) -> None:
        """Add the synthetic microphone and camera, or what is wanted of them."""
        stream = await webrtc.media_devices.get_user_media(webrtc.MediaStreamConstraints(audio=audio, video=video))
        for track in stream.get_tracks():
            self.pc.add_track(track, stream)

    async def offer(self, *, ice_restart: bool = False) -> None:
        """Offer what there is, and wait until it is answered."""
        if not self.pc.get_transceivers():
            for kind in ("audio", "video"):
                self.pc.add_transceiver(kind, webrtc.RTCRtpTransceiverInit(direction="recvonly"))
        await self.pc.set_local_description(await self.pc.create_offer(webrtc.RTCOfferOptions(ice_restart=ice_restart)))
        self.desk.engine.offer(
            *(self.room, self.transport, self.user_id, self.seat, self.local_sdp),
            name=f"Name of {self.user_id}",
            recording=self.recording,
        )
        await until(lambda: self.pc.signaling_state == "stable")

    async def connected(self) -> None:
        await until(lambda: self.pc.connection_state == "connected")

    async def inbound(self) -> list[Any]:
        """The statistics of each track that arrives."""
        report: Mapping[str, Any] = await self.pc.get_stats()
        return [s for s in report.values() if s.type == "inbound-rtp"]

    async def decodes(self, videos: int, frames: int = 3) -> None:
        """Wait until so many videos have each decoded some frames."""
        await self._until(lambda s: sum(n >= frames for n in _decoded(s)) >= videos)

    async def decodes_more(self, frames: int) -> None:
        """Wait until that many more frames are decoded than now."""
        now = sum(_decoded(await self.inbound()))
        await self._until(lambda s: sum(_decoded(s)) >= now + frames)

    async def hears(self, tracks: int) -> None:
        """Wait until so many tracks have sound: the synthetic microphone beeps."""
        await self._until(
            lambda s: sum(1 for t in s if t.kind == "audio" and (t.total_audio_energy or 0) > 0) >= tracks
        )

    async def silence(self) -> None:
        """Wait until nothing has been decoded for a while."""
        before = -1
        async with asyncio.timeout(SECONDS):
            while (now := sum(_decoded(await self.inbound()))) != before:
                before = now
                await asyncio.sleep(0.3)

    async def path(self) -> str:
        """``udp`` or ``tcp``: what the selected candidate pair uses."""
        report: Mapping[str, Any] = await self.pc.get_stats()
        selected = next(s for s in report.values() if s.type == "transport").selected_candidate_pair_id
        return str(report[report[selected].local_candidate_id].protocol)

    async def _until(self, done: Callable[[list[Any]], bool]) -> None:
        async def is_done() -> bool:
            return done(await self.inbound())

        await until_answered(is_done)

    async def close(self) -> None:
        """Leave: the peer is closed on both sides."""
        self._reader.cancel()
        self.desk.clients.pop(self.transport, None)
        self.pc.close()
        with suppress(_sfu.Stopped):
            self.desk.engine.close(self.transport)

    def _on_track(self, event: Any) -> None:
        for stream in event.streams:
            self.streams.setdefault(stream.id, set()).add(event.track.kind)

    async def _read(self) -> None:
        while True:
            event = await self.inbox.get()
            if isinstance(event, _sfu.Answer):
                await self.pc.set_remote_description(await self._description("answer", event.sdp))
            elif isinstance(event, _sfu.Offer):
                await self._on_offer(event.sdp)

    async def _on_offer(self, sdp: str) -> None:
        await self.pc.set_remote_description(await self._description("offer", sdp))
        await self.pc.set_local_description(await self.pc.create_answer())
        self.desk.engine.answer(self.transport, self.local_sdp)
        self.has_answered.set()

    async def _description(self, kind: Literal["offer", "answer"], sdp: str) -> Any:
        if self.tcp_only:
            lines = sdp.split("\r\n")
            sdp = "\r\n".join(line for line in lines if not line.startswith("a=candidate:") or " tcp " in line)
        if self.network is not None:
            sdp = await self.network.through(sdp, self.desk.engine.port)
        return webrtc.RTCSessionDescriptionInit(type=kind, sdp=sdp)


def _decoded(inbound: list[Any]) -> list[int]:
    return [s.frames_decoded or 0 for s in inbound if s.kind == "video"]
