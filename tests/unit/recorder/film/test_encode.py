from __future__ import annotations

from pathlib import Path

import pytest

from tertulia.recorder.film.encode import NoEncoder, video_encoder, whole


def test_x264_is_preferred_and_openh264_will_do() -> None:
    assert video_encoder({"libopenh264", "libx264", "aac"}) == "libx264"
    assert video_encoder({"libopenh264", "h264_nvenc"}) == "libopenh264"
    with pytest.raises(NoEncoder, match="libx264 or libopenh264"):
        video_encoder({"h264_nvenc"})


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with whole(path) as partial:
        partial.write_bytes(b"some")
        assert partial.suffix == ".mp4"
        assert not path.exists()
    assert path.read_bytes() == b"some"
    assert list(tmp_path.iterdir()) == [path]


def test_of_a_file_that_fails_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"the one before")
    with pytest.raises(OSError, match="disk full"), whole(path) as partial:
        partial.write_bytes(b"half")
        raise OSError("disk full")
    assert path.read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_the_same_file_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with whole(path) as one, whole(path) as other:
        one.write_bytes(b"film")
        other.write_bytes(b"film")
    assert path.read_bytes() == b"film"
