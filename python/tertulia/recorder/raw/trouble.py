"""What went wrong in a part, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tertulia.recorder.raw import sidecar
from tertulia.recorder.raw.part import Part
from tertulia.recorder.raw.sample import Source

_REASONS: Final = {
    "disk_full": "The disk was full at {at}: nothing was recorded from then on.",
    "disk_error": "The disk failed at {at}: nothing was recorded from then on.",
    "shutdown": "The node was shut down at {at}.",
    "fault": "The node failed at {at}, and went on in another part.",
}
_SOURCES: Final[dict[Source, str]] = {
    "microphone": "microphone",
    "camera": "camera",
    "screen": "screen",
    "screen-audio": "screen's sound",
}


def describe_trouble(part: Part, shift: float) -> Iterator[str]:
    """What is missing of a part, or was left out, ``shift`` seconds after the recording began."""
    at = _clock(part.end + shift)
    if part.reason is None:
        yield f"The recording was cut off at {at}: its node died."
    elif part.reason in _REASONS:
        yield _REASONS[part.reason].format(at=at)
    if part.wrong_lines:
        path = f"{part.directory.name}/{sidecar.FILE}"
        yield f"{part.wrong_lines} lines of a list are wrong, and were passed over ({path})."
    for name in part.unreadable:
        yield f"A file cannot be read ({part.directory.name}/{name})."
    for track in part.tracks:
        line = track.heard.line
        whose = f"{part.peers[line.peer].name}'s {_SOURCES[line.source]}"
        if lost := part.lost.get(line.track):
            yield f"{lost} packets of {whose} were left out: the disk was too slow."
        if track.scan.packets and not track.scan.runs:
            yield f"{whose} sent nothing that can be decoded."


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
