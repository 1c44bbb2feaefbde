"""Makes the film of a recording. What is in the working directory from an earlier try is used again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av
import msgspec

from tertulia.contract import fields
from tertulia.recorder.film.encode import SegmentWriter, whole, write_sound
from tertulia.recorder.film.format import (
    FPS,
    KEYFRAME_FRAMES,
    LONGEST_FRAME,
    SAMPLE_RATE,
    SEGMENT_FRAMES,
    VERSION,
    WHOLE_FRAMES,
)
from tertulia.recorder.film.join import join
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.film.picture import Drawn, pictures
from tertulia.recorder.film.scene import scenes
from tertulia.recorder.film.sound import Pcm, mixed
from tertulia.recorder.raw.recording import Recording

SOUND_SHARE = 0.08
PICTURE_SHARE = 0.9
JOIN_SHARE = 0.02
"""Shares of the whole work, for the progress."""

Progress = Callable[[float], None]


class Made(msgspec.Struct, frozen=True):
    """A film: its seconds and bytes."""

    duration: float
    size: int


class Cancelled(Exception):
    """The caller did not want the film any more. What was made stays in the working directory."""


def _never() -> bool:
    return False


def compose(
    recording: Recording,
    layout: Layout | fields.Layout,
    work: Path,
    out: Path,
    progress: Progress,
    is_cancelled: Callable[[], bool] = _never,
) -> Made:
    """Write the film of ``recording`` to ``out``.

    ``work`` is a directory for what is made on the way; who calls again with the same recording and layout goes on
    from there, after at most one minute of film that is made again. ``progress`` hears a number from 0 to 1, at least
    once for each second of film; before each, ``is_cancelled`` is asked.
    """

    def report(fraction: float) -> None:
        if is_cancelled():
            raise Cancelled
        progress(min(fraction, 1.0))

    work.mkdir(parents=True, exist_ok=True)
    report(0.0)
    sound = _sound(recording, work, lambda part: report(SOUND_SHARE * part))
    segments = _segments(recording, Layout(layout), work, lambda part: report(SOUND_SHARE + PICTURE_SHARE * part))
    with whole(out) as partial:
        join(segments, sound, partial, lambda part: report(SOUND_SHARE + PICTURE_SHARE + JOIN_SHARE * part))
    report(1.0)
    return Made(recording.duration, out.stat().st_size)


def frames_of(recording: Recording) -> int:
    """How many frames the film has, those included that repeat the one before."""
    return max(1, round(recording.duration * FPS))


def digest(recording: Recording, *more: object) -> str:
    """Of everything that a film depends on, beside ``more``: the inputs, the code and the encoders."""
    tracks = [{**msgspec.structs.asdict(track), "read": None} for track in recording.tracks]
    inputs = (VERSION, av.library_versions["libavcodec"], msgspec.structs.replace(recording, tracks=()), tracks, more)
    return hashlib.blake2b(msgspec.json.encode(inputs), digest_size=8).hexdigest()


def _sound(recording: Recording, work: Path, report: Progress) -> Path:
    path = work / f"sound-{digest(recording)}.mp4"
    if not path.exists():
        samples = frames_of(recording) * SAMPLE_RATE // FPS
        with whole(path) as partial:
            write_sound(partial, _reported(mixed(recording.tracks, samples), samples, report))
    return path


def _reported(chunks: Iterable[Pcm], samples: int, report: Progress) -> Iterator[Pcm]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += chunk.shape[1]
        report(done / samples)


def _segments(recording: Recording, layout: Layout, work: Path, report: Progress) -> list[Path]:
    frames = frames_of(recording)
    name = digest(recording, layout)
    paths = [work / f"{layout}-{name}-{number:05}.mp4" for number in range(-(-frames // SEGMENT_FRAMES))]
    timeline = scenes(recording, layout)
    drawn: Iterator[Drawn] = iter(())
    reached = -1
    for number, path in enumerate(paths):
        if path.exists():
            continue
        first, last = number * SEGMENT_FRAMES, min((number + 1) * SEGMENT_FRAMES, frames) - 1
        if reached != first:
            drawn = pictures(recording, timeline, first)
        with whole(path) as partial:
            _write_segment(partial, drawn, first, last, lambda done: report(done / frames))
        reached = last + 1
    return paths


def _write_segment(path: Path, drawn: Iterator[Drawn], first: int, last: int, report: Progress) -> None:
    """Frames ``first`` to ``last``. What repeats the frame before is left out, but for the last one of the segment."""
    keyframe = written = first
    with SegmentWriter(path, first) as writer:
        for number, frame, is_changed, is_cut in drawn:
            is_keyframe = is_cut or number == first or number - keyframe >= KEYFRAME_FRAMES
            is_due = number < WHOLE_FRAMES or number - written >= LONGEST_FRAME or number == last
            if is_changed or is_keyframe or is_due:
                writer.write(frame, number, is_keyframe=is_keyframe)
                written = number
                keyframe = number if is_keyframe else keyframe
            if number % FPS == 0:
                report(number)
            if number == last:
                return
