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

SKEW = 0.040


# The pictures of eight_hours cannot be decoded: it is for the reader alone.
@pytest.mark.parametrize("name", [name for name in CASES if name != "eight_hours"])
def test_the_film_is_as_long_as_the_recording_and_in_step(name: str, tmp_path: Path) -> None:
    build(name, tmp_path / "raw")
    recording = read(tmp_path / "raw")
    film = tmp_path / "film.mp4"
    compose(recording, Layout.GRID, tmp_path / "work", film, lambda fraction: None)
    assert watching.complaints(film) == ""
    measured = measure(film)
    assert abs(measured.duration - recording.duration) <= 0.1
    assert all(abs(skew) <= SKEW for _, skew in measured.skews())
