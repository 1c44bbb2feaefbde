"""The picture of the film, frame by frame, from any frame on."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from av import VideoFrame

from tertulia.recorder.film.canvas import Canvas
from tertulia.recorder.film.format import FPS
from tertulia.recorder.film.scene import Place, Scene
from tertulia.recorder.film.video import Shot, VideoTrack
from tertulia.recorder.raw.recording import Recording, Track


class Drawn(NamedTuple):
    """Frame ``number`` of the film. The same ``frame`` is drawn again for the next one."""

    number: int
    frame: VideoFrame
    is_changed: bool
    is_cut: bool
    """The first one of a scene."""


def pictures(recording: Recording, scenes: Sequence[Scene], first: int) -> Iterator[Drawn]:
    """Frame ``first`` and all after it, without end. It is the same picture wherever one begins."""
    canvas, videos = Canvas(), _Videos(recording, scenes, first / FPS)
    current = -1
    number = first
    while True:
        at = number / FPS
        videos.advance(at)
        scene = bisect.bisect(scenes, at, key=lambda scene: scene.at) - 1 if _is_over(scenes, current, at) else current
        is_new = scene != current
        if is_new:
            current = scene
            canvas.begin(scenes[current])
        is_drawn = canvas.draw([videos.shot(place, at) for place in scenes[current].places])
        yield Drawn(number, canvas.frame, is_new or is_drawn, is_new)
        number += 1


def _is_over(scenes: Sequence[Scene], current: int, at: float) -> bool:
    return current < 0 or (current + 1 < len(scenes) and scenes[current + 1].at <= at)


class _Videos:
    """The decoders of the tracks that are in the picture now or later. Each is open no longer than needed."""

    def __init__(self, recording: Recording, scenes: Sequence[Scene], begin: float) -> None:
        self._begin = begin
        self._shown_until = _shown_until(scenes)
        waiting = [track for track in recording.tracks if self._shown_until.get(track.id, -1.0) > begin]
        self._waiting = sorted(waiting, key=lambda track: track.spans[0].begin, reverse=True)
        self._open: dict[str, VideoTrack] = {}

    def advance(self, at: float) -> None:
        """Have the picture of each track as it is at ``at``: the frame of the film stands for half of its time before
        and half after it."""
        while self._waiting and self._waiting[-1].spans[0].begin <= at:
            track = self._waiting.pop()
            self._open[track.id] = VideoTrack(track, self._begin if _began(track) < self._begin else 0.0)
        for track_id in [track_id for track_id in self._open if self._shown_until[track_id] <= at]:
            del self._open[track_id]
        for video in self._open.values():
            video.advance(at + 0.5 / FPS)

    def shot(self, place: Place, at: float) -> Shot | None:
        video = self._open.get(place.track) if place.track is not None else None
        return video.shot(at) if video is not None else None


def _began(track: Track) -> float:
    return track.spans[0].begin


def _shown_until(scenes: Sequence[Scene]) -> dict[str, float]:
    """Of each track that is shown at all, when it is shown for the last time."""
    until: dict[str, float] = {}
    ends = [*(scene.at for scene in scenes[1:]), float("inf")]
    for scene, end in zip(scenes, ends, strict=True):
        for place in scene.places:
            if place.track is not None:
                until[place.track] = end
    return until
