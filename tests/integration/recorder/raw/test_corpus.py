"""The corpus through the recorder's own door: read, and each track exported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tertulia.recorder.raw.export import export_track, suffix
from tertulia.recorder.raw.recording import Track, read
from tests.recordings.__main__ import build
from tests.recordings.cases import CASES
from tests.recordings.comparing import differences
from tests.recordings.measure import measure

_SPARSE = {"eight_hours"}
"""Their content is none that can be decoded."""


@pytest.mark.parametrize("name", CASES)
def test_what_was_sent_is_read(name: str, tmp_path: Path) -> None:
    expected = build(name, tmp_path)
    assert list(differences(expected, read(tmp_path))) == []


@pytest.mark.parametrize("name", CASES.keys() - _SPARSE)
def test_tracks_are_exported(name: str, tmp_path: Path) -> None:
    build(name, tmp_path)
    for number, track in enumerate(read(tmp_path).tracks):
        if track.spans:
            _check_file(track, tmp_path / f"{number}{suffix(track)}")


def _check_file(track: Track, path: Path) -> None:
    made = export_track(track, path)
    assert made.size == path.stat().st_size
    assert made.begins == pytest.approx(0.0 if track.kind == "audio" else track.spans[0].begin)
    assert made.begins + made.duration == pytest.approx(track.spans[-1].end, abs=0.1)
    measured = measure(path)
    assert measured.duration == pytest.approx(made.duration, abs=0.1)
    marks = [made.begins + mark for mark in (measured.beeps if track.kind == "audio" else measured.flashes)]
    wanted = [second for second in range(80) if _is_whole(track, second)]
    for second in wanted:
        assert min(abs(mark - second - 0.02) for mark in marks) < 0.065, second
    if track.kind == "video":
        shown = sum(not sample.is_hidden for sample in track.samples())
        assert len(measured.counters) in {shown, shown + 1}
        assert all(abs(made.begins + at - number / 10 - 0.02) < 0.065 for at, number in measured.counters[:shown])


def _is_whole(track: Track, second: int) -> bool:
    """Whether a flash and a beep of this second must be in the file: most of their samples are there."""
    there = [
        sample for sample in track.samples() if second + 0.015 <= sample.at < second + 0.115 and not sample.is_hidden
    ]
    return len(there) >= (4 if track.kind == "audio" else 1)
