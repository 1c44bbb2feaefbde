"""The file of one track, as players take it, on the recording's timeline: its second 0 is the recording's.

What was sent is not encoded again where players allow it. Opus becomes WebM without holes; VP8, VP9 and AV1 WebM, whose
size may change within; H.264 becomes MP4. Video is encoded anew where a file cannot say what it has to: pictures that
are turned, H.264 whose parameter sets change, and a camera that was switched off and on again without a keyframe.
"""

from __future__ import annotations

from pathlib import Path

import av
from msgspec import Struct

from tertulia.recorder.raw.copying import copy_video
from tertulia.recorder.raw.encoding import encode_video
from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.inspection import inspect
from tertulia.recorder.raw.muxing import write_sound
from tertulia.recorder.raw.recording import Track


class Made(Struct, frozen=True):
    """A file that was made."""

    duration: float
    """Seconds from the recording's beginning to the end of the track."""
    size: int
    begins: float = 0.0
    """Where on the recording's timeline its second 0 is."""


def suffix(track: Track) -> str:
    """What the name of a track's file has to end with."""
    return ".mp4" if track.codec == "H264" else ".webm"


def export_track(track: Track, path: Path) -> Made:
    """Write a track's file. Its name ends with :func:`suffix`. Raises Unplayable if nothing of it can be shown."""
    if not track.spans:
        raise Unplayable(f"Nothing of {track.name}'s {track.source} can be played")
    try:
        duration = _write(track, path)
    except av.InvalidDataError as error:
        raise Unplayable(f"No file can be made of {track.name}'s {track.source}: {error}") from error
    return Made(duration, path.stat().st_size)


def _write(track: Track, path: Path) -> float:
    if track.kind == "audio":
        return write_sound(track, path)
    return encode_video(track, path) if inspect(track).is_to_be_encoded else copy_video(track, path)
