"""All cases by name, and what many of them begin with."""

from __future__ import annotations

from typing import Any, Final

from tertulia.recorder.raw.recording import Codec
from tests.recordings.sending import Peer, SentTrack
from tests.recordings.stage import Build, Stage, picture, sound

CASES: Final[dict[str, Build]] = {}


def case(build: Build) -> Build:
    CASES[build.__name__] = build
    return build


def both(
    stage: Stage, peer: Peer, end: float, codec: Codec = "VP8", begin: float = 0.0, **video: Any
) -> list[SentTrack]:
    """Sound and picture from ``begin`` to ``end``, without reports."""
    tracks = [peer.track("microphone", "opus"), peer.track("camera", codec)]
    tracks[0].send(sound(begin, end))
    tracks[1].send(picture(begin, end, codec=codec, **video))
    for track in tracks:
        stage.expect(peer, track, (begin, end))
    return tracks


def plain(stage: Stage, codec: Codec = "VP8", **network: Any) -> list[SentTrack]:
    """One person for six seconds, in a part that was begun and ended as it should."""
    stage.part()
    peer = stage.person("Ada", 0.0, 6.0, **network)
    tracks = both(stage, peer, 6.0, codec)
    peer.report_often(tracks, 0.0, 6.0)
    stage.ends(6.0)
    return tracks
