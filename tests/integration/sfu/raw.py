"""Reads raw recordings, by docs/decisions/0015 alone, and asks Debian's ``janus-pp-rec`` about them."""

from __future__ import annotations

import fcntl
import json
import re
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Packet(NamedTuple):
    """An RTP packet, and when it came: in Unix seconds."""

    came: float
    data: bytes


@dataclass
class Mjr:
    """The good prefix of an MJR file."""

    header: dict[str, Any]
    packets: list[Packet] = field(default_factory=list)
    is_whole: bool = True


def mjr(path: Path) -> Mjr:
    """Read a file."""
    data = path.read_bytes()
    assert data[:8] == b"MJR00002"
    end = 10 + int.from_bytes(data[8:10], "big")
    read = Mjr(json.loads(data[10:end]))
    while end < len(data):
        if end + 10 > len(data):
            read.is_whole = False
            break
        magic, ms, length = struct.unpack_from(">4sIH", data, end)
        assert magic == b"MEET"
        packet = data[end + 10 : end + 10 + length]
        end += 10 + length
        if len(packet) < length:
            read.is_whole = False
        else:
            read.packets.append(Packet(read.header["u"] / 1e6 + ms / 1e3, packet))
    return read


class Part:
    """The directory of one part."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Those of part.jsonl; a last one that is cut off is left out."""
        text, _, _ = (self.directory / "part.jsonl").read_text().rpartition("\n")
        return [json.loads(line) for line in text.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The lines of one kind."""
        return [line for line in self.lines if line["t"] == kind]

    @property
    def tracks(self) -> dict[str, Path]:
        """userId/source → file."""
        users = {line["peer"]: line["user"] for line in self.of("joined")}
        return {f"{users[t['peer']]}/{t['source']}": self.directory / t["file"] for t in self.of("track")}

    def is_locked(self) -> bool:
        """Whether it is being written."""
        with (self.directory / "part.jsonl").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def parts(recordings: Path, recording: str) -> list[Part]:
    """Those of a recording, oldest first."""
    return [Part(path.parent) for path in sorted(recordings.glob(f"{recording}/*/part.jsonl"))]


def janus(*arguments: str | Path) -> str:
    """What ``janus-pp-rec`` says. It has to succeed."""
    done = subprocess.run(
        ("janus-pp-rec", "--disable-colors", *map(str, arguments)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def counted(path: Path) -> int:
    """How many packets of a file ``janus-pp-rec`` finds."""
    found = re.search(r"Counted (\d+) RTP packets", janus("--parse", path))
    assert found is not None
    return int(found[1])


def files(part: Part) -> Iterator[Path]:
    """Its MJR files."""
    yield from sorted(part.directory.glob("*.mjr"))
