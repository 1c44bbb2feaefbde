"""What every case of the corpus is made with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.recordings.content import Encoded, encode_audio, encode_video
from tests.recordings.sending import Network, Peer, SentTrack
from tests.recordings.writing import WrittenPart

Spans = list[tuple[float, float]]


@dataclass
class ExpectedTrack:
    """What must come out of a track."""

    id: str
    """``{part}/{number}``."""
    sent: SentTrack
    user: str
    spans: Spans | None
    """When it has media, in seconds of the recording; None where that is a matter of chance."""
    least: float = 1.0
    """How much of what was sent must come out, at least; 1 is every frame."""


@dataclass
class Expected:
    """What must come out of a recording."""

    duration: float
    people: dict[str, Spans]
    tracks: list[ExpectedTrack]
    has_trouble: bool = False
    is_exact: bool = True
    """Placed by sender reports: the skew of sound and picture is a few milliseconds. Else it is below 40."""

    def as_json(self) -> dict[str, Any]:
        """For recorders in other languages."""
        return {
            "duration": self.duration,
            "people": self.people,
            "hasTrouble": self.has_trouble,
            "tracks": [
                {
                    "id": track.id,
                    "user": track.user,
                    "source": track.sent.written.source,
                    "codec": track.sent.written.codec,
                    "ssrc": track.sent.written.ssrc,
                    "spans": track.spans,
                    "framesSent": len(track.sent.frames),
                    "leastShare": track.least,
                }
                for track in self.tracks
            ],
        }


@dataclass
class Stage:
    """A recording under construction."""

    directory: Path
    random: random.Random
    parts: list[WrittenPart] = field(default_factory=list)
    people: dict[str, Spans] = field(default_factory=dict)
    expected: list[ExpectedTrack] = field(default_factory=list)

    def part(self, begin: float = 0.0, node: str = "node-1") -> WrittenPart:
        """Another part of the recording."""
        self.parts.append(WrittenPart("recording-1", node, begin))
        return self.parts[-1]

    def person(self, name: str, begin: float, end: float, **network: Any) -> Peer:
        """Someone who is there from ``begin`` to ``end``, in the last part."""
        part = self.parts[-1]
        number = 1 + sum(line["t"] == "joined" for _, line in part.lines)
        peer = Peer(part, number, f"user-{name}", Network(self.random, **network))
        peer.joins(begin, name)
        peer.leaves(end)
        self.people.setdefault(peer.user, []).append((begin, end))
        return peer

    def expect(self, peer: Peer, track: SentTrack, *spans: tuple[float, float], least: float = 1.0) -> None:
        """What must come out of a track."""
        self.expected.append(
            ExpectedTrack(f"{peer.part.name}/{track.written.number}", track, peer.user, list(spans), least)
        )

    def ends(self, at: float, reason: str | None = "stopped") -> None:
        """The last part ends; is there no reason, its node dies."""
        if reason is not None:
            self.parts[-1].tell(at, "end", reason=reason)

    def finish(self, duration: float, *, has_trouble: bool = False, is_exact: bool = True) -> Expected:
        """Write all parts."""
        for part in self.parts:
            part.write(self.directory)
        return Expected(duration, self.people, self.expected, has_trouble, is_exact)


Build = Callable[[Stage], Expected]


def sound(begin: float, end: float, ppm: float = 0.0) -> tuple[Encoded, ...]:
    """Beeps."""
    return encode_audio(begin, end, ppm)


def picture(begin: float, end: float, **options: Any) -> tuple[Encoded, ...]:
    """Flashes, in VP8 unless said."""
    return encode_video(options.pop("codec", "VP8"), begin, end, **options)
