"""A recording as its raw files tell it: who was there, and their tracks, on one timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from tertulia.recorder.raw.sample import Codec, Kind, Sample, Source, Span

__all__ = ["Codec", "Kind", "Person", "Recording", "Sample", "Source", "Span", "Speaking", "Track"]


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
        """Its samples in order of ``at``, those sent while muted left out. Each call reads the file anew."""
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
