"""A peer that sends, its clocks, and the network between it and the node."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tertulia.recorder.raw.recording import Codec, Source
from tests.recordings.content import Encoded
from tests.recordings.packets import PACKETIZERS
from tests.recordings.writing import WrittenPart, WrittenTrack

SOUND_LAG: Final = 0.025
PICTURE_LAG: Final = 0.055
"""Seconds from capture to the first packet: a packet of 20 ms is full, a picture is encoded."""
_NTP_AT_BEGIN: Final = 3_900_000_000.0


@dataclass
class Network:
    """What happens to packets on their way; seeded."""

    random: random.Random
    loss: float = 0.0
    reordering: float = 0.0
    jitter: float = 0.004
    delay: Callable[[float], float] = lambda second: 0.02

    def carry(self, sent: float) -> float | None:
        """When it arrives; None if it is lost."""
        if self.random.random() < self.loss:
            return None
        late = self.random.uniform(0.02, 0.12) if self.random.random() < self.reordering else 0.0
        return sent + self.delay(sent) + self.random.random() * self.jitter + late


@dataclass
class Sent:
    """A frame that was sent, and so must come out."""

    second: float
    """When it was captured, in seconds since the recording began."""
    data: bytes
    has_lost: bool
    """One of its packets was lost."""


@dataclass
class SentTrack:
    """An SSRC of a peer."""

    written: WrittenTrack
    network: Network
    sequence: int
    timestamp: int
    lag: float
    fast: float = 0.0
    """ppm by which its clock is fast."""
    stalled: float = 0.0
    """Seconds by which its timestamps are behind, since the capture stood still."""
    frames: list[Sent] = field(default_factory=list)
    _pictures: int = 0
    _last_arrival: float = 0.0

    def rtp(self, second: float) -> int:
        """The RTP timestamp of a moment."""
        ticks = (second * (1 + self.fast * 1e-6) - self.stalled) * self.written.rate
        return (self.timestamp + round(ticks)) & 0xFFFFFFFF

    def send(self, frames: Iterable[Encoded], *, are_wanted: bool = True) -> None:
        """Send frames, in order; are they not wanted, none of them must come out."""
        for frame in frames:
            sent = Sent(frame.second, frame.data, has_lost=False)
            payloads = PACKETIZERS[self.written.codec](frame.data, self._pictures, is_keyframe=frame.is_keyframe)
            self._pictures += 1
            for i, payload in enumerate(payloads):
                is_marked = i == len(payloads) - 1
                sent.has_lost |= not self._send(payload, frame.second, frame.second + self.lag + i * 0.0005, is_marked)
            if are_wanted:
                self.frames.append(sent)

    def _send(self, payload: bytes, second: float, at: float, is_marked: bool) -> bool:
        arrival = self.network.carry(at)
        is_sound = self.written.codec == "opus"
        payload_type = (111 if is_sound else 96) | (0x80 if is_marked and not is_sound else 0)
        head = bytes([0x80, payload_type]) + self.sequence.to_bytes(2) + self.rtp(second).to_bytes(4)
        self.sequence = self.sequence + 1 & 0xFFFF
        if arrival is None:
            return False
        if not self.network.reordering:
            arrival = self._last_arrival = max(arrival, self._last_arrival)
        self.written.packets.append((arrival, head + self.written.ssrc.to_bytes(4) + payload))
        return True


@dataclass
class Peer:
    """Someone's connection."""

    part: WrittenPart
    number: int
    user: str
    network: Network
    ntp_fast: float = 0.0
    """ppm by which its NTP clock is fast."""
    ntp_step: Callable[[float], float] = lambda second: 0.0
    """By how much that clock was set, by when."""

    def joins(self, at: float, name: str) -> None:
        self.part.tell(at, "joined", peer=self.number, user=self.user, name=name)

    def leaves(self, at: float) -> None:
        self.part.tell(at, "left", peer=self.number)

    def track(
        self,
        source: Source,
        codec: Codec,
        *,
        sequence: int | None = None,
        timestamp: int | None = None,
        fast: float = 0.0,
    ) -> SentTrack:
        """A new SSRC; where its numbers begin is random unless said."""
        random = self.network.random
        rate = 48_000 if codec == "opus" else 90_000
        written = WrittenTrack(len(self.part.tracks) + 1, self.number, source, codec, rate, random.getrandbits(32))
        self.part.tracks.append(written)
        return SentTrack(
            written,
            self.network,
            random.getrandbits(15) if sequence is None else sequence,
            random.getrandbits(31) if timestamp is None else timestamp,
            SOUND_LAG if codec == "opus" else PICTURE_LAG,
            fast,
        )

    def report(self, track: SentTrack, at: float, *, late: float = 0.0, wrong: float = 0.0) -> None:
        """A sender report at this second; ``late`` on its way, its NTP time ``wrong`` by so much."""
        ntp = _NTP_AT_BEGIN + at * (1 + self.ntp_fast * 1e-6) + self.ntp_step(at) + wrong
        arrival = at + self.network.delay(at) + self.network.random.random() * self.network.jitter + late
        self.part.tell(arrival, "report", track=track.written.number, ntp=round(ntp * (1 << 32)), rtp=track.rtp(at))

    def report_often(self, tracks: Iterable[SentTrack], begin: float, end: float, interval: float = 1.0) -> None:
        """Reports of all these tracks from ``begin`` to ``end``."""
        for number, track in enumerate(tracks):
            at = begin + 0.3 + 0.17 * number
            while at < end:
                self.report(track, at)
                at += interval
