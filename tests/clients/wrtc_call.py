"""A plain client on libwebrtc: it plays a video file into the meeting and reads its own statistics."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import av
import webrtc

from tests.clients.signaling import ANSWER_SECONDS, Json, Member
from tests.clients.video_file import FRAMES_PER_SECOND, SAMPLE_RATE

POLL_SECONDS = 0.1
"""libwebrtc has no event for "one more frame was decoded": its statistics are asked."""
AUDIO_CHUNK = SAMPLE_RATE // 100

# Servers and clients of a test are on one machine. To be said before the first connection is made.
webrtc.allow_loopback()


class WrtcCall:
    """The media of one member, with the browser's API. It trickles its candidates, and is the polite peer."""

    def __init__(
        self,
        member: Member,
        video: Path,
        configuration: webrtc.RTCConfiguration | None = None,
        codec: str | None = None,
    ) -> None:
        self._member = member
        self._codec = codec
        self._path = video
        self.connection = webrtc.RTCPeerConnection(configuration)
        self.connection.on("icecandidate", self._trickle)
        self.streams: dict[str, str] = {}
        """Which msid stream a received mid belongs to; ``""``: none."""
        self.connection.on("track", self._on_track)
        self._picture = webrtc.VideoTrackGenerator()
        self._sound = webrtc.MediaStreamTrackGenerator("audio")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._todo: asyncio.Queue[tuple[str, Json]] = asyncio.Queue(maxsize=1000)

    async def start(self) -> None:
        self.listen()
        self._target = (await self._member.event("SfuEndpoint"))["transportId"]
        await self.publish()

    def listen(self) -> None:
        """Take the hub's events from now on."""
        self._member.on_event = lambda name, payload: self._todo.put_nowait((name, payload))

    async def publish(self) -> None:
        """Offer the file's tracks to the target, and play."""
        self.add_tracks()
        await self.connection.set_local_description(await self.connection.create_offer())
        await self._send("SendOffer")
        self.negotiate()

    def negotiate(self) -> None:
        self._spawn(self._negotiate())

    def add_tracks(self) -> None:
        self.connection.add_track(self._picture.track)
        self.connection.add_track(self._sound)
        if self._codec is not None:
            self._send_only(self._codec)
        self._spawn(self._play_video())
        self._spawn(self._play_audio())

    def _send_only(self, mime_type: str) -> None:
        capabilities = webrtc.RTCRtpSender.get_capabilities("video")
        assert capabilities is not None
        codecs = [c for c in capabilities.codecs if c.mime_type == mime_type]
        video = next(t for t in self.connection.get_transceivers() if t.sender.track is self._picture.track)
        video.set_codec_preferences(codecs)

    async def received_codecs(self, stream: str) -> set[str]:
        """The MIME types of the video that came from that msid stream."""
        reports: Mapping[str, Any] = await self.connection.get_stats()
        return {
            reports[report.codec_id].mime_type
            for report in reports.values()
            if report.type == "inbound-rtp" and report.kind == "video" and self.streams.get(report.mid) == stream
        }

    async def decoded(self, kind: str, stream: str) -> int:
        """Frames of video decoded, or samples of audio that were not silence, from that msid stream so far."""
        count = 0
        reports: Mapping[str, Any] = await self.connection.get_stats()
        for report in reports.values():
            if report.type == "inbound-rtp" and report.kind == kind and self.streams.get(report.mid) == stream:
                count += report.frames_decoded or 0 if kind == "video" else _audible(report)
        return count

    async def until(self, kind: str, stream: str, least: int) -> None:
        """Wait until :meth:`decoded` is at least that."""
        async with asyncio.timeout(2 * ANSWER_SECONDS):
            while await self.decoded(kind, stream) < least:
                await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.connection.close()

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    async def _negotiate(self) -> None:
        while True:
            name, payload = await self._todo.get()
            if name == "ReceiveAnswer":
                await self._remote("answer", payload["sdp"])
            elif name == "ReceiveOffer":
                if self.connection.signaling_state != "stable":
                    await self.connection.set_local_description(webrtc.RTCSessionDescriptionInit("rollback"))
                await self._remote("offer", payload["sdp"])
                await self.connection.set_local_description(await self.connection.create_answer())
                await self._send("SendAnswer")
            elif name == "IceCandidate" and payload["candidate"]:
                await self.connection.add_ice_candidate(_candidate(payload["candidate"]))

    async def _remote(self, kind: Literal["offer", "answer"], sdp: str) -> None:
        await self.connection.set_remote_description(webrtc.RTCSessionDescriptionInit(kind, sdp))

    async def _send(self, call: str) -> None:
        description = self.connection.local_description
        assert description is not None
        await self._member.call(call, targetUserId=self._target, sdp=description.sdp)

    def _trickle(self, event: webrtc.RTCPeerConnectionIceEvent) -> None:
        candidate = event.candidate.to_json() if event.candidate is not None else None
        self._spawn(self._member.call("SendIceCandidate", targetUserId=self._target, candidate=candidate))

    def _on_track(self, event: webrtc.RTCTrackEvent) -> None:
        assert event.transceiver.mid is not None
        self.streams[event.transceiver.mid] = event.streams[0].id if event.streams else ""

    async def _play_video(self) -> None:
        writer = self._picture.writable.get_writer()
        clock = asyncio.get_running_loop().time
        began = clock()
        for number, picture in enumerate(_frames(self._path, "video")):
            init = webrtc.VideoFrameBufferInit(
                format="I420",
                coded_width=picture.width,
                coded_height=picture.height,
                timestamp=number * 1_000_000 // FRAMES_PER_SECOND,
            )
            await writer.write(webrtc.VideoFrame(_i420(picture), init))
            await asyncio.sleep(max(0.0, began + (number + 1) / FRAMES_PER_SECOND - clock()))

    async def _play_audio(self) -> None:
        writer = self._sound.writable.get_writer()
        clock = asyncio.get_running_loop().time
        began, sent = clock(), 0
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE, frame_size=AUDIO_CHUNK)
        for sound in _frames(self._path, "audio"):
            for chunk in resampler.resample(sound):
                init = webrtc.AudioDataInit(
                    format="s16",
                    sample_rate=SAMPLE_RATE,
                    number_of_frames=chunk.samples,
                    number_of_channels=1,
                    timestamp=sent * 1_000_000 // SAMPLE_RATE,
                    data=bytes(chunk.planes[0])[: chunk.samples * 2],
                )
                await writer.write(webrtc.AudioData(init))
                sent += chunk.samples
            await asyncio.sleep(max(0.0, began + sent / SAMPLE_RATE - clock()))


