"""A plain client on aiortc: it plays a video file into the meeting and counts what it gets from the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from tests.clients.signaling import ANSWER_SECONDS, Json, Member


class AiortcCall:
    """The media of one member. aiortc does not trickle: its candidates are in its offer and answers."""

    def __init__(self, member: Member, video: Path, codec: str | None = None) -> None:
        self.frames: Counter[tuple[str, str]] = Counter()
        """Decoded (audio or video) frames by (kind, id of the msid stream)."""
        self.lit: set[str] = set()
        """The streams whose picture is not black."""
        self._member = member
        self._codec = codec
        self._arrived = asyncio.Condition()
        # No servers: on loopback every candidate is a host candidate.
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.on("track", lambda track: self._tasks.append(asyncio.create_task(self._receive(track))))
        self._player = MediaPlayer(str(video), loop=True)
        self._tasks: list[asyncio.Task[None]] = []
        self._todo: asyncio.Queue[tuple[str, Json]] = asyncio.Queue(maxsize=100)

    async def start(self) -> None:
        self._member.on_event = lambda name, payload: self._todo.put_nowait((name, payload))
        self._transport = (await self._member.event("SfuEndpoint"))["transportId"]
        assert self._player.audio is not None
        assert self._player.video is not None
        self.connection.addTrack(self._player.audio)
        self.connection.addTrack(self._player.video)
        if self._codec is not None:
            self._send_only(self._codec)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        await self._send("SendOffer")
        self._tasks.append(asyncio.create_task(self._negotiate()))

    async def until(self, kind: str, stream: str, frames: int) -> None:
        """Wait until that many frames of that stream were decoded."""
        async with asyncio.timeout(2 * ANSWER_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: self.frames[kind, stream] >= frames)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for track in (self._player.audio, self._player.video):
            if track is not None:
                track.stop()
        await self.connection.close()

    def _send_only(self, mime_type: str) -> None:
        codecs = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType == mime_type]
        next(t for t in self.connection.getTransceivers() if t.kind == "video").setCodecPreferences(codecs)

    async def _negotiate(self) -> None:
        while True:
            name, payload = await self._todo.get()
            if name == "ReceiveAnswer":
                await self.connection.setRemoteDescription(RTCSessionDescription(payload["sdp"], "answer"))
            elif name == "ReceiveOffer":
                await self.connection.setRemoteDescription(RTCSessionDescription(payload["sdp"], "offer"))
                await self.connection.setLocalDescription(await self.connection.createAnswer())
                await self._send("SendAnswer")

    async def _send(self, call: str) -> None:
        await self._member.call(call, targetUserId=self._transport, sdp=self.connection.localDescription.sdp)

    async def _receive(self, track: MediaStreamTrack) -> None:
        stream = self._stream_of(track)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame) and max(bytes(frame.planes[0])[::101]) > 40:
                self.lit.add(stream)
            async with self._arrived:
                self.frames[track.kind, stream] += 1
                self._arrived.notify_all()

    def _stream_of(self, track: MediaStreamTrack) -> str:
        """The msid stream of the m-line that the track belongs to (aiortc shows only the track's id)."""
        mid = next(t.mid for t in self.connection.getTransceivers() if t.receiver.track is track)
        for section in self.connection.remoteDescription.sdp.split("\r\nm=")[1:]:
            lines = section.split("\r\n")
            if f"a=mid:{mid}" in lines:
                return next(line[7:].split(" ")[0] for line in lines if line.startswith("a=msid:"))
        raise AssertionError(f"no m-line has mid {mid}")


@asynccontextmanager
async def in_call(member: Member, video: Path, codec: str | None = None) -> AsyncIterator[AiortcCall]:
    """A call of ``member``; with ``codec`` (``video/H264``) its own video is sent in that one only."""
    call = AiortcCall(member, video, codec)
    try:
        await call.start()
        yield call
    finally:
        await call.stop()
