"""One part of a recording: what its sidecar tells, sorted by whom and what it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct, field

from tertulia.recorder.raw import sidecar
from tertulia.recorder.raw.clock import Report, SenderClock
from tertulia.recorder.raw.errors import BadMjr
from tertulia.recorder.raw.sample import Span
from tertulia.recorder.raw.spans import unite
from tertulia.recorder.raw.track_file import Heard, Pulse, TrackFile, read_track

_NTP_FRACTIONS: Final = 1 << 32
_NTP_UNIX: Final = 2_208_988_800
"""Seconds from 1900 to 1970: what is left keeps its fractions in a float."""


class Presence(Struct):
    """A peer, while it was there. Times are seconds since the part began."""

    user_id: str
    name: str
    """The last one."""
    begin: float
    end: float | None = None


class _Told(Struct):
    """What the sidecar has told of a track so far."""

    line: sidecar.TrackBegan
    reports: list[Report] = field(default_factory=list)
    muted: list[Span] = field(default_factory=list)
    muted_since: float | None = None
    ended: float | None = None
    lost: int = 0


class Part(Struct, kw_only=True):
    """A part that was read. Times are seconds since it began."""

    directory: Path
    line: sidecar.Part
    peers: dict[int, Presence]
    tracks: list[TrackFile]
    senders: dict[int, SenderClock]
    speakers: list[tuple[float, tuple[str, ...]]]
    end: float
    reason: str | None
    """None if it was cut off."""
    lost: dict[int, int]
    """Packets left out, by track."""
    unreadable: list[str]
    """Names of files."""
    wrong_lines: int
    """Lines of the sidecar that were passed over."""


def read_part(directory: Path, pulse: Pulse) -> Part | None:
    """A part; None if it was cut off before its first line was whole. Raises BadSidecar and ``OSError``."""
    lines = sidecar.read_lines(directory / sidecar.FILE)
    first = next(lines, None)
    if not isinstance(first, sidecar.Part):
        return None
    reading = _Reading(pulse)
    for line in lines:
        if isinstance(line, sidecar.Wrong):
            reading.pass_over()
        else:
            reading.take(line)
    return reading.finish(directory, first)


class _Reading:
    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._peers: dict[int, Presence] = {}
        self._tracks: dict[int, _Told] = {}
        self._speakers: list[tuple[float, tuple[str, ...]]] = []
        self._end = 0.0
        self._reason: str | None = None
        self._wrong_lines = 0

    def pass_over(self) -> None:
        """A line was wrong."""
        self._wrong_lines += 1

    def take(self, line: sidecar.Line) -> None:
        at = line.at / 1e6
        self._end = max(self._end, at)
        match line:
            case sidecar.Joined():
                self._peers[line.peer] = Presence(line.user, line.name, at)
            case sidecar.Renamed():
                if line.peer in self._peers:
                    self._peers[line.peer].name = line.name
            case sidecar.Left():
                if line.peer in self._peers:
                    self._peers[line.peer].end = at
            case sidecar.TrackBegan():
                if line.peer in self._peers:
                    self._tracks[line.track] = _Told(line)
            case sidecar.Speakers():
                self._speakers.append((at, tuple(line.users)))
            case sidecar.End():
                self._reason = line.reason
            case sidecar.Part():
                pass
            case _:
                if (told := self._tracks.get(line.track)) is not None:
                    _tell(told, line, at)

    def finish(self, directory: Path, first: sidecar.Part) -> Part:
        part = Part(
            directory=directory,
            line=first,
            peers=self._peers,
            tracks=[],
            senders=self._senders(),
            speakers=self._speakers,
            end=self._end,
            reason=self._reason,
            lost={number: told.lost for number, told in self._tracks.items() if told.lost},
            unreadable=[],
            wrong_lines=self._wrong_lines,
        )
        for told in self._tracks.values():
            self._read_track(part, told)
        for track in part.tracks:
            part.end = max(part.end, (track.scan.last_arrived - track.wall) / 1000)
        return part

    def _senders(self) -> dict[int, SenderClock]:
        reports: dict[int, list[Report]] = {peer: [] for peer in self._peers}
        for told in self._tracks.values():
            reports[told.line.peer] += told.reports
        return {peer: SenderClock(some) for peer, some in reports.items()}

    def _read_track(self, part: Part, told: _Told) -> None:
        path, wall = part.directory / told.line.file, part.line.wall // 1000
        gone = self._peers[told.line.peer].end
        end = min(time for time in (told.ended, gone, self._end) if time is not None)
        muted = told.muted if told.muted_since is None else [*told.muted, Span(told.muted_since, float("inf"))]
        heard = Heard(line=told.line, reports=told.reports, muted=unite(muted), end=end)
        try:
            part.tracks.append(read_track(path, wall, heard, self._pulse))
        except (BadMjr, OSError):
            part.unreadable.append(told.line.file)


def _tell(
    told: _Told, line: sidecar.Report | sidecar.Paused | sidecar.Resumed | sidecar.Ended | sidecar.Gap, at: float
) -> None:
    match line:
        case sidecar.Report():
            told.reports.append(Report(at, line.ntp / _NTP_FRACTIONS - _NTP_UNIX, line.rtp))
        case sidecar.Paused():
            told.muted_since = at if told.muted_since is None else told.muted_since
        case sidecar.Resumed():
            if told.muted_since is not None:
                told.muted.append(Span(told.muted_since, at))
                told.muted_since = None
        case sidecar.Gap():
            told.lost += line.lost
        case sidecar.Ended():
            told.ended = at
