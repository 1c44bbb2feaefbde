"""Files of tracks, and what is wrong with some."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from tertulia.recorder.raw.export import export_track
from tertulia.recorder.raw.recording import read
from tests.recordings.stage import Stage, sound


def test_a_full_disk_is_not_the_tracks_fault(tmp_path: Path) -> None:
    stage = Stage(tmp_path, random.Random(8))
    stage.part()
    stage.person("Ada", 0.0, 1.0).track("microphone", "opus").send(sound(0.0, 1.0))
    stage.ends(1.0)
    stage.finish(1.0)
    (track,) = read(tmp_path).tracks
    with pytest.raises(OSError, match="No space left") as caught:
        export_track(track, Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC
