"""The smallest media that any decoder shows: one picture, one packet of sound, to be sent again and again."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
import numpy as np

SIDE = 16
RATE, SAMPLES = 48_000, 960


@cache
def picture() -> bytes:
    """A VP8 keyframe."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width = encoder.height = SIDE
    encoder.pix_fmt, encoder.framerate = "yuv420p", Fraction(50)
    frame = av.VideoFrame.from_ndarray(np.full((SIDE * 3 // 2, SIDE), 200, np.uint8), format="yuv420p")
    return bytes((encoder.encode(frame) + encoder.encode(None))[0])


@cache
def sound() -> bytes:
    """20 ms of a tone in Opus."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    tone = (20_000 * np.sin(2 * np.pi * 1_000 * np.arange(5 * SAMPLES) / RATE)).astype(np.int16)
    # The first packets have the encoder's own delay in them.
    packets = [packet for at in range(5) for packet in encoder.encode(_part(tone, at))]
    return bytes(packets[-1])


def _part(tone: np.ndarray[tuple[int], np.dtype[np.int16]], at: int) -> av.AudioFrame:
    part = tone[at * SAMPLES : (at + 1) * SAMPLES].reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, at * SAMPLES
    return frame
