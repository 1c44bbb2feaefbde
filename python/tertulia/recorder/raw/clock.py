"""Where on our clock a packet belongs: by its RTP timestamp, when such packets arrived, and sender reports.

Arrival alone places a track up to a constant: how long its pictures take from the camera to us, over what the fastest
takes. A sender report says which moment of the sender's NTP clock an RTP timestamp is (RFC 3550 section 6.4.1), and its
own arrival says which moment of ours that is. The difference of both is that constant, the *lead*, and is taken off: so
sound and picture of one peer, which share its NTP clock, are in step. A report that cannot be true is left out. Of a
track without any, the lead is what is usual.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from statistics import median
from typing import Final, NamedTuple

from tertulia.recorder.raw import rtp
from tertulia.recorder.raw.curve import Curve
from tertulia.recorder.raw.envelope import Envelope, Stretch

_LEAST_LEAD: Final = -0.25
_MOST_LEAD: Final = 2.0
"""Seconds from capture to arrival that a report may say: an encoder and a pacer under load hold pictures that long."""
_SMOOTHED: Final = 7
"""Reports of which the median counts."""
_ENOUGH: Final = 3
"""Reports that a stretch needs of its own."""


class Report(NamedTuple):
    """A sender report."""

    at: float
    """When it arrived, in seconds since the part began."""
    ntp: float
    """Seconds of the sender's clock; since when does not matter."""
    rtp: int


class _Lead(NamedTuple):
    at: float
    x: float
    seconds: float


class SenderClock:
    """The NTP clock of a peer by ours, from all its reports."""

    def __init__(self, reports: Iterable[Report]) -> None:
        envelope = Envelope()
        for number, report in enumerate(sorted(reports)):
            envelope.add(number, report.ntp, report.at)
        stretches = envelope.finish()
        self._since = [stretch.since for stretch in stretches]
        self._offsets = [stretch.close() for stretch in stretches]

    def when(self, report: Report) -> float:
        """When a report was made, in seconds since the part began, with the shortest delay there was."""
        stretch = max(0, bisect_right(self._since, report.at) - 1)
        return report.ntp + self._offsets[stretch](report.ntp)


class TrackClock:
    """The RTP clock of a track by ours. ``usual_lead``, in seconds, counts where there are no reports."""

    def __init__(
        self, rate: int, stretches: list[Stretch], reports: list[Report], sender: SenderClock, usual_lead: float
    ) -> None:
        self._rate = rate
        self._sequences = [stretch.sequence for stretch in stretches]
        self._since = [stretch.since for stretch in stretches]
        self._offsets = [stretch.close() for stretch in stretches]
        leads: list[list[_Lead]] = [[] for _ in stretches]
        for report in reports if stretches else ():
            self._add_lead(leads, report, sender)
        every = [lead for some in leads for lead in some]
        self._leads = [
            _smooth(some) if len(some) >= _ENOUGH else _flat(every, since, usual_lead)
            for some, since in zip(leads, self._since, strict=True)
        ]

    def place(self, sequence: int, timestamp: int) -> float:
        """When a packet was captured, in seconds since the part began. Its numbers are without wrap-around."""
        stretch = max(0, bisect_right(self._sequences, sequence) - 1)
        x = timestamp / self._rate
        return x + self._offsets[stretch](x) - self._leads[stretch](x)

    def _add_lead(self, leads: list[list[_Lead]], report: Report, sender: SenderClock) -> None:
        stretch = max(0, bisect_right(self._since, report.at) - 1)
        offset = self._offsets[stretch]
        expected = report.at - offset(report.at - offset(0))
        x = rtp.near(report.rtp, round(expected * self._rate)) / self._rate
        lead = x + offset(x) - sender.when(report)
        if _LEAST_LEAD <= lead <= _MOST_LEAD:
            leads[stretch].append(_Lead(report.at, x, lead))


def _flat(every: list[_Lead], since: float, usual: float) -> Curve:
    """The lead of a stretch with too few reports of its own: by those nearest in time."""
    nearest = sorted(every, key=lambda lead: abs(lead.at - since))[:_SMOOTHED]
    return Curve([0.0], [median(lead.seconds for lead in nearest) if nearest else usual])


def _smooth(leads: list[_Lead]) -> Curve:
    """The lead along a stretch."""
    leads = sorted(leads, key=lambda lead: lead.x)
    half = _SMOOTHED // 2
    smooth = [median(lead.seconds for lead in leads[max(0, i - half) : i + half + 1]) for i in range(len(leads))]
    return Curve([lead.x for lead in leads], smooth)
