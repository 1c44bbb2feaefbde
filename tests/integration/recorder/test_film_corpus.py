"""Films of the corpus of recordings that are hard to make a film of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tertulia.recorder.film.compose import compose
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.raw.recording import read
from tests.integration.recorder import watching
from tests.recordings.__main__ import build
from tests.recordings.cases import CASES
from tests.recordings.measure import measure

FRAME_SECONDS = 1 / 30


# The pictures of eight_hours cannot be decoded: it is for the reader alone.
@pytest.mark.parametrize("name", [name for name in CASES if name != "eight_hours"])
def test_the_film_is_as_long_as_the_recording_and_in_step(name: str, tmp_path: Path) -> None:
    expected = build(name, tmp_path / "raw")
    recording = read(tmp_path / "raw")
    film = tmp_path / "film.mp4"
    compose(recording, Layout.GRID, tmp_path / "work", film, lambda fraction: None)
    assert watching.complaints(film) == ""
    measured = measure(film)
    assert abs(measured.duration - recording.duration) <= 0.1
    # Without sender reports, what the raw files cannot know comes on top of the film's own half frame.
    allowed = 0.040 if expected.is_exact else 0.040 + FRAME_SECONDS / 2
    assert all(abs(skew) <= allowed for _, skew in measured.skews())
