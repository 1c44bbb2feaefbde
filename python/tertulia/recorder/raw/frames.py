"""From the packets of a track to its frames: what a decoder is given, still by RTP timestamp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from tertulia.recorder.raw import rtp
from tertulia.recorder.raw.errors import BadPayload
from tertulia.recorder.raw.formats.av1 import Av1
from tertulia.recorder.raw.formats.h264 import H264
from tertulia.recorder.raw.formats.opus import read_duration
from tertulia.recorder.raw.formats.picture import Format
from tertulia.recorder.raw.formats.vp8 import Vp8
from tertulia.recorder.raw.formats.vp9 import Vp9
from tertulia.recorder.raw.ordering import Numbered
from tertulia.recorder.raw.references import References
from tertulia.recorder.raw.sample import Codec

_MOST_PACKETS: Final = 20_000
"""Of one picture: some 24 MB."""


class Frame(NamedTuple):
    """A sample without its place on the timeline."""

    sequence: int
    """Of its first packet, without wrap-around."""
    timestamp: int
    """Without wrap-around."""
    arrived: int
    """When its last packet came, in Unix milliseconds."""
    data: bytes
    is_keyframe: bool
    duration: float
    rotation: int
    level: int | None


class Assembler(Protocol):
    """Takes the packets of a track in order and gives its frames."""

    def push(self, packet: Numbered, *, is_after_loss: bool) -> Iterator[Frame]:
        """The frames that are whole with this packet."""
        ...

    def flush(self) -> Iterator[Frame]:
        """What is whole at the end."""
        ...


class AudioAssembler:
    """Each packet with a payload is a frame."""

    def __init__(self, level_id: int | None) -> None:
        self._level_id = level_id

    def push(self, packet: Numbered, *, is_after_loss: bool) -> Iterator[Frame]:
        """The frame of this packet; nothing if it holds none."""
        payload = packet.packet.payload
        try:
            duration = read_duration(payload)
        except BadPayload:
            return
        level = _extension(packet, self._level_id)
        yield Frame(
            packet.sequence,
            packet.timestamp,
            packet.arrived,
            payload,
            is_keyframe=True,
            duration=duration,
            rotation=0,
            level=None if level is None else level & 0x7F,
        )

    def flush(self) -> Iterator[Frame]:
        """Nothing: a packet is whole by itself."""
        return iter(())


class VideoAssembler:
    """Puts pictures together; lets through those that can be decoded."""

    def __init__(self, format: Format, rotation_id: int | None) -> None:
        self._format = format
        self._rotation_id = rotation_id
        self._rotation = 0
        self._references = References()
        self._packets: list[Numbered] = []
        self._is_after_loss = False

    def push(self, packet: Numbered, *, is_after_loss: bool) -> Iterator[Frame]:
        """The pictures that are whole with this packet: one that ends without a marker ends where the next begins."""
        if is_after_loss:
            self._drop()
        elif self._packets and packet.timestamp != self._packets[0].timestamp:
            yield from self.flush()
        if not packet.packet.payload:
            return
        if not self._packets and not self._format.begins(packet.packet.payload):
            self._is_after_loss = True
            return
        self._packets.append(packet)
        if packet.packet.is_marked:
            yield from self.flush()
        elif len(self._packets) > _MOST_PACKETS:
            self._drop()

    def flush(self) -> Iterator[Frame]:
        """The picture that was not finished by a marker."""
        packets, self._packets = self._packets, []
        if not packets:
            return
        try:
            picture = self._format.join([packet.packet.payload for packet in packets])
        except BadPayload:
            self._is_after_loss = True
            return
        is_admitted = self._references.admit(picture, is_after_loss=self._is_after_loss)
        self._is_after_loss = False
        turned = _extension(packets[-1], self._rotation_id)
        self._rotation = self._rotation if turned is None else 90 * (turned & 3)
        if is_admitted:
            first, arrived = packets[0], max(packet.arrived for packet in packets)
            yield Frame(
                first.sequence,
                first.timestamp,
                arrived,
                picture.data,
                is_keyframe=picture.is_keyframe,
                duration=0.0,
                rotation=self._rotation,
                level=None,
            )

    def _drop(self) -> None:
        self._packets = []
        self._is_after_loss = True


def make_assembler(codec: Codec, fmtp: str, level_id: int | None, rotation_id: int | None) -> Assembler:
    """The assembler of a codec's tracks; the ids are those of the header extensions."""
    if codec == "opus":
        return AudioAssembler(level_id)
    formats: dict[Codec, Format] = {"VP8": Vp8(), "VP9": Vp9(), "H264": H264(fmtp), "AV1": Av1()}
    return VideoAssembler(formats[codec], rotation_id)


def _extension(packet: Numbered, wanted: int | None) -> int | None:
    if wanted is None or packet.packet.extension is None:
        return None
    return rtp.find_extension(packet.packet.extension, wanted)
