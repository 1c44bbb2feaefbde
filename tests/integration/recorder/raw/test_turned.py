"""Pictures that a phone sends lying on its side (3GPP TS 26.114, CVO): their file stands upright."""

from __future__ import annotations

import random
from pathlib import Path

import av
import pytest

from tertulia.recorder.raw.export import export_track
from tertulia.recorder.raw.recording import Codec, read
from tests.recordings.stage import Stage, picture


@pytest.mark.parametrize(("codec", "turn", "corner"), [("VP8", 1, "left"), ("H264", 3, "right"), ("VP8", 2, "top")])
def test_turned_pictures_stand_upright(codec: Codec, turn: int, corner: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path, random.Random(8))
    stage.part()
    track = stage.person("Ada", 0.0, 2.0).track("camera", codec)
    track.send(picture(0.0, 2.0, codec=codec))
    extension = b"\xbe\xde\0\1" + bytes([0x20, turn, 0, 0])
    track.written.packets = [
        (at, bytes([0x90]) + packet[1:12] + extension + packet[12:]) for at, packet in track.written.packets
    ]
    stage.ends(2.0)
    stage.finish(2.0)
    (read_track,) = read(tmp_path).tracks
    export_track(read_track, tmp_path / "out")
    with av.open(tmp_path / "out") as film:
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(frames) in {20, 21}
    height, width = frames[5].shape
    assert (width, height) == ((160, 96) if turn == 2 else (96, 160))
    # The dark bars, at the bottom of what was sent, are where turning has brought them.
    edges = {"top": frames[5][:20], "left": frames[5][:, :20], "right": frames[5][:, -20:]}
    dark = min(edges, key=lambda name: edges[name].mean())
    assert dark == corner
