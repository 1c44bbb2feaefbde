from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tertulia.recorder.raw.clock import Report, SenderClock, TrackClock
from tertulia.recorder.raw.envelope import Envelope

_RATE = 90_000
_NTP = 1_700_000_000.0


class _Track:
    """A track whose capture takes ``lag`` seconds until it is sent, by a network that takes 20 ms or more."""

    def __init__(self, lag: float, seed: int = 8) -> None:
        self.lag = lag
        self.random = random.Random(seed)
        self.envelope = Envelope()
        self.reports: list[Report] = []
        self.count = 0
        self.places: list[tuple[float, int, int]] = []

    def send(
        self,
        begin: float,
        end: float,
        *,
        fast: float = 0.0,
        behind: float = 0.0,
        delay: Callable[[float], float] = lambda s: 0.02,
    ) -> None:
        second = begin
        while second < end:
            timestamp = round((second * (1 + fast * 1e-6) - behind) * _RATE)
            self.envelope.add(
                self.count, timestamp / _RATE, second + self.lag + delay(second) + self.random.random() * 0.01
            )
            self.places.append((second, self.count, timestamp))
            self.count += 1
            second += 0.1

    def report(
        self, second: float, *, fast: float = 0.0, behind: float = 0.0, ntp: float = 0.0, late: float = 0.0
    ) -> None:
        timestamp = round((second * (1 + fast * 1e-6) - behind) * _RATE) & 0xFFFFFFFF
        self.reports.append(Report(second + 0.02 + late + self.random.random() * 0.01, _NTP + second + ntp, timestamp))

    def errors(self, *others: _Track, usual_lead: float = 0.0) -> list[float]:
        """By how much each packet is placed later than it was captured."""
        sender = SenderClock([report for track in (self, *others) for report in track.reports])
        clock = TrackClock(_RATE, self.envelope.finish(), self.reports, sender, usual_lead)
        return [clock.place(sequence, timestamp) - second for second, sequence, timestamp in self.places]


def test_without_reports_the_quickest_arrival_counts_less_what_is_usual() -> None:
    track = _Track(0.05)
    track.send(0.0, 30.0)
    assert track.errors() == pytest.approx([0.07] * 300, abs=0.002)
    assert track.errors(usual_lead=0.04) == pytest.approx([0.03] * 300, abs=0.002)
    track.report(4.0)
    assert track.errors(usual_lead=0.04) == pytest.approx([0.02] * 300, abs=0.01), "a report counts, not what is usual"


def test_with_reports_what_capture_took_is_taken_off() -> None:
    track = _Track(0.3)
    track.send(0.0, 30.0)
    for second in range(30):
        track.report(second + 0.3)
    assert track.errors() == pytest.approx([0.02] * 300, abs=0.004)


def test_tracks_of_one_peer_are_in_step() -> None:
    sound, picture = _Track(0.02, 1), _Track(0.4, 2)
    for track in (sound, picture):
        track.send(0.0, 60.0)
        for second in range(0, 60, 5):
            track.report(second + 1.7)
    skews = [one - other for one, other in zip(sound.errors(picture), picture.errors(sound), strict=True)]
    assert max(map(abs, skews)) < 0.005


@pytest.mark.parametrize("fast", [-200.0, -100.0, 100.0, 200.0])
def test_clocks_that_drift_are_followed(fast: float) -> None:
    track = _Track(0.05)
    track.send(0.0, 1200.0, fast=fast)
    for second in range(0, 1200, 5):
        track.report(second + 0.3, fast=fast)
    assert track.errors() == pytest.approx([0.02] * len(track.places), abs=0.011)


def test_a_capture_that_stalls_is_seen_by_arrival() -> None:
    track = _Track(0.05)
    track.send(0.0, 10.0)
    track.send(70.0, 80.0, behind=60.0)
    assert track.errors() == pytest.approx([0.07] * len(track.places), abs=0.004)


def test_timestamps_that_leap_are_seen_by_arrival() -> None:
    track = _Track(0.05)
    track.send(0.0, 10.0)
    track.send(10.0, 20.0, behind=-7.0)
    assert track.errors() == pytest.approx([0.07] * len(track.places), abs=0.004)


def test_a_burst_after_a_hole_in_the_network_is_none() -> None:
    track = _Track(0.05)
    track.send(0.0, 30.0, delay=lambda second: 0.02 + (14.0 - second if 10.0 < second < 14.0 else 0.0))
    assert track.errors() == pytest.approx([0.07] * 300, abs=0.002)


def test_a_network_that_fills_its_buffers_is_not_followed() -> None:
    track = _Track(0.05)
    track.send(0.0, 60.0, delay=lambda second: 0.02 + (0.15 if 20.0 < second < 40.0 else 0.0))
    assert track.errors() == pytest.approx([0.07] * 600, abs=0.006)


def test_a_sender_clock_that_is_set_back_changes_nothing() -> None:
    track = _Track(0.05)
    track.send(0.0, 40.0)
    for second in range(40):
        track.report(second + 0.3, ntp=-3600.0 if second > 20 else 0.0)
    assert track.errors() == pytest.approx([0.02] * 400, abs=0.005)


def test_reports_that_are_late_or_wrong_change_nothing() -> None:
    track = _Track(0.05)
    track.send(0.0, 40.0)
    for second in range(36):
        track.report(second + 0.3, late=3.0 if second % 4 == 1 else 0.0)
    for at, wrong in ((7.0, -30.0), (17.5, 1.5), (23.1, 300.0)):
        track.report(at, ntp=wrong)
    track.reports.sort()
    assert track.errors() == pytest.approx([0.02] * 400, abs=0.005)


def test_packets_sent_again_say_nothing() -> None:
    track = _Track(0.05)
    track.send(0.0, 10.0)
    for number in range(90, 100):
        track.envelope.add(number, number / 10, 10.6 + number / 10)
    assert track.errors() == pytest.approx([0.07] * len(track.places), abs=0.002)