def _frames(path: Path, kind: str) -> Iterator[Any]:
    """The frames of the file, over and over."""
    for _ in itertools.count():
        with av.open(str(path)) as file:
            yield from file.decode(**{kind: 0})


def _i420(picture: av.VideoFrame) -> bytes:
    """The planes without the padding of their lines."""
    planes = []
    for plane in picture.planes:
        data, width = bytes(plane), plane.width
        planes += [data[i * plane.line_size : i * plane.line_size + width] for i in range(plane.height)]
    return b"".join(planes)


def _audible(report: Any) -> int:
    return report.total_samples_received or 0 if (report.total_audio_energy or 0) > 0 else 0


def _candidate(candidate: str | Json) -> webrtc.RTCIceCandidateInit:
    if isinstance(candidate, str):
        return webrtc.RTCIceCandidateInit(candidate=candidate, sdp_m_line_index=0)
    return webrtc.RTCIceCandidateInit(
        candidate=candidate["candidate"],
        sdp_mid=candidate.get("sdpMid"),
        sdp_m_line_index=candidate.get("sdpMLineIndex"),
    )


@asynccontextmanager
async def in_call(member: Member, video: Path, codec: str | None = None) -> AsyncIterator[WrtcCall]:
    """A call of ``member``; with ``codec`` (``video/AV1``) its own video is sent in that one only."""
    call = WrtcCall(member, video, codec=codec)
    try:
        await call.start()
        yield call
    finally:
        await call.stop()
