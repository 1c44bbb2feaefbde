from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest

from tertulia.recorder.raw.formats.opus import read_duration
from tertulia.recorder.raw.opus_stream import RATE, Packet, fill
from tertulia.recorder.raw.recording import Sample

_TOC = b"\x78"


def _sample(at: float, level: int | None = None) -> Sample:
    return Sample(at, _TOC + b"sound", is_keyframe=True, duration=0.02, level=level)


def _fill(samples: Iterable[Sample]) -> list[Packet]:
    """Checked: no holes, and each packet as long as it says."""
    packets = list(fill(samples))
    assert all(before.begin + before.length == after.begin for before, after in pairwise(packets))
    assert all(round(read_duration(packet.data) * RATE) == packet.length for packet in packets)
    return packets


def _sounds(packets: list[Packet]) -> list[float]:
    return [packet.begin / RATE for packet in packets if packet.data.endswith(b"sound")]


def test_silence_leads_to_the_first_sample() -> None:
    packets = _fill([_sample(12.345)])
    assert packets[0].begin == 0
    assert _sounds(packets) == pytest.approx([12.345], abs=0.0025)
    assert len(packets) < 12.345 / 0.12 + 10


def test_a_lost_packet_is_concealed() -> None:
    packets = _fill([_sample(0.0), _sample(0.06)])
    assert [packet.data for packet in packets] == [_TOC + b"sound", _TOC, _TOC, _TOC + b"sound"]


def test_a_long_gap_is_silence() -> None:
    packets = _fill([_sample(0.0), _sample(60.0)])
    assert _sounds(packets) == pytest.approx([0.0, 60.0])
    assert all(b"\xff\xfe" in packet.data for packet in packets[1:-1])


def test_jitter_of_less_than_a_packet_is_left() -> None:
    assert len(_fill(_sample(number * 0.02 + number % 3 * 0.004) for number in range(100))) == 100


@pytest.mark.parametrize("ppm", [-300.0, 300.0])
@pytest.mark.parametrize("level", [None, 127])
def test_drift_is_made_good_in_small_steps(ppm: float, level: int | None) -> None:
    samples = [_sample(number * 0.02 * (1 + ppm * 1e-6), level) for number in range(50_000)]
    packets = _fill(samples)
    assert packets[-1].begin / RATE == pytest.approx(samples[-1].at, abs=0.021 if level is None else 0.011)
    assert 5 <= abs(len(packets) - len(samples)) + len(samples) - len(_sounds(packets)) <= 40


def test_nothing_of_nothing() -> None:
    assert _fill([]) == []
