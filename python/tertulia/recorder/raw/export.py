"""The file of one track, as players take it.

A file of sound begins with the recording, silent where there is none. A file of pictures begins with its first picture,
and :attr:`Made.begins` says when that is: browsers do not agree on what to do before it.

What was sent is not encoded again where players allow it. Opus becomes WebM without holes; VP8, VP9 and AV1 WebM, whose
size may change within; H.264 becomes MP4. Video is encoded anew where a file cannot say what it has to: pictures that
are turned, H.264 whose parameter sets change, and a camera that was switched off and on again without a keyframe.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

import av
from msgspec import Struct

from tertulia.recorder.raw.copying import copy_video
from tertulia.recorder.raw.encoding import encode_video
from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.inspection import inspect
from tertulia.recorder.raw.muxing import format_of, write_sound
from tertulia.recorder.raw.recording import Span, Track

_OF_THE_TRACK: Final = (errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.ERANGE)
"""What FFmpeg says of what clients send, beside errors that only it has. The system's other errors have nothing to do
with the track."""


class Made(Struct, frozen=True):
    """A file that was made."""

    duration: float
    """Its seconds."""
    size: int
    begins: float
    """Where its second 0 is on the recording's timeline."""


def suffix(track: Track) -> str:
    """What the name of a track's file should end with."""
    return f".{format_of(track.codec)}"


def export_track(track: Track, path: Path) -> Made:
    """Write a track's file. Raises Unplayable if nothing of it can be shown, OSError and MemoryError."""
    if not track.spans:
        raise Unplayable(f"Nothing of {track.name}'s {track.source} can be played")
    try:
        span = _write(track, path)
    except (av.FFmpegError, IndexError) as error:
        if isinstance(error, av.FFmpegError) and error.errno in errno.errorcode and error.errno not in _OF_THE_TRACK:
            raise
        raise Unplayable(f"No file can be made of {track.name}'s {track.source}: {error}") from error
    return Made(span.end - span.begin, path.stat().st_size, span.begin)


def _write(track: Track, path: Path) -> Span:
    if track.kind == "audio":
        return write_sound(track, path)
    return encode_video(track, path) if inspect(track).is_to_be_encoded else copy_video(track, path)
