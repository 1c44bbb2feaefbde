"""Our reader against Debian's ``janus-pp-rec``, which reads MJR files, too: as many frames come of each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import pytest

from tertulia.recorder.raw.recording import Codec, Track, read
from tests.recordings.__main__ import build

_CASES = ["vp8", "vp9", "h264", "av1", "reordering", "wrap", "resolution_vp8", "ssrc_change", "codec_change"]
_SUFFIXES: dict[Codec, str] = {"opus": ".opus", "VP8": ".webm", "VP9": ".webm", "H264": ".mp4", "AV1": ".mp4"}


@pytest.mark.parametrize("name", _CASES)
def test_frames_are_those_of_janus(name: str, tmp_path: Path) -> None:
    build(name, tmp_path)
    for track in read(tmp_path).tracks:
        ours = sum(1 for _ in track.samples())
        # It never writes the last temporal unit of AV1, having no packet after it.
        assert _count_by_janus(tmp_path, track) == ours - (track.codec == "AV1"), track.id


def _count_by_janus(directory: Path, track: Track) -> int:
    part, number = track.id.split("/")
    made = directory / f"{number}{_SUFFIXES[track.codec]}"
    command = ["janus-pp-rec", str(directory / part / f"{number}-{track.source}.mjr"), str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with av.open(made) as film:
        return sum(packet.size > 0 for packet in film.demux(film.streams[0]))
