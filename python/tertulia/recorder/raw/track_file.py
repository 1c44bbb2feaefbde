"""The file of one track: its frames, its clock, and when there was media."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

from tertulia.recorder.raw import mjr, rtp
from tertulia.recorder.raw.clock import Report, SenderClock, TrackClock
from tertulia.recorder.raw.envelope import Envelope
from tertulia.recorder.raw.errors import BadPacket
from tertulia.recorder.raw.frames import Frame, make_assembler
from tertulia.recorder.raw.ordering import Numbered, Ordered
from tertulia.recorder.raw.sample import Kind, Sample, Source, Span
from tertulia.recorder.raw.sidecar import TrackBegan
from tertulia.recorder.raw.spans import subtract

_SILENCE: Final[dict[Source, float]] = {
    "microphone": 1.0,
    "screen-audio": 1.0,
    "camera": 3.0,
    "screen": float("inf"),
}
"""Seconds without a frame after which there is no media. With DTX, Opus has a packet each 0.4 s; a screen may stand
still for as long as it likes."""
_USUAL_LEAD: Final[dict[Kind, float]] = {"audio": 0.02, "video": 0.05}
"""Seconds from capture to the first packet, of a track without sender reports: a packet of Opus is sent when its 20 ms
are full; a picture is exposed, read out, encoded and paced meanwhile, which takes 30 to 70 ms."""
_SILENCE_IN_TIME: Final = 0.5
PULSE_PACKETS: Final = 256
"""Less than ten seconds of a camera: encoding them takes less than a minute, however large and slow."""
Pulse = Callable[[], None]
_LONGEST_LAST: Final = 0.2
"""Seconds for which the last picture before such a silence stands."""


class Heard(Struct, frozen=True, kw_only=True):
    """What the sidecar says of a track. Times are seconds since the part began."""

    line: TrackBegan
    reports: list[Report]
    muted: tuple[Span, ...]
    end: float


class _Run(Struct):
    """Frames without a silence between them."""

    first: Frame
    last: Frame
    interval: float = 0.0


class Scan(NamedTuple):
    """What the first reading of a file found."""

    envelope: Envelope
    runs: list[_Run]
    packets: int
    last_arrived: int
    """Unix milliseconds; 0 without a packet."""


class TrackFile(Struct, frozen=True, kw_only=True):
    """A track that was read once, to know its clock."""

    path: Path
    wall: int
    """Unix milliseconds at which the part began."""
    heard: Heard
    scan: Scan
    pulse: Pulse

    def spans(self, clock: TrackClock) -> tuple[Span, ...]:
        """When there was media that can be decoded and was not muted, in seconds since the part began."""
        spans = [self._span(run, clock) for run in self.scan.runs]
        for i in range(1, len(spans)):
            if spans[i].begin - spans[i - 1].end < _SILENCE_IN_TIME:
                # It arrived late, and belongs together.
                spans[i - 1] = Span(spans[i - 1].begin, spans[i].begin)
        return subtract(spans, self.heard.muted)

    def samples(self, clock: TrackClock, shift: float) -> Iterator[Sample]:
        """Its samples, ``shift`` seconds added to their place in the part."""
        is_audio = self.heard.line.kind == "audio"
        last, least = -shift, -shift
        for frame in _assemble(_number(self.path, self.pulse), self.path, self.heard.line):
            at = clock.place(frame.sequence, frame.timestamp)
            is_muted = self._is_muted((frame.arrived - self.wall) / 1000)
            if is_audio and (is_muted or at < least):
                continue
            last = max(last, at)
            least = last + frame.duration / 2
            yield Sample(
                at=last + shift,
                data=frame.data,
                is_keyframe=frame.is_keyframe,
                duration=frame.duration,
                rotation=frame.rotation,
                level=frame.level,
                is_hidden=is_muted,
            )

    def clock(self, sender: SenderClock) -> TrackClock:
        """Its clock, given that of its peer."""
        line = self.heard.line
        return TrackClock(
            line.clock_rate, self.scan.envelope.finish(), self.heard.reports, sender, _USUAL_LEAD[line.kind]
        )

    def _span(self, run: _Run, clock: TrackClock) -> Span:
        begin = clock.place(run.first.sequence, run.first.timestamp)
        if self.heard.line.source == "screen":
            return Span(begin, self.heard.end)
        last = clock.place(run.last.sequence, run.last.timestamp)
        return Span(begin, last + (run.last.duration or min(run.interval, _LONGEST_LAST)))

    def _is_muted(self, at: float) -> bool:
        before = bisect_right(self.heard.muted, at, key=lambda span: span.begin)
        return before > 0 and at < self.heard.muted[before - 1].end


def read_track(path: Path, wall: int, heard: Heard, pulse: Pulse) -> TrackFile:
    """Read a track's file once. ``pulse`` is called as :func:`~tertulia.recorder.raw.recording.read` says.

    Raises :class:`~tertulia.recorder.raw.errors.BadMjr` and ``OSError``.
    """
    envelope = Envelope()
    runs: list[_Run] = []
    count, last = 0, 0

    def observe(packet: Numbered) -> None:
        nonlocal count, last
        count, last = count + 1, max(last, packet.arrived)
        envelope.add(packet.sequence, packet.timestamp / heard.line.clock_rate, (packet.arrived - wall) / 1000)

    packets = _number(path, pulse, observe)
    for frame in _assemble(packets, path, heard.line):
        _add_to_runs(runs, frame, _SILENCE[heard.line.source])
    return TrackFile(path=path, wall=wall, heard=heard, scan=Scan(envelope, runs, count, last), pulse=pulse)


def _add_to_runs(runs: list[_Run], frame: Frame, silence: float) -> None:
    interval = (frame.arrived - runs[-1].last.arrived) / 1000 if runs else 0.0
    if not runs or interval > silence:
        runs.append(_Run(frame, frame))
    else:
        runs[-1].last, runs[-1].interval = frame, interval


def _number(path: Path, pulse: Pulse, observe: Callable[[Numbered], None] | None = None) -> Iterator[Numbered]:
    """The packets of a file as they arrived, their numbers without wrap-around. What is no RTP is left out."""
    sequence = rtp.Sequence()
    timestamp: int | None = None
    for count, arrived in enumerate(mjr.read_packets(path)):
        if count % PULSE_PACKETS == 0:
            pulse()
        try:
            packet = rtp.parse(arrived.data)
        except BadPacket:
            continue
        timestamp = rtp.near(packet.timestamp, packet.timestamp if timestamp is None else timestamp)
        numbered = Numbered(sequence.unwrap(packet.sequence), timestamp, arrived.at, packet)
        if observe is not None:
            observe(numbered)
        yield numbered


def _assemble(packets: Iterator[Numbered], path: Path, line: TrackBegan) -> Iterator[Frame]:
    """Their frames, in order."""
    header = mjr.read_header(path)
    level = header.extension(mjr.AUDIO_LEVEL) if header else None
    rotation = header.extension(mjr.VIDEO_ORIENTATION) if header else None
    assembler, order = make_assembler(line.codec, line.fmtp, level, rotation), Ordered()
    for packet in packets:
        for ordered, is_after_loss in order.push(packet):
            yield from assembler.push(ordered, is_after_loss=is_after_loss)
    for ordered, is_after_loss in order.flush():
        yield from assembler.push(ordered, is_after_loss=is_after_loss)
    yield from assembler.flush()
