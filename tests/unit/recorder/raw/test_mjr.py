from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertulia.recorder.raw import mjr
from tertulia.recorder.raw.errors import BadMjr

_HEADER = b'{"t":"v","c":"vp8","x":{"2":"urn:3gpp:video-orientation"},"s":1795000000000000,"u":1795000000123999}'


def _file(packets: list[tuple[int, bytes]], header: bytes = _HEADER) -> bytes:
    frames = (b"MEET" + struct.pack(">IH", at, len(data)) + data for at, data in packets)
    return b"MJR00002" + struct.pack(">H", len(header)) + header + b"".join(frames)


def _read(path: Path, data: bytes) -> list[mjr.Arrived]:
    path.write_bytes(data)
    return list(mjr.read_packets(path))


def test_packets_come_with_their_arrival(tmp_path: Path) -> None:
    path = tmp_path / "1.mjr"
    assert _read(path, _file([(0, b"first"), (20, b""), (41, b"x" * 65_535)])) == [
        (1_795_000_000_123, b"first"),
        (1_795_000_000_143, b""),
        (1_795_000_000_164, b"x" * 65_535),
    ]
    header = mjr.read_header(path)
    assert header is not None
    assert header.extension(mjr.VIDEO_ORIENTATION) == 2
    assert header.extension(mjr.AUDIO_LEVEL) is None


def test_a_file_cut_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    packets = [(number, bytes([number]) * number) for number in range(12)]
    whole, path = _file(packets), tmp_path / "1.mjr"
    for length in range(0, len(whole), 3):
        expected = [data for end, data in _ends(packets) if end <= length]
        assert [data for _, data in _read(path, whole[:length])] == expected


def _ends(packets: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    return [(len(_file(packets[: number + 1])), data) for number, (_, data) in enumerate(packets)]


def test_it_ends_where_packets_no_longer_follow_each_other(tmp_path: Path) -> None:
    data = _file([(0, b"good")]) + bytes(4096) + b"MEET" + struct.pack(">IH", 1, 1) + b"x"
    assert [packet for _, packet in _read(tmp_path / "1.mjr", data)] == [b"good"]


def test_packets_may_lie_across_the_blocks_that_are_read(tmp_path: Path) -> None:
    random_ = random.Random(8)
    packets = [(number, random_.randbytes(random_.randrange(3000))) for number in range(2000)]
    assert [data for _, data in _read(tmp_path / "1.mjr", _file(packets))] == [data for _, data in packets]


@pytest.mark.parametrize(
    "data",
    [
        b"MJR00001\0\2{}",
        b"RIFF",
        b"MJR00002\0\2[]",
        b"MJR00002\0\2{}",
        b'MJR00002\0\7{"u":1.',
        b'MJR00002\0\x09{"u":"1"}',
    ],
)
def test_what_is_no_mjr_file_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadMjr):
        _read(tmp_path / "1.mjr", data)


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 250))
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int) -> None:
    whole = _file([(number, b"packet") for number in range(10)])
    with contextlib.suppress(BadMjr):
        _read(tmp_path_factory.getbasetemp() / "fuzz.mjr", whole[:at] + junk + whole[at:])
