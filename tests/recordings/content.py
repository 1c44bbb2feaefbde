"""Known content: a flash and a beep at each full second, and a counter that a program can read.

The upper two thirds of a picture are white for the first tenth of a second, else grey. The lower third has sixteen
bars, black or white: the number of the picture, the highest bit on the left.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from tertulia.recorder.raw.recording import Codec

FLASH: Final = 0.1
BEEP: Final = 0.1
BITS: Final = 16
PITCH: Final = 1000.0
FPS: Final = 10
SOUND_RATE: Final = 48_000
OPUS_FRAME: Final = 960

# Errors only: it writes to stderr what it is.
os.environ.setdefault("SVT_LOG", "1")
_ENCODERS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}),
    "VP9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}),
    "H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0:repeat-headers=1"}),
    "AV1": ("libsvtav1", {"preset": "9", "svtav1-params": "pred-struct=1:rc=2:rtc=1:max-qp=30"}),
}


class Encoded(NamedTuple):
    """An encoded frame of the content."""

    second: float
    """When it was captured."""
    data: bytes
    is_keyframe: bool


def draw(number: int, second: float, width: int, height: int) -> NDArray[np.uint8]:
    """A grey picture."""
    picture = np.full((height, width), 235 if second % 1 < FLASH - 1e-6 else 110, dtype=np.uint8)
    bars = [235 if number >> (BITS - 1 - bit) & 1 else 16 for bit in range(BITS)]
    picture[height * 2 // 3 :] = np.repeat(np.array(bars, dtype=np.uint8), -(-width // BITS))[:width]
    return picture


@cache
def encode_video(
    codec: Codec,
    begin: float,
    end: float,
    size: tuple[int, int] = (160, 96),
    keys: tuple[float, ...] = (),
    fps: int = FPS,
) -> tuple[Encoded, ...]:
    """The pictures from ``begin`` to ``end``; the first is a keyframe, and the first after each second in ``keys``."""
    return tuple(_encode_video(codec, begin, end, size, list(keys), fps))


def _encode_video(
    codec: Codec, begin: float, end: float, size: tuple[int, int], keys: list[float], fps: int
) -> Iterator[Encoded]:
    name, options = _ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    encoder.bit_rate, encoder.gop_size, encoder.options, encoder.thread_count = 300_000, 10_000, options, 1
    for number in range(round(begin * fps), round(end * fps)):
        frame = av.VideoFrame.from_ndarray(draw(number, number / fps, *size), format="gray").reformat(format="yuv420p")
        frame.pts = number
        if keys and number / fps >= keys[0]:
            keys.pop(0)
            frame.pict_type = PictureType.I
        yield from _packets(encoder.encode(frame), fps)
    yield from _packets(encoder.encode(None), fps)


def _packets(packets: Iterable[av.Packet[av.VideoStream]], fps: int) -> Iterator[Encoded]:
    for packet in packets:
        assert packet.pts is not None
        yield Encoded(packet.pts / fps, bytes(packet), packet.is_keyframe)


@cache
def encode_audio(begin: float, end: float, ppm: float = 0.0) -> tuple[Encoded, ...]:
    """Opus packets of 20 ms by a sound card that is so many ppm fast; ``begin`` and ``end`` in true seconds."""
    return tuple(_encode_audio(begin, end, ppm))


def _encode_audio(begin: float, end: float, ppm: float) -> Iterator[Encoded]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = SOUND_RATE, "stereo", "s16"
    encoder.options = {"application": "lowdelay", "frame_duration": "20"}
    encoder.time_base = Fraction(1, SOUND_RATE)
    noise = np.random.default_rng(8)
    rate = SOUND_RATE * (1 + ppm * 1e-6)
    for number in range(round((end - begin) * rate / OPUS_FRAME)):
        seconds = begin + (number * OPUS_FRAME + np.arange(OPUS_FRAME)) / rate
        sound = np.where(seconds % 1 < BEEP, 0.5 * np.sin(2 * np.pi * PITCH * seconds), 0.0)
        sound += noise.normal(0.0, 0.001, OPUS_FRAME)
        samples = np.repeat((sound * 32767).astype(np.int16), 2).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = SOUND_RATE, number * OPUS_FRAME
        for packet in encoder.encode(frame):
            yield Encoded(float(seconds[0]), bytes(packet), is_keyframe=True)
