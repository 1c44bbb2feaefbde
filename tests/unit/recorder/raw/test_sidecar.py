from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertulia.recorder.raw import sidecar
from tertulia.recorder.raw.errors import BadSidecar

_PART = {"t": "part", "at": 0, "version": 1, "recording": "r", "room": "m", "node": "n", "wall": 1_795_000_000_000_000}
_LINES = [
    {"t": "joined", "at": 5, "peer": 1, "user": "u", "name": "Ada"},
    {"t": "track", "at": 6, "track": 1, "peer": 1, "source": "camera", "kind": "video", "codec": "VP8",
     "clockRate": 90_000, "channels": None, "fmtp": "", "ssrc": 0xFFFFFFFF, "file": "1-camera.mjr"},
    {"t": "report", "at": 7, "track": 1, "ntp": 0xFFFFFFFFFFFFFFFF, "rtp": 0xFFFFFFFF},
    {"t": "paused", "at": 8, "track": 1},
    {"t": "resumed", "at": 9, "track": 1},
    {"t": "gap", "at": 10, "track": 1, "lost": 3},
    {"t": "speakers", "at": 11, "users": ["u"]},
    {"t": "ended", "at": 12, "track": 1},
    {"t": "left", "at": 13, "peer": 1},
    {"t": "end", "at": 14, "reason": "stopped"},
]  # fmt: skip


def _text(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _read(path: Path, data: bytes) -> list[sidecar.Line | sidecar.Wrong]:
    path.write_bytes(data)
    return list(sidecar.read_lines(path))


def test_all_kinds_of_lines_are_read(tmp_path: Path) -> None:
    lines = _read(tmp_path / "part.jsonl", _text(_PART, *_LINES))
    assert [type(line).__name__ for line in lines] == [
        "Part", "Joined", "TrackBegan", "Report", "Paused", "Resumed", "Gap", "Speakers", "Ended", "Left", "End",
    ]  # fmt: skip
    assert [getattr(line, "at", None) for line in lines] == [0, *range(5, 15)]


def test_a_file_cut_anywhere_gives_the_lines_that_are_whole(tmp_path: Path) -> None:
    whole = _text(_PART, *_LINES)
    for length in range(0, len(whole), 3):
        assert len(_read(tmp_path / "part.jsonl", whole[:length])) == whole[:length].count(b"\n")


def test_kinds_that_are_not_known_are_passed_over(tmp_path: Path) -> None:
    lines = _read(tmp_path / "part.jsonl", _text(_PART, {"t": "weather", "at": 1}, _LINES[0]))
    assert [type(line).__name__ for line in lines] == ["Part", "Joined"]


@pytest.mark.parametrize(
    "bad", [{"t": "joined", "at": -1}, {"t": "gap", "at": 1, "track": 1, "lost": -3}, ["t"], {"at": 1}, {"t": 4}]
)
def test_a_line_that_is_wrong_is_passed_over(tmp_path: Path, bad: object) -> None:
    lines = _read(tmp_path / "part.jsonl", _text(_PART, _LINES[0], bad, _LINES[1]))
    assert [type(line).__name__ for line in lines] == ["Part", "Joined", "Wrong", "TrackBegan"]


@pytest.mark.parametrize("torn", [b"", b'{"t":"left","at":9,"pe', b"\0\0\0", b'{"t":"\xff"}', b"{}{}"])
def test_it_ends_at_a_line_that_is_no_json(tmp_path: Path, torn: bytes) -> None:
    data = _text(_PART, _LINES[0]) + torn + b"\n" + _text(_LINES[1])
    assert len(_read(tmp_path / "part.jsonl", data)) == 2


def test_a_file_outside_the_part_is_wrong(tmp_path: Path) -> None:
    _, line = _read(tmp_path / "part.jsonl", _text(_PART, {**_LINES[1], "file": "../1.mjr"}))
    assert line == sidecar.Wrong()


@pytest.mark.parametrize("first", [_LINES[0], {**_PART, "version": 2}, {**_PART, "wall": "now"}, []])
def test_the_first_line_is_a_part(tmp_path: Path, first: object) -> None:
    with pytest.raises(BadSidecar):
        _read(tmp_path / "part.jsonl", _text(first))


@settings(max_examples=60)
@given(st.binary(max_size=100), st.integers(0, 900))
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int) -> None:
    whole = _text(_PART, *_LINES)
    with contextlib.suppress(BadSidecar):
        _read(tmp_path_factory.getbasetemp() / "fuzz.jsonl", whole[:at] + junk + whole[at:])


def test_deep_nesting_is_just_wrong(tmp_path: Path) -> None:
    assert len(_read(tmp_path / "part.jsonl", _text(_PART) + b'{"t":' + b"[" * 100_000 + b"\n")) == 1
