"""The picture of a video track, moment by moment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from av import Packet, VideoFrame
from av.error import FFmpegError

from tertulia.recorder.raw.decoding import open_decoder
from tertulia.recorder.raw.recording import Sample, Track

STALL_SECONDS = 5.0
"""A camera's last picture stands so long when no other comes; after that it would pass for someone who sits still."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One decoded picture, and how many degrees to turn it clockwise."""

    frame: VideoFrame
    rotation: int


class VideoTrack:
    """Decodes a track in step with the film. Of its pictures it holds the last one only."""

    def __init__(self, track: Track, begin: float = 0.0) -> None:
        """A decoder can only start at a keyframe: it is the last one before ``begin``."""
        self._holds = track.source == "screen"
        self._samples = _from(track, begin)
        self._decoder = open_decoder(track.codec)
        self._next = next(self._samples, None)
        self._shot: Shot | None = None
        self._at = 0.0

    def advance(self, now: float) -> None:
        """Decode what was captured until ``now``, which never goes back."""
        while (sample := self._next) is not None and sample.at <= now:
            self._decode(sample)
            self._next = next(self._samples, None)

    def shot(self, now: float) -> Shot | None:
        """What to show; None if no picture has come, or none for so long that the track stalls.

        A screen does not stall: nothing is sent while nothing on it changes.
        """
        if self._holds or now - self._at <= STALL_SECONDS:
            return self._shot
        return None

    def _decode(self, sample: Sample) -> None:
        try:
            frames = self._decoder.decode(Packet(sample.data))
        except FFmpegError:
            return  # the picture before stands
        if frames and not sample.is_hidden:
            self._shot = Shot(frames[-1], sample.rotation)
            self._at = sample.at


def _from(track: Track, begin: float) -> Iterator[Sample]:
    """The samples from the last keyframe before ``begin``, or from the first keyframe, if there is none before."""
    key = 0.0
    if begin > 0:
        before = itertools.takewhile(lambda sample: sample.at <= begin, track.samples())
        key = max((sample.at for sample in before if sample.is_keyframe), default=0.0)
    samples = track.samples()
    for sample in samples:
        if sample.is_keyframe and sample.at >= key:
            yield sample
            break
    yield from samples
