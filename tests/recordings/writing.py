"""Parts of recordings, as a node writes them."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tertulia.recorder.raw.recording import Codec, Source

BEGINS: Final = 1_795_000_000.0
"""Second 0 of every recording of the corpus, as Unix time."""


@dataclass
class WrittenTrack:
    """A track whose packets are collected; times are seconds since the recording began."""

    number: int
    peer: int
    source: Source
    codec: Codec
    rate: int
    ssrc: int
    fmtp: str = ""
    packets: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def file(self) -> str:
        return f"{self.number}-{self.source}.mjr"

    def began(self) -> float:
        """When its first packet arrived."""
        return min((at for at, _ in self.packets), default=0.0)


@dataclass
class WrittenPart:
    """A part that is collected, then written at once."""

    recording: str
    node: str = "node-1"
    begin: float = 0.0
    lines: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    tracks: list[WrittenTrack] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of its directory."""
        return f"{round((BEGINS + self.begin) * 1e3)}-{self.node}-40000"

    def tell(self, at: float, t: str, **fields: Any) -> None:
        """A line of the sidecar, at this second of the recording."""
        self.lines.append((at, {"t": t, **fields}))

    def write(self, directory: Path) -> Path:
        """Write it into a recording's directory."""
        wall = round((BEGINS + self.begin) * 1e6)
        path = directory / self.name
        path.mkdir(parents=True)
        for track in self.tracks:
            self._write_track(path, track)
        first = {"recording": self.recording, "room": "room-1", "node": self.node, "wall": wall, "version": 1}
        lines = [(self.begin, {"t": "part", **first}), *sorted(self.lines, key=lambda line: line[0])]
        text = (json.dumps({"at": max(0, round((at - self.begin) * 1e6)), **line}) + "\n" for at, line in lines)
        (path / "part.jsonl").write_text("".join(text))
        return path

    def _write_track(self, path: Path, track: WrittenTrack) -> None:
        is_audio = track.codec == "opus"
        self.tell(
            track.began(), "track", track=track.number, peer=track.peer, source=track.source,
            kind="audio" if is_audio else "video", codec=track.codec, clockRate=track.rate,
            channels=2 if is_audio else None, fmtp=track.fmtp, ssrc=track.ssrc, file=track.file,
        )  # fmt: skip
        first = round((BEGINS + track.began()) * 1e6)
        extension = (
            {"1": "urn:ietf:params:rtp-hdrext:ssrc-audio-level"} if is_audio else {"2": "urn:3gpp:video-orientation"}
        )
        header = json.dumps(
            {"t": "a" if is_audio else "v", "c": track.codec.lower(), "x": extension, "s": first, "u": first}
        ).encode()
        with (path / track.file).open("wb") as file:
            file.write(b"MJR00002" + struct.pack(">H", len(header)) + header)
            for at, packet in sorted(track.packets, key=lambda packet: packet[0]):
                offset = round((BEGINS + at) * 1000) - first // 1000
                file.write(b"MEET" + struct.pack(">IH", max(0, offset), len(packet)) + packet)
