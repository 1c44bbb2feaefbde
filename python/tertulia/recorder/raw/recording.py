"""A recording as its raw files tell it: who was there, and their tracks, on one timeline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct

from tertulia.recorder.raw import sidecar
from tertulia.recorder.raw.errors import BadSidecar, Unplayable
from tertulia.recorder.raw.part import Part, read_part
from tertulia.recorder.raw.sample import Codec, Kind, Sample, Source, Span
from tertulia.recorder.raw.spans import subtract, unite
from tertulia.recorder.raw.track_file import Pulse
from tertulia.recorder.raw.trouble import describe_trouble

__all__ = [
    "Codec",
    "Kind",
    "Person",
    "Recording",
    "Sample",
    "Source",
    "Span",
    "Speaking",
    "Track",
    "Unplayable",
    "read",
]


class Person(Struct, frozen=True):
    """Someone who was recorded, over all connections and parts."""

    user_id: str
    name: str
    """The last name they had."""
    spans: tuple[Span, ...]
    """When they were there, in order, apart."""


class Track(Struct, frozen=True, kw_only=True):
    """One SSRC with one codec. Someone's microphone is as many tracks as it had SSRCs."""

    id: str
    """Unique in the recording, the same each time it is read: ``{part}/{number}``."""
    user_id: str
    name: str
    source: Source
    kind: Kind
    codec: Codec
    channels: int
    """Of audio: as negotiated (Opus always says 2). Of video: 0."""
    spans: tuple[Span, ...]
    """When there is media that can be decoded and was not muted, in order, apart. Empty if there is nothing at all."""
    read: Callable[[], Iterator[Sample]]

    def samples(self) -> Iterator[Sample]:
        """Its samples in order of ``at``; sound sent while muted is left out. Each call reads the file anew."""
        return self.read()


class Speaking(Struct, frozen=True):
    """Who speaks from this moment on, loudest first."""

    at: float
    user_ids: tuple[str, ...]


class Recording(Struct, frozen=True, kw_only=True):
    """All parts of a recording, joined."""

    id: str
    room_id: str
    begins: float
    """Second 0 of the timeline, as Unix time."""
    duration: float
    """Seconds until the end of the last part."""
    people: tuple[Person, ...]
    """In the order in which they came."""
    tracks: tuple[Track, ...]
    """In the order in which they began."""
    speakers: tuple[Speaking, ...]
    trouble: tuple[str, ...]
    """What is missing or was left out, in words for people; empty if nothing is."""


def _no_pulse() -> None:
    pass


def read(directory: Path, pulse: Pulse = _no_pulse) -> Recording:
    """The recording whose parts are in this directory.

    It reads each file once, to know its clock; nothing of the media stays in memory. What cannot be read of it is in
    ``trouble``. ``pulse`` is called over and over while packets are read, now or by :meth:`Track.samples`: a recording
    may be long. Raises :class:`~tertulia.recorder.raw.errors.Unplayable` if there is nothing at all.
    """
    parts, trouble = _read_parts(directory, pulse)
    if not parts:
        raise Unplayable(f"No part of a recording in {directory.name} can be read")
    begins = parts[0].line.wall / 1e6
    return Recording(
        id=parts[0].line.recording,
        room_id=parts[0].line.room,
        begins=begins,
        duration=max(_shift(part, begins) + part.end for part in parts),
        people=_people(parts, begins),
        tracks=tuple(sorted(_tracks(parts, begins), key=_begin)),
        speakers=tuple(Speaking(at + _shift(part, begins), users) for part in parts for at, users in part.speakers),
        trouble=(*trouble, *(text for part in parts for text in describe_trouble(part, _shift(part, begins)))),
    )


def _read_parts(directory: Path, pulse: Pulse) -> tuple[list[Part], list[str]]:
    parts, trouble = [], []
    for path in sorted(directory.glob(f"*/{sidecar.FILE}")):
        try:
            part = read_part(path.parent, pulse)
        except (BadSidecar, OSError) as error:
            trouble.append(f"A part cannot be read ({path.parent.name}): {error}.")
            continue
        if part is None:
            trouble.append(f"A part was cut off at its very beginning ({path.parent.name}).")
        else:
            parts.append(part)
    return sorted(parts, key=lambda part: part.line.wall), trouble


def _shift(part: Part, begins: float) -> float:
    return part.line.wall / 1e6 - begins


def _people(parts: list[Part], begins: float) -> tuple[Person, ...]:
    names: dict[str, str] = {}
    spans: dict[str, list[Span]] = {}
    for part in parts:
        shift = _shift(part, begins)
        for peer in sorted(part.peers.values(), key=lambda peer: peer.begin):
            names[peer.user_id] = peer.name
            end = part.end if peer.end is None else peer.end
            spans.setdefault(peer.user_id, []).append(Span(peer.begin + shift, end + shift))
    return tuple(Person(user_id, names[user_id], unite(some)) for user_id, some in spans.items())


def _tracks(parts: list[Part], begins: float) -> Iterator[Track]:
    for part in parts:
        shift = _shift(part, begins)
        for file in part.tracks:
            line = file.heard.line
            peer = part.peers[line.peer]
            clock = file.clock(part.senders[line.peer])
            yield Track(
                id=f"{part.directory.name}/{line.track}",
                user_id=peer.user_id,
                name=peer.name,
                source=line.source,
                kind=line.kind,
                codec=line.codec,
                channels=line.channels or 0,
                spans=subtract(
                    (Span(span.begin + shift, span.end + shift) for span in file.spans(clock)),
                    [Span(-math.inf, 0.0)],
                ),
                read=partial(file.samples, clock, shift),
            )


def _begin(track: Track) -> float:
    return track.spans[0].begin if track.spans else math.inf
