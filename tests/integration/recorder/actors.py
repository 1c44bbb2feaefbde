"""Recordings made up from encoders: people who flash and beep at each full second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av import AudioFrame, VideoFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from tertulia.recorder.raw.recording import Codec, Person, Recording, Sample, Source, Span, Speaking, Track

Picture = NDArray[np.uint8]
"""The planes of yuv420p below each other, as PyAV's from_ndarray takes them."""
FLASH_SECONDS = 0.1
BEEP_HZ = 1000
ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}),
}


def plain(width: int, height: int, luma: int, u: int = 128, v: int = 128) -> Picture:
    picture = np.full((height * 3 // 2, width), u, np.uint8)
    picture[:height] = luma
    picture[height + height // 4 :] = v
    return picture


def flashing(width: int, height: int, luma: int = 60, u: int = 128, v: int = 128) -> Callable[[float], Picture]:
    """A plain picture, white for a moment from each full second of the timeline on."""
    dark, white = plain(width, height, luma, u, v), plain(width, height, 235)
    return lambda at: white if at % 1 < FLASH_SECONDS else dark


def video(
    track_id: str,
    user_id: str,
    spans: list[Span],
    picture: Callable[[float], Picture],
    *,
    source: Source = "camera",
    codec: Codec = "VP8",
    fps: int = 30,
    rotation: int = 0,
    shown: Callable[[float], bool] = lambda at: True,
) -> Track:
    """A track whose samples are encoded as they are read. ``shown`` says which of them come."""

    def samples() -> Iterator[Sample]:
        for span in spans:
            yield from _pictures(span, picture, codec, fps, rotation, shown)

    return _track(track_id, user_id, source, codec, spans, samples)


def _pictures(
    span: Span,
    picture: Callable[[float], Picture],
    codec: Codec,
    fps: int,
    rotation: int,
    shown: Callable[[float], bool],
) -> Iterator[Sample]:
    encoder: VideoCodecContext | None = None
    for number in range(round((span.end - span.begin) * fps)):
        at = span.begin + number / fps
        array = picture(at + 1e-9)
        height, width = array.shape[0] * 2 // 3, array.shape[1]
        if encoder is None or (encoder.width, encoder.height) != (width, height):
            encoder = _encoder(codec, width, height, fps)
        frame = VideoFrame.from_ndarray(array, "yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, fps)
        frame.pict_type = PictureType.I if number % (10 * fps) == 0 else PictureType.NONE
        for packet in encoder.encode(frame):
            if shown(at):
                yield Sample(at, bytes(packet), packet.is_keyframe, 0.0, rotation)


def _encoder(codec: Codec, width: int, height: int, fps: int) -> VideoCodecContext:
    name, options = ENCODERS[codec]
    encoder = cast("VideoCodecContext", av.CodecContext.create(name, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    encoder.bit_rate, encoder.gop_size, encoder.thread_count = 500_000, 100_000, 1
    encoder.options = options
    return encoder


def beeping(at: NDArray[np.float64]) -> NDArray[np.float32]:
    """A tone for a moment from each full second on."""
    return (0.5 * np.sin(2 * np.pi * BEEP_HZ * at) * (at % 1 < FLASH_SECONDS)).astype(np.float32)


def audio(
    track_id: str,
    user_id: str,
    spans: list[Span],
    sound: Callable[[NDArray[np.float64]], NDArray[np.float32]] = beeping,
    *,
    source: Source = "microphone",
    drift: float = 0.0,
    shown: Callable[[float], bool] = lambda at: True,
) -> Track:
    """A track of Opus packets of 20 ms. ``drift`` is how much faster than the timeline its clock runs."""

    def samples() -> Iterator[Sample]:
        for span in spans:
            encoder = av.CodecContext.create("libopus", "w")
            encoder.sample_rate, encoder.layout, encoder.format = 48_000, "stereo", "s16"
            encoder.bit_rate, encoder.time_base = 64_000, Fraction(1, 48_000)
            encoder.options = {"application": "lowdelay"}
            step = 0.02 / (1 + drift)
            for number in range(round((span.end - span.begin) / step)):
                at = span.begin + number * step
                # Opus looks ahead by 2.5 ms in this mode: what is heard at `at` is what was put in before.
                tone = sound(at + np.arange(960) * step / 960 + 0.0025)
                pcm = np.repeat((tone * 32767).astype(np.int16), 2).reshape(1, -1)
                frame = AudioFrame.from_ndarray(pcm, format="s16", layout="stereo")
                frame.sample_rate, frame.pts = 48_000, number * 960
                for packet in encoder.encode(frame):
                    if shown(at):
                        yield Sample(at, bytes(packet), True, 0.02)

    return _track(track_id, user_id, source, "opus", spans, samples)


def _track(
    track_id: str,
    user_id: str,
    source: Source,
    codec: Codec,
    spans: list[Span],
    samples: Callable[[], Iterator[Sample]],
) -> Track:
    return Track(
        id=track_id,
        user_id=user_id,
        name=user_id,
        source=source,
        kind="audio" if codec == "opus" else "video",
        codec=codec,
        channels=2 if codec == "opus" else 0,
        spans=tuple(spans),
        read=samples,
    )


def recording(
    duration: float,
    people: dict[str, list[Span]],
    tracks: list[Track],
    speakers: list[tuple[float, tuple[str, ...]]] | None = None,
    names: dict[str, str] | None = None,
) -> Recording:
    return Recording(
        id="6f1c0000-0000-4000-8000-000000000000",
        room_id="a0000000-0000-4000-8000-000000000000",
        begins=1_700_000_000.0,
        duration=duration,
        people=tuple(Person(user, (names or {}).get(user, user), tuple(spans)) for user, spans in people.items()),
        tracks=tuple(tracks),
        speakers=tuple(Speaking(at, users) for at, users in speakers or []),
        trouble=(),
    )
