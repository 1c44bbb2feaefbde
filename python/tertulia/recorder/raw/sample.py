"""What comes out of a track: whole encoded frames, each with its place on the timeline."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["audio", "video"]
Source = Literal["microphone", "camera", "screen", "screen-audio"]
Codec = Literal["opus", "VP8", "VP9", "H264", "AV1"]


class Span(Struct, frozen=True):
    """A stretch of the timeline, in seconds since the recording began."""

    begin: float
    end: float


class Sample(Struct, frozen=True):
    """One encoded frame. Of video: a whole picture, that a decoder which had every sample before it can decode."""

    at: float
    """When it was captured, in seconds since the recording began. Never less than that of the sample before."""
    data: bytes
    """Opus, VP8 and VP9 as they are; H.264 in Annex B; AV1 as a temporal unit of OBUs with sizes, delimiter first."""
    is_keyframe: bool
    """A decoder can begin here. True for all of audio."""
    duration: float
    """Of audio: what the packet holds, in seconds. Of video: 0, a picture stands until the next one."""
    rotation: int = 0
    """Of video: how many degrees to turn the picture clockwise to show it: 0, 90, 180 or 270."""
    level: int | None = None
    """Of audio: loudness in -dBov (RFC 6464), 0 the loudest, 127 silence. None if the sender did not say."""
    is_hidden: bool = False
    """Of video: it came while the camera was off, and is there because what follows refers to it. Not to be shown."""
