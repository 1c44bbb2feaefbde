"""Files of tracks, and what is wrong with some."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import av
import pytest

from tertulia.recorder.raw import export
from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.export import export_track
from tertulia.recorder.raw.recording import Span, Track, read
from tests.recordings.stage import Stage, sound

FFMPEGS_OWN = 0x41444E49
"""The tag of AVERROR_INVALIDDATA."""


@pytest.fixture
def track(tmp_path: Path) -> Track:
    stage = Stage(tmp_path, random.Random(8))
    stage.part()
    stage.person("Ada", 0.0, 1.0).track("microphone", "opus").send(sound(0.0, 1.0))
    stage.ends(1.0)
    stage.finish(1.0)
    (track,) = read(tmp_path).tracks
    return track


def test_a_full_disk_is_not_the_tracks_fault(track: Track) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        export_track(track, Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("number", "raised"),
    [
        *((getattr(errno, name), OSError) for name in ("EACCES", "EDQUOT", "EINTR", "EIO", "EMFILE", "EROFS")),
        *((getattr(errno, name), OSError) for name in ("ESTALE", "ETIMEDOUT")),
        (errno.ENOMEM, MemoryError),
        *((getattr(errno, name), Unplayable) for name in ("EINVAL", "ENOSYS", "EPERM", "ERANGE")),
        (FFMPEGS_OWN, Unplayable),
    ],
)
def test_only_what_is_wrong_with_the_track_drops_it(
    track: Track, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: type[Exception]
) -> None:
    def write(track: Track, path: Path) -> Span:
        av.error.err_check(-number)
        raise AssertionError("it is no error")

    monkeypatch.setattr(export, "write_sound", write)
    with pytest.raises(raised):
        export_track(track, tmp_path / "track.webm")
