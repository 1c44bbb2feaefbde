"""Pictures that are larger than any screen: a few bytes that claim to be gigabytes."""

from __future__ import annotations

import random
from pathlib import Path

import av
import pytest

from tertulia.recorder.film.video import VideoTrack
from tertulia.recorder.raw import decoding
from tertulia.recorder.raw.decoding import Decoder
from tertulia.recorder.raw.encoding import fit_size
from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.export import export_track
from tertulia.recorder.raw.recording import Codec, Track, read
from tests.recordings.content import Encoded
from tests.recordings.stage import Stage, picture


def grown(frame: Encoded, size: int) -> Encoded:
    """A keyframe of VP8 that claims this width and height (RFC 6386 section 9.1)."""
    if not frame.is_keyframe:
        return frame
    return frame._replace(data=frame.data[:6] + 2 * size.to_bytes(2, "little") + frame.data[10:])


def track_of(stage: Stage, size: int) -> Track:
    """A camera whose first keyframe claims this size, and the second, after a second, is what it says."""
    stage.part()
    frames = picture(0.0, 2.0, keys=(1.0,))
    stage.person("Ada", 0.0, 2.0).track("camera", "VP8").send(
        [grown(frame, size) if frame.second < 1.0 else frame for frame in frames]
    )
    stage.ends(2.0)
    stage.finish(2.0)
    (track,) = read(stage.directory).tracks
    return track


def test_no_memory_is_taken_for_them(tmp_path: Path) -> None:
    track = track_of(Stage(tmp_path, random.Random(8)), 16_000)
    video = VideoTrack(track)
    video.advance(0.9)
    assert video.shot(0.9) is None
    video.advance(2.0)
    shot = video.shot(2.0)
    assert shot is not None, "what follows can be seen"
    assert (shot.frame.width, shot.frame.height) == (160, 96)
    with pytest.raises(Unplayable):
        export_track(track, tmp_path / "out")


@pytest.mark.parametrize("codec", ["VP8", "VP9", "H264", "AV1"])
def test_each_decoder_has_the_limit(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = picture(0.0, 0.2, codec=codec)[0]

    def decoded() -> list[av.VideoFrame]:
        decoder = Decoder(codec)
        return [*decoder.decode(frame.data), *decoder.flush()]

    assert len(decoded()) == 1
    monkeypatch.setitem(decoding.LIMITS, "max_pixels", str(160 * 96 - 1))
    assert decoded() == []


@pytest.mark.parametrize(
    ("given", "fitted"),
    [((160, 96), (160, 96)), ((161, 95), (162, 96)), ((8192, 4320), (2644, 1396))],
)
def test_a_file_is_no_larger_than_it_has_to_be(given: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fit_size(*given) == fitted
