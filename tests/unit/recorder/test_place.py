"""A recording's directory, and the list of what of it is stored."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tertulia.recorder import manifest
from tertulia.recorder.manifest import Manifest, StoredFile
from tertulia.recorder.place import Place, RawFile, places


def write_mjr(path: Path, packets: int) -> None:
    header = b'{"t":"a"}'
    packet = b"MEET" + struct.pack(">IH", 0, 12) + bytes(12)
    path.write_bytes(b"MJR00002" + struct.pack(">H", len(header)) + header + packets * packet)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    part = tmp_path / "1" / "10-node-40000"
    part.mkdir(parents=True)
    (part / "part.jsonl").write_text("{}\n")
    write_mjr(part / "1-microphone.mjr", 0)
    (tmp_path / "1" / "work").mkdir()
    (tmp_path / "1" / "work" / "grid.mp4").write_bytes(b"film")
    return Place(tmp_path, "1")


def test_raw_files_are_those_of_parts_that_are_whole(place: Place) -> None:
    (place.path / "10-node-40000" / ".1.coming").write_bytes(b"half")
    (place.path / "20-node-40000").mkdir()
    (place.path / "20-node-40000" / "1-camera.mjr").write_bytes(b"no sidecar")
    assert [file[:2] for file in place.raw_files()] == [
        ("10-node-40000", "1-microphone.mjr"),
        ("10-node-40000", "part.jsonl"),
    ]


@pytest.mark.parametrize("packets", [0, 1, 2])
def test_media_is_a_packet_after_the_header(place: Place, packets: int) -> None:
    write_mjr(place.path / "10-node-40000" / "1-microphone.mjr", packets)
    assert place.has_media() is (packets > 0)
    assert not place.has_media(place.raw_files())


def test_a_file_that_is_no_mjr_may_be_media(place: Place) -> None:
    (place.path / "10-node-40000" / "1-microphone.mjr").write_bytes(b"?")
    assert place.has_media()


def test_removing_may_be_repeated(place: Place) -> None:
    place.remove()
    place.remove()
    assert (place.parts(), place.has_media(), place.is_being_written()) == ([], False, False)
    assert list(places(place.path.parent)) == []
    assert list(places(place.path)) == []


def test_a_manifest_is_read_as_it_was_written() -> None:
    file = StoredFile("10-node-40000", "1-camera.mjr", 7, "ab" * 32)
    assert manifest.decode(Manifest((file,)).encode()) == Manifest((file,))
    assert file.path == "raw/10-node-40000/1-camera.mjr"
    assert file.raw == RawFile("10-node-40000", "1-camera.mjr", 7)


@pytest.mark.parametrize("name", ["..", ".", "", "../x", "/etc/passwd", "a/b"])
@pytest.mark.parametrize("field", ["part", "name"])
def test_a_manifest_that_names_files_elsewhere_is_refused(field: str, name: str) -> None:
    fields = {"part": "p", "name": "n", "size": 1, "sha256": ""} | {field: name}
    with pytest.raises(ValueError, match="no name of a raw file"):
        manifest.decode(Manifest((StoredFile(**fields),)).encode())  # type: ignore[arg-type]
